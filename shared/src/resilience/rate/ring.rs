//! What was spent in the last minute, by half seconds.

use crate::clock::Instant;
use std::time::Duration;

/// Slots of a window.
const SLOTS: u32 = 120;
/// Two more than a window has: a call is in the middle of its slot, and takes its time to Cohere.
const KEPT: usize = SLOTS as usize + 2;

/// Units by the slot in which they were spent; the oldest go as time passes.
#[derive(Debug)]
pub struct Ring {
    slot_time: Duration,
    origin: Instant,
    units: [u32; KEPT],
    /// Their sum.
    used: u64,
    /// The present slot.
    head: u64,
}

impl Ring {
    pub fn new(window: Duration, now: Instant) -> Self {
        let slot_time = (window / SLOTS).max(Duration::from_nanos(1));
        Self { slot_time, origin: now, units: [0; KEPT], used: 0, head: 0 }
    }

    /// Returns the units of the last window.
    pub fn used(&self) -> u64 {
        self.used
    }

    fn slot_at(&self, now: Instant) -> u64 {
        let time = now.saturating_duration_since(self.origin).as_nanos();
        (time / self.slot_time.as_nanos()) as u64
    }

    fn place(slot: u64) -> usize {
        (slot % KEPT as u64) as usize
    }

    /// Lets go what is older than a window.
    pub fn advance(&mut self, now: Instant) {
        let slot = self.slot_at(now).max(self.head);
        let passed = slot - self.head;
        if passed >= KEPT as u64 {
            self.units = [0; KEPT];
            self.used = 0;
        } else {
            for freed in self.head + 1..=slot {
                let place = Self::place(freed);
                self.used -= u64::from(self.units[place]);
                self.units[place] = 0;
            }
        }
        self.head = slot;
    }

    /// Adds units to the present slot, and returns it.
    pub fn add(&mut self, units: u32) -> u64 {
        let place = Self::place(self.head);
        let units = units.min(u32::MAX - self.units[place]);
        self.units[place] += units;
        self.used += u64::from(units);
        self.head
    }

    /// Takes units out of a slot, unless it is gone.
    pub fn remove(&mut self, slot: u64, units: u32) {
        if slot + KEPT as u64 <= self.head {
            return;
        }
        let units = units.min(self.units[Self::place(slot)]);
        self.units[Self::place(slot)] -= units;
        self.used -= u64::from(units);
    }

    /// Tells whether all has been let go by then.
    pub fn is_empty_at(&self, now: Instant) -> bool {
        self.used == 0 || self.slot_at(now) >= self.head + KEPT as u64
    }

    /// Returns the time until so many units have been let go; `None` where there are not as many.
    pub fn time_until_aged(&self, units: f64, now: Instant) -> Option<Duration> {
        let mut aged = 0.0;
        let oldest = (self.head + 1).saturating_sub(KEPT as u64);
        for slot in oldest..=self.head {
            aged += f64::from(self.units[Self::place(slot)]);
            if aged >= units {
                let gone = u128::from(slot + KEPT as u64) * self.slot_time.as_nanos();
                let gone = self.origin + Duration::from_nanos(gone as u64);
                return Some(gone.saturating_duration_since(now).max(self.slot_time));
            }
        }
        None
    }
}
