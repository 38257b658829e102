//! How often a good release is taken back, and how often a bad one: printed into `docs/rollout.md`.

use super::authorizer::{self, Verdicts};
use super::release::{CALM, FAULTS, Fault, HEALTHY, WEATHERS, Weather};
use super::simulation::{Rollout, play};
use super::{LIVE, read_gates};
use gateway_tests::source_files::ROOT;

/// Rollouts of each kind on the page, and in an ordinary run, which takes a tenth of the time.
const WHOLE: u64 = 200;
const PART: u64 = 20;
/// Requests of callers a minute.
const RATES: [u64; 3] = [3, 50, 500];
const BACKGROUNDS: [f64; 4] = [0.0, 0.005, 0.02, 0.05];
/// What fails anyway while a bad release is tried.
const USUAL: f64 = 0.005;
const START: &str = "<!-- catches:start -->\n";
const END: &str = "<!-- catches:end -->\n";

/// What became of the rollouts of one kind.
struct Outcome {
    /// Share that was stopped.
    stopped: f64,
    /// Minute of the canary in which half of these were.
    minute: u64,
}

fn is_whole() -> bool {
    std::env::var_os("WHOLE_ROLLOUTS").is_some()
}

/// Plays the same rollout with different chances; `play` returns the minute in which one was stopped.
fn try_rollouts(play: impl Fn(u64) -> Option<u64>) -> Outcome {
    let seeds = if is_whole() { WHOLE } else { PART };
    let mut minutes: Vec<_> = (0..seeds).filter_map(play).collect();
    minutes.sort_unstable();
    let minute = minutes.get(minutes.len() / 2).copied().unwrap_or_default();
    Outcome { stopped: minutes.len() as f64 / seeds as f64, minute }
}

struct Row {
    name: String,
    outcomes: Vec<Outcome>,
}

fn try_row(name: String, fault: Fault, weather: Weather, background: f64) -> Row {
    let gates = read_gates("Chat", LIVE);
    let outcome = |rate| {
        let rollout = Rollout { fault, weather, rate, background };
        try_rollouts(|seed| play(&gates, &rollout, seed))
    };
    Row { name, outcomes: RATES.map(outcome).into() }
}

fn try_authorizer(verdicts: Verdicts) -> Row {
    let gates = read_gates("Authorizer", LIVE);
    let outcome = |rate| try_rollouts(|seed| authorizer::play(&gates, verdicts, rate, seed));
    Row { name: verdicts.name.to_string(), outcomes: RATES.map(outcome).into() }
}

fn print_percent(share: f64) -> String {
    format!("{} %", (share * 1_000.0).round() / 10.0)
}

fn print_table(rows: &[Row], prints_minute: bool) -> String {
    let mut table =
        "| new version | 3 requests a minute | 50 | 500 |\n|---|---|---|---|\n".to_string();
    for row in rows {
        let cells = row.outcomes.iter().map(|outcome| {
            let share = print_percent(outcome.stopped);
            match prints_minute && outcome.stopped > 0.0 {
                true => format!("{share}, minute {}", outcome.minute),
                false => share,
            }
        });
        table += &format!("| {} | {} |\n", row.name, cells.collect::<Vec<_>>().join(" | "));
    }
    table
}

const HINT: &str = "run with WHOLE_ROLLOUTS=1 UPDATE_DOCS=1";

/// Prints both tables between the marks of the page.
fn check_page(good: &[Row], bad: &[Row]) {
    let path = format!("{ROOT}/docs/rollout.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(START).expect("a start");
    let (_, tail) = rest.split_once(END).expect("an end");
    let tables = format!(
        "Good releases that are taken back:\n\n{}\nBad releases that are, with {} of all requests failing on any version, and the \
         minute of the canary in which half of them are stopped:\n\n{}",
        print_table(good, false),
        print_percent(USUAL),
        print_table(bad, true)
    );
    let fresh = format!("{head}{START}{tables}{END}{tail}");
    if !is_whole() {
        for row in good.iter().chain(bad) {
            let is_there = rest.contains(&format!("\n| {} | ", row.name));
            assert!(is_there, "docs/rollout.md has no {}: {HINT}", row.name);
        }
    } else {
        page_check::check_page_with(&path, &fresh, HINT);
    }
}

#[test]
fn good_releases_pass_and_bad_ones_are_caught() {
    let healthy = BACKGROUNDS.map(|background| {
        let name = format!("healthy, {} of all requests fail anyway", print_percent(background));
        try_row(name, HEALTHY, CALM, background)
    });
    let stormy = WEATHERS.map(|weather| try_row(weather.name.into(), HEALTHY, weather, USUAL));
    let bad = FAULTS.map(|fault| try_row(fault.name.into(), fault, CALM, USUAL));
    let bad: Vec<Row> = bad.into_iter().chain([try_authorizer(authorizer::DENYING)]).collect();
    let stranger = try_authorizer(authorizer::HEALTHY);
    let good: Vec<Row> = healthy.into_iter().chain(stormy).chain([stranger]).collect();
    check_page(&good, &bad);
    for row in &good[..2] {
        // One of twenty may be the one of a hundred.
        let most = if is_whole() { 0.01 } else { 0.05 };
        let passes = |outcome: &Outcome| outcome.stopped <= most;
        assert!(row.outcomes.iter().all(passes), "{} is taken back", row.name);
    }
    for row in bad.iter().filter(|row| !MAY_PASS.contains(&row.name.as_str())) {
        let is_caught = |outcome: &Outcome| outcome.stopped >= 0.99;
        assert!(row.outcomes.iter().all(is_caught), "what {} goes through", row.name);
    }
}

/// What is not always seen at low traffic, as the page says.
const MAY_PASS: [&str; 2] =
    ["fails 10 of 100 requests more", "is throttled on half of its requests"];
