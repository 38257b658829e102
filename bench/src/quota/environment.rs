//! One environment: it asks the gateway's rules for turns as the request path does.

use shared::clock::Instant;
use shared::config::{BreakerConfig, Config};
use shared::endpoint::Endpoint;
use shared::resilience::cooldown::Resting;
use shared::resilience::models::{ModelSource, ModelStates, Turn, TurnEnd};
use shared::resilience::rate::RateCost;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most calls of a request that are under way at a time.
const CONCURRENCY: usize = 16;
const MODEL: &str = "embed-v4.0";
/// What a request of one part waits at most.
const MAX_SINGLE_WAIT: Duration = Duration::from_secs(2);

/// What happens next to an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Next {
    /// It asks for a turn.
    Try,
    Arrive {
        call: u64,
    },
    Answer {
        call: u64,
        is_served: bool,
    },
}

pub struct Environment {
    states: ModelStates,
    is_bulk: bool,
    /// Parts that are not yet served; `None` is without end.
    left: Option<u32>,
    under_way: BTreeMap<u64, Turn>,
    next_call: u64,
    /// When it will ask again.
    asks_at: Option<Instant>,
    /// When its single request came in.
    since: Instant,
    waits: Vec<Duration>,
}

impl Environment {
    pub fn new(is_bulk: bool, parts: Option<u32>, now: Instant) -> Self {
        let rates = Config::from_vars(&[("GATEWAY_SECRET_ID", "fake")]).expect("defaults").rates;
        let breaker = BreakerConfig { failures: 5, open_for: Duration::from_secs(60) };
        let source = ModelSource { breaker, rates, published_rate: |_, _| 2_000 };
        Self {
            states: ModelStates::new(source),
            is_bulk,
            left: parts.filter(|_| is_bulk),
            under_way: BTreeMap::new(),
            next_call: 0,
            asks_at: None,
            since: now,
            waits: Vec::new(),
        }
    }

    pub fn is_bulk(&self) -> bool {
        self.is_bulk
    }

    /// Tells whether all its parts are served.
    pub fn is_drained(&self) -> bool {
        self.left == Some(0)
    }

    /// Returns the inputs of its calls.
    pub fn units(&self) -> u32 {
        if self.is_bulk { 96 } else { 1 }
    }

    pub fn single_waits(&self) -> impl Iterator<Item = Duration> + '_ {
        self.waits.iter().copied()
    }

    /// Returns how long Cohere takes.
    pub fn answer_time(&self, is_served: bool) -> Duration {
        let millis = match (is_served, self.is_bulk) {
            (false, _) => fastrand::u64(20..60),
            (true, true) => fastrand::u64(300..900),
            (true, false) => fastrand::u64(60..180),
        };
        Duration::from_millis(millis)
    }

    pub fn take_answer(&mut self, call: u64, is_served: bool, now: Instant) {
        let Some(turn) = self.under_way.remove(&call) else { return };
        let end = if is_served { TurnEnd::Served } else { TurnEnd::Throttled { requested: None } };
        let model = self.states.use_model(Endpoint::Embed, MODEL, now);
        model.end_turn(turn, end, fastrand::f64(), now);
        if is_served {
            self.left = self.left.map(|left| left - 1);
        }
        if !self.is_bulk && is_served {
            self.since = (self.since + Duration::from_secs(1)).max(now);
        }
        self.asks_at = None;
    }

    /// Takes as many turns as there are; returns what follows.
    pub fn work(&mut self, now: Instant) -> Vec<(Instant, Next)> {
        let mut events = Vec::new();
        if self.asks_at.is_some_and(|at| at > now) {
            return events;
        }
        self.asks_at = None;
        let most = if self.is_bulk { CONCURRENCY } else { 1 };
        let most = self.left.map_or(most, |left| most.min(left as usize));
        while self.under_way.len() < most {
            if !self.is_bulk && self.since > now {
                self.ask_at(self.since, &mut events);
                break;
            }
            let cost = RateCost { units: self.units(), is_bulk: self.is_bulk };
            let model = self.states.use_model(Endpoint::Embed, MODEL, now);
            match model.take_turn(cost, now) {
                Ok(turn) => {
                    let call = self.next_call;
                    self.next_call += 1;
                    self.under_way.insert(call, turn);
                    if !self.is_bulk {
                        self.waits.push(now.saturating_duration_since(self.since));
                    }
                    let way = Duration::from_millis(fastrand::u64(5..40));
                    events.push((now + way, Next::Arrive { call }));
                }
                Err(Resting::For(wait)) => {
                    self.ask_at(now + wait, &mut events);
                    if !self.is_bulk && now + wait > self.since + MAX_SINGLE_WAIT {
                        self.waits.push(MAX_SINGLE_WAIT);
                        self.since = now + wait;
                    }
                    break;
                }
                Err(Resting::UntilAnswer) => break,
            }
        }
        events
    }

    fn ask_at(&mut self, at: Instant, events: &mut Vec<(Instant, Next)>) {
        self.asks_at = Some(at);
        events.push((at, Next::Try));
    }
}
