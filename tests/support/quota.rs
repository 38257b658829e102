//! A quota as Cohere may keep it: 429 without `Retry-After` for what is over.

use crate::scripted_cohere::{answer_well, read_inputs};
use crate::stub::{Seen, Step, Stub, write_json};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How a quota is counted: which one Cohere's is, is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaKind {
    /// Windows that follow each other.
    Window,
    /// A bucket that holds a window's inputs and is filled evenly.
    Bucket,
}

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
    kind: QuotaKind,
    inputs: f64,
    window: Duration,
    started: Instant,
    left: f64,
    at: Instant,
    counts: QuotaCounts,
}

impl Quota {
    /// Lets a stub keep this quota from now on.
    pub fn keep(stub: &Stub, kind: QuotaKind, inputs: usize, window: Duration) -> Self {
        let (started, inputs) = (Instant::now(), inputs as f64);
        let counts = QuotaCounts::default();
        let state = State { kind, inputs, window, started, left: inputs, at: started, counts };
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
        let now = Instant::now();
        let window = self.window.as_secs_f64();
        let passed = |at: Instant| (at - self.started).as_secs_f64() / window;
        match self.kind {
            // Its windows have begun before anybody came.
            QuotaKind::Window if (passed(now) + 0.4).floor() > (passed(self.at) + 0.4).floor() => {
                self.left = self.inputs;
            }
            QuotaKind::Window => {}
            QuotaKind::Bucket => {
                let grown = (passed(now) - passed(self.at)) * self.inputs;
                self.left = (self.left + grown).min(self.inputs);
            }
        }
        self.at = now;
        self.counts.calls += 1;
        let is_served = self.left >= inputs as f64;
        match is_served {
            true => {
                self.left -= inputs as f64;
                self.counts.served_inputs += inputs;
            }
            false => self.counts.refused += 1,
        }
        is_served
    }
}
