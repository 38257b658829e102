//! The shapes of Cohere's API: they keep what they do not know and the text of every number.

pub mod chat;
pub mod completions;
pub mod dialect;
pub mod embed;
pub mod envelope;
pub mod frames;
pub mod framing;
pub mod lines;
pub mod model_list;
pub mod object;
pub mod refusal;
pub mod rerank;
pub mod scan;
pub mod stream;
pub mod stream_grammar;
pub mod text;
pub mod token_bound;
pub mod tokens;
pub mod v1_chat;

use dialect::AnswerForm;
use object::RequestObject;

/// A valid request, ready to be sent to Cohere.
#[derive(Clone, Debug)]
pub struct UpstreamRequest {
    pub model: String,
    /// The caller's fields in the caller's order, less explicit nulls we replace, plus what our rules add.
    pub object: RequestObject,
    /// Whether the answer is a stream of events.
    pub stream: bool,
    /// Most tokens of an answer, where it has tokens.
    pub max_tokens: Option<u64>,
    /// `max_tokens` where the gateway chose it.
    pub chosen_max_tokens: Option<u64>,
    /// What a whole answer has, where that is known.
    pub expected_results: Option<ExpectedResults>,
    /// What the answer looks like to its caller.
    pub form: AnswerForm,
}

impl UpstreamRequest {
    /// Creates the request of a model that is sent as it is and answered whole.
    pub fn of_model(model: String, object: RequestObject) -> Self {
        Self {
            model,
            object,
            stream: false,
            max_tokens: None,
            chosen_max_tokens: None,
            expected_results: None,
            form: AnswerForm::V2,
        }
    }
}

/// What an answer must have for its caller to use it.
#[derive(Clone, Debug)]
pub struct ExpectedResults {
    /// Texts, images, inputs or documents of the request.
    pub inputs: usize,
    /// Embeddings of each type, or documents that are ranked.
    pub results: usize,
    /// Embedding types that are asked for, as far as they are known.
    pub types: Vec<&'static str>,
}

/// Returns a text as a JSON string.
pub fn to_json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
