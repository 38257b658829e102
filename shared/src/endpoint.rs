//! The endpoints of Cohere that the gateway serves: their names and paths.

use http::Method;

/// One of the Cohere endpoints the gateway serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Chat,
    Embed,
    Rerank,
    // What follows is passed through: no splitting, no fallback, one function for all.
    V1Chat,
    Tokenize,
    Detokenize,
    Models,
    /// OpenAI's form of a chat.
    Completions,
    /// OpenAI's form of embed, which has no `input_type`.
    CompatibleEmbeddings,
    CompatibleModels,
    /// Answered here and never passed on.
    CheckApiKey,
    /// A path beside these, of which is said why it is not served.
    Unserved,
}

impl Endpoint {
    /// The endpoints that have a function each, with the whole of the gateway's rules.
    pub const ALL: [Endpoint; 3] = [Endpoint::Chat, Endpoint::Embed, Endpoint::Rerank];

    /// The endpoints of the pass-through function.
    pub const PASSED_THROUGH: [Endpoint; 8] = [
        Endpoint::V1Chat,
        Endpoint::Tokenize,
        Endpoint::Detokenize,
        Endpoint::Models,
        Endpoint::Completions,
        Endpoint::CompatibleEmbeddings,
        Endpoint::CompatibleModels,
        Endpoint::CheckApiKey,
    ];

    /// Returns the place of this endpoint in `ALL`, or after it.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Returns the name used for folder, function, log and metric dimension.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::Chat => "chat",
            Endpoint::Embed => "embed",
            Endpoint::Rerank => "rerank",
            Endpoint::V1Chat
            | Endpoint::Tokenize
            | Endpoint::Detokenize
            | Endpoint::Models
            | Endpoint::Completions
            | Endpoint::CompatibleEmbeddings
            | Endpoint::CompatibleModels
            | Endpoint::CheckApiKey
            | Endpoint::Unserved => "pass-through",
        }
    }

    /// Returns the path, the same at the gateway and at Cohere; that of one model lies below `Models`.
    pub fn path(self) -> &'static str {
        match self {
            Endpoint::Chat => "/v2/chat",
            Endpoint::Embed => "/v2/embed",
            Endpoint::Rerank => "/v2/rerank",
            Endpoint::V1Chat => "/v1/chat",
            Endpoint::Tokenize => "/v1/tokenize",
            Endpoint::Detokenize => "/v1/detokenize",
            Endpoint::Models => "/v1/models",
            Endpoint::Completions => "/compatibility/v1/chat/completions",
            Endpoint::CompatibleEmbeddings => "/compatibility/v1/embeddings",
            Endpoint::CompatibleModels => "/compatibility/v1/models",
            Endpoint::CheckApiKey => "/v1/check-api-key",
            Endpoint::Unserved => "",
        }
    }

    /// Returns the one method that it is called with.
    pub fn method(self) -> Method {
        match self {
            Endpoint::Models | Endpoint::CompatibleModels => Method::GET,
            _ => Method::POST,
        }
    }

    /// Returns the endpoint whose models it takes; `None` where it takes all of them, or none.
    pub fn model_kind(self) -> Option<Endpoint> {
        match self {
            Endpoint::Chat | Endpoint::V1Chat | Endpoint::Completions => Some(Endpoint::Chat),
            Endpoint::Embed | Endpoint::CompatibleEmbeddings => Some(Endpoint::Embed),
            Endpoint::Rerank => Some(Endpoint::Rerank),
            Endpoint::Tokenize
            | Endpoint::Detokenize
            | Endpoint::Models
            | Endpoint::CompatibleModels
            | Endpoint::CheckApiKey
            | Endpoint::Unserved => None,
        }
    }

    /// Tells whether it is one of the pass-through function's.
    pub fn is_passed_through(self) -> bool {
        Self::PASSED_THROUGH.contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_is_the_place_in_all() {
        let all = Endpoint::ALL.into_iter().chain(Endpoint::PASSED_THROUGH);
        for (place, endpoint) in all.enumerate() {
            assert_eq!(endpoint.index(), place);
            assert_eq!(endpoint.is_passed_through(), place >= Endpoint::ALL.len());
        }
    }
}
