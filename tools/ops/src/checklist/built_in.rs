//! What no operator can set wrongly: constants of the build, each with the test that proves it. Never a pass.

use super::check::{Check, Outcome, Severity, Verdict};

/// A constant: id, what holds, and the test that proves it.
pub const BUILT_IN: &[(&str, &str, &str)] = &[
    ("built_in.retries", "At most 3 attempts, with full jitter", "faults_end_as_the_table_says"),
    ("built_in.budget", "Retries cannot storm", "full_budget_pays_nine_retries_and_a_fallback"),
    ("built_in.breaker", "Five failures open a breaker", "five_failures_in_a_row_open_it"),
    (
        "built_in.retry_after",
        "Retry-After is 5 s at most",
        "retry_after_is_whole_seconds_and_bounded",
    ),
    ("built_in.batches", "Embed goes in calls of 96", "embed_request_is_split_joined_and_cached"),
    (
        "built_in.max_tokens",
        "max_tokens is always sent",
        "max_tokens_is_always_sent_and_the_callers_wins",
    ),
    (
        "built_in.embedding_types",
        "embedding_types is always sent",
        "embedding_types_are_always_sent",
    ),
    (
        "built_in.keep_alive",
        "A dead connection is replaced",
        "connection_closed_while_idle_is_replaced_by_one",
    ),
    (
        "built_in.redaction",
        "Keys, tokens and texts reach no log",
        "marks_reach_no_log_or_answer_at_trace",
    ),
    ("built_in.headers", "Headers pass only if listed", "headers_pass_only_if_listed"),
];

/// Returns them as lines.
pub fn list_built_in() -> impl Iterator<Item = Check> {
    BUILT_IN.iter().map(|(id, title, test)| Check {
        id,
        title,
        severity: Severity::P2,
        verdict: Verdict {
            outcome: Outcome::BuiltIn,
            reason: format!("built in; test {test}"),
            command: None,
        },
    })
}
