//! Random requests: who asks for what, and where Cohere fails.

use super::cohere::{Cohere, News, TYPES};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

pub(super) const CLIENTS: [&str; 2] = ["search", "support"];
const MODELS: [&str; 2] = ["embed-v4.0", "embed-english-v3.0"];

#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) client: usize,
    pub(super) model: usize,
    pub(super) input_type: usize,
    pub(super) types: Vec<usize>,
    pub(super) texts: Vec<usize>,
    pub(super) fails_after: Option<usize>,
    pub(super) news: News,
}

impl Ask {
    pub(super) fn cohere(&self, follows_order: bool) -> Cohere {
        let client = CLIENTS[self.client];
        Cohere { news: self.news, follows_order, ..Cohere::new(client, self.fails_after) }
    }

    pub(super) fn embed_body(&self) -> Bytes {
        let input_type = ["search_document", "search_query"][self.input_type];
        let body = json!({
            "model": MODELS[self.model],
            "input_type": input_type,
            "embedding_types": self.types.iter().map(|number| TYPES[*number]).collect::<Vec<_>>(),
            "texts": self.words(),
        });
        Bytes::from(body.to_string())
    }

    pub(super) fn rerank_body(&self) -> Bytes {
        let mut body =
            json!({ "model": "rerank-v3.5", "query": self.types, "documents": self.words() });
        body["query"] = format!("{:?}", self.types).into();
        if self.model == 1 {
            body["top_n"] = (1 + self.input_type * 4).into();
        }
        Bytes::from(body.to_string())
    }

    pub(super) fn words(&self) -> Vec<String> {
        let word = |number: &usize| match number {
            0 => "a \"quoted\", [bracketed] {text}".to_string(),
            1 => "a long text".to_string(),
            2 => "ünïcödé 🦀".to_string(),
            // A call of nothing else is not made.
            3..6 => " ".repeat(*number),
            number => format!("text {number}"),
        };
        self.texts.iter().map(word).collect()
    }
}

pub(super) fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let types = prop_oneof![
        4 => Just(vec![0usize]),
        3 => prop::collection::vec(0..TYPES.len(), 1..4),
    ];
    let texts = prop::collection::vec(0..14usize, 1..11);
    let fails_after = prop_oneof![4 => Just(None), 1 => (0..4usize).prop_map(Some)];
    let news = prop_oneof![
        20 => Just(News::None),
        1 => Just(News::List),
        1 => Just(News::ListInObject),
        1 => Just(News::ListInMeta),
        1 => Just(News::Constant),
    ];
    let ask = (
        0..2usize,
        prop_oneof![5 => Just(0usize), 1 => Just(1)],
        0..2usize,
        types,
        texts,
        fails_after,
        news,
    );
    let ask = ask.prop_map(|(client, model, input_type, types, texts, fails_after, news)| Ask {
        client,
        model,
        input_type,
        types,
        texts,
        fails_after,
        news,
    });
    prop::collection::vec(ask, 1..40)
}
