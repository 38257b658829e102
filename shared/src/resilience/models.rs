//! What is remembered of each model: its breaker, its cooldown and its rate, for a bounded number of models.
//!
//! Scope: environment. Callers may send any id, so the least recently used model goes when there are too
//! many, but never one with failures or a cooldown: made-up ids must not wipe out what protects real
//! ones. Where none can go, the newcomer is served without being remembered. There is no clock here:
//! callers pass `now`.

use super::breaker::{Breaker, BreakerState};
use super::cooldown::{Cooldown, Resting};
use super::ramp::Traffic;
use super::rate::{Rate, RateCost, RateLimit, Rests, Spend};
use super::usual_time::UsualTime;
use crate::clock::Instant;
use crate::config::{BreakerConfig, RatesConfig};
use crate::endpoint::Endpoint;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;

/// Most models remembered at a time. Ids are bounded too, so this is a bound in bytes.
const MAX_MODELS: usize = 256;

/// The state of one model at one endpoint.
#[derive(Debug)]
pub struct ModelState {
    endpoint: Endpoint,
    id: String,
    last_used: Instant,
    pub breaker: Breaker,
    pub cooldown: Cooldown,
    pub traffic: Traffic,
    /// Of answers in one piece, and of the beginnings of streams.
    pub usual_times: [UsualTime; 2],
    /// `None` where the operator wants no limit.
    pub rate: Option<Rate>,
    /// Units of split requests that are waiting, or on their way.
    pub queued: u64,
    /// Whose turn it is among parts of split requests.
    bulk_queue: Option<Arc<AsyncMutex<()>>>,
}

/// A model's turn that a call has taken; it must be given back with what became of the call.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    spend: Option<Spend>,
    is_looking: bool,
}

/// What became of the call that had a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnEnd {
    /// Cohere has answered.
    Answered,
    /// Cohere has served it.
    Served,
    /// A 429, with the cooldown that Cohere asks for.
    Throttled { requested: Option<Duration> },
    /// It was cancelled on its way, or has no answer.
    Cancelled,
    /// Nothing has reached Cohere.
    Unsent,
}

/// Shortens rests by up to a tenth, so that environments do not all come back at once.
fn add_jitter(rests: Rests, random: f64) -> Rests {
    let share = 1.0 - random.clamp(0.0, 1.0) / 10.0;
    let [of_singles, of_parts] = [rests.of_singles, rests.of_parts].map(|rest| rest.mul_f64(share));
    Rests { of_singles, of_parts }
}

impl ModelState {
    fn new(endpoint: Endpoint, id: &str, now: Instant, source: &ModelSource) -> Self {
        let window = source.rates.window;
        Self {
            endpoint,
            id: id.to_string(),
            last_used: now,
            breaker: Breaker::new(source.breaker),
            cooldown: Cooldown::new(window),
            rate: source.find_limit(endpoint, id).map(|limit| Rate::new(limit, window, now)),
            traffic: Traffic::default(),
            usual_times: Default::default(),
            queued: 0,
            bulk_queue: None,
        }
    }

    /// Returns the units a minute that are thought to be there; `None` where the operator wants no limit.
    pub fn limit(&self) -> Option<f64> {
        self.rate.as_ref().map(Rate::limit)
    }

    /// Returns the lock of the part whose turn is next.
    pub fn bulk_queue(&mut self) -> Arc<AsyncMutex<()>> {
        Arc::clone(self.bulk_queue.get_or_insert_default())
    }

    /// Returns how long a split request waits for the last of its parts, behind those that are waiting.
    pub fn estimate_wait(&mut self, units: u64, largest_part: u32, now: Instant) -> Duration {
        let rest = self.cooldown.time_left(true, now);
        let Some(rate) = &mut self.rate else { return rest };
        rest.max(rate.estimate_wait(units, largest_part, self.queued, now))
    }

    /// Takes the turn for a call.
    ///
    /// # Errors
    /// The model rests, or its rate has no room.
    pub fn take_turn(&mut self, cost: RateCost, now: Instant) -> Result<Turn, Resting> {
        let is_looking = self.cooldown.admit(cost.is_bulk, now)?;
        let Some(rate) = &mut self.rate else { return Ok(Turn { spend: None, is_looking }) };
        match rate.spend(cost, now) {
            Ok(spend) => Ok(Turn { spend: Some(spend), is_looking }),
            Err(wait) => {
                if is_looking {
                    self.cooldown.stop_looking();
                }
                Err(Resting::For(wait))
            }
        }
    }

    /// Gives a turn back; `random` lies in 0..1.
    pub fn end_turn(&mut self, turn: Turn, end: TurnEnd, random: f64, now: Instant) {
        let Turn { spend, is_looking } = turn;
        match end {
            TurnEnd::Throttled { requested } => {
                let rests = match (&mut self.rate, spend) {
                    (Some(rate), Some(spend)) => rate.record_throttle(spend, now),
                    _ => self.cooldown.shortest(),
                };
                self.cooldown.record_throttle(requested, add_jitter(rests, random), now);
                return;
            }
            TurnEnd::Answered | TurnEnd::Served => self.cooldown.record_answer(),
            TurnEnd::Cancelled | TurnEnd::Unsent if is_looking => self.cooldown.stop_looking(),
            TurnEnd::Cancelled | TurnEnd::Unsent => {}
        }
        let (Some(rate), Some(spend)) = (&mut self.rate, spend) else { return };
        match end {
            TurnEnd::Served => rate.record_success(spend, now),
            TurnEnd::Unsent => rate.give_back(spend),
            TurnEnd::Answered | TurnEnd::Cancelled | TurnEnd::Throttled { .. } => {
                rate.record_end(spend);
            }
        }
    }

    /// Tells whether nothing is lost when it is forgotten.
    fn is_idle(&self, now: Instant) -> bool {
        let is_rate_untroubled = self.rate.as_ref().is_none_or(|rate| rate.is_untroubled(now));
        self.breaker.is_untroubled() && self.cooldown.is_untroubled(now) && is_rate_untroubled
    }
}

/// What a new model starts with.
#[derive(Clone, Debug)]
pub struct ModelSource {
    pub breaker: BreakerConfig,
    pub rates: RatesConfig,
    /// Returns Cohere's published limit of a model: inputs of embed or calls of chat and rerank a minute.
    pub published_rate: fn(Endpoint, &str) -> u32,
}

impl ModelSource {
    fn find_limit(&self, endpoint: Endpoint, id: &str) -> Option<RateLimit> {
        match self.rates.find_rate(endpoint, id) {
            Some(0) => None,
            Some(units) => Some(RateLimit::Ceiling(units)),
            None => Some(RateLimit::Published((self.published_rate)(endpoint, id))),
        }
    }
}

/// The states of all models, looked through one by one: there are few, and most ids differ in length.
#[derive(Debug)]
pub struct ModelStates {
    source: ModelSource,
    models: Vec<ModelState>,
    /// Serves a model for which there is no place, and is new each time.
    unremembered: Option<ModelState>,
}

impl ModelStates {
    pub fn new(source: ModelSource) -> Self {
        Self { source, models: Vec::new(), unremembered: None }
    }

    fn position(&self, endpoint: Endpoint, id: &str) -> Option<usize> {
        self.models.iter().position(|model| model.id == id && model.endpoint == endpoint)
    }

    /// Returns what is remembered of a model, if anything.
    pub fn find(&self, endpoint: Endpoint, id: &str) -> Option<&ModelState> {
        self.position(endpoint, id).map(|position| &self.models[position])
    }

    /// Tells whether one call of a model has to look before others are made: the breaker admits nothing but
    /// a probe, or the last answer was a 429.
    pub fn needs_probe(&self, endpoint: Endpoint, id: &str) -> bool {
        match self.find(endpoint, id) {
            Some(model) => {
                model.breaker.state() != BreakerState::Closed || model.cooldown.is_throttled()
            }
            None => false,
        }
    }

    /// Returns the state of a model, which is remembered from now on if there is a place for it.
    pub fn use_model(&mut self, endpoint: Endpoint, id: &str, now: Instant) -> &mut ModelState {
        let position = match self.position(endpoint, id) {
            Some(position) => position,
            None => {
                let model = ModelState::new(endpoint, id, now, &self.source);
                if !self.make_place(now) {
                    return self.unremembered.insert(model);
                }
                self.models.push(model);
                self.models.len() - 1
            }
        };
        let model = &mut self.models[position];
        model.last_used = now;
        model
    }

    /// Makes sure that there is a place for one more model; `false` where no model may be forgotten.
    fn make_place(&mut self, now: Instant) -> bool {
        if self.models.len() < MAX_MODELS {
            return true;
        }
        let idle = self.models.iter().enumerate().filter(|(_, model)| model.is_idle(now));
        let Some((oldest, _)) = idle.min_by_key(|(_, model)| model.last_used) else { return false };
        self.models.swap_remove(oldest);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use crate::config::Config;

    /// States of models of which Cohere publishes 1 000 units a minute.
    fn new_states() -> ModelStates {
        let breaker = BreakerConfig { failures: 5, open_for: Duration::from_secs(60) };
        let rates = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap().rates;
        ModelStates::new(ModelSource { breaker, rates, published_rate: |_, _| 1_000 })
    }

    fn throttle(states: &mut ModelStates, id: &str, requested: Duration, now: Instant) {
        let model = states.use_model(Endpoint::Chat, id, now);
        let turn = model.take_turn(RateCost::ONE, now).unwrap();
        let end = TurnEnd::Throttled { requested: Some(requested) };
        model.end_turn(turn, end, 0.5, now);
    }

    fn fail_once(states: &mut ModelStates, id: &str, now: Instant) {
        let breaker = &mut states.use_model(Endpoint::Chat, id, now).breaker;
        let permit = breaker.admit(now).unwrap();
        breaker.record_failure(permit, now, 0.5);
    }

    #[test]
    fn strangers_ids_forget_neither_failures_nor_cooldowns() {
        let (mut states, start) = (new_states(), now());
        fail_once(&mut states, "failing", start);
        let minute = Duration::from_secs(60);
        throttle(&mut states, "throttled", minute, start);
        for number in 0..10 * MAX_MODELS {
            states.use_model(Endpoint::Chat, &format!("made-up-{number}"), start);
            assert!(states.models.len() <= MAX_MODELS);
        }
        assert!(!states.find(Endpoint::Chat, "failing").unwrap().breaker.is_untroubled());
        let throttled = states.find(Endpoint::Chat, "throttled").unwrap();
        assert_eq!(throttled.cooldown.time_left(true, start), minute);
    }

    #[test]
    fn least_recently_used_model_is_forgotten_first() {
        let (mut states, start) = (new_states(), now());
        let at = |number: usize| start + Duration::from_millis(number as u64);
        for number in 0..MAX_MODELS {
            states.use_model(Endpoint::Chat, &number.to_string(), at(number));
        }
        states.use_model(Endpoint::Chat, "0", at(MAX_MODELS));
        states.use_model(Endpoint::Chat, "new", at(MAX_MODELS + 1));
        assert!(
            states.find(Endpoint::Chat, "0").is_some()
                && states.find(Endpoint::Chat, "1").is_none()
        );
    }

    #[test]
    fn newcomer_among_failing_models_is_served_unremembered() {
        let (mut states, now) = (new_states(), now());
        for number in 0..MAX_MODELS {
            fail_once(&mut states, &number.to_string(), now);
        }
        for _ in 0..10 {
            fail_once(&mut states, "new", now);
        }
        assert!(states.find(Endpoint::Chat, "new").is_none());
        assert!(states.use_model(Endpoint::Chat, "new", now).breaker.admit(now).is_ok());
        assert!(states.models.iter().all(|model| !model.breaker.is_untroubled()));
    }

    #[test]
    fn model_needs_a_probe_until_its_breaker_closes() {
        let (mut states, start) = (new_states(), now());
        let needs_probe = |states: &ModelStates, id| states.needs_probe(Endpoint::Chat, id);
        assert!(!needs_probe(&states, "m"), "nothing is known of it");
        for failures in 1..=5 {
            fail_once(&mut states, "m", start);
            assert_eq!(needs_probe(&states, "m"), failures == 5, "{failures}");
        }
        let breaker = &mut states.use_model(Endpoint::Chat, "m", start).breaker;
        let later = start + Duration::from_secs(90);
        let permit = breaker.admit(later).unwrap();
        breaker.record_success(permit, None);
        assert!(!needs_probe(&states, "m"));
    }

    #[test]
    fn same_id_at_two_endpoints_is_two_models() {
        let (mut states, now) = (new_states(), now());
        fail_once(&mut states, "m", now);
        assert!(states.use_model(Endpoint::Embed, "m", now).breaker.is_untroubled());
    }
}
