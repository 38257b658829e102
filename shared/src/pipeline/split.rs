//! What embed and rerank share when their calls are put together.

use super::fan_out::FailedPart;
use super::request::GatewayRequest;
use crate::error::{Code, GatewayError, Kind};

/// Returns the id of an answer from memory, as JSON.
pub(super) fn json_id(asked: &GatewayRequest) -> Vec<u8> {
    serde_json::Value::from(asked.request_id.as_str()).to_string().into_bytes()
}

/// Adds to a part's failure which inputs were in it, unless it is about the key, the account or the model's
/// rate, which no other inputs would change.
pub(super) fn in_its_part(inputs: Option<String>, failed: FailedPart) -> GatewayError {
    let mut error = failed.error;
    let is_about_a_call = match error.kind() {
        Kind::Connect | Kind::Timeout | Kind::Server | Kind::Transient | Kind::Rejected => true,
        Kind::Throttled | Kind::Quota | Kind::Auth | Kind::Billing | Kind::Refused => false,
        Kind::Own => error.code == Code::Deadline,
    };
    if let Some(inputs) = inputs.filter(|_| is_about_a_call) {
        error.message = format!("{} ({inputs})", error.message);
    }
    error
}

pub(super) fn defect() -> GatewayError {
    GatewayError::new(Code::Internal, "internal error").with_detail("a checked request cannot be split")
}
