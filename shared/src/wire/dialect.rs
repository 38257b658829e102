//! The version of Cohere's API in which a caller asks; Cohere itself is only ever called in v2.

use crate::wire::object::RequestObject;
use std::sync::Arc;

/// The version that a caller speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    V1,
    #[default]
    V2,
}

impl Dialect {
    /// Returns the dialect of a resource of API Gateway, such as `/v1/embed`; what is passed through has none.
    pub fn of_resource(resource: &str) -> Self {
        if matches!(resource, "/v1/embed" | "/v1/rerank") { Self::V1 } else { Self::V2 }
    }
}

/// What an answer looks like to its caller.
#[derive(Clone, Debug, Default)]
pub enum AnswerForm {
    /// As Cohere gives it.
    #[default]
    V2,
    V1,
    /// v1's embeddings where no type was named: those of the type `float`, as a list.
    V1Floats,
    /// v1's ranking with the documents of this request, which is as its caller wrote it.
    V1Documents(Arc<RequestObject>),
}

impl AnswerForm {
    pub fn is_v1(&self) -> bool {
        !matches!(self, Self::V2)
    }

    /// Returns the `response_type` where it is another than Cohere's own, as JSON.
    pub fn response_type(&self) -> Option<&'static str> {
        match self {
            Self::V1Floats => Some(r#""embeddings_floats""#),
            Self::V1 | Self::V1Documents(_) | Self::V2 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialect_is_that_of_the_route() {
        for v1 in ["/v1/embed", "/v1/rerank"] {
            assert_eq!(Dialect::of_resource(v1), Dialect::V1, "{v1}");
        }
        for other in ["/v2/embed", "", "/v1/{proxy+}", "/compatibility/{proxy+}"] {
            assert_eq!(Dialect::of_resource(other), Dialect::V2, "{other}");
        }
    }
}
