//! Settings of the authorizer.

use super::reader::Reader;
use super::setting::{settings, text};
use super::vars::Vars;
use super::{ConfigError, HttpConfig, SecretConfig, service};

settings! {
    /// Value of the API key of all clients without one of their own. No credential.
    GATEWAY_SHARED_USAGE_PLAN_KEY = text("cohere-gateway-shared-usage-plan-key");
}

/// Settings of the authorizer.
#[derive(Clone, Debug)]
pub struct AuthorizerConfig {
    pub service: String,
    /// The function's version on Lambda.
    pub version: String,
    pub http: HttpConfig,
    pub clients: SecretConfig,
    /// `GATEWAY_SHARED_USAGE_PLAN_KEY`
    pub shared_usage_plan_key: String,
}

impl AuthorizerConfig {
    /// Reads the settings of the authorizer.
    ///
    /// # Errors
    /// All problems at once, each with name, value and accepted range.
    pub fn from_vars(vars: &impl Vars) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(vars);
        let config = Self {
            service: service::read_service(&mut reader),
            version: reader.read_function_version(),
            http: HttpConfig::read_from(&mut reader),
            clients: SecretConfig::read_of_clients(&mut reader),
            shared_usage_plan_key: reader.read_text(&GATEWAY_SHARED_USAGE_PLAN_KEY),
        };
        reader.finish(config)
    }
}
