//! One request, many calls: how embed and rerank are split, and how their answers become one.
//!
//! Answers are joined by the positions that `wire` has found in them: no number is parsed but the
//! scores that rerank sorts by, and large pieces go into the answer without being copied.

mod caller_index;
mod chunks;
pub mod embed;
mod joinable;
pub mod rerank;
mod surroundings;
mod template;

pub use caller_index::with_caller_indices;
pub use template::{AnswerTemplate, read_usage};

use bytes::Bytes;
use std::fmt;

/// One call of a split request. Its body is written when the call is made, since all of them together
/// may be many times as large as the request.
#[derive(Clone, Debug, PartialEq)]
pub struct SubRequest {
    /// Which of the batch's elements it holds, in this order.
    pub elements: Vec<usize>,
    /// It is the request itself, as it was.
    pub is_whole: bool,
}

/// A request that has been taken apart.
pub trait Batch: Sync {
    /// Writes the body that Cohere gets for a sub-request.
    fn write_body(&self, sub_request: &SubRequest) -> Bytes;

    /// Returns the caller's index of the first input that is this element.
    fn first_input(&self, element: usize) -> usize;

    /// Says which inputs a sub-request is about, where it is not about all.
    fn describe(&self, sub_request: &SubRequest) -> Option<String>;
}

/// Positions of inputs, as a caller counts them: `3, 96-191`, long lists cut.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Positions(Vec<usize>);

impl Positions {
    pub fn new(mut positions: Vec<usize>) -> Self {
        positions.sort_unstable();
        Self(positions)
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_RUNS: usize = 8;
        let runs = self.0.chunk_by(|one, next| one + 1 == *next);
        for (number, run) in runs.enumerate() {
            if number == MOST_RUNS {
                return f.write_str(", …");
            }
            f.write_str(if number > 0 { ", " } else { "" })?;
            match run {
                [only] => write!(f, "{only}")?,
                [first, .., last] => write!(f, "{first}-{last}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_shown_as_runs() {
        assert_eq!(Positions::new(vec![5, 3, 4, 9]).to_string(), "3-5, 9");
        assert_eq!(
            Positions::new((0..40).step_by(2).collect()).to_string(),
            "0, 2, 4, 6, 8, 10, 12, 14, …"
        );
    }
}
