//! `cargo run -- rehearse`: goes through deliveries one after another, and says which did not end as they must.

use crate::build::target_directory;
use crate::rehearsal::{
    Outcome, Scenario, all_scenarios, build_binaries, print_line, print_summary, rehearse,
    write_page,
};
use anyhow::{Context, ensure};
use clap::Args;
use std::time::Duration;

/// Rehearses deliveries: two versions behind the alias, callers, gates and CodeDeploy's part
#[derive(Args)]
pub(super) struct Rehearse {
    /// A scenario instead of all of them; may be repeated, and `list` lists them
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// How often each scenario is gone through
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// How long a minute of the rehearsal really takes
    #[arg(long, value_name = "N", default_value_t = 1500, value_parser = clap::value_parser!(u64).range(200..=60_000))]
    minute_ms: u64,
}

/// Goes through the scenarios that were asked for.
pub(super) async fn run_rehearsal(arguments: Rehearse) -> anyhow::Result<()> {
    let known = all_scenarios();
    if arguments.scenarios.iter().any(|name| name == "list") {
        for scenario in &known {
            print_line(&format!("{:<20} {}", scenario.name, scenario.story));
        }
        return Ok(());
    }
    let chosen = choose_scenarios(known, &arguments.scenarios)?;
    build_binaries()?;
    let minute = Duration::from_millis(arguments.minute_ms);
    let mut outcomes = Vec::new();
    for scenario in &chosen {
        for _ in 0..arguments.runs {
            print_line(&format!("\n{}: {}", scenario.name, scenario.story));
            let rehearsed = rehearse(scenario, minute, false).await;
            outcomes.push(rehearsed.with_context(|| scenario.name)?);
        }
    }
    let page = target_directory().join("rehearsal.html");
    std::fs::write(&page, write_page(&outcomes)?)?;
    print_line(&format!("\nplots: {}", page.canonicalize()?.display()));
    print_summary(&outcomes);
    let has_failed = |outcome: &&Outcome| !outcome.problems.is_empty();
    let failed = outcomes.iter().filter(has_failed).count();
    ensure!(failed == 0, "{failed} of {} did not end as they must", outcomes.len());
    Ok(())
}

fn choose_scenarios(known: Vec<Scenario>, names: &[String]) -> anyhow::Result<Vec<Scenario>> {
    if names.is_empty() {
        return Ok(known);
    }
    let find = |name: &String| {
        let found = known.iter().find(|scenario| scenario.name == name).cloned();
        found.with_context(|| format!("there is no scenario {name}: see --scenario list"))
    };
    names.iter().map(find).collect()
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
        assert!(choose(&["helthy"]).unwrap_err().to_string().contains("helthy"));
    }
}
