//! Whether an answer of the public address is what a client should get. Of its words nothing is passed on.

use serde::Deserialize;
use serde_json::Value;
use shared::error::Code;

/// Judges the answer of the health check; the error says why the front door has failed.
pub(super) fn judge_check(status: u16, body: &[u8]) -> Result<Option<Code>, String> {
    // It says in the same form that Cohere is down.
    if matches!(status, 200 | 503) && is_health(body) {
        return Ok(None);
    }
    judge_error(status, body)
}

/// Judges the answer of the embed.
pub(super) fn judge_embed(status: u16, body: &[u8]) -> Result<Option<Code>, String> {
    if status == 200 && is_embedding(body) {
        return Ok(None);
    }
    judge_error(status, body)
}

fn judge_error(status: u16, body: &[u8]) -> Result<Option<Code>, String> {
    let Some(code) = read_code(body).filter(|_| status >= 400) else {
        return Err(format!("status {status} is not an answer of the gateway"));
    };
    if matches!(status, 401 | 403 | 404 | 413 | 500) || is_of_the_gateway(code) {
        return Err(format!("status {status}, {}", code.as_str()));
    }
    Ok(Some(code))
}

/// Reads the code of an error body, if it is one of ours.
pub(super) fn read_code(body: &[u8]) -> Option<Code> {
    #[derive(Deserialize)]
    struct GatewayRefusal {
        code: String,
    }
    let said: GatewayRefusal = serde_json::from_slice(body).ok()?;
    Code::ALL.into_iter().find(|code| code.as_str() == said.code)
}

/// Tells whether a code speaks of the gateway, or of what it knows of its clients, whatever the status.
fn is_of_the_gateway(code: Code) -> bool {
    match code {
        Code::Unauthorized
        | Code::ModelNotAllowed
        | Code::NotFound
        | Code::TooLarge
        | Code::Internal => true,
        Code::InvalidRequest
        | Code::ModelRetired
        | Code::RateLimited
        | Code::QuotaExhausted
        | Code::ClientThrottled
        | Code::UpstreamAuth
        | Code::UpstreamBilling
        | Code::UpstreamMalformed
        | Code::UpstreamError
        | Code::UpstreamUnreachable
        | Code::CircuitOpen
        | Code::KeyMissing
        | Code::UpstreamTimeout
        | Code::Deadline => false,
    }
}

fn is_health(body: &[u8]) -> bool {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    said["status"].is_string() && said["cohere"]["status"].is_string()
}

fn is_embedding(body: &[u8]) -> bool {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    said["embeddings"]["float"][0].as_array().is_some_and(|vector| !vector.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::cohere::models::all_ids;
    use shared::config::ProbeConfig;

    fn error_body(code: &str) -> Vec<u8> {
        format!(r#"{{"id":"i","message":"m","code":"{code}"}}"#).into()
    }

    #[test]
    fn good_answers_open_the_door() {
        for (status, overall) in
            [(200, "ok"), (200, "degraded"), (503, "degraded"), (503, "key_missing")]
        {
            let body = format!(r#"{{"status":"{overall}","cohere":{{"status":"down"}}}}"#);
            assert_eq!(judge_check(status, body.as_bytes()), Ok(None), "{status} {overall}");
        }
        assert_eq!(judge_embed(200, br#"{"id":"i","embeddings":{"float":[[0.5]]}}"#), Ok(None));
    }

    #[test]
    fn failing_cohere_is_no_failure_of_the_door() {
        for (status, code) in [
            (429, Code::RateLimited),
            (429, Code::ClientThrottled),
            (502, Code::UpstreamAuth),
            (502, Code::UpstreamMalformed),
            (503, Code::UpstreamUnreachable),
            (503, Code::CircuitOpen),
            (503, Code::KeyMissing),
            (504, Code::Deadline),
        ] {
            assert_eq!(judge_embed(status, &error_body(code.as_str())), Ok(Some(code)));
        }
    }

    #[test]
    fn fault_of_the_gateway_is_told_with_status_and_code() {
        for (status, code) in [
            (401, "unauthorized"),
            (403, "invalid_request"),
            (403, "model_not_allowed"),
            (404, "not_found"),
            (413, "too_large"),
            (500, "internal"),
            // The authorizer that could not say who calls, and the function that died.
            (503, "internal"),
        ] {
            for judge in [judge_check, judge_embed] {
                let problem = judge(status, &error_body(code)).unwrap_err();
                assert_eq!(problem, format!("status {status}, {code}"));
            }
        }
    }

    #[test]
    fn answer_of_somebody_else_is_a_failure() {
        for (status, body) in [
            (200, &b"<html>parked</html>"[..]),
            (200, b""),
            (200, br#"{"embeddings":{"float":[[]]}}"#),
            (302, b""),
            (502, b"<html>bad gateway</html>"),
            (503, br#"{"message":"Service Unavailable"}"#),
            (429, br#"{"message":"no","code":"other"}"#),
        ] {
            for judge in [judge_check, judge_embed] {
                let problem = judge(status, body).unwrap_err();
                assert_eq!(problem, format!("status {status} is not an answer of the gateway"));
            }
        }
    }

    #[test]
    fn probed_model_is_in_the_catalogue() {
        let vars = [
            ("GATEWAY_SECRET_ID", "key"),
            ("GATEWAY_SYNTHETIC_CLIENT_SECRET_ID", "token"),
            ("GATEWAY_PROBE_URL", "https://gateway.example.com/live/"),
        ];
        let config = ProbeConfig::from_vars(&vars).unwrap().front_door;
        assert!(all_ids().any(|id| id == config.embed_model), "{}", config.embed_model);
        assert_eq!(config.url, "https://gateway.example.com/live", "without a slash at its end");
    }
}
