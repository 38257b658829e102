//! `/_sandbox/…`: the sandbox's own controls, for people with curl.
//!
//! `PUT /_sandbox/faults` takes a JSON list of fault lines, one for each of the next requests, and
//! `PUT /_sandbox/standing-fault` one line as a JSON text, which lasts until `DELETE`; `GET /_sandbox/requests` and
//! `GET /_sandbox/count` tell what arrived, `PUT` and `DELETE /_sandbox/keys/{key}` change the
//! accepted keys (`?trial=true` for a trial key), `PUT /_sandbox/status/{indicator}` what the status page
//! says. None of this exists on the real API.

use http::StatusCode;
use serde_json::{Value, json};

use crate::cohere_sandbox::fault::Fault;
use crate::cohere_sandbox::keys::Key;
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;
use crate::cohere_sandbox::state::CohereSandbox;

pub(super) fn answer_admin(sandbox: &CohereSandbox, request: &ReceivedRequest) -> Reply {
    let path = request.path.trim_start_matches("/_sandbox/");
    let result = match (request.method.as_str(), path) {
        ("PUT", "faults") => plan_faults(sandbox, &request.body),
        ("PUT", "standing-fault") => set_standing_fault(sandbox, &request.body),
        ("DELETE", "standing-fault") => {
            sandbox.clear_weather();
            Ok(json!({ "standing": null }))
        }
        ("GET", "requests") => Ok(sandbox.requests().iter().map(describe_request).collect()),
        ("GET", "count") => Ok(json!({ "count": sandbox.lock_state().received_count })),
        ("PUT", _) if key_of(path).is_some() => {
            let trial = request.query.as_deref() == Some("trial=true");
            sandbox.accept_key(Key { value: key_of(path).unwrap_or_default().to_owned(), trial });
            Ok(json!({ "accepted": true, "trial": trial }))
        }
        ("PUT", _) if path.starts_with("status/") => {
            let indicator = path.trim_start_matches("status/");
            sandbox.set_status(indicator);
            Ok(json!({ "indicator": indicator }))
        }
        ("DELETE", _) if key_of(path).is_some() => {
            sandbox.revoke_key(key_of(path).unwrap_or_default());
            Ok(json!({ "revoked": true }))
        }
        _ => return Reply::page_not_found(),
    };
    match result {
        Ok(value) => Reply::from_json(value.to_string()),
        Err(problem) => Reply::from_json(json!({ "message": problem }).to_string())
            .with_status(StatusCode::BAD_REQUEST),
    }
}

/// The page that tells how Cohere is, in the form of `status.cohere.com/api/v2/status.json`.
pub(super) fn answer_status_page(sandbox: &CohereSandbox) -> Reply {
    let said = sandbox.lock_state().status.clone();
    let indicator = said.unwrap_or_else(|| "none".to_owned());
    let description =
        if indicator == "none" { "All Systems Operational" } else { "Not as it should be" };
    Reply::from_json(
        json!({
            "page": { "id": "sandbox", "name": "Cohere sandbox", "time_zone": "Etc/UTC" },
            "status": { "indicator": indicator, "description": description },
        })
        .to_string(),
    )
}

fn key_of(path: &str) -> Option<&str> {
    path.strip_prefix("keys/").filter(|key| !key.is_empty())
}

fn plan_faults(sandbox: &CohereSandbox, body: &[u8]) -> Result<Value, String> {
    let lines: Vec<String> = serde_json::from_slice(body)
        .map_err(|error| format!("a JSON list of fault lines is expected: {error}"))?;
    let faults = lines.iter().map(|line| line.parse::<Fault>()).collect::<Result<Vec<_>, _>>()?;
    let planned = faults.len();
    sandbox.plan_faults(faults);
    Ok(json!({ "planned": planned }))
}

fn set_standing_fault(sandbox: &CohereSandbox, body: &[u8]) -> Result<Value, String> {
    let line: String = serde_json::from_slice(body)
        .map_err(|error| format!("a fault line as a JSON text is expected: {error}"))?;
    sandbox.set_weather(line.parse()?, 1.0);
    Ok(json!({ "standing": line }))
}

fn describe_request(request: &ReceivedRequest) -> Value {
    let mut headers = Vec::new();
    for (name, value) in &request.headers {
        // Somebody may have tried a real key here, and this listing needs none to be read.
        let shown = if name == "authorization" { "[hidden]" } else { value };
        headers.push((name, shown));
    }
    let body = match serde_json::from_slice(&request.body) {
        Ok(value) => value,
        Err(_) => Value::from(String::from_utf8_lossy(&request.body).into_owned()),
    };
    json!({
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": headers,
        "body": body,
    })
}
