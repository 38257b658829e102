//! Tells faults of Cohere from those of the gateway: asks Cohere itself, and calls the public address as a client.
//!
//! Nothing that is found fails the invocation: what was seen stands in one line and in metrics of which every look
//! writes each one, as 0 or 1.

mod cohere;
mod front_door;

use cohere::CohereOutcome;
use front_door::{FrontDoor, FrontDoorOutcome};
use futures_util::future::join;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::json;
use shared::cohere::client::Cohere;
use shared::config::ProbeConfig;
use shared::config::vars::Vars;
use shared::health::HealthCheck;
use shared::secrets::cached::CachedSecret;
use shared::secrets::key::{ApiKey, KeySource};
use shared::secrets::secrets_manager::SecretsManager;
use shared::telemetry::event_line::set_origin;
use shared::telemetry::metrics::{self, Metric};
use shared::transport::Transport;
use std::convert::Infallible;
use std::error::Error;

/// What asks and calls. Scope: environment.
pub struct Probe {
    cohere: Cohere,
    check: HealthCheck,
    front_door: FrontDoor,
}

/// What was seen, for whoever invokes the function by hand.
#[derive(Debug, Serialize)]
pub struct Seen {
    cohere: &'static str,
    front_door: &'static str,
}

impl Probe {
    /// Builds the probe; asks nothing yet.
    ///
    /// # Errors
    /// A bad setting.
    pub async fn start(vars: impl Vars) -> Result<&'static Self, Box<dyn Error + Send + Sync>> {
        let config = ProbeConfig::from_vars(&vars)?;
        set_origin(&config.service, &config.version);
        let transport = Transport::new(&config.http)?;
        let (id, url) = (&config.key.id, config.key.store_url.as_deref());
        let store = SecretsManager::new(&transport, id, url).await;
        let token = store.for_secret(&config.front_door.secret_id);
        let (limit, source) = (config.key.timeout, Box::new(KeySource(store)));
        let key = CachedSecret::new(source, config.key, ApiKey::parse);
        let cohere = Cohere::new(transport.clone(), &config.http.upstream_url, key)?;
        let front_door = FrontDoor::new(transport, token, limit, config.front_door);
        let check = HealthCheck::new(config.health);
        Ok(Box::leak(Box::new(Self { cohere, check, front_door })))
    }

    /// Looks once, whatever the event says.
    ///
    /// # Errors
    /// None: whatever is found is an outcome.
    pub async fn look(&'static self, _event: IgnoredAny) -> Result<Seen, Infallible> {
        let (report, door) = join(self.check.report(&self.cohere), self.front_door.walk()).await;
        let outcome = CohereOutcome::from_status(report.status);
        let cohere_ms = report.latency.as_millis() as u64;
        let seen = Seen { cohere: outcome.as_str(), front_door: door.outcome.as_str() };
        let (check, embed) = (&door.check, &door.embed);
        tracing::info!(
            event = "probe_ended",
            cohere = seen.cohere,
            cohere_ms,
            front_door = seen.front_door,
            check_status = check.status,
            check_code = check.code,
            embed_status = embed.status,
            embed_code = embed.code,
            problem = door.problem(),
            "probe"
        );
        for (metric, which) in CohereOutcome::METRICS {
            write_flag(metric, outcome == which);
        }
        write_flag(Metric::FrontDoorOk, door.outcome == FrontDoorOutcome::Ok);
        write_flag(Metric::FrontDoorFailed, door.outcome == FrontDoorOutcome::Failed);
        Ok(seen)
    }
}

/// Writes 1 or 0: alarms count both.
fn write_flag(metric: Metric, is_so: bool) {
    metrics::gauge_for_service(metric, f64::from(u8::from(is_so)), json!({}));
}
