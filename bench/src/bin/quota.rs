//! Prints what comes of a quota that environments share, and draws it: `quota [FOLDER]`, else `docs`.

use bench::outage::{self, Outage, Recovery};
use bench::quota::{Kind, Played, Scene, play};
use plotters::coord::Shift;
use plotters::prelude::*;
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
const RULE: RGBColor = RGBColor(225, 229, 234);
const SIZE: (u32, u32) = (960, 420);
const QUOTA_MARKS: [&str; 2] = ["<!-- quota:start -->\n", "<!-- quota:end -->"];
const OUTAGE_MARKS: [&str; 2] = ["<!-- outage:start -->\n", "<!-- outage:end -->"];
/// Requests of one environment in a second, so that its models are busy ones.
const PER_SECOND: u32 = 4;

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "docs".to_string());
    let page = Path::new(&folder).join("quota.md");
    let text = std::fs::read_to_string(&page)?;
    let text = replace_table(&text, QUOTA_MARKS, &write_table()?)?;
    let text = replace_table(&text, OUTAGE_MARKS, &write_outages()?)?;
    std::fs::write(&page, text)?;
    std::fs::write(Path::new(&folder).join("quota.svg"), draw()?)?;
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
    let crowd = 500;
    let lines = [
        ("callers come once", RGBColor(46, 110, 180), play_outage(crowd, 0)),
        ("callers come again twice", RGBColor(214, 90, 30), play_outage(crowd, 2)),
    ];
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, (SIZE.0, SIZE.1 / 2)).into_drawing_area();
        sheet.fill(&WHITE)?;
        let title =
            "calls of 500 environments in each second, in % of a steady one; Cohere is back at 0";
        let mut chart = ChartBuilder::on(&sheet)
            .caption(title, ("sans-serif", 13))
            .margin_right(12)
            .x_label_area_size(20)
            .y_label_area_size(44)
            .build_cartesian_2d(-20.0..110.0, 0.0..150.0)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RULE)
            .y_labels(4)
            .x_label_formatter(&|second| format!("{second:.0} s"))
            .y_label_formatter(&|value| format!("{value:.0}"))
            .draw()?;
        for (label, colour, recovery) in &lines {
            let style = colour.stroke_width(2);
            let points = recovery.calls.iter().enumerate().map(|(second, calls)| {
                let share = 100.0 * f64::from(*calls) / recovery.steady();
                (second as f64 - outage::BACK_AT as f64, share)
            });
            let points: Vec<_> =
                points.filter(|(second, _)| (-20.0..110.0).contains(second)).collect();
            chart
                .draw_series([PathElement::new(points, style)])?
                .label(*label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.7))
            .label_font(("sans-serif", 11))
            .draw()?;
        sheet.present()?;
    }
    Ok(svg)
}

fn count_refused_singles(played: &Played) -> u32 {
    played.minutes.iter().map(|minute| minute.singles_refused).sum()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn draw() -> Result<String, Box<dyn Error>> {
    let played: Vec<_> = DRAWN
        .map(|(crowd, colour)| (crowd, colour, play(scene(Kind::Window, crowd, 0))))
        .into_iter()
        .collect();
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        sheet.fill(&WHITE)?;
        let panels = sheet.split_evenly((2, 1));
        draw_panel(&panels[0], "quota used in each minute, in %", 130.0, &played, |minute| {
            100.0 * f64::from(minute.served_inputs) / f64::from(PER_MINUTE)
        })?;
        draw_panel(&panels[1], "calls refused in each minute, in %", 100.0, &played, |minute| {
            100.0 * f64::from(minute.refused) / f64::from(minute.calls.max(1))
        })?;
        sheet.present()?;
    }
    Ok(svg)
}

fn draw_panel(
    panel: &Panel,
    title: &str,
    top: f64,
    played: &[(usize, RGBColor, Played)],
    read: impl Fn(&bench::quota::Minute) -> f64,
) -> Result<(), Box<dyn Error>> {
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 13))
        .margin_right(12)
        .x_label_area_size(20)
        .y_label_area_size(44)
        .build_cartesian_2d(1.0..f64::from(MINUTES), 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RULE)
        .y_labels(5)
        .x_label_formatter(&|minute| format!("{minute:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    for (crowd, colour, played) in played {
        let style = colour.stroke_width(2);
        let points = played.minutes.iter().enumerate();
        let points = points.map(|(number, minute)| (number as f64 + 1.0, read(minute)));
        let label = match crowd {
            1 => "1 environment".to_string(),
            _ => format!("{crowd} environments"),
        };
        chart
            .draw_series([PathElement::new(points.collect::<Vec<_>>(), style)])?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], style));
    }
    // The colours are the same in both.
    if title.starts_with("calls") {
        return Ok(());
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.7))
        .label_font(("sans-serif", 11))
        .draw()?;
    Ok(())
}
