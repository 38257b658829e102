//! What the operator sees: one JSON line a request, and the discipline of what never stands in it.

pub mod init;
pub mod metrics;
mod place;
pub mod redact;
pub mod request_log;
