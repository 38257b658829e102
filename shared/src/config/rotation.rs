//! Settings of the function that rotates the Cohere key.

use super::reader::Reader;
use super::setting::{one_of, settings};
use super::vars::Vars;
use super::{ConfigError, HealthConfig, HttpConfig, secrets, service};

settings! {
    /// Whether rotation accepts a trial key, whose limits a service in production meets at once.
    GATEWAY_ALLOW_TRIAL_KEY = one_of(&["off", "on"], "off");
}

/// Settings of the key's rotation.
#[derive(Clone, Debug)]
pub struct RotationConfig {
    pub service: String,
    /// The function's version on Lambda.
    pub version: String,
    pub http: HttpConfig,
    pub secret_id: String,
    /// Where its store is, unless where the region says: `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    pub store_url: Option<String>,
    /// What a new key is tried with.
    pub check: HealthConfig,
    /// `GATEWAY_ALLOW_TRIAL_KEY`
    pub allows_trial_key: bool,
}

impl RotationConfig {
    /// Reads the settings of the key's rotation.
    ///
    /// # Errors
    /// All problems at once, each with name, value and accepted range.
    pub fn from_vars(vars: &impl Vars) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(vars);
        let config = Self {
            service: service::read_service(&mut reader),
            version: reader.read_function_version(),
            http: HttpConfig::read_from(&mut reader),
            secret_id: secrets::read_key_id(&mut reader),
            store_url: reader.read_secrets_url(),
            check: HealthConfig::read_from(&mut reader),
            allows_trial_key: reader.is_word(&GATEWAY_ALLOW_TRIAL_KEY, "on"),
        };
        reader.finish(config)
    }
}
