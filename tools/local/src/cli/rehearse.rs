//! `cargo run -- rehearse`: goes through deliveries, and says which did not end as they must.

use crate::build::{build_older_commit, target_directory};
use crate::rehearsal::{
    Conditions, Outcome, Scenario, all_scenarios, build_binaries, print_end, print_line,
    print_summary, rehearse, write_page,
};
use anyhow::{Context, ensure};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeSet;
use std::time::Duration;

/// Rehearses deliveries: two versions behind the alias, callers, gates and CodeDeploy's part
#[derive(Args)]
pub(super) struct Rehearse {
    /// A scenario instead of all of them, or `good` or `bad` for all of a kind; may be repeated, and `list` lists them
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// How often each scenario is gone through, each time with other chances
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// How many go on at once; only a single one has its minutes on the terminal
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    side_by_side: u32,
    /// A commit that the live versions are built of, say of the release before, instead of this workspace
    #[arg(long, value_name = "COMMIT")]
    older: Option<String>,
    /// How long a minute of the rehearsal really takes
    #[arg(long, value_name = "N", default_value_t = 1500, value_parser = clap::value_parser!(u64).range(200..=60_000))]
    minute_ms: u64,
}

/// Goes through the scenarios that were asked for.
pub(super) async fn run_rehearsal(arguments: Rehearse) -> anyhow::Result<()> {
    let known = all_scenarios();
    if arguments.scenarios.iter().any(|name| name == "list") {
        for scenario in &known {
            print_line(&format!("{:<18} {}", scenario.name, scenario.story));
        }
        return Ok(());
    }
    let chosen = choose_scenarios(known, &arguments.scenarios)?;
    build_binaries()?;
    let conditions = arguments.prepare_conditions(&chosen)?;
    let runs = chosen.iter().flat_map(|scenario| (0..arguments.runs).map(move |_| scenario));
    let running = runs.map(|scenario| rehearse_aloud(scenario, &conditions));
    let side_by_side = arguments.side_by_side as usize;
    let outcomes: Vec<_> = stream::iter(running).buffered(side_by_side).try_collect().await?;
    let page = target_directory().join("rehearsal.html");
    std::fs::write(&page, write_page(&outcomes)?)?;
    print_line(&format!("\nplots: {}", page.canonicalize()?.display()));
    print_summary(&outcomes);
    let has_failed = |outcome: &&Outcome| !outcome.problems.is_empty();
    let failed = outcomes.iter().filter(has_failed).count();
    ensure!(failed == 0, "{failed} of {} did not end as they must", outcomes.len());
    Ok(())
}

/// Goes through a scenario, and says how it begins and ends.
async fn rehearse_aloud(scenario: &Scenario, conditions: &Conditions) -> anyhow::Result<Outcome> {
    if !conditions.is_quiet {
        print_line(&format!("\n{}: {}", scenario.name, scenario.story));
    }
    let outcome = rehearse(scenario, conditions).await.context(scenario.name)?;
    print_end(&outcome);
    Ok(outcome)
}

impl Rehearse {
    /// Builds the older versions, where some are asked for.
    fn prepare_conditions(&self, chosen: &[Scenario]) -> anyhow::Result<Conditions> {
        let functions: BTreeSet<_> =
            chosen.iter().flat_map(|scenario| scenario.functions).copied().collect();
        let functions: Vec<_> = functions.into_iter().collect();
        let older = match &self.older {
            Some(commit) => Some(build_older_commit(commit, &functions)?),
            None => None,
        };
        let minute = Duration::from_millis(self.minute_ms);
        Ok(Conditions { minute, is_quiet: self.side_by_side > 1, older, way_back: None })
    }
}

fn choose_scenarios(known: Vec<Scenario>, names: &[String]) -> anyhow::Result<Vec<Scenario>> {
    if names.is_empty() {
        return Ok(known);
    }
    let mut chosen = Vec::new();
    for name in names {
        let has_name = |scenario: &&Scenario| match name.as_str() {
            "good" => scenario.is_good(),
            "bad" => scenario.is_bad(),
            name => scenario.name == name,
        };
        let before = chosen.len();
        chosen.extend(known.iter().filter(has_name).cloned());
        ensure!(chosen.len() > before, "there is no scenario {name}: see --scenario list");
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_is_chosen_by_its_name() {
        let choose = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
            choose_scenarios(all_scenarios(), &names).map(|chosen| chosen.len())
        };
        assert_eq!(choose(&[]).unwrap(), all_scenarios().len());
        assert_eq!(choose(&["healthy", "crashing"]).unwrap(), 2);
        assert_eq!((choose(&["good"]).unwrap(), choose(&["bad"]).unwrap()), (5, 10));
        assert!(choose(&["helthy"]).unwrap_err().to_string().contains("helthy"));
    }
}
