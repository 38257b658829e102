//! How fast a model may be called: a sliding minute that starts at Cohere's published limit and is learnt from there.
//!
//! Scope: environment. Cohere counts inputs of embed and calls of chat and rerank, a minute and a model at a time,
//! and refuses what is over. Whether it keeps a window or a bucket is not known; a sliding minute suits both. A second 429
//! lowers the limit to what was served of late, for others may use the same key; a minute that was fully used raises
//! it, slowly at first, since many keys have more than is published. Requests of one part are let go beyond it until
//! there was a 429: they come one after another, and show whether there is more. There is no clock here: callers pass
//! `now`.

mod ring;

use crate::clock::Instant;
use ring::Ring;
use std::time::Duration;

/// What is left of the served units after a 429, for parts of split requests.
const BULK_AFTER_THROTTLE: f64 = 0.9;
/// The same for requests of one part, and for parts a minute later.
const AFTER_THROTTLE: f64 = 0.95;
/// Most that a 429 divides the limit by: what one environment was served in a minute may say little.
const DEEPEST_CUT: f64 = 2.0;
/// A limit is never learnt down to less than this part of where it started.
const SMALLEST_SHARE: f64 = 0.05;
/// What a part that is served lets go while a limit is searched for, in parts like it.
const SEARCH_GROWTH: f64 = 1.5;
/// Share of the limit that parts leave free while requests of one part come.
const LEFT_TO_SINGLES: f64 = 0.1;
/// A limit is never learnt down to less than this part of the published one for requests of one part: an
/// environment makes them one after another, and cannot storm.
const SINGLE_FLOOR: f64 = 1.0 / 8.0;
/// Minutes of full use before the published limit is tried to be exceeded.
const FIRST_HOLD: u32 = 5;
/// The same after a 429; it doubles while the same limit is found again.
const HOLD_AFTER_THROTTLE: u32 = 4;
const LONGEST_HOLD: u32 = 32;
/// What a raise adds, as a share; it doubles with each one that is served.
const FIRST_STEP: f64 = 0.02;
const LARGEST_STEP: f64 = 0.25;
/// A further 429 below this multiple of where the last one was has found the same limit again.
const SAME_LIMIT: f64 = 1.5;

/// Where the limit of a model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// Published by Cohere, in units a minute: it is where learning starts.
    Published(u32),
    /// Set by the operator: it is never exceeded.
    Ceiling(u32),
}

/// What a call costs, and of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateCost {
    /// Inputs of embed, else 1.
    pub units: u32,
    /// It is a part of a split request.
    pub is_bulk: bool,
}

impl RateCost {
    /// A request that is one call.
    pub const ONE: Self = Self { units: 1, is_bulk: false };
}

/// What is known of the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// No 429 says otherwise.
    Unrefused,
    /// After a first 429 parts grow from one, each that is served lets more than one go: others may just have used the
    /// minute, or share it for long, which is not known yet. One part may always be under way.
    Searching { allowance: f64, since: Instant },
    /// The next 429 has told what share there is.
    Learnt,
}

/// The units of a call that was let go; it must be given back with what became of the call.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Spend {
    cost: RateCost,
    slot: u64,
    /// How often the limit had been lowered.
    period: u32,
}

/// How long a model rests after a 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rests {
    /// For requests of one part, which come one after another.
    pub of_singles: Duration,
    /// For parts, until the minute is likely to have room.
    pub of_parts: Duration,
}

/// The rate of one model.
#[derive(Debug)]
pub struct Rate {
    window: Duration,
    start: f64,
    ceiling: f64,
    limit: f64,
    stage: Stage,
    spent: Ring,
    /// Parts that have not ended.
    parts_under_way: u32,
    /// What was served in the minute before the last 429.
    refused_at: f64,
    /// The last 429 has lowered the limit to no less than this.
    floor: f64,
    period: u32,
    /// Units that a lowered limit has let grow: large parts are let go on average, not in whole windows.
    credit: f64,
    credit_at: Instant,
    hold: u32,
    step: f64,
    /// When full use raises the limit; `None` while there is room.
    raise_at: Option<Instant>,
    last_full: Instant,
    last_single: Option<Instant>,
}

impl Rate {
    /// Starts at a limit; `window` is a minute but in tests.
    pub fn new(limit: RateLimit, window: Duration, now: Instant) -> Self {
        let (start, ceiling) = match limit {
            RateLimit::Published(units) => (f64::from(units), f64::INFINITY),
            RateLimit::Ceiling(units) => (f64::from(units), f64::from(units)),
        };
        Self {
            window,
            start,
            ceiling,
            limit: start,
            stage: Stage::Unrefused,
            spent: Ring::new(window, now),
            parts_under_way: 0,
            refused_at: f64::INFINITY,
            floor: 1.0,
            period: 0,
            credit: 0.0,
            credit_at: now,
            hold: FIRST_HOLD,
            step: FIRST_STEP,
            raise_at: None,
            last_full: now,
            last_single: None,
        }
    }

    /// Returns the units a minute that are thought to be there.
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// Tells whether little is lost when it is forgotten: nothing was learnt, and little of the minute is spent.
    pub fn is_untroubled(&self, now: Instant) -> bool {
        let is_idle = self.spent.is_empty_at(now) || self.spent.used() as f64 * 10.0 < self.limit;
        self.limit == self.start && is_idle
    }

    /// Lets a call go if there is room for it.
    ///
    /// # Errors
    /// How long it has to wait at least.
    pub fn spend(&mut self, cost: RateCost, now: Instant) -> Result<Spend, Duration> {
        self.spent.advance(now);
        self.let_credit_grow(now);
        if !cost.is_bulk {
            self.last_single = Some(now);
        }
        self.end_search(now);
        let wait = self.find_wait(cost, now);
        if !wait.is_zero() {
            if self.has_long_had_room(now) {
                self.raise_at = None;
            }
            self.last_full = now;
            let hold = self.window * self.hold;
            self.raise_at.get_or_insert(now + hold);
            return Err(wait);
        }
        self.credit = (self.credit - f64::from(cost.units)).max(0.0);
        if cost.is_bulk {
            self.parts_under_way += 1;
            if let Stage::Searching { allowance, .. } = &mut self.stage {
                *allowance = (*allowance - f64::from(cost.units)).max(0.0);
            }
        }
        let slot = self.spent.add(cost.units);
        Ok(Spend { cost, slot, period: self.period })
    }

    /// Returns how long a split request waits for the last of its parts, `queued` units being before it.
    pub fn estimate_wait(
        &mut self,
        units: u64,
        largest_part: u32,
        queued: u64,
        now: Instant,
    ) -> Duration {
        self.spent.advance(now);
        self.let_credit_grow(now);
        let (units, part) = ((units + queued) as f64, f64::from(largest_part.max(1)));
        let limit = self.limit_for(RateCost { units: largest_part, is_bulk: true }, now);
        let used = self.spent.used() as f64;
        if self.is_lowered() {
            let missing = (units - self.credit).max(0.0);
            return self.window.mul_f64(missing / limit);
        }
        // What does not make a whole part is of no use to it.
        let per_window = ((limit / part).floor() * part).max(part);
        let room = (((limit - used).max(0.0) / part).floor() * part).min(per_window);
        let room = if used == 0.0 { room.max(part) } else { room };
        if units <= room {
            return Duration::ZERO;
        }
        let beyond = units - room;
        let windows = ((beyond - 1.0) / per_window).floor();
        let last = beyond - windows * per_window;
        let aged = self.spent.time_until_aged(last, now);
        self.window.mul_f64(windows) + aged.unwrap_or(self.window)
    }

    /// Records that Cohere has served a call.
    pub fn record_success(&mut self, spend: Spend, now: Instant) {
        self.land(&spend);
        self.end_search(now);
        if let Stage::Searching { allowance, .. } = &mut self.stage {
            if spend.cost.is_bulk {
                *allowance += SEARCH_GROWTH * f64::from(spend.cost.units);
            }
            return;
        }
        let served = self.spent.used() as f64;
        if !self.is_lowered() && served > self.limit {
            self.limit = served.min(self.ceiling);
        }
        let Some(raise_at) = self.raise_at else { return };
        if self.has_long_had_room(now) {
            self.raise_at = None;
        } else if now >= raise_at {
            self.raise(now);
        }
    }

    /// Whether nothing is known of the limit, since there has been room for two minutes.
    fn has_long_had_room(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_full) > self.window * 2
    }

    /// Ends a search after two minutes without a 429.
    fn end_search(&mut self, now: Instant) {
        if let Stage::Searching { since, .. } = self.stage
            && now.saturating_duration_since(since) > self.window * 2
        {
            self.stage = Stage::Unrefused;
        }
    }

    fn land(&mut self, spend: &Spend) {
        if spend.cost.is_bulk {
            self.parts_under_way = self.parts_under_way.saturating_sub(1);
        }
    }

    fn raise(&mut self, now: Instant) {
        let recovered = self.refused_at * AFTER_THROTTLE;
        if self.refused_at.is_finite() && self.limit < recovered {
            self.limit = recovered;
            self.raise_at = Some(now + self.window * self.hold);
            return;
        }
        self.limit = (self.limit * (1.0 + self.step) + 1.0).min(self.ceiling);
        self.step = (self.step * 2.0).min(LARGEST_STEP);
        self.raise_at = Some(now + self.window);
    }

    /// Records that a call has ended otherwise: what it has spent, it has spent.
    pub fn record_end(&mut self, spend: Spend) {
        self.land(&spend);
    }

    /// Records a 429, and returns how long the model is to rest where Cohere does not say.
    pub fn record_throttle(&mut self, spend: Spend, now: Instant) -> Rests {
        let cost = spend.cost;
        let period = spend.period;
        self.give_back(spend);
        self.spent.advance(now);
        let served = self.spent.used() as f64;
        let share = if cost.is_bulk { BULK_AFTER_THROTTLE } else { AFTER_THROTTLE };
        let is_searching = matches!(self.stage, Stage::Searching { .. });
        if self.stage == Stage::Unrefused || is_searching && period != self.period {
            let since = now;
            self.stage = Stage::Searching { allowance: f64::from(cost.units), since };
            if !is_searching {
                self.period = self.period.wrapping_add(1);
            }
        } else if period == self.period {
            // Several 429s of calls that were under way together are one.
            self.stage = Stage::Learnt;
            self.floor = (self.limit / DEEPEST_CUT).max(self.smallest_limit(cost));
            self.note_limit(served.max(self.floor));
            self.limit = self.limit.min(served * share).max(self.floor);
            self.period = self.period.wrapping_add(1);
        } else {
            self.refused_at = self.refused_at.min(served.max(self.floor));
            self.limit = self.limit.min((served * share).max(self.floor));
        }
        self.credit = 0.0;
        self.credit_at = now;
        self.raise_at = Some(now + self.window);
        let single = self.shortest_rest();
        let of_parts = if cost.is_bulk { self.find_wait(cost, now) } else { Duration::ZERO };
        Rests { of_singles: single, of_parts: of_parts.max(self.window / 3).max(single) }
    }

    /// Remembers where Cohere has refused, and for how long not to try it again.
    fn note_limit(&mut self, served: f64) {
        let is_same =
            served <= self.refused_at * SAME_LIMIT && served * SAME_LIMIT >= self.refused_at;
        self.hold = match is_same && self.refused_at.is_finite() {
            true => (self.hold * 2).min(LONGEST_HOLD),
            false => HOLD_AFTER_THROTTLE,
        };
        self.refused_at = served;
        self.step = FIRST_STEP;
    }

    /// Gives back what Cohere has not counted.
    pub fn give_back(&mut self, spend: Spend) {
        self.land(&spend);
        self.spent.remove(spend.slot, spend.cost.units);
    }

    /// Returns what is always tried in a minute, else a share that was lost would never be found again.
    fn smallest_limit(&self, cost: RateCost) -> f64 {
        (self.start * SMALLEST_SHARE).max(f64::from(cost.units)).min(self.ceiling)
    }

    fn is_lowered(&self) -> bool {
        self.stage == Stage::Learnt && self.limit < self.start
    }

    fn limit_for(&self, cost: RateCost, now: Instant) -> f64 {
        if !cost.is_bulk {
            // Whom Cohere has refused nothing may have more than is published.
            // Afterwards they have what parts have, and the tenth.
            let own = self.limit / (1.0 - LEFT_TO_SINGLES);
            let learnt = if self.is_lowered() { own } else { f64::INFINITY };
            return learnt.max(self.start * SINGLE_FLOOR).min(self.ceiling);
        }
        let has_singles =
            self.last_single.is_some_and(|last| now.saturating_duration_since(last) < self.window);
        if has_singles { self.limit * (1.0 - LEFT_TO_SINGLES) } else { self.limit }
    }

    fn let_credit_grow(&mut self, now: Instant) {
        let time = now.saturating_duration_since(self.credit_at);
        self.credit_at = self.credit_at.max(now);
        let grown = self.limit * time.as_secs_f64() / self.window.as_secs_f64();
        self.credit = (self.credit + grown).min(self.limit.max(self.start * SINGLE_FLOOR));
    }

    /// Returns how long a call has to wait; zero where there is room.
    fn find_wait(&self, cost: RateCost, now: Instant) -> Duration {
        let (units, used) = (f64::from(cost.units), self.spent.used() as f64);
        let limit = self.limit_for(cost, now);
        // A share that was learnt is kept on average, else a part that does not fit would waste it.
        let is_averaged = self.is_lowered();
        let asked = if is_averaged { 1.0 } else { units };
        let over = (used + asked - limit).max(used + units - self.ceiling);
        let mut wait = Duration::ZERO;
        if used > 0.0 && over > 0.0 {
            let aged = self.spent.time_until_aged(over.min(used), now);
            wait = aged.unwrap_or(self.window);
        }
        if let Stage::Searching { allowance, .. } = self.stage
            && cost.is_bulk
            && self.parts_under_way > 0
            && allowance < units
        {
            wait = wait.max(self.window / 60);
        }
        if is_averaged && cost.is_bulk {
            let enough = units.min(self.limit.max(self.start * SINGLE_FLOOR));
            let missing = (enough - self.credit).max(0.0);
            wait = wait.max(self.window.mul_f64(missing / limit));
        }
        wait
    }

    fn shortest_rest(&self) -> Duration {
        let limit = self.limit.max(self.start * SINGLE_FLOOR);
        self.window.mul_f64((1.0 / limit).min(1.0)).max(self.window / 60)
    }
}

#[cfg(test)]
mod tests;
