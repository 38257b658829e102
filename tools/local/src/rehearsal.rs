//! Deliveries rehearsed without an account: the functions in two versions behind the alias, callers, the template's own
//! gates on what the functions write, and CodeDeploy's part, on a clock whose minutes are short.
//!
//! ```text
//! callers ─ local front ─ alias ─┬─ live version ─┐
//!                                └─ new version  ─┴─ lines ─ recorder ─ gates ─ delivery ─ alias
//! ```
//! Only the clock is scaled: what a request takes is real, so that limits of milliseconds are those of
//! `gates::PARAMETERS`.

mod callers;
mod clock;
mod delivery;
mod gates;
mod hooks;
mod minutes;
mod outcome;
mod page;
mod plot;
mod recorder;
mod scenario;
mod scenarios;
mod summary;
mod table;
mod world;

pub use gates::Pair;
pub use outcome::Outcome;
pub use page::write_page;
pub use scenario::{ByHand, Expected, Scenario, Weather};
pub use scenarios::all_scenarios;
pub use summary::{print_end, print_summary};
pub use table::print_line;

use crate::build::{Build, OlderCommit, build_functions, build_packages};
use crate::stack::Stack;
use clock::{MINUTE, ScaledClock};
use delivery::{Delivery, End};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use table::Table;
use world::World;

/// Callers that the live version has met before a delivery begins, in minutes.
const BEFORE: u32 = 2;
/// What is looked at after a delivery, in minutes.
const AFTERWARDS: u32 = 2;

/// The share of the callers' requests that a machine must send for a bad end to count.
const LEAST_PACE: f64 = 0.7;
/// How often a scenario is gone through on a busy machine.
const MOST_TRIES: u32 = 3;

/// Builds the binaries that a rehearsal starts.
pub fn build_binaries() -> anyhow::Result<()> {
    build_functions(Build::Debug)?;
    build_packages(&["faulty"], Build::Debug)
}

/// Leads the aliases of a release back, as a person does: by default the rehearsal does so itself.
pub type WayBack = Arc<dyn Fn(Arc<Stack>, Vec<Pair>) -> GoingBack + Send + Sync>;
pub type GoingBack = BoxFuture<'static, ()>;

/// How scenarios are gone through.
#[derive(Clone)]
pub struct Conditions {
    /// What a minute really takes.
    pub minute: Duration,
    /// Nothing is printed of a minute that is over.
    pub is_quiet: bool,
    /// The commit that the live versions are built of; this workspace where there is none.
    pub older: Option<OlderCommit>,
    pub way_back: Option<WayBack>,
}

/// Goes through one scenario, whose binaries are built.
///
/// Where it does not end as it must, and the machine has not kept up with the callers, it has proven nothing: once
/// more then, with minutes twice as long.
pub async fn rehearse(scenario: &Scenario, conditions: &Conditions) -> anyhow::Result<Outcome> {
    let mut conditions = conditions.clone();
    for _ in 1..MOST_TRIES {
        let (outcome, pace) = rehearse_once(scenario, &conditions).await?;
        if outcome.problems.is_empty() || pace >= LEAST_PACE {
            return Ok(outcome);
        }
        conditions.minute *= 2;
        let (name, end) = (scenario.name, outcome.describe_end());
        let percent = pace * 100.0;
        print_line(&format!("{name} ended {end}, with {percent:.0} % of the calls made; again"));
    }
    let (mut outcome, pace) = rehearse_once(scenario, &conditions).await?;
    if !outcome.problems.is_empty() && pace < LEAST_PACE {
        outcome.problems.push("the machine is too busy for this".to_owned());
    }
    Ok(outcome)
}

/// Returns what it came to, and the share of the callers' requests that the machine has sent.
async fn rehearse_once(
    scenario: &Scenario,
    conditions: &Conditions,
) -> anyhow::Result<(Outcome, f64)> {
    let Conditions { minute, is_quiet, older, way_back } = conditions;
    let first = ScaledClock::start(*minute).first();
    let table = Table::begin(first, scenario.functions[0], *is_quiet);
    let mut world = World::start(*minute, table, way_back.clone()).await?;
    if let Some(older) = older {
        world.lay_older(scenario.functions, older)?;
    }
    world.set_weather(scenario.weather)?;
    let traffic = world.callers.clone().start(scenario.callers_per_minute);
    world.clock.sleep(MINUTE * BEFORE).await;
    let pairs = world.publish(scenario, scenario.fault.as_ref())?;
    let mut delivery = Delivery::run(&mut world, pairs, scenario).await?;
    delivery.watch(&mut world, MINUTE * AFTERWARDS).await;
    let mut outcome = Outcome::of(scenario, &world, &delivery, &world.callers.called());
    if scenario.by_hand == ByHand::ShipsAFix {
        outcome.problems.extend(ship_fix(&mut world, scenario, &mut delivery).await?);
    }
    let pace = traffic.read_pace();
    traffic.stop();
    world.stack.stop().await;
    Ok((outcome, pace))
}

/// Ships a mended version while the gates of the bad one stand in alarm; says what is wrong with that.
async fn ship_fix(
    world: &mut World,
    scenario: &Scenario,
    bad: &mut Delivery,
) -> anyhow::Result<Option<String>> {
    let pairs = world.publish(scenario, None)?;
    bad.gates.advance_to(world.clock.now());
    if bad.gates.find_alarms().is_empty() {
        return Ok(Some("no gate of the bad version stands in alarm any more".to_owned()));
    }
    let fix = Scenario { by_hand: ByHand::Nothing, ..scenario.clone() };
    let fix = Delivery::run(world, pairs, &fix).await?;
    let problem = format!("the fix: {:?}", fix.end);
    Ok((fix.end != End::Live).then_some(problem))
}
