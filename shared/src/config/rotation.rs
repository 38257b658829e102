//! Settings of the function that rotates the Cohere key.

use super::reference as setting;
use super::vars::Vars;
use super::{ConfigError, HealthConfig, HttpConfig, Reader};

/// Settings of the key's rotation.
#[derive(Clone, Debug)]
pub struct RotationConfig {
    pub service: String,
    pub http: HttpConfig,
    pub secret_id: String,
    /// What a new key is tried with.
    pub check: HealthConfig,
    pub allows_trial_key: bool,
}

impl RotationConfig {
    /// Reads the settings of the key's rotation.
    ///
    /// # Errors
    /// All problems at once, each with name, value and accepted range.
    pub fn from_vars(vars: &impl Vars) -> Result<Self, ConfigError> {
        let mut read = Reader::new(vars);
        let config = Self {
            service: read.text(&setting::SERVICE),
            http: read.http(),
            secret_id: read.text(&setting::SECRET_ID),
            check: read.health(),
            allows_trial_key: read.text(&setting::ALLOW_TRIAL_KEY) == "on",
        };
        read.finish(config)
    }
}
