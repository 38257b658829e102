//! Cohere for the random mixes: takes everything in one call, and says what no parser would give back.

use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// In Cohere's order; the last one is of tomorrow.
pub(super) const TYPES: [&str; 4] = ["float", "int8", "base64", "of-tomorrow"];

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// What Cohere says of each input in a field that this release does not know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum News {
    None,
    List,
    ListInObject,
    ListInMeta,
    Constant,
}

/// Cohere for one client: another account would answer otherwise, so that a leak is seen.
#[derive(Clone)]
pub(super) struct Cohere {
    pub(super) client: &'static str,
    pub(super) news: News,
    /// Types stand in the request's order, else in its own.
    pub(super) follows_order: bool,
    /// Parts left before one fails.
    pub(super) fails_after: Option<usize>,
    pub(super) texts_billed: Vec<String>,
}

impl Cohere {
    pub(super) fn new(client: &'static str, fails_after: Option<usize>) -> Self {
        let texts_billed = Vec::new();
        Self { client, news: News::None, follows_order: false, fails_after, texts_billed }
    }

    /// Says something new about each input, at the top of an answer and in its `meta`.
    fn tell_news(&self, inputs: &[Value]) -> [String; 2] {
        let languages = inputs.iter().map(|input| format!("\"of {:x}\"", hash(input.to_string())));
        let languages = languages.collect::<Vec<_>>().join(",");
        match self.news {
            News::None => Default::default(),
            News::List => [format!(r#","languages":[{languages}]"#), String::new()],
            News::ListInObject => {
                [format!(r#","detected":{{"languages":[{languages}],"by":"x"}}"#), String::new()]
            }
            News::ListInMeta => [String::new(), format!(r#","languages":[{languages}]"#)],
            News::Constant => [r#","object":"list","scale":1.50"#.to_string(), String::new()],
        }
    }

    /// Answers one call, or fails.
    pub(super) fn call(
        &mut self,
        body: &[u8],
        answer: impl Fn(&Self, &Value) -> String,
    ) -> Option<Bytes> {
        if self
            .fails_after
            .as_mut()
            .is_some_and(|left| left.checked_sub(1).map(|less| *left = less).is_none())
        {
            return None;
        }
        let request: Value = serde_json::from_slice(body).unwrap();
        let inputs = request["texts"].as_array().or(request["documents"].as_array()).unwrap();
        self.texts_billed.extend(inputs.iter().map(|text| text.as_str().unwrap().to_string()));
        Some(Bytes::from(answer(self, &request)))
    }

    pub(super) fn embed(&self, request: &Value) -> String {
        let texts = request["texts"].as_array().unwrap();
        let requested = request["embedding_types"].as_array().unwrap();
        let mut types: Vec<_> =
            TYPES.iter().filter(|name| requested.contains(&json!(name))).collect();
        if self.follows_order {
            types.sort_by_key(|name| requested.iter().position(|own| *own == json!(name)));
        }
        let columns: Vec<_> = types
            .into_iter()
            .map(|name| {
                let cells: Vec<_> =
                    texts.iter().map(|text| self.cell(name, request, text)).collect();
                format!("\"{name}\":[{}]", cells.join(","))
            })
            .collect();
        let echo: Vec<_> =
            texts.iter().map(|text| json!(text.as_str().unwrap().to_uppercase())).collect();
        let warned = texts.iter().any(|text| text.as_str().unwrap().contains("long"));
        let warnings = if warned { r#","warnings":["a text was cut"]"# } else { "" };
        let counts = count_texts(texts.iter().map(|text| text.as_str().unwrap()));
        let [news, news_in_meta] = self.tell_news(texts);
        format!(
            r#"{{"id":"{:x}","texts":{},"embeddings":{{{}}}{news},"meta":{{"api_version":{{"version":"2"}},{counts}{warnings}{news_in_meta}}},"response_type":"embeddings_by_type"}}"#,
            hash(request.to_string()),
            json!(echo),
            columns.join(",")
        )
    }

    /// One embedding, in notations that no parser would give back.
    fn cell(&self, name: &str, request: &Value, text: &Value) -> String {
        let of =
            (self.client, name, request["model"].to_string(), request["input_type"].to_string());
        let seed = hash((of, text.to_string()));
        match name {
            "base64" => format!("\"{seed:016x}],[{{\\\"\""),
            // Its embeddings may be of any form and length.
            "of-tomorrow" if seed.is_multiple_of(2) => format!(r#"{{"[":[{seed}]}}"#),
            "int8" => format!("[{},{}]", seed % 256, -((seed >> 8) as i64 % 128)),
            _ => format!("[0.{}0,-{}e-{},1.0]", seed % 10_000, seed % 7, seed % 30),
        }
    }

    pub(super) fn rerank(&self, request: &Value) -> String {
        let documents = request["documents"].as_array().unwrap();
        let of = |text: &Value| hash((self.client, request["query"].to_string(), text.to_string()));
        // Few different scores, so that many are equal, in several notations of one number.
        let score = |document: &Value| SCORES[of(document) as usize % SCORES.len()];
        let mut ranked: Vec<_> = documents.iter().map(score).enumerate().collect();
        ranked.sort_by(|(_, left), (_, right)| {
            let [left, right] = [left, right].map(|score| score.parse::<f64>().unwrap());
            right.partial_cmp(&left).unwrap()
        });
        let top_n = request["top_n"].as_u64().unwrap_or(u64::MAX) as usize;
        let results: Vec<_> = ranked
            .iter()
            .take(top_n)
            .map(|(index, score)| {
                format!(r#"{{"index":{index},"relevance_score":{score},"new":["]"]}}"#)
            })
            .collect();
        let counts = count_texts(documents.iter().map(|text| text.as_str().unwrap()));
        let [news, news_in_meta] = self.tell_news(documents);
        format!(
            r#"{{"id":"{:x}","results":[{}]{news},"meta":{{"api_version":{{"version":"2"}},{counts}{news_in_meta}}}}}"#,
            hash(request.to_string()),
            results.join(","),
        )
    }
}

/// Few different scores, so that many are equal, in several notations of one number.
const SCORES: [&str; 13] = [
    "0.5",
    "0.50",
    "5e-1",
    "0.25",
    "9e-1",
    "1e-9",
    "0.000000001",
    "0",
    "-0.0",
    "0.0",
    "0e5",
    "0.50000000000000000000000000000000001",
    "-0.25",
];

/// Counts texts as `meta` does.
pub(super) fn count_texts<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> String {
    let units = texts.clone().count();
    let tokens: usize = texts.clone().map(str::len).sum();
    let cached = texts.filter(|text| text.len() % 3 == 0).count();
    format!(
        r#""billed_units":{{"input_tokens":{units},"image_tokens":0}},"tokens":{{"input_tokens":{tokens}}},"cached_tokens":{cached}"#
    )
}
