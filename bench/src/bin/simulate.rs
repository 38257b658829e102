//! Writes what comes of a quota that environments share, and of an outage, into `docs/quota.md`, and draws it: `simulate [FOLDER]`, else `docs`.

use bench::chart::{Line, Panel, RGBColor, draw_panels};
use bench::outage::{self, Outage, Recovery};
use bench::quota::{Kind, Minute, Played, Scene, play};
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

const PER_MINUTE: u32 = 2_000;
const MINUTES: u32 = 20;
const CROWDS: [usize; 8] = [1, 2, 3, 5, 10, 70, 500, 10_000];
/// Those that are drawn.
const DRAWN: [(usize, RGBColor); 4] = [
    (1, RGBColor(46, 110, 180)),
    (3, RGBColor(60, 150, 90)),
    (10, RGBColor(214, 90, 30)),
    (70, RGBColor(140, 80, 160)),
];
const QUOTA_MARKS: [&str; 2] = ["<!-- quota:start -->\n", "<!-- quota:end -->"];
const OUTAGE_MARKS: [&str; 2] = ["<!-- outage:start -->\n", "<!-- outage:end -->"];
/// Requests of one environment in a second, so that its models are busy ones.
const PER_SECOND: u32 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "docs".to_string());
    let page = Path::new(&folder).join("quota.md");
    let text = std::fs::read_to_string(&page)?;
    let text = replace_table(&text, QUOTA_MARKS, &write_table()?)?;
    let text = replace_table(&text, OUTAGE_MARKS, &write_outages()?)?;
    std::fs::write(&page, text)?;
    std::fs::write(Path::new(&folder).join("quota.svg"), draw_quota()?)?;
    std::fs::write(Path::new(&folder).join("outage.svg"), draw_outage()?)?;
    Ok(())
}

/// Puts a table between its marks.
fn replace_table(page: &str, marks: [&str; 2], table: &str) -> Result<String, String> {
    let (head, rest) = page.split_once(marks[0]).ok_or("the page has no place for a table")?;
    let (_, tail) = rest.split_once(marks[1]).ok_or("the page has no end of a table")?;
    Ok([head, marks[0], table, marks[1], tail].concat())
}

fn scene(kind: Kind, bulk: usize, singles: usize) -> Scene {
    Scene { kind, per_minute: PER_MINUTE, bulk, singles, parts: None, minutes: MINUTES, seed: 1 }
}

/// Writes a row for each crowd: both kinds of quota in each cell.
fn write_table() -> Result<String, std::fmt::Error> {
    let mut table = String::from(
        "| environments | quota used, window / bucket | calls refused after two minutes | 1 920 texts each are done after |\n\
         |---|---|---|---|\n",
    );
    for crowd in CROWDS {
        let [window, bucket] = [Kind::Window, Kind::Bucket].map(|kind| play(scene(kind, crowd, 0)));
        writeln!(
            table,
            "| {crowd} | {} / {} | {} / {} | {} / {} |",
            percent(window.used(PER_MINUTE, 0)),
            percent(bucket.used(PER_MINUTE, 0)),
            percent(window.refused(2)),
            percent(bucket.refused(2)),
            time_to_drain(Kind::Window, crowd),
            time_to_drain(Kind::Bucket, crowd),
        )?;
    }
    let [window, bucket] = [Kind::Window, Kind::Bucket].map(|kind| play(scene(kind, 3, 1)));
    writeln!(
        table,
        "\nThree of them beside an environment with a query a second: {} and {} of 1 200 queries were refused, and the\n\
         95th percentile of the others' waits is {} and {} ms.",
        count_refused_singles(&window),
        count_refused_singles(&bucket),
        window.single_wait_p95.as_millis(),
        bucket.single_wait_p95.as_millis()
    )?;
    Ok(table)
}

/// Returns how long it takes until each environment has sent 1 920 texts.
fn time_to_drain(kind: Kind, bulk: usize) -> String {
    // A crowd's takes hours, and says nothing more.
    let minutes = if bulk > 100 { 1 } else { 120 };
    let long = Scene { parts: Some(20), minutes, ..scene(kind, bulk, 0) };
    match play(long).drained {
        Some(time) => format!("{} s", time.as_secs()),
        None => "hours".to_string(),
    }
}

/// Writes a row for each crowd in an outage of ten minutes.
fn write_outages() -> Result<String, std::fmt::Error> {
    let mut table = String::from(
        "| environments | calls that failed, of those without a breaker | busiest second afterwards | the same with callers who come again |\n\
         |---|---|---|---|\n",
    );
    for crowd in CROWDS {
        let [once, again] = [0, 2].map(|retries| play_outage(crowd, retries));
        writeln!(
            table,
            "| {crowd} | {} of {} ({:.2} %) | {:.2} × a steady one | {:.2} × |",
            once.wasted,
            once.without_breaker,
            100.0 * once.wasted as f64 / once.without_breaker as f64,
            once.surge(),
            again.surge()
        )?;
    }
    Ok(table)
}

fn play_outage(environments: usize, client_retries: u32) -> Recovery {
    outage::play(Outage { environments, per_second: PER_SECOND, client_retries, seed: 1 })
}

/// Draws the calls of each second around the end of an outage.
fn draw_outage() -> Result<String, Box<dyn Error>> {
    let lines = [
        ("callers come once", RGBColor(46, 110, 180), play_outage(500, 0)),
        ("callers come again twice", RGBColor(214, 90, 30), play_outage(500, 2)),
    ];
    let x = -20.0..110.0;
    let lines = lines.map(|(label, colour, recovery)| {
        let share = |calls: &u32| 100.0 * f64::from(*calls) / recovery.steady();
        let points = recovery.calls.iter().enumerate();
        let points = points
            .map(|(second, calls)| (second as f64 - outage::BACK_AT as f64, share(calls)))
            .filter(|(second, _)| x.contains(second));
        Line { label: label.to_string(), colour, points: points.collect() }
    });
    draw_panels(&[Panel {
        title: "calls of 500 environments in each second, in % of a steady one; Cohere is back at 0",
        x: x.clone(),
        x_unit: " s",
        top: 150.0,
        lines: lines.into(),
    }])
}

fn count_refused_singles(played: &Played) -> u32 {
    played.minutes.iter().map(|minute| minute.singles_refused).sum()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Draws what each minute has used of the quota, and what was refused in it.
fn draw_quota() -> Result<String, Box<dyn Error>> {
    let played = DRAWN.map(|(crowd, colour)| {
        let label = match crowd {
            1 => "1 environment".to_string(),
            _ => format!("{crowd} environments"),
        };
        (label, colour, play(scene(Kind::Window, crowd, 0)))
    });
    let draw = |title, top, read: fn(&Minute) -> f64| {
        let lines = played.iter().map(|(label, colour, played)| {
            let points = played.minutes.iter().enumerate();
            let points = points.map(|(number, minute)| (number as f64 + 1.0, read(minute)));
            Line { label: label.clone(), colour: *colour, points: points.collect() }
        });
        let x = 1.0..f64::from(MINUTES);
        Panel { title, x, x_unit: "", top, lines: lines.collect() }
    };
    draw_panels(&[
        draw("quota used in each minute, in %", 130.0, |minute| {
            100.0 * f64::from(minute.served_inputs) / f64::from(PER_MINUTE)
        }),
        draw("calls refused in each minute, in %", 100.0, |minute| {
            100.0 * f64::from(minute.refused) / f64::from(minute.calls.max(1))
        }),
    ])
}
