//! What a scenario came to, and whether that is as it must be.

use super::callers::{Called, Ending};
use super::clock::ScaledClock;
use super::delivery::{Delivery, End};
use super::minutes::{Minute, read_minute};
use super::scenario::{Expected, Scenario};
use super::world::World;
use crate::rehearsal::clock::MINUTE;
use std::fmt;
use std::iter::Sum;

/// How often chance alone may lead more requests to a version than a rehearsal allows.
const CHANCE: f64 = 0.001;
/// A gate's period, and the minute in which it is evaluated.
const BACK_WITHIN_MINUTES: f64 = 6.0;

/// What happened.
pub struct Outcome {
    pub name: &'static str,
    pub story: &'static str,
    /// What is not as it must be; empty where all is.
    pub problems: Vec<String>,
    pub(super) end: End,
    /// Requests that callers made of the first function while the new version had a share, or of all where it never had,
    /// and those that met the new version.
    pub(super) met: Share,
    /// Requests of callers in the whole scenario, and those that were not served.
    pub(super) unserved: Share,
    pub(super) minutes_until_back: Option<f64>,
    /// The function that is looked at.
    pub(super) function: String,
    pub(super) minutes: Vec<MinuteOf>,
    /// The new version's share of the callers from a minute on, and at the end.
    pub(super) weights: Vec<(f64, f64)>,
}

/// Some of so many requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Share {
    pub(super) part: usize,
    pub(super) whole: usize,
}

/// A minute for the page.
pub(super) struct MinuteOf {
    pub(super) number: f64,
    pub(super) versions: Minute,
    /// Requests of callers, and those of them that were not served.
    pub(super) called: usize,
    pub(super) unserved: usize,
}

impl Outcome {
    /// Reads what a delivery came to.
    pub(super) fn of(
        scenario: &Scenario,
        world: &World,
        delivery: &Delivery,
        called: &[Called],
    ) -> Outcome {
        let pair = &delivery.pairs[0];
        let deployed = format!("{}-{}", crate::STACK_NAME, pair.resource);
        let mut of_rollout = world.recorder.find_met(&deployed, world.clock);
        if let Some(shifted) = delivery.shifted {
            let canary_end = shifted + MINUTE * world.canary.minutes;
            let until = delivery.back.unwrap_or(canary_end).min(canary_end);
            of_rollout.retain(|met| met.at >= shifted && met.at <= until);
        }
        let met = of_rollout.iter().filter(|met| met.version == pair.new).count();
        let unserved = called.iter().filter(|called| called.ending != Ending::Served).count();
        let until_back = match (delivery.shifted, delivery.back) {
            (Some(shifted), Some(back)) => {
                Some(world.clock.minutes_of(back) - world.clock.minutes_of(shifted))
            }
            _ => None,
        };
        let mut outcome = Outcome {
            name: scenario.name,
            story: scenario.story,
            problems: Vec::new(),
            end: delivery.end.clone(),
            met: Share { part: met, whole: of_rollout.len() },
            unserved: Share { part: unserved, whole: called.len() },
            minutes_until_back: until_back,
            function: pair.function.clone(),
            minutes: read_minutes(world, delivery, called),
            weights: read_weights(world),
        };
        outcome.check(scenario, world, delivery);
        outcome
    }

    /// Returns an outcome without a request in it.
    #[cfg(test)]
    pub(super) fn of_nothing(name: &'static str, story: &'static str) -> Outcome {
        Outcome {
            name,
            story,
            problems: Vec::new(),
            end: End::Live,
            met: Share::default(),
            unserved: Share::default(),
            minutes_until_back: None,
            function: "chat".to_owned(),
            minutes: Vec::new(),
            weights: Vec::new(),
        }
    }

    fn check(&mut self, scenario: &Scenario, world: &World, delivery: &Delivery) {
        let has_ended = match scenario.expected {
            Expected::Live => self.end == End::Live,
            Expected::NeverMet => {
                delivery.shifted.is_none()
                    && matches!(self.end, End::StoppedByHook(_) | End::TakenBack(_))
            }
            Expected::TakenBack => {
                delivery.shifted.is_some() && matches!(self.end, End::TakenBack(_))
            }
            Expected::BackByHand => self.end == End::BackByHand,
        };
        if !has_ended {
            self.problems.push(format!("{:?} was expected", scenario.expected));
        }
        if self.met.whole == 0 {
            self.problems.push("no caller was there".to_owned());
        }
        let possible = if delivery.shifted.is_some() { world.canary.share } else { 0.0 };
        if self.met.part > most_met(possible, self.met.whole) {
            self.problems.push(format!("{} requests met it", self.met));
        }
        if let Some(minutes) = self.minutes_until_back
            && scenario.is_bad()
            && minutes > BACK_WITHIN_MINUTES
        {
            self.problems.push(format!("it took {minutes:.1} minutes"));
        }
        for pair in &delivery.pairs {
            let leads_to = world.stack.read_routing(&pair.function).map(|routing| routing.version);
            let must = if self.end == End::Live { pair.new } else { pair.live };
            if leads_to.ok() != Some(must) {
                self.problems.push(format!("{} is not at version {must}", pair.function));
            }
        }
        if scenario.loses_nothing() && self.unserved.part > 0 {
            self.problems.push(format!("{} requests were not served", self.unserved.part));
        }
    }

    /// Says how it has ended.
    pub fn describe_end(&self) -> String {
        match &self.end {
            End::Live => "live".to_owned(),
            End::StoppedByHook(problem) => format!("stopped by the hook: {problem}"),
            End::TakenBack(gates) => format!("taken back by {}", gates.join(", ")),
            End::BackByHand => "back by hand".to_owned(),
        }
    }

    /// Says how many callers met the new version.
    pub fn describe_share(&self) -> String {
        self.met.to_string()
    }

    /// Says how many minutes it took to go back.
    pub fn describe_back(&self) -> String {
        self.minutes_until_back.map_or("-".to_owned(), |minutes| format!("{minutes:.1}"))
    }
}

impl Share {
    pub(super) fn percent(self) -> f64 {
        100.0 * self.part as f64 / self.whole.max(1) as f64
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({:.1} %)", self.part, self.whole, self.percent())
    }
}

impl Sum for Share {
    fn sum<I: Iterator<Item = Share>>(shares: I) -> Share {
        let add = |sum: Share, share: Share| Share {
            part: sum.part + share.part,
            whole: sum.whole + share.whole,
        };
        shares.fold(Share::default(), add)
    }
}

/// Returns how many of so many requests may meet a new version; more of them do by chance once in a thousand runs.
///
/// Counted exactly (binomial): of three requests a tenth is none, and two are no wonder.
fn most_met(share: f64, requests: usize) -> usize {
    let mut met = 0;
    let mut chance = (1.0 - share).powi(requests as i32);
    let mut up_to = chance;
    while 1.0 - up_to > CHANCE && met < requests {
        chance *= (requests - met) as f64 / (met + 1) as f64 * share / (1.0 - share);
        up_to += chance;
        met += 1;
    }
    met
}

fn read_minutes(world: &World, delivery: &Delivery, called: &[Called]) -> Vec<MinuteOf> {
    let clock: ScaledClock = world.clock;
    let whole = clock.minutes_of(clock.now()).floor() as u32;
    let read = |number: u32| {
        let begin = clock.first() + MINUTE * number;
        let is_in = |called: &&Called| called.at >= begin && called.at < begin + MINUTE;
        let of_minute: Vec<_> = called.iter().filter(is_in).collect();
        let unserved = of_minute.iter().filter(|called| called.ending != Ending::Served).count();
        MinuteOf {
            number: f64::from(number),
            versions: read_minute(&delivery.gates.cloudwatch, &delivery.pairs[0], begin),
            called: of_minute.len(),
            unserved,
        }
    };
    (0..whole).map(read).collect()
}

fn read_weights(world: &World) -> Vec<(f64, f64)> {
    let now = world.clock.now();
    let begin = [(world.clock.first(), 0.0)];
    let steps = begin.into_iter().chain(world.weights.iter().copied());
    let steps = steps.chain([(now, world.weight_at(now))]);
    steps.map(|(at, weight)| (world.clock.minutes_of(at), weight)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_may_lead_more_than_the_share_to_a_version() {
        assert_eq!(most_met(0.1, 100), 20);
        assert_eq!(most_met(0.1, 3), 2);
        assert_eq!(most_met(0.1, 1), 1);
        assert_eq!(most_met(0.1, 0), 0);
        assert_eq!(most_met(0.0, 100), 0);
    }
}
