//! Tells faults of Cohere from those of the gateway: asks Cohere itself, and calls the public address as a client.
//!
//! Nothing that is found fails the invocation: what was seen stands in one line, whose metrics are 0 or 1, each
//! in every look.

mod cohere;
mod front_door;
mod model_list;

use cohere::CohereOutcome;
use front_door::{FrontDoor, FrontDoorOutcome};
use futures_util::future::join;
use model_list::{ModelList, Offered};
use serde::Serialize;
use serde_json::Value;
use shared::cohere::client::Cohere;
use shared::cohere::models;
use shared::config::ProbeConfig;
use shared::config::vars::Vars;
use shared::health::HealthCheck;
use shared::secrets::cached::CachedSecret;
use shared::secrets::key::{ApiKey, KeySource};
use shared::secrets::secrets_manager::SecretsManager;
use shared::telemetry::event_line::{EventLine, Level, set_origin};
use shared::telemetry::invocation::InvocationIds;
use shared::telemetry::metrics::Metric;
use shared::telemetry::model_names::learn_model;
use shared::transport::Transport;
use std::convert::Infallible;
use std::error::Error;

/// What asks and calls. Scope: environment.
pub struct Probe {
    cohere: Cohere,
    check: HealthCheck,
    front_door: FrontDoor,
    model_list: ModelList,
}

/// What an event is answered with.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ProbeAnswer {
    Seen(Seen),
    Offered(Offered),
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
        models::all_ids().for_each(learn_model);
        [&config.health.model, &config.health.fallback_model]
            .into_iter()
            .for_each(|id| learn_model(id));
        let transport = Transport::new(&config.http)?;
        let (id, url) = (&config.key.id, config.key.store_url.as_deref());
        let store = SecretsManager::new(&transport, id, url).await;
        let token = store.for_secret(&config.front_door.secret_id);
        let (limit, source) = (config.key.timeout, Box::new(KeySource(store)));
        let key = CachedSecret::new(source, config.key, ApiKey::parse);
        let (light, time) = (&config.health.model, config.health.timeout);
        let model_list = ModelList::new(transport.clone(), &config.http.upstream_url, light, time);
        let cohere = Cohere::new(transport.clone(), &config.http.upstream_url, key)?;
        let front_door = FrontDoor::new(transport, token, limit, config.front_door);
        let check = HealthCheck::new(config.health, config.prices);
        Ok(Box::leak(Box::new(Self { cohere, check, front_door, model_list })))
    }

    /// Lists Cohere's models where the event asks for them, and looks at any other.
    ///
    /// # Errors
    /// None: whatever is found is an outcome.
    pub async fn answer(&'static self, event: Value) -> Result<ProbeAnswer, Infallible> {
        if event["ask"] == "models" {
            return Ok(ProbeAnswer::Offered(self.list_models().await));
        }
        Ok(ProbeAnswer::Seen(self.look().await))
    }

    async fn list_models(&self) -> Offered {
        let offered = self.model_list.ask(&self.cohere).await;
        let mut line = EventLine::new(Level::Info, "models_listed", "models listed");
        line.add_invocation(InvocationIds::current().as_ref());
        line.add("models", offered.models.len());
        line.add("problem", offered.problem.as_deref());
        line.write();
        offered
    }

    async fn look(&'static self) -> Seen {
        let (report, door) = join(self.check.report(&self.cohere), self.front_door.walk()).await;
        let outcome = CohereOutcome::from_status(report.status);
        let seen = Seen { cohere: outcome.as_str(), front_door: door.outcome.as_str() };
        let mut line = EventLine::new(Level::Info, "probe_ended", "probe");
        line.add_invocation(InvocationIds::current().as_ref());
        line.add("cohere", seen.cohere);
        line.add("cohere_ms", report.latency);
        line.add("front_door", seen.front_door);
        line.add("check_status", door.check.status);
        line.add("check_code", door.check.code);
        line.add("embed_status", door.embed.status);
        line.add("embed_code", door.embed.code);
        line.add("problem", door.problem().as_deref());
        // Zeros too: an alarm counts both.
        for (metric, which) in CohereOutcome::METRICS {
            line.count_if(metric, outcome == which);
        }
        line.count_if(Metric::FrontDoorOk, door.outcome == FrontDoorOutcome::Ok);
        line.count_if(Metric::FrontDoorFailed, door.outcome == FrontDoorOutcome::Failed);
        line.write();
        seen
    }
}
