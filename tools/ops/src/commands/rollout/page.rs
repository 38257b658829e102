//! A look at a rollout as people read it, and as programs do.

use super::look::{FunctionLook, Look};
use super::verdict::{FiredGates, RUNBOOK, Verdict, explain};
use crate::output::{WIDTH, wrap, write_table};
use serde_json::{Value, json};
use shared::clock::since_epoch;

/// Writes the functions as a table.
pub fn write_functions(look: &Look) -> String {
    if look.functions.is_empty() {
        return String::new();
    }
    let rows = look.functions.iter().map(|function| {
        vec![
            function.folder.clone(),
            tell_versions(function),
            tell_share(function),
            tell_state(function),
            tell_age(function),
            tell_steps(function),
            tell_gates(function),
        ]
    });
    let titles = ["FUNCTION", "VERSIONS", "NEW", "STATE", "SINCE", "STEPS", "GATES"];
    write_table(&titles, rows)
}

/// Writes what changed of a function, in a line.
pub fn write_line(function: &FunctionLook) -> String {
    format!(
        "{} {}: {} of the callers, {}; steps: {}; gates: {}",
        function.folder,
        tell_versions(function),
        tell_share(function),
        tell_state(function),
        tell_steps(function),
        tell_gates(function)
    )
}

fn tell_versions(function: &FunctionLook) -> String {
    let known =
        |version: &str| if version.is_empty() { "?".to_string() } else { version.to_string() };
    format!("{} -> {}", known(&function.target.old), known(&function.target.new))
}

fn tell_share(function: &FunctionLook) -> String {
    format!("{:.0} %", function.new_share * 100.0)
}

fn tell_state(function: &FunctionLook) -> String {
    match &function.rollback {
        Some(rollback) => format!("{}, back: {}", function.deployment.status, rollback.status),
        None => function.deployment.status.clone(),
    }
}

/// How long it took, or has taken so far.
fn tell_age(function: &FunctionLook) -> String {
    let end = function.deployment.ended.unwrap_or_else(since_epoch);
    let seconds = end.saturating_sub(function.deployment.created).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        _ => format!("{} min", seconds / 60),
    }
}

/// Tells the steps that have begun: the hook before, the shift itself, the hook after.
fn tell_steps(function: &FunctionLook) -> String {
    let begun = function.target.steps.iter().filter(|(_, state)| state != "Pending");
    let steps: Vec<_> = begun.map(|(step, state)| tell_step(step, state)).collect();
    if steps.is_empty() { "-".to_string() } else { steps.join(", ") }
}

fn tell_step(step: &str, state: &str) -> String {
    let step = match step {
        "BeforeAllowTraffic" => "before",
        "AllowTraffic" => "shift",
        "AfterAllowTraffic" => "after",
        other => other,
    };
    match state {
        "Succeeded" => format!("{step} ok"),
        "InProgress" => format!("{step} runs"),
        other => format!("{step} {other}"),
    }
}

/// Counts the gates, and names those that are not OK.
fn tell_gates(function: &FunctionLook) -> String {
    let mut told = Vec::new();
    let named = |wanted: &str| {
        let of_state = function.gates.iter().filter(|(_, state)| state == wanted);
        of_state.map(|(name, _)| shorten_gate(name)).collect::<Vec<_>>()
    };
    let fine = named("OK").len();
    if fine > 0 {
        told.push(format!("{fine} OK"));
    }
    for (state, word) in [("ALARM", "ALARM"), ("INSUFFICIENT_DATA", "no data"), ("", "gone")] {
        let names = named(state);
        match (state, names.len()) {
            (_, 0) => {}
            ("ALARM", _) => told.push(format!("{word} {}", names.join(" and "))),
            (_, count) => told.push(format!("{count} {word}")),
        }
    }
    if told.is_empty() { "-".to_string() } else { told.join(", ") }
}

/// Returns which gate of its function an alarm is: `it-ChatGateErrors-5` is `Errors`.
fn shorten_gate(name: &str) -> &str {
    let Some((_, gate)) = name.rsplit_once("Gate") else { return name };
    gate.split('-').next().unwrap_or(gate)
}

/// Says what it came to, and what is to be looked at.
pub fn write_verdict(look: &Look, verdict: Verdict, fired: &FiredGates, stack: &str) -> String {
    let mut told = match verdict {
        Verdict::UnderWay => format!("Under way; the stack is in {}.", look.stack_status),
        Verdict::Succeeded if look.functions.iter().any(|one| one.new_share < 1.0) => {
            format!(
                "Succeeded, and aliases were moved since: ops releases --stack {stack} tells what is live."
            )
        }
        Verdict::Succeeded => "Succeeded: all callers meet the new versions.".to_string(),
        Verdict::None => "No alias was moved gradually.".to_string(),
        Verdict::TakenBack => {
            let functions = look.functions.iter();
            let causes: Vec<_> = functions.filter_map(|one| explain(one, fired)).collect();
            let causes = match causes.is_empty() {
                true => format!("no rollout failed, and the stack is in {}", look.stack_status),
                false => causes.join("; "),
            };
            format!("Taken back: {causes}. What to do: {RUNBOOK}.")
        }
    };
    if look.stack_status == "UPDATE_ROLLBACK_FAILED" {
        told += &format!(
            " CloudFormation could not put the stack back: ops rollback --stack {stack} leads the aliases back."
        );
    }
    wrap(&told, WIDTH).join("\n") + "\n"
}

/// The look for programs.
pub fn describe(look: &Look, verdict: Verdict, fired: &FiredGates) -> Value {
    let functions: Vec<_> =
        look.functions.iter().map(|one| describe_function(one, fired)).collect();
    let runbook = if verdict == Verdict::TakenBack { Some(RUNBOOK) } else { None };
    json!({
        "verdict": verdict.as_str(),
        "stack_status": look.stack_status,
        "since": look.since,
        "functions": functions,
        "runbook": runbook,
    })
}

fn describe_function(function: &FunctionLook, fired: &FiredGates) -> Value {
    let pairs = |pairs: &[(String, String)]| -> Vec<Value> {
        pairs.iter().map(|(name, state)| json!({ "name": name, "state": state })).collect()
    };
    json!({
        "function": function.folder,
        "deployment": function.deployment.id,
        "state": function.deployment.status,
        "old_version": function.target.old,
        "new_version": function.target.new,
        "new_share": function.new_share,
        "rollback": function.rollback.as_ref().map(|one| one.status.as_str()),
        "cause": explain(function, fired),
        "fired_gates": fired.list_of(&function.folder),
        "steps": pairs(&function.target.steps),
        "gates": pairs(&function.gates),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gate_is_named_without_function_and_version() {
        assert_eq!(shorten_gate("cohere-gateway-prod-ChatGateErrors-12"), "Errors");
        assert_eq!(shorten_gate("odd"), "odd");
    }
}
