//! What is remembered of each model: its breaker and its cooldown, for a bounded number of models.
//!
//! Scope: environment. Callers may send any id, so the least recently used model goes when there are too
//! many, but never one with failures or a cooldown: made-up ids must not wipe out what protects real
//! ones. Where none can go, the newcomer is served without being remembered. There is no clock here:
//! callers pass `now`.

use super::breaker::{Breaker, BreakerState};
use super::cooldown::Cooldown;
use super::ramp::CallRate;
use super::usual_time::UsualTime;
use crate::clock::Instant;
use crate::config::BreakerConfig;
use crate::endpoint::Endpoint;

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
    pub rate: CallRate,
    /// Of answers in one piece, and of the beginnings of streams.
    pub usual_times: [UsualTime; 2],
}

impl ModelState {
    fn new(endpoint: Endpoint, id: &str, now: Instant, config: BreakerConfig) -> Self {
        Self {
            endpoint,
            id: id.to_string(),
            last_used: now,
            breaker: Breaker::new(config),
            cooldown: Cooldown::default(),
            rate: CallRate::default(),
            usual_times: Default::default(),
        }
    }

    /// Tells whether nothing is lost when it is forgotten.
    fn is_idle(&self, now: Instant) -> bool {
        self.breaker.is_untroubled() && self.cooldown.is_untroubled(now)
    }
}

/// The states of all models, looked through one by one: there are few, and most ids differ in length.
#[derive(Debug)]
pub struct ModelStates {
    config: BreakerConfig,
    models: Vec<ModelState>,
    /// Serves a model for which there is no place, and is new each time.
    unremembered: Option<ModelState>,
}

impl ModelStates {
    pub fn new(config: BreakerConfig) -> Self {
        Self { config, models: Vec::new(), unremembered: None }
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
                let model = ModelState::new(endpoint, id, now, self.config);
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
    use std::time::Duration;

    const CONFIG: BreakerConfig = BreakerConfig { failures: 5, open_for: Duration::from_secs(60) };

    fn fail_once(states: &mut ModelStates, id: &str, now: Instant) {
        let breaker = &mut states.use_model(Endpoint::Chat, id, now).breaker;
        let permit = breaker.admit(now).unwrap();
        breaker.record_failure(permit, now, 0.5);
    }

    #[test]
    fn strangers_ids_forget_neither_failures_nor_cooldowns() {
        let (mut states, start) = (ModelStates::new(CONFIG), now());
        fail_once(&mut states, "failing", start);
        let minute = Duration::from_secs(60);
        let cooldown = &mut states.use_model(Endpoint::Chat, "throttled", start).cooldown;
        cooldown.record_throttle(Some(minute), start);
        for number in 0..10 * MAX_MODELS {
            states.use_model(Endpoint::Chat, &format!("made-up-{number}"), start);
            assert!(states.models.len() <= MAX_MODELS);
        }
        assert!(!states.find(Endpoint::Chat, "failing").unwrap().breaker.is_untroubled());
        let throttled = states.find(Endpoint::Chat, "throttled").unwrap();
        assert_eq!(throttled.cooldown.time_left(start), minute);
    }

    #[test]
    fn least_recently_used_model_is_forgotten_first() {
        let (mut states, start) = (ModelStates::new(CONFIG), now());
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
        let (mut states, now) = (ModelStates::new(CONFIG), now());
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
        let (mut states, start) = (ModelStates::new(CONFIG), now());
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
        let (mut states, now) = (ModelStates::new(CONFIG), now());
        fail_once(&mut states, "m", now);
        assert!(states.use_model(Endpoint::Embed, "m", now).breaker.is_untroubled());
    }
}
