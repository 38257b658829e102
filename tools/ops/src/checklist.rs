//! The go-live checklist: what is asked, what is known, and how each line is judged by it.
//!
//! Questions are asked side by side and each has its limit; judging asks nothing more.

mod alerts;
mod built_in;
mod check;
mod delivery;
mod doors;
mod facts;
mod gather;
mod key;
mod lines;
mod models;
mod page;
mod questions;
mod release;
mod routes;
mod running;

pub use alerts::BUDGET;
pub use check::Check;
pub use gather::{gather_deployed, gather_local};
pub use models::OfferedModels;
pub use page::{count, print_page};
pub use questions::ask_models;

use check::Verdict;
use facts::Facts;

/// Judges a line by what is known; the error is why nobody can tell.
type Judge = fn(&Facts) -> Result<Verdict, String>;

/// Judges every line.
pub fn judge_all(facts: &Facts) -> Vec<Check> {
    let lines = lines::LINES.iter().map(|line| Check::judge(line, facts));
    lines.chain(built_in::list_built_in()).collect()
}
