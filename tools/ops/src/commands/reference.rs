//! `ops config-docs` and `ops metrics-docs`: the reference pages, as this release has them.

use crate::output::Report;
use clap::Args;
use serde_json::json;
use shared::config::docs as config;
use shared::telemetry::metrics;

/// Prints the reference of all settings, docs/configuration.md.
#[derive(Args)]
#[command(after_help = "\
Example:
  ops config-docs")]
pub struct ConfigDocs {}

/// Prints the reference of all metrics, docs/metrics.md.
#[derive(Args)]
#[command(after_help = "\
Example:
  ops metrics-docs")]
pub struct MetricsDocs {}

impl ConfigDocs {
    pub fn run(self) -> anyhow::Result<Report> {
        Ok(describe_page(config::print_markdown()))
    }
}

impl MetricsDocs {
    pub fn run(self) -> anyhow::Result<Report> {
        Ok(describe_page(metrics::print_markdown()))
    }
}

fn describe_page(page: String) -> Report {
    let data = json!({ "page": page });
    Report::new(page, data)
}
