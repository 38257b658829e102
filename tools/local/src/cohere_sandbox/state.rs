//! What a sandbox remembers: accepted keys, planned faults, and the newest requests.

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::fault::Fault;
use crate::cohere_sandbox::keys::{AcceptedKeys, Key};
use crate::cohere_sandbox::received::ReceivedRequest;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many of the newest requests are recorded.
const RECORDED_REQUESTS_LIMIT: usize = 10_000;
/// Between stream events, so that a person sees the answer being written.
const EVENT_PAUSE: Duration = Duration::from_millis(4);

/// A running sandbox; clones share its state.
#[derive(Clone)]
pub struct CohereSandbox {
    state: Arc<Mutex<SandboxState>>,
    pub(super) event_pause: Duration,
}

/// A fault that a share of all requests meets, from 0 to 1.
struct Weather {
    fault: Fault,
    share: f64,
}

#[derive(Default)]
pub(super) struct SandboxState {
    pub(super) keys: AcceptedKeys,
    planned: VecDeque<Fault>,
    weather: Option<Weather>,
    received: VecDeque<ReceivedRequest>,
    pub(super) received_count: u64,
    /// What the status page says, in the word of its API; `none` where nothing is wrong.
    pub(super) status: Option<String>,
}

impl CohereSandbox {
    /// Creates a sandbox that accepts these keys.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let state = SandboxState { keys: keys.into_iter().collect(), ..SandboxState::default() };
        Self { state: Arc::new(Mutex::new(state)), event_pause: EVENT_PAUSE }
    }

    /// Sets the pause between the events of a stream; zero for tests.
    pub fn with_event_pause(mut self, pause: Duration) -> Self {
        self.event_pause = pause;
        self
    }

    /// Accepts one more key; one that was accepted already becomes trial or not, as given now.
    pub fn accept_key(&self, key: Key) {
        self.lock_state().keys.accept(key);
    }

    /// Refuses that key from now on.
    pub fn revoke_key(&self, value: &str) {
        self.lock_state().keys.revoke(value);
    }

    /// Lets the status page say this, such as `major`; `none` is what it says by itself.
    pub fn set_status(&self, indicator: &str) {
        self.lock_state().status = Some(indicator.to_owned());
    }

    /// Plans faults for the next API requests, one each, in order, replacing what was planned.
    pub fn plan_faults(&self, faults: Vec<Fault>) {
        self.lock_state().planned = faults.into();
    }

    /// Lets a share of the requests that ask for no fault of their own meet this one, until another is set.
    pub fn set_weather(&self, fault: Fault, share: f64) {
        self.lock_state().weather = Some(Weather { fault, share });
    }

    /// The newest requests, oldest first; those to `/_sandbox/` are not counted.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.lock_state().received.iter().cloned().collect()
    }

    pub(super) fn lock_state(&self) -> MutexGuard<'_, SandboxState> {
        // Every change is a single assignment or push, so a poisoned lock holds sound data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record_request(&self, request: ReceivedRequest) {
        let mut state = self.lock_state();
        if state.received.len() == RECORDED_REQUESTS_LIMIT {
            state.received.pop_front();
        }
        state.received.push_back(request);
        state.received_count += 1;
    }

    /// Lets no request meet a fault that it has not asked for.
    pub fn clear_weather(&self) {
        self.lock_state().weather = None;
    }

    /// Returns the fault that requests meet for now, all or a share of them.
    pub fn standing_fault(&self) -> Option<Fault> {
        self.lock_state().weather.as_ref().map(|weather| weather.fault.clone())
    }

    fn draw_weather(&self, request: &ReceivedRequest) -> Fault {
        match &self.lock_state().weather {
            Some(Weather { fault, share })
                if fault.is_met_by(request) && fastrand::f64() < *share =>
            {
                fault.clone()
            }
            Some(_) | None => Fault::default(),
        }
    }

    /// Takes the first planned fault that this request meets.
    fn take_planned(&self, request: &ReceivedRequest) -> Option<Fault> {
        let planned = &mut self.lock_state().planned;
        let place = planned.iter().position(|fault| fault.is_met_by(request))?;
        planned.remove(place)
    }

    /// The fault this request gets: a planned one, else one named by `x-client-name: fault …`, else the weather's.
    pub(super) fn fault_for(&self, request: &ReceivedRequest) -> Result<Fault, ApiError> {
        if let Some(planned) = self.take_planned(request) {
            return Ok(planned);
        }
        let wanted = request.header("x-client-name").and_then(|name| name.strip_prefix("fault "));
        let Some(wanted) = wanted else { return Ok(self.draw_weather(request)) };
        let fault: Fault = wanted
            .parse()
            .map_err(|problem| ApiError::bad_request(format!("sandbox: {problem}")))?;
        Ok(if fault.is_met_by(request) { fault } else { Fault::default() })
    }
}
