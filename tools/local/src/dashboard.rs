//! The template's dashboard as a picture, drawn from what a rehearsal has recorded.
//!
//! ```text
//! template.yaml ─ body ─► widgets ┐
//! rehearsal ─ lines ─► cloudwatch, logs_insights ─► picture: chart, table, tiles, values
//! ```
//! It shows what CloudWatch would show of the same lines, widget by widget; not how its console looks.

mod body;
mod chart;
mod picture;
mod rehearsal;
mod table;
mod tiles;

pub use body::{Graph, GraphKind, GraphLine, Widget, WidgetContent, read_body};
pub use picture::draw_dashboard;
pub use rehearsal::{Scale, rehearse};

use crate::cloudwatch::{CloudWatch, reference_values};
use crate::logs_insights::LogGroups;
use anyhow::Context;
use cloudformation::resolve_template;
use std::time::Duration;

/// What was recorded between two times.
pub struct Recording {
    pub cloudwatch: CloudWatch,
    pub logs: LogGroups,
    pub from: Duration,
    pub to: Duration,
}

/// Returns the widgets of a template's dashboard, with the names that the lines of a run have; `parameters` win over
/// the template's defaults.
pub fn read_widgets(template: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Vec<Widget>> {
    let mut names = reference_values(template)?;
    names.extend(parameters.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let resolved = resolve_template(template, names)?;
    let resources = resolved["Resources"].as_object().context("no resources")?;
    let mut all = resources.values();
    let dashboard = all.find(|resource| resource["Type"] == "AWS::CloudWatch::Dashboard");
    let body = dashboard.context("the template has no dashboard")?;
    let body = body["Properties"]["DashboardBody"].as_str();
    read_body(body.context("the body of the dashboard is no text")?)
}
