//! What the lines of the functions have told: requests, breakers, sums and the state of the alarms.

use super::alarm_clock::{AlarmClock, ShownAlarm};
use super::requests::{EndedRequest, Sums};
use crate::output::LineHandler;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many of the newest requests are shown.
const SHOWN_REQUESTS: usize = 14;
/// The seconds of the chart, and of what is counted as the last minute.
pub const CHART_SECONDS: usize = 90;
/// Without a viewer for so long, alarms begin anew: they were not evaluated meanwhile.
const UNWATCHED_LIMIT: Duration = Duration::from_secs(20);

/// Reads every line; clones share what was read.
#[derive(Clone, Default)]
pub struct Watcher(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    requests: VecDeque<EndedRequest>,
    sums: Sums,
    breakers: BTreeMap<(String, String), BreakerChange>,
    rates: BTreeMap<(String, String), Value>,
    seconds: VecDeque<Second>,
    calls: VecDeque<Call>,
    alarms: Option<AlarmClock>,
}

/// The last that was told of a breaker; each environment has one of its own.
#[derive(Clone)]
pub struct BreakerChange {
    pub from: String,
    pub to: String,
    pub at: Instant,
}

/// What ended within one second.
#[derive(Clone, Copy)]
pub struct Second {
    pub at: Instant,
    pub served: u32,
    pub fell_back: u32,
    pub failed: u32,
}

/// What a request took of its model's rate, and how long it waited for its turn.
struct Call {
    at: Instant,
    endpoint: String,
    model: String,
    units: u64,
    was_throttled: bool,
    waited_ms: u64,
}

/// What a model was asked for in the last minute.
#[derive(Clone, Default)]
pub struct ModelUse {
    pub units: u64,
    pub throttled: u64,
    pub longest_wait_ms: u64,
}

/// A copy for a picture of now.
pub struct Snapshot {
    pub requests: Vec<EndedRequest>,
    pub sums: Sums,
    pub breakers: Vec<((String, String), BreakerChange)>,
    pub rates: BTreeMap<(String, String), Value>,
    pub uses: BTreeMap<(String, String), ModelUse>,
    pub seconds: Vec<Second>,
    pub alarms: Vec<ShownAlarm>,
}

impl Watcher {
    /// Returns what is to be called with each line.
    pub fn line_handler(&self) -> LineHandler {
        let seen = self.0.clone();
        Arc::new(move |writer: &str, line: &str| lock(&seen).read_line(writer, line))
    }

    /// Evaluates the alarms up to now; starts them with the first viewer.
    pub fn advance_alarms(&self) {
        let mut seen = lock(&self.0);
        if seen.alarms.as_ref().is_none_or(|alarms| alarms.idle_time() > UNWATCHED_LIMIT) {
            seen.alarms = AlarmClock::start().ok();
        }
        if let Some(alarms) = &mut seen.alarms {
            alarms.advance();
        }
    }

    pub fn take_snapshot(&self) -> Snapshot {
        let mut seen = lock(&self.0);
        seen.forget_old();
        let alarms = seen.alarms.as_ref().map(|alarms| alarms.alarms().to_vec());
        Snapshot {
            requests: seen.requests.iter().cloned().collect(),
            sums: seen.sums.clone(),
            breakers: seen.breakers.clone().into_iter().collect(),
            rates: seen.rates.clone(),
            uses: seen.sum_uses(),
            seconds: seen.seconds.iter().copied().collect(),
            alarms: alarms.unwrap_or_default(),
        }
    }
}

impl Seen {
    fn read_line(&mut self, writer: &str, line: &str) {
        if let Some(alarms) = &mut self.alarms {
            alarms.record_line(writer, line);
        }
        if !line.contains("\"event\":\"") {
            return;
        }
        let Ok(fields) = serde_json::from_str::<Value>(line) else { return };
        match fields["event"].as_str().unwrap_or_default() {
            "request_ended" | "request_refused" => self.add_request(&fields),
            "breaker_changed" => {
                let change = BreakerChange {
                    from: text_of(&fields, "from"),
                    to: text_of(&fields, "to"),
                    at: Instant::now(),
                };
                let model = text_of(&fields, "model");
                self.breakers.insert((writer.to_owned(), model), change);
            }
            "rate_lowered" => {
                let place = (writer.to_owned(), text_of(&fields, "model"));
                self.rates.insert(place, fields["per_minute"].clone());
            }
            _ => {}
        }
    }

    fn add_request(&mut self, fields: &Value) {
        self.forget_old();
        let request = EndedRequest::read(fields);
        self.sums.add(&request, fields);
        let now = Instant::now();
        if self.seconds.back().is_none_or(|second| now - second.at >= Duration::from_secs(1)) {
            self.seconds.push_back(Second { at: now, served: 0, fell_back: 0, failed: 0 });
        }
        if let Some(second) = self.seconds.back_mut() {
            match (request.has_failed(), request.fell_back_from.is_empty()) {
                (true, _) => second.failed += 1,
                (false, false) => second.fell_back += 1,
                (false, true) => second.served += 1,
            }
        }
        self.calls.push_back(Call {
            at: now,
            endpoint: request.endpoint.clone(),
            model: request.model.clone(),
            units: count_units(&request.endpoint, fields),
            was_throttled: fields["upstream_status"] == 429,
            waited_ms: fields["waiting_ms"].as_u64().unwrap_or_default(),
        });
        self.requests.push_front(request);
        self.requests.truncate(SHOWN_REQUESTS);
    }

    fn forget_old(&mut self) {
        let limit = Duration::from_secs(CHART_SECONDS as u64);
        while self.seconds.front().is_some_and(|second| second.at.elapsed() > limit) {
            self.seconds.pop_front();
        }
        while self.calls.front().is_some_and(|call| call.at.elapsed() > Duration::from_secs(60)) {
            self.calls.pop_front();
        }
    }

    fn sum_uses(&self) -> BTreeMap<(String, String), ModelUse> {
        let mut uses: BTreeMap<_, ModelUse> = BTreeMap::new();
        for call in self.calls.iter().filter(|call| !call.model.is_empty()) {
            let place = uses.entry((call.endpoint.clone(), call.model.clone())).or_default();
            place.units += call.units;
            place.throttled += u64::from(call.was_throttled);
            place.longest_wait_ms = place.longest_wait_ms.max(call.waited_ms);
        }
        uses
    }
}

/// What a request took of a rate: inputs that Cohere was asked for, of embed; else calls.
fn count_units(endpoint: &str, fields: &Value) -> u64 {
    let name = if endpoint == "embed" { "cache_misses" } else { "attempts" };
    fields[name].as_u64().unwrap_or(1)
}

pub(super) fn text_of(fields: &Value, name: &str) -> String {
    fields[name].as_str().unwrap_or_default().to_owned()
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    // What a line has told is only shown; a half-read one does no harm.
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
