//! What is passed through, and what is not.

use super::reader::Reader;
use super::setting::{one_of, settings};

const REFUSE: &str = "refuse";

settings! {
    /// Whether `POST /compatibility/v1/embeddings` is served. It has no `input_type`, which a search index needs.
    GATEWAY_COMPATIBILITY_EMBEDDINGS = one_of(&["allow", REFUSE], "allow");
}

/// What is passed through, and what is not.
#[derive(Clone, Copy, Debug)]
pub struct PassThroughConfig {
    /// `GATEWAY_COMPATIBILITY_EMBEDDINGS`
    pub refuses_embeddings: bool,
}

impl PassThroughConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        Self { refuses_embeddings: reader.is_word(&GATEWAY_COMPATIBILITY_EMBEDDINGS, REFUSE) }
    }
}
