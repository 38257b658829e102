//! Composition root: the one file that names every concrete type.

use crate::cache::Cache;
use crate::cohere::client::Cohere;
use crate::cohere::models;
use crate::config::{CacheConfig, Config, SecretConfig};
use crate::cost::Prices;
use crate::health::HealthCheck;
use crate::resilience::state::UpstreamState;
use crate::secrets::cached::CachedSecret;
use crate::secrets::key::{ApiKey, KeySource};
use crate::secrets::secrets_manager::SecretsManager;
use crate::telemetry::event_line::set_origin;
use crate::telemetry::model_names::learn_model;
use crate::transport::Transport;
use std::error::Error;
use std::time::Duration;

/// How long lists of models are kept, and how much of them.
const MODEL_LISTS: CacheConfig =
    CacheConfig { max_bytes: 1_000_000, ttl: Duration::from_secs(300), shared: true };

/// Everything a function needs for its requests. Scope: environment; built once, never dropped.
pub struct App {
    pub config: Config,
    pub cohere: Cohere,
    pub health: HealthCheck,
    pub upstream_state: UpstreamState,
    pub cache: Cache,
    /// What Cohere lists of its models, for all clients alike.
    pub model_lists: Cache,
    pub prices: Prices,
}

impl App {
    /// Builds all parts and reads the key ahead, which may fail without harm.
    ///
    /// # Errors
    /// A part cannot be built, which is a defect of the build.
    pub async fn start(config: Config) -> Result<&'static App, Box<dyn Error + Send + Sync>> {
        set_origin(&config.service, &config.version);
        learn_models(&config);
        let transport = Transport::new(&config.http)?;
        let SecretConfig { id, store_url, .. } = &config.key;
        let source = SecretsManager::new(&transport, id, store_url.as_deref()).await;
        let source = KeySource(source);
        let key = CachedSecret::new(Box::new(source), config.key.clone(), ApiKey::parse);
        let cohere = Cohere::new(transport, &config.http.upstream_url, key)?;
        cohere.read_key_ahead().await;
        let health = HealthCheck::new(config.health.clone(), config.prices.clone());
        let upstream_state =
            UpstreamState::new(config.resilience, config.rates.clone(), models::published_rate);
        let cache = Cache::new(config.cache);
        let model_lists = Cache::new(MODEL_LISTS);
        let prices = Prices::new(config.prices.clone());
        Ok(Box::leak(Box::new(App {
            config,
            cohere,
            health,
            upstream_state,
            cache,
            model_lists,
            prices,
        })))
    }
}

/// Makes the models known that the catalogue or a setting names.
fn learn_models(config: &Config) {
    models::all_ids().for_each(learn_model);
    let Config { models, health, fallback, .. } = config;
    let chosen = [&models.chat, &models.rerank, &health.model, &health.fallback_model];
    chosen.into_iter().for_each(|id| learn_model(id));
    fallback.all_ids().for_each(learn_model);
}
