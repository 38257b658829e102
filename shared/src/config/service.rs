//! What this installation is called.

use super::reader::Reader;
use super::setting::{settings, text};

/// The name where none is set.
pub const DEFAULT_SERVICE: &str = "cohere-gateway";

settings! {
    /// Name of this installation in logs: the stack's name.
    GATEWAY_SERVICE = text(DEFAULT_SERVICE);
}

/// Reads the name in logs and metrics, `GATEWAY_SERVICE`.
pub(super) fn read_service(reader: &mut Reader) -> String {
    reader.read_text(&GATEWAY_SERVICE)
}
