//! The table of alarms in `docs/runbooks/alarms.md` is printed from the scenarios.

use super::scenarios::all_scenarios;
use super::timeline::Timeline;
use gateway_tests::source_files::ROOT;
use std::path::Path;

const START: &str = "<!-- alarms:start -->\n";
const END: &str = "<!-- alarms:end -->\n";

fn print_table() -> String {
    let timeline = Timeline::begin(&[]);
    let mut table =
        "| alarm | told by | severity | fires on | stays quiet on |\n|---|---|---|---|---|\n"
            .to_string();
    for scenario in all_scenarios() {
        let (alarm, teller) = (&scenario.alarm, timeline.teller(&scenario.alarm));
        let teller = if teller == *alarm { "itself".to_string() } else { format!("`{teller}`") };
        let severity = timeline.severity(alarm);
        table += &format!(
            "| `{alarm}` | {teller} | {severity} | {} | {} |\n",
            scenario.fires, scenario.quiet
        );
    }
    table
}

#[test]
fn table_of_alarms_is_printed_from_the_scenarios() {
    let path = Path::new(ROOT).join("docs/runbooks/alarms.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(START).expect("a start");
    let (_, after) = rest.split_once(END).expect("an end");
    let fresh = format!("{before}{START}{}{END}{after}", print_table());
    page_check::check_page(&path, &fresh);
}
