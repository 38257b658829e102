//! Settings of the functions, read once at the start; every problem is reported, all together.
//!
//! One file per concern: its struct, its settings and how the one is read from the others. A module
//! receives its own struct and never the whole. A bad value never becomes a default silently, and an
//! unknown `GATEWAY_*` name is an error: a misspelt limit is no limit.

mod authorizer;
mod aws_access;
pub mod aws_endpoints;
mod cache;
mod cors;
pub mod docs;
mod fallback;
mod health;
mod http;
mod limits;
mod models;
mod pass_through;
mod prices;
mod probe;
mod rates;
mod reader;
mod resilience;
mod rollout;
pub mod rotation;
mod secrets;
mod service;
pub mod setting;
mod streams;
#[cfg(feature = "test-ca")]
mod test_ca;
mod times;
pub mod vars;

pub use authorizer::AuthorizerConfig;
pub use aws_access::AwsAccess;
pub use cache::CacheConfig;
pub use cors::CorsConfig;
pub use fallback::{FallbackConfig, FallbackPair, WITHOUT_FALLBACK};
pub use health::HealthConfig;
pub use http::{HttpConfig, is_loopback};
pub use limits::LimitsConfig;
pub use models::ModelsConfig;
pub use pass_through::PassThroughConfig;
pub use prices::{PricesConfig, UnitPrice};
pub use probe::{FrontDoorConfig, ProbeConfig};
pub use rates::RatesConfig;
pub use resilience::{BreakerConfig, ResilienceConfig};
pub use rollout::{RolloutConfig, RolloutModels, VersionPair};
pub use secrets::SecretConfig;
pub use service::DEFAULT_SERVICE;
pub use streams::StreamsConfig;
pub use times::{ChatTimes, EndpointTimes, StreamTimes, TimesConfig};

use reader::Reader;
use std::fmt;
use vars::Vars;

/// Settings of a function that calls Cohere.
#[derive(Clone, Debug)]
pub struct Config {
    pub service: String,
    /// The function's version on Lambda.
    pub version: String,
    pub http: HttpConfig,
    pub key: SecretConfig,
    pub models: ModelsConfig,
    pub fallback: FallbackConfig,
    pub prices: PricesConfig,
    pub resilience: ResilienceConfig,
    pub rates: RatesConfig,
    pub limits: LimitsConfig,
    pub cache: CacheConfig,
    pub cors: CorsConfig,
    pub pass_through: PassThroughConfig,
    pub streams: StreamsConfig,
    pub times: TimesConfig,
    pub health: HealthConfig,
}

impl Config {
    /// Reads the settings of a function that calls Cohere.
    ///
    /// # Errors
    /// All problems at once, each with name, value and accepted range.
    pub fn from_vars(vars: &impl Vars) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(vars);
        let config = Self {
            service: service::read_service(&mut reader),
            version: reader.read_function_version(),
            http: HttpConfig::read_from(&mut reader),
            key: SecretConfig::read_of_key(&mut reader),
            models: ModelsConfig::read_from(&mut reader),
            fallback: FallbackConfig::read_from(&mut reader),
            prices: PricesConfig::read_from(&mut reader),
            resilience: ResilienceConfig::read_from(&mut reader),
            rates: RatesConfig::read_from(&mut reader),
            limits: LimitsConfig::read_from(&mut reader),
            cache: CacheConfig::read_from(&mut reader),
            cors: CorsConfig::read_from(&mut reader),
            pass_through: PassThroughConfig::read_from(&mut reader),
            streams: StreamsConfig::read_from(&mut reader),
            times: TimesConfig::read_from(&reader),
            health: HealthConfig::read_from(&mut reader),
        };
        reader.finish(config)
    }
}

/// Every problem found in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad configuration: {}", self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn defaults_are_the_documented_times() {
        let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap();
        assert_eq!(config.times.chat.limits.total, Duration::from_secs(290));
        assert_eq!(config.times.stream.total, Duration::from_secs(870));
        assert_eq!(config.limits.max_body_bytes, 4_500_000);
        assert_eq!(config.models.max_tokens_ceiling, None);
    }

    #[test]
    fn version_is_the_one_that_lambda_tells() {
        let vars = [("GATEWAY_SECRET_ID", "key"), ("AWS_LAMBDA_FUNCTION_VERSION", "12")];
        assert_eq!(Config::from_vars(&vars).unwrap().version, "12");
    }
}
