//! Prints what comes of a quota that environments share, and draws it: `quota [FOLDER]`, else `docs`.

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
const MARKS: [&str; 2] = ["<!-- quota:start -->\n", "<!-- quota:end -->"];

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "docs".to_string());
    let table = write_table()?;
    let page = Path::new(&folder).join("quota.md");
    let text = std::fs::read_to_string(&page)?;
    let (head, rest) =
        text.split_once(MARKS[0]).ok_or("docs/quota.md has no place for the table")?;
    let (_, tail) = rest.split_once(MARKS[1]).ok_or("docs/quota.md has no end of the table")?;
    std::fs::write(&page, [head, MARKS[0], &table, MARKS[1], tail].concat())?;
    std::fs::write(Path::new(&folder).join("quota.svg"), draw()?)?;
    Ok(())
}

fn scene(kind: Kind, bulk: usize, singles: usize) -> Scene {
    Scene { kind, per_minute: PER_MINUTE, bulk, singles, minutes: MINUTES, seed: 1 }
}

/// Writes a row for each crowd: both kinds of quota in each cell.
fn write_table() -> Result<String, std::fmt::Error> {
    let mut table = String::from(
        "| environments | quota used, window / bucket | calls refused after the first minute | most refused to one in a row |\n\
         |---|---|---|---|\n",
    );
    for crowd in CROWDS {
        let [window, bucket] = [Kind::Window, Kind::Bucket].map(|kind| play(scene(kind, crowd, 0)));
        writeln!(
            table,
            "| {crowd} | {} / {} | {} / {} | {} / {} |",
            percent(window.used(PER_MINUTE, 0)),
            percent(bucket.used(PER_MINUTE, 0)),
            percent(window.refused(1)),
            percent(bucket.refused(1)),
            window.most_refused_in_a_row,
            bucket.most_refused_in_a_row,
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
