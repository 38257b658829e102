//! Environments that know nothing of each other and share a quota: the gateway's own rules, in virtual time.
//!
//! Nothing is sent and nobody waits. Each environment takes turns as the request path does: parts one after the
//! other, sixteen calls under way, a rest after a 429. Cohere is played by a quota that is a window of a minute or a
//! bucket, since which one it is, is not known. What happens follows from the seed.

mod environment;
mod limiter;

pub use limiter::{Kind, Limiter};

use environment::{Environment, Next};
use shared::clock::now;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub kind: Kind,
    /// Inputs that Cohere takes in a minute.
    pub per_minute: u32,
    /// Environments that embed 1 920 texts after 1 920 texts.
    pub bulk: usize,
    /// Environments that embed a text a second.
    pub singles: usize,
    /// Parts that each of the first has to send; `None` is without end.
    pub parts: Option<u32>,
    pub minutes: u32,
    pub seed: u64,
}

/// What came of it in one minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Minute {
    pub served_inputs: u32,
    pub calls: u32,
    pub refused: u32,
    pub singles_refused: u32,
}

/// What came of a scene.
#[derive(Clone, Debug)]
pub struct Played {
    pub minutes: Vec<Minute>,
    /// 95th percentile of the single requests' waits.
    pub single_wait_p95: Duration,
    /// When the last of the parts was served, where there was a last one.
    pub drained: Option<Duration>,
}

impl Played {
    /// Returns the share of the quota that was used from one minute on.
    pub fn used(&self, per_minute: u32, from: usize) -> f64 {
        let minutes = &self.minutes[from.min(self.minutes.len())..];
        let served: u32 = minutes.iter().map(|minute| minute.served_inputs).sum();
        f64::from(served) / (f64::from(per_minute) * minutes.len().max(1) as f64)
    }

    /// Returns the share of the calls that were refused from one minute on.
    pub fn refused(&self, from: usize) -> f64 {
        let minutes = &self.minutes[from.min(self.minutes.len())..];
        let calls: u32 = minutes.iter().map(|minute| minute.calls).sum();
        let refused: u32 = minutes.iter().map(|minute| minute.refused).sum();
        f64::from(refused) / f64::from(calls.max(1))
    }
}

/// Plays a scene from its first second to its last.
pub fn play(scene: Scene) -> Played {
    fastrand::seed(scene.seed);
    let start = now();
    let end = start + Duration::from_secs(60) * scene.minutes;
    let mut limiter = Limiter::new(scene.kind, scene.per_minute);
    let mut environments: Vec<Environment> = (0..scene.bulk + scene.singles)
        .map(|number| Environment::new(number < scene.bulk, scene.parts, start))
        .collect();
    let (mut left, mut drained) = (scene.bulk, None);
    let mut minutes = vec![Minute::default(); scene.minutes as usize];
    let mut events = BinaryHeap::new();
    for number in 0..environments.len() {
        // They do not all begin in one moment.
        let at = start + Duration::from_millis(fastrand::u64(0..1_000));
        events.push(Reverse((at, number, Next::Try)));
    }
    while let Some(Reverse((at, number, next))) = events.pop() {
        if at >= end {
            break;
        }
        let minute = &mut minutes[((at - start).as_secs() / 60) as usize];
        let environment = &mut environments[number];
        match next {
            Next::Try => {}
            Next::Arrive { call } => {
                let is_served =
                    limiter.admit(environment.units(), (at - start).as_secs_f64() / 60.0);
                minute.calls += 1;
                minute.served_inputs += if is_served { environment.units() } else { 0 };
                minute.refused += u32::from(!is_served);
                minute.singles_refused += u32::from(!is_served && !environment.is_bulk());
                let answer_at = at + environment.answer_time(is_served);
                events.push(Reverse((answer_at, number, Next::Answer { call, is_served })));
                continue;
            }
            Next::Answer { call, is_served } => {
                environment.take_answer(call, is_served, at);
                if environment.is_drained() && is_served {
                    left -= 1;
                    drained = if left == 0 { Some(at - start) } else { None };
                }
            }
        }
        for (at, next) in environment.work(at) {
            events.push(Reverse((at, number, next)));
        }
    }
    let mut waits: Vec<Duration> =
        environments.iter().flat_map(Environment::single_waits).collect();
    waits.sort_unstable();
    let p95 = waits.get(waits.len() * 95 / 100).copied().unwrap_or_default();
    Played { minutes, single_wait_p95: p95, drained }
}

#[cfg(test)]
mod tests;
