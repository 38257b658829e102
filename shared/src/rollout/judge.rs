//! Whether a new version has answered worse than the live one to the same call.
//!
//! A new version may say more, never less. Cohere's failures are nobody's, and where only the new version has
//! met one, they are counted by the gates that count failures, not here.

use super::answer::{Ending, FunctionAnswer, Outcome};
use super::paths::find_loss;

/// What a pair of outcomes says of the new version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    Agrees,
    /// It fails, or lacks something that the live one has.
    Worse(String),
    /// As before, but what a model answers differs from call to call: a repetition tells.
    Doubtful(String),
    /// It failed for a reason that lies outside of it, where the live one did not.
    OnlyNewFailed(String),
    /// Nothing can be said: the live one has met such a failure, or nobody ran.
    NotComparable(String),
}

/// Judges one pair; `is_of_a_model` says that the answers are a model's words.
pub(super) fn judge_pair(live: &Outcome, new: &Outcome, is_of_a_model: bool) -> Judgement {
    match (live, new) {
        (Outcome::Crashed(_), _) => Judgement::Agrees,
        (Outcome::Unknown(why), _) => Judgement::NotComparable(why.clone()),
        (_, Outcome::Crashed(kind)) => {
            Judgement::Worse(format!("it crashes {kind}").trim_end().to_string())
        }
        (_, Outcome::Unknown(why)) => Judgement::OnlyNewFailed(why.clone()),
        (Outcome::Answered(live), Outcome::Answered(new)) => {
            judge_answers(live, new, is_of_a_model)
        }
    }
}

fn judge_answers(live: &FunctionAnswer, new: &FunctionAnswer, is_of_a_model: bool) -> Judgement {
    // Whether Cohere is well is no matter of the version that asks.
    let both_say_health = live.is_health() && new.is_health();
    if live.is_of_cohere() && (new.is_of_cohere() || new.status < 400) {
        return Judgement::NotComparable(describe(live));
    }
    if new.is_of_cohere() {
        return Judgement::OnlyNewFailed(describe(new));
    }
    if !both_say_health && (live.status, live.code) != (new.status, new.code) {
        return Judgement::Worse(format!("{}, not {}", describe(new), describe(live)));
    }
    if let Some(lost) = live.headers.difference(&new.headers).next() {
        return Judgement::Worse(format!("the header {lost} is missing"));
    }
    if both_say_health && live.status != new.status {
        return Judgement::Agrees;
    }
    if let Some(live) = &live.stream
        && live.ending == Ending::Whole
    {
        match &new.stream {
            Some(new) if new.ending == Ending::Whole && new.events == live.events => {}
            Some(new) if new.ending == Ending::Whole => {
                return Judgement::Doubtful("the events of its stream are others".to_string());
            }
            _ => return Judgement::Worse("its stream breaks off".to_string()),
        }
    }
    match find_loss(&live.paths, &new.paths) {
        None => Judgement::Agrees,
        Some(loss) if is_of_a_model => Judgement::Doubtful(loss),
        Some(loss) => Judgement::Worse(loss),
    }
}

fn describe(answer: &FunctionAnswer) -> String {
    if answer.is_from_fallback {
        return "another model answered".to_string();
    }
    match answer.code {
        Some(code) => format!("{} {}", answer.status, code.as_str()),
        None => format!("status {}", answer.status),
    }
}
