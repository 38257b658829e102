//! Settings of the health check, with which a new key is tried as well.

use super::reader::Reader;
use super::setting::{MAX_MS, number, settings, text};
use std::time::Duration;

settings! {
    /// Model of the health check.
    GATEWAY_HEALTH_MODEL = text("command-r7b-12-2024");
    /// Model the health check tries when Cohere refuses the first.
    GATEWAY_HEALTH_FALLBACK_MODEL = text("command-r-08-2024");
    /// Time of one call of the health check.
    GATEWAY_HEALTH_TIMEOUT_MS = number(1, MAX_MS, "5000");
    /// How long a health check's result is answered again.
    GATEWAY_HEALTH_CACHE_SECS = number(0, 3_600, "30");
}

/// Settings of the health check.
#[derive(Clone, Debug)]
pub struct HealthConfig {
    /// `GATEWAY_HEALTH_MODEL`
    pub model: String,
    /// `GATEWAY_HEALTH_FALLBACK_MODEL`
    pub fallback_model: String,
    /// `GATEWAY_HEALTH_TIMEOUT_MS`
    pub timeout: Duration,
    /// `GATEWAY_HEALTH_CACHE_SECS`
    pub cache: Duration,
}

impl HealthConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        Self {
            model: reader.read_text(&GATEWAY_HEALTH_MODEL),
            fallback_model: reader.read_text(&GATEWAY_HEALTH_FALLBACK_MODEL),
            timeout: reader.read_millis(&GATEWAY_HEALTH_TIMEOUT_MS),
            cache: reader.read_secs(&GATEWAY_HEALTH_CACHE_SECS),
        }
    }
}
