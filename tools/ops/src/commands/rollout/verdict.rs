//! What a rollout came to, and what stopped it.

use super::look::{FunctionLook, Look};
use crate::deploy::code_deploy::Deployment;
use std::collections::{BTreeMap, BTreeSet};

/// Where each gate has its line.
pub const RUNBOOK: &str = "docs/runbooks/rollout-taken-back.md";

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    UnderWay,
    Succeeded,
    TakenBack,
    /// The stack has never been updated, or its last update moved no alias gradually.
    None,
}

impl Verdict {
    /// Judges by the deployments, and by the stack where it was taken back for another reason.
    pub fn of(look: &Look) -> Self {
        if look.is_under_way() {
            return Verdict::UnderWay;
        }
        let is_back = |look: &FunctionLook| look.deployment.is_taken_back();
        let status = look.stack_status.as_str();
        if look.functions.iter().any(is_back)
            || status.contains("ROLLBACK")
            || status.ends_with("FAILED")
        {
            return Verdict::TakenBack;
        }
        if look.functions.is_empty() { Verdict::None } else { Verdict::Succeeded }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::UnderWay => "under_way",
            Verdict::Succeeded => "succeeded",
            Verdict::TakenBack => "taken_back",
            Verdict::None => "none",
        }
    }
}

/// The gates by function that were in ALARM while somebody looked: CloudFormation deletes them with the version.
#[derive(Debug, Default)]
pub struct FiredGates(BTreeMap<String, BTreeSet<String>>);

impl FiredGates {
    /// Notes what a look shows, and what CodeDeploy says of it.
    pub fn note(&mut self, look: &Look) {
        for function in &look.functions {
            let raised = function.gates.iter().filter(|(_, state)| state == "ALARM");
            let mut names: BTreeSet<_> = raised.map(|(name, _)| name.clone()).collect();
            names.extend(read_alarms(&function.deployment.problem));
            self.0.entry(function.folder.clone()).or_default().extend(names);
        }
    }

    /// Returns those of a function.
    pub fn list_of(&self, folder: &str) -> Vec<&str> {
        self.0.get(folder).into_iter().flatten().map(String::as_str).collect()
    }
}

/// Returns the alarms that CodeDeploy names: `Activated alarms: <one> <other>`.
fn read_alarms(problem: &str) -> Vec<String> {
    let Some((_, names)) = problem.split_once("alarms: ") else { return Vec::new() };
    let names = names.split(['<', '>']).map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_string).collect()
}

/// Says why a function was taken back: its gates, else its hook, else what CodeDeploy says.
pub fn explain(look: &FunctionLook, fired: &FiredGates) -> Option<String> {
    let Deployment { status, problem, .. } = &look.deployment;
    if !look.deployment.is_taken_back() {
        return None;
    }
    let gates = fired.list_of(&look.folder);
    let failed = look.target.steps.iter().find(|(_, state)| state == "Failed");
    Some(match failed {
        _ if !gates.is_empty() => {
            format!("{}: the gate {} fired", look.folder, gates.join(" and "))
        }
        Some((step, _)) => format!("{}: the hook of {step} failed", look.folder),
        None if problem.is_empty() => format!("{}: {status}", look.folder),
        None => format!("{}: {status}: {problem}", look.folder),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_read_from_the_words_of_code_deploy() {
        let problem = "One or more alarms have been activated according to the metrics you selected. \
                       Activated alarms: <it-ChatGateErrors-5> <it-ChatGateCrashes-5>";
        assert_eq!(read_alarms(problem), ["it-ChatGateErrors-5", "it-ChatGateCrashes-5"]);
        assert_eq!(read_alarms("The deployment was stopped by a user"), [""; 0]);
    }

    #[test]
    fn stack_that_was_taken_back_is_no_success() {
        let function = |status: &str| {
            let deployment = Deployment { status: status.into(), ..Deployment::default() };
            FunctionLook { deployment, ..FunctionLook::default() }
        };
        let judge = |stack: &str, functions: &[&str]| {
            let functions = functions.iter().map(|status| function(status)).collect();
            Verdict::of(&Look { stack_status: stack.into(), functions, ..Look::default() })
        };
        let done = ["Succeeded", "Succeeded"];
        assert_eq!(judge("UPDATE_COMPLETE", &done), Verdict::Succeeded);
        assert_eq!(judge("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", &done), Verdict::Succeeded);
        assert_eq!(judge("UPDATE_IN_PROGRESS", &done), Verdict::UnderWay, "others may follow");
        assert_eq!(judge("UPDATE_COMPLETE", &["InProgress"]), Verdict::UnderWay);
        assert_eq!(judge("UPDATE_ROLLBACK_COMPLETE", &done), Verdict::TakenBack);
        assert_eq!(judge("UPDATE_ROLLBACK_FAILED", &[]), Verdict::TakenBack);
        assert_eq!(judge("UPDATE_COMPLETE", &["Succeeded", "Stopped"]), Verdict::TakenBack);
        assert_eq!(judge("UPDATE_ROLLBACK_IN_PROGRESS", &["Stopped"]), Verdict::UnderWay);
        assert_eq!(judge("UPDATE_COMPLETE", &[]), Verdict::None);
    }
}
