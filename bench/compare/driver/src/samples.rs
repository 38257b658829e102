//! What is known of answers: how long each took, and for streams how late each event was.

use memchr::memchr;
use serde::Serialize;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const STAMP_START: u8 = b'@';
const STAMP_END: u8 = b';';

/// Microseconds, in the order of the calls.
#[derive(Default, Serialize)]
pub(crate) struct Samples {
    whole_us: Vec<f64>,
    /// Until the first event with content had come.
    first_us: Vec<f64>,
    /// How long after its sending each further event came.
    later_us: Vec<f64>,
    /// Bytes of the last answer.
    bytes: usize,
}

impl Samples {
    pub(crate) fn push(&mut self, answer: Answer) {
        self.whole_us.push(answer.whole.as_secs_f64() * 1e6);
        if let Some(first) = answer.first_event {
            self.first_us.push(first.as_secs_f64() * 1e6);
        }
        self.later_us.extend(answer.late_us);
        self.bytes = answer.bytes;
    }
}

/// One answer as it comes in.
pub(crate) struct Answer {
    began: Instant,
    pub(crate) whole: Duration,
    first_event: Option<Duration>,
    late_us: Vec<f64>,
    bytes: usize,
    /// Digits of a stamp that has begun.
    stamp: Option<String>,
}

impl Answer {
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            whole: Duration::ZERO,
            first_event: None,
            late_us: Vec::new(),
            bytes: 0,
            stamp: None,
        }
    }

    /// Looks for the stamps of events in a piece, which may begin or end within one.
    pub(crate) fn read_piece(&mut self, mut piece: &[u8]) {
        self.bytes += piece.len();
        loop {
            if self.stamp.is_none() {
                // An answer of megabytes has none: what looks for them must not be what is measured.
                let Some(start) = memchr(STAMP_START, piece) else { return };
                piece = &piece[start + 1..];
                self.stamp = Some(String::new());
            }
            let Some((byte, rest)) = piece.split_first() else { return };
            piece = rest;
            match (byte, &mut self.stamp) {
                (&STAMP_END, Some(_)) => self.note_event(),
                (digit, Some(stamp)) if digit.is_ascii_digit() => stamp.push(char::from(*digit)),
                (_, stamp) => *stamp = None,
            }
        }
    }

    fn note_event(&mut self) {
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_nanos();
        let Some(Ok(sent)) = self.stamp.take().map(|digits| digits.parse::<u128>()) else { return };
        if self.first_event.is_none() {
            self.first_event = Some(self.began.elapsed());
        } else {
            self.late_us.push(now.saturating_sub(sent) as f64 / 1e3);
        }
    }

    pub(crate) fn end(mut self) -> Self {
        self.whole = self.began.elapsed();
        self
    }
}
