//! What a rehearsal stands in: the running functions, callers, the clock, and the table of what happens.

use super::WayBack;
use super::callers::{self, Callers};
use super::clock::{MINUTE, ScaledClock};
use super::delivery::Delivery;
use super::gates::{Canary, Pair};
use super::recorder::Recorder;
use super::scenario::{ByHand, Scenario, Weather};
use super::table::Table;
use crate::build::{Build, OlderCommit, binary_directory};
use crate::cohere_sandbox::Key;
use crate::secrets_manager::{API_KEY, CLIENTS};
use crate::stack::{Options, Stack, start_stack};
use crate::template::{self, ReferenceValues, Template, TemplateFunction};
use crate::{NewVersion, Routing};
use anyhow::{Context, anyhow};
use faulty::Fault;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Settings of all functions: what lasts a minute lasts one of the rehearsal's.
const SETTINGS: [(&str, &str); 2] =
    [("GATEWAY_CLIENTS_TTL_SECS", "1"), ("GATEWAY_KEY_REFRESH_MS", "500")];

/// From one pair of the driver's calls to the next, as in the template.
const ROUND: Duration = Duration::from_secs(6);
/// How long the hook afterwards watches, as in the template.
const WATCH: Duration = Duration::from_secs(180);

/// Everything around the deliveries of a scenario.
pub(super) struct World {
    pub(super) stack: Arc<Stack>,
    pub(super) callers: Arc<Callers>,
    pub(super) clock: ScaledClock,
    pub(super) recorder: Recorder,
    pub(super) canary: Canary,
    /// The new version's share of the callers from a time on.
    pub(super) weights: Vec<(Duration, f64)>,
    /// How a person leads the aliases back.
    pub(super) way_back: Option<WayBack>,
    table: Table,
    /// What the template says of each function, by its folder.
    functions: BTreeMap<String, TemplateFunction>,
}

impl World {
    /// Starts the functions, whose binaries are built, and registers the callers.
    pub(super) async fn start(
        minute: Duration,
        table: Table,
        way_back: Option<WayBack>,
    ) -> anyhow::Result<World> {
        let canary = Canary::from_template()?;
        let template = Template::parse(template::TEXT, ReferenceValues::new())?;
        let clock = ScaledClock::start(minute);
        let recorder = Recorder::default();
        let round = clock.scale(ROUND).as_millis().max(50).to_string();
        let watch = clock.scale(WATCH).as_secs().max(1).to_string();
        let mut settings =
            SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        settings.push(("GATEWAY_ROLLOUT_ROUND_MS".to_owned(), round));
        settings.push(("GATEWAY_ROLLOUT_WATCH_SECS".to_owned(), watch));
        let cache_ttl = template.authorizer.cache_ttl;
        let stack = start_stack(Options {
            port: Some(0),
            settings,
            build: Build::Debug,
            authorizer_cache_ttl: Some(clock.scale(cache_ttl)),
            output: recorder.output(clock),
            ..Options::default()
        })
        .await?;
        let callers = Arc::new(Callers::register(&stack.url, &stack.secrets, clock)?);
        let weights = Vec::new();
        let functions = name_functions(stack.read_functions(template::TEXT)?);
        let stack = Arc::new(stack);
        Ok(World { stack, callers, clock, recorder, canary, weights, way_back, table, functions })
    }

    /// Lets Cohere behave so.
    pub(super) fn set_weather(&self, weather: Option<Weather>) -> anyhow::Result<()> {
        let Some(Weather { fault, share }) = weather else { return Ok(()) };
        let sandbox = self.stack.sandbox.as_ref().context("there is no sandbox")?;
        sandbox.set_weather(fault.parse().map_err(|problem: String| anyhow!(problem))?, share);
        Ok(())
    }

    /// Leads the callers of these functions to versions that an older commit has built, each with that template's settings.
    pub(super) fn lay_older(&self, names: &[&str], older: &OlderCommit) -> anyhow::Result<()> {
        let mut functions = name_functions(self.stack.read_functions(&older.template)?);
        for name in names {
            let function = functions.remove(*name).with_context(|| format!("{name} is new"))?;
            let binary = Some(older.binaries.join(name));
            let new = NewVersion { binary, function: Some(function), ..Default::default() };
            let version = self.stack.publish_version(name, new)?;
            self.stack.route_alias(name, Routing::to(version))?;
        }
        Ok(())
    }

    /// Publishes a version of each function of a scenario, as this workspace has them; the first may have a fault.
    pub(super) fn publish(
        &self,
        scenario: &Scenario,
        fault: Option<&Fault>,
    ) -> anyhow::Result<Vec<Pair>> {
        let mut fault = fault;
        let mut pairs = Vec::new();
        for name in scenario.functions {
            let function = self.functions.get(*name).context(name.to_string())?.clone();
            let resource = function.resource.clone();
            let new = describe_version(function, fault.take());
            pairs.push(Pair {
                function: name.to_string(),
                resource,
                live: self.stack.read_routing(name)?.version,
                new: self.stack.publish_version(name, new)?,
            });
        }
        Ok(pairs)
    }

    /// Leads a share of the callers of all functions to their new versions, and the rest to the live ones.
    pub(super) fn share_callers(&mut self, pairs: &[Pair], share: f64) -> anyhow::Result<()> {
        for Pair { function, live, new, .. } in pairs {
            let routing = match share {
                0.0 => Routing::to(*live),
                1.0 => Routing::to(*new),
                _ => Routing::to(*live).with_share(*new, share),
            };
            self.stack.route_alias(function, routing)?;
        }
        self.weights.push((self.clock.now(), share));
        Ok(())
    }

    /// The share of the callers that the new version gets at a time.
    pub(super) fn weight_at(&self, time: Duration) -> f64 {
        let before = self.weights.iter().rev().find(|(from, _)| *from <= time);
        before.map_or(0.0, |(_, weight)| *weight)
    }

    /// Evaluates the gates, and tells of the minutes that are over.
    pub(super) fn look(&mut self, delivery: &mut Delivery) {
        let now = self.clock.now();
        delivery.gates.advance_to(now);
        while let Some(minute) = self.table.next_minute(now) {
            let weight = self.weight_at(minute);
            // What stands in alarm is known of now alone.
            let is_newest = now < minute + MINUTE;
            let alarms = if is_newest { delivery.gates.find_alarms() } else { Vec::new() };
            self.table.print_minute(delivery, minute - MINUTE, weight, &alarms);
        }
    }

    /// Does what a person does in the middle of a rollout.
    pub(super) fn act(&self, by_hand: ByHand) -> anyhow::Result<()> {
        match by_hand {
            ByHand::EmptiesTheClients => {
                self.stack.secrets.put(CLIENTS, &json!({ "clients": [] }).to_string());
            }
            ByHand::RenewsTheSecrets => {
                let sandbox = self.stack.sandbox.as_ref().context("there is no sandbox")?;
                let key = "renewed-key-of-a-rehearsal".to_owned();
                sandbox.accept_key(Key { value: key.clone(), trial: false });
                // It was JSON, which is the other form.
                self.stack.secrets.put(API_KEY, &key);
                let clients = self.stack.secrets.current(CLIENTS).context("no clients")?;
                let clients = callers::renew_clients(serde_json::from_str(&clients)?);
                self.stack.secrets.put(CLIENTS, &clients.to_string());
            }
            ByHand::Nothing
            | ByHand::GoesBackInTheMiddle
            | ByHand::GoesBackAtTheEnd
            | ByHand::ShipsAFix => {}
        }
        Ok(())
    }
}

fn name_functions(functions: Vec<TemplateFunction>) -> BTreeMap<String, TemplateFunction> {
    functions.into_iter().map(|function| (function.name.clone(), function)).collect()
}

/// Describes a version of a function: its real binary, or the same behind a fault.
fn describe_version(function: TemplateFunction, fault: Option<&Fault>) -> NewVersion {
    let directory = binary_directory(Build::Debug);
    let real = directory.join(&function.name);
    let (binary, variables) = match fault {
        None => (real, Vec::new()),
        Some(fault) => (directory.join("faulty"), fault.variables(&real)),
    };
    NewVersion { binary: Some(binary), function: Some(function), variables }
}
