//! What the operator sees: one JSON line a request, and the discipline of what never stands in it.

mod code_location;
pub mod init;
mod json_line;
pub mod metrics;
pub mod model_names;
pub mod redact;
pub mod request_log;
