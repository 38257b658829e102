//! A quota as Cohere may keep it: 429 without `Retry-After` for what is over.

use crate::scripted_cohere::{answer_well, read_inputs};
use crate::stub::{Seen, Step, Stub, write_json};
pub use bench::quota::Kind;
use bench::quota::Limiter;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Calls so far.
#[derive(Clone, Debug, Default)]
pub struct QuotaCounts {
    pub calls: usize,
    pub refused: usize,
    pub served_inputs: usize,
}

/// An upstream that answers as Cohere would, within a quota of inputs in a window.
#[derive(Clone)]
pub struct Quota {
    state: Arc<Mutex<State>>,
}

struct State {
    limiter: Limiter,
    window: Duration,
    started: Instant,
    counts: QuotaCounts,
}

impl Quota {
    /// Lets a stub keep this quota from now on.
    pub fn keep(stub: &Stub, kind: Kind, inputs: u32, window: Duration) -> Self {
        let limiter = Limiter::new(kind, inputs);
        let counts = QuotaCounts::default();
        let state = State { limiter, window, started: Instant::now(), counts };
        let quota = Self { state: Arc::new(Mutex::new(state)) };
        let keeper = quota.clone();
        stub.answer_others(move |seen| keeper.answer(seen));
        quota
    }

    pub fn counts(&self) -> QuotaCounts {
        self.state.lock().expect("no panic").counts.clone()
    }

    fn answer(&self, seen: &Seen) -> Vec<Step> {
        let inputs = if seen.path == "/v2/embed" { read_inputs(seen).len() } else { 1 };
        let is_served = self.state.lock().expect("no panic").admit(inputs);
        match is_served {
            true => answer_well(seen),
            false => {
                let text =
                    "You are past the per minute request limit, please wait and try again later.";
                write_json(429, &json!({ "id": "refused", "message": text }))
            }
        }
    }
}

impl State {
    fn admit(&mut self, inputs: usize) -> bool {
        let minutes = self.started.elapsed().as_secs_f64() / self.window.as_secs_f64();
        let is_served = self.limiter.admit(inputs as u32, minutes);
        self.counts.calls += 1;
        match is_served {
            true => self.counts.served_inputs += inputs,
            false => self.counts.refused += 1,
        }
        is_served
    }
}
