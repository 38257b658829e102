//! CodeDeploy's part of a release: hooks, a canary, the look at the gates, and the way back.

use super::gates::{Gates, Pair};
use super::hooks::{self, run_hook, start_driver};
use super::scenario::{ByHand, Scenario};
use super::world::World;
use crate::rehearsal::clock::MINUTE;
use anyhow::ensure;
use std::time::Duration;
use tokio::time::Instant;

/// How often CodeDeploy looks at the alarms.
const LOOK: Duration = Duration::from_secs(15);
/// How long the driver may really take to begin.
const DRIVER_LIMIT: Duration = Duration::from_secs(30);

/// How a delivery has ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    Live,
    /// A hook has found this.
    StoppedByHook(String),
    /// The gates that stood in alarm.
    TakenBack(Vec<String>),
    BackByHand,
}

/// What one delivery came to.
pub(super) struct Delivery {
    pub(super) pairs: Vec<Pair>,
    pub(super) end: End,
    /// When callers first met the new version.
    pub(super) shifted: Option<Duration>,
    /// When no more of them did.
    pub(super) back: Option<Duration>,
    pub(super) gates: Gates,
}

impl Delivery {
    /// Leads callers to the new versions as CodeDeploy does, and back where a hook, a gate or a person says so.
    pub(super) async fn run(
        world: &mut World,
        pairs: Vec<Pair>,
        scenario: &Scenario,
    ) -> anyhow::Result<Delivery> {
        let now = world.clock.now();
        let gates = Gates::of_release(&pairs, &world.recorder, now)?;
        let mut delivery = Delivery { pairs, end: End::Live, shifted: None, back: None, gates };
        if !scenario.has_hooks {
            start_driver(world.stack.clone(), &delivery.pairs);
            delivery.wait_for_driver(world).await?;
        } else if let Some(end) = delivery.ask_hook(world, hooks::BEFORE).await? {
            delivery.end = end;
            return Ok(delivery);
        }
        let shifted = world.clock.now();
        delivery.shifted = Some(shifted);
        world.share_callers(&delivery.pairs, world.canary.share)?;
        if let Some(end) = delivery.watch_canary(world, shifted, scenario.by_hand).await? {
            return delivery.take_back(world, end).await;
        }
        world.share_callers(&delivery.pairs, 1.0)?;
        if scenario.has_hooks
            && let Some(end) = delivery.ask_hook(world, hooks::AFTER).await?
        {
            return delivery.take_back(world, end).await;
        }
        if scenario.by_hand == ByHand::GoesBackAtTheEnd {
            return delivery.take_back(world, End::BackByHand).await;
        }
        Ok(delivery)
    }

    /// Waits until the driver calls each function, as it does by the time that a hook is done.
    async fn wait_for_driver(&self, world: &World) -> anyhow::Result<()> {
        let begin = Instant::now();
        let compares = |pair: &Pair| world.recorder.has_compared(&pair.function, pair.new);
        while !self.pairs.iter().all(compares) {
            ensure!(begin.elapsed() < DRIVER_LIMIT, "the driver calls nothing");
            world.clock.sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits for a hook, while the gates are looked at as ever; says why the delivery must end.
    async fn ask_hook(
        &mut self,
        world: &mut World,
        hook: &'static str,
    ) -> anyhow::Result<Option<End>> {
        let task = tokio::spawn(run_hook(world.stack.clone(), hook, self.pairs.clone()));
        while !task.is_finished() {
            world.clock.sleep(LOOK).await;
            world.look(self);
            let alarms = self.gates.find_alarms();
            if !alarms.is_empty() {
                return Ok(Some(End::TakenBack(alarms)));
            }
        }
        Ok(task.await??.err().map(End::StoppedByHook))
    }

    /// Watches the share of the callers; says why it must end before its time.
    async fn watch_canary(
        &mut self,
        world: &mut World,
        begin: Duration,
        by_hand: ByHand,
    ) -> anyhow::Result<Option<End>> {
        let middle = begin + MINUTE * world.canary.minutes / 2;
        let end = begin + MINUTE * world.canary.minutes;
        let mut has_acted = false;
        while world.clock.now() < end {
            world.clock.sleep(LOOK).await;
            world.look(self);
            let alarms = self.gates.find_alarms();
            if !alarms.is_empty() {
                return Ok(Some(End::TakenBack(alarms)));
            }
            if !has_acted && world.clock.now() >= middle {
                has_acted = true;
                if by_hand == ByHand::GoesBackInTheMiddle {
                    return Ok(Some(End::BackByHand));
                }
                world.act(by_hand)?;
            }
        }
        Ok(None)
    }

    /// Lets some time pass.
    pub(super) async fn watch(&mut self, world: &mut World, time: Duration) {
        let end = world.clock.now() + time;
        while world.clock.now() < end {
            world.clock.sleep(LOOK).await;
            world.look(self);
        }
    }

    async fn take_back(mut self, world: &mut World, end: End) -> anyhow::Result<Delivery> {
        match &world.way_back {
            Some(go_back) if end == End::BackByHand => {
                go_back(world.stack.clone(), self.pairs.clone()).await;
                world.weights.push((world.clock.now(), 0.0));
            }
            _ => world.share_callers(&self.pairs, 0.0)?,
        }
        self.back = Some(world.clock.now());
        self.end = end;
        Ok(self)
    }
}
