//! Settings of the probe.

use super::http::URL;
use super::reader::Reader;
use super::setting::{number, required_of_form, required_text, settings, text};
use super::vars::Vars;
use super::{ConfigError, HealthConfig, HttpConfig, PricesConfig, SecretConfig, service};
use std::time::Duration;

settings! {
    /// Public address of this gateway. Required by the probe, which calls it.
    GATEWAY_PROBE_URL = required_of_form(&URL);
    /// Name or ARN of the secret with the synthetic client's token. Required by the probe and by a rollout's functions.
    GATEWAY_SYNTHETIC_CLIENT_SECRET_ID = required_text();
    /// Model of the one text that the probe embeds.
    GATEWAY_PROBE_EMBED_MODEL = text("embed-v4.0");
    /// Time of one call of the public address.
    GATEWAY_PROBE_TIMEOUT_MS = number(1_000, 25_000, "20000");
}

/// Settings of the probe.
#[derive(Clone, Debug)]
pub struct ProbeConfig {
    pub service: String,
    /// The function's version on Lambda.
    pub version: String,
    pub http: HttpConfig,
    pub key: SecretConfig,
    /// As the health check has them, but for the time that a result is kept: none.
    pub health: HealthConfig,
    pub prices: PricesConfig,
    pub front_door: FrontDoorConfig,
}

/// Settings of the calls of the public address.
#[derive(Clone, Debug)]
pub struct FrontDoorConfig {
    /// Without a slash at its end: `GATEWAY_PROBE_URL`.
    pub url: String,
    /// `GATEWAY_SYNTHETIC_CLIENT_SECRET_ID`
    pub secret_id: String,
    /// `GATEWAY_PROBE_EMBED_MODEL`
    pub embed_model: String,
    /// `GATEWAY_PROBE_TIMEOUT_MS`
    pub timeout: Duration,
}

impl ProbeConfig {
    /// Reads the settings of the probe.
    ///
    /// # Errors
    /// All problems at once, each with name, value and accepted range.
    pub fn from_vars(vars: &impl Vars) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(vars);
        let mut health = HealthConfig::read_from(&mut reader);
        health.cache = Duration::ZERO;
        let config = Self {
            service: service::read_service(&mut reader),
            version: reader.read_function_version(),
            http: HttpConfig::read_from(&mut reader),
            key: SecretConfig::read_of_key(&mut reader),
            health,
            prices: PricesConfig::read_from(&mut reader),
            front_door: FrontDoorConfig::read_from(&mut reader),
        };
        reader.finish(config)
    }
}

/// Reads how the synthetic client's token is read.
pub(super) fn read_synthetic_client(reader: &mut Reader) -> SecretConfig {
    SecretConfig::read_of(reader, &GATEWAY_SYNTHETIC_CLIENT_SECRET_ID)
}

impl FrontDoorConfig {
    fn read_from(reader: &mut Reader) -> Self {
        Self {
            url: reader.read_text(&GATEWAY_PROBE_URL).trim_end_matches('/').to_string(),
            secret_id: reader.read_text(&GATEWAY_SYNTHETIC_CLIENT_SECRET_ID),
            embed_model: reader.read_text(&GATEWAY_PROBE_EMBED_MODEL),
            timeout: reader.read_millis(&GATEWAY_PROBE_TIMEOUT_MS),
        }
    }
}
