//! What the operator sees: one JSON line a request, and the discipline of what never stands in it.

mod code_location;
pub mod event_line;
pub mod init;
pub mod invocation;
mod json_line;
pub mod metrics;
pub mod model_names;
pub mod redact;
pub mod request_log;
mod request_metrics;
