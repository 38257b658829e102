//! Why a path of Cohere's is not served here, and what to call in its place.
//!
//! One table for every function that meets such a path. A message names the path as this table has it and
//! repeats nothing of the caller's, which could be any text.

use crate::error::{Code, GatewayError};

/// What is served, in the words of the template's own 404.
const SERVED: &str = "served are POST /v2/chat, /v2/embed, /v2/rerank, /v1/embed, /v1/rerank, \
    /v1/chat, /v1/tokenize, /v1/detokenize, /v1/check-api-key, /compatibility/v1/chat/completions and \
    /compatibility/v1/embeddings, GET /v1/models, /v1/models/{model}, /compatibility/v1/models, /api/health \
    and /api/health/check, without a slash at the end or a doubled one; batches, embed jobs, datasets, parse \
    and audio are not served, because a request may have 6 MB here";

const UPLOADS: &str = "files that are uploaded exceed the 6 MB that a request may have here; send them \
    to Cohere itself";

const DATASETS: &str = "it works on datasets, which are not served";

const ACCOUNT: &str =
    "it changes what belongs to the whole account; call Cohere itself, with a key of your own";

/// A path or, where others begin with it and a slash, all of them; and what is said of it.
const UNSERVED: [(&str, &str, &str); 10] = [
    ("/v1/generate", "Cohere has no current model for it", "POST /v2/chat"),
    ("/v1/summarize", "Cohere has no current model for it", "POST /v2/chat"),
    ("/v1/classify", "Cohere has no current model for it", "POST /v2/chat"),
    ("/v1/connectors", ACCOUNT, "documents or tools in POST /v2/chat"),
    ("/v1/finetuning", ACCOUNT, ""),
    ("/v1/datasets", UPLOADS, ""),
    ("/v1/embed-jobs", DATASETS, "POST /v2/embed"),
    ("/v2/batches", DATASETS, "POST /v2/chat or POST /v2/embed"),
    ("/v2/parse", UPLOADS, ""),
    ("/v2/audio/transcriptions", UPLOADS, ""),
];

/// Returns the 404 of a path that nothing is served at.
pub fn explain(path: &str) -> GatewayError {
    let message = match UNSERVED.iter().find(|(prefix, ..)| is_at_or_below(path, prefix)) {
        Some((prefix, reason, "")) => format!("not found: {prefix} is not served: {reason}"),
        Some((prefix, reason, twin)) => {
            format!("not found: {prefix} is not served: {reason}; use {twin} instead")
        }
        None => format!("not found; {SERVED}"),
    };
    GatewayError::new(Code::NotFound, message)
}

fn is_at_or_below(path: &str, prefix: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unserved_path_names_its_twin_or_the_reason() {
        let message = |path| explain(path).message;
        assert_eq!(
            message("/v1/generate"),
            "not found: /v1/generate is not served: Cohere has no current model for it; \
             use POST /v2/chat instead"
        );
        assert!(message("/v1/datasets/some-id/usage").contains("6 MB"));
        assert!(message("/v1/embed-jobs/some-id/cancel").ends_with("use POST /v2/embed instead"));
        for (path, ..) in UNSERVED {
            let (own, below) = (explain(path), explain(&format!("{path}/x")));
            assert_eq!((own.code, &own.message), (Code::NotFound, &below.message));
            assert!(own.message.contains(&format!("{path} is not served")), "{}", own.message);
        }
    }

    #[test]
    fn unknown_path_hears_what_is_served() {
        for path in ["/v1/generated", "/v1/", "", "/v3/chat", "/v1/<script>"] {
            let message = explain(path).message;
            assert!(message.starts_with("not found; served are POST /v2/chat,"), "{message}");
            assert!(!message.contains("script"), "the caller's own text is not repeated");
        }
    }

    #[test]
    fn general_answer_is_that_of_the_template() {
        let template = include_str!("../../../template.yaml");
        assert!(template.contains(&format!("\"message\":\"{}\"", explain("/").message)));
    }
}
