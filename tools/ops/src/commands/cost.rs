//! `ops cost`: what Cohere bills, by model, client and day, against the budget.

use crate::checklist::BUDGET;
use crate::deploy::stack::Stack;
use crate::log_query::query_logs;
use crate::options::{Options, require_stack};
use crate::output::{Report, say, write_table};
use crate::problem::Usage;
use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Sums up what one row of the answer is about.
const QUERY: &str = "filter event = \"request_ended\" \
    | stats sum(CostMicroUsd) as micro, sum(input_tokens) as input, sum(output_tokens) as output, \
    sum(search_units) as searches, sum(UnpricedModel) as unpriced, count(*) as requests \
    by datefloor(@timestamp, 1d) as day, client, model";
const MICRO: f64 = 1_000_000.0;

/// Sums up tokens and money from the requests' log lines.
///
/// One query of CloudWatch Logs Insights over the log groups of the requests, at $0.005 for each GB that it reads (a
/// request has about 2 KB); what it has read is told. Money is what Cohere bills at the prices of this release and of
/// the stack's parameter Prices. A model without a price costs nothing here and is told.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops cost --stack cohere-gateway-prod
  ops cost --stack cohere-gateway-prod --days 30 --by client
  ops cost --stack cohere-gateway-prod --json   # every day, client and model")]
pub struct Cost {
    /// How many days back
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=365))]
    days: u64,
    /// What a line of the table is
    #[arg(long, value_enum, default_value_t = By::Model)]
    by: By,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Day,
    Client,
    Model,
}

/// What was used and billed.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    micro: f64,
    input: f64,
    output: f64,
    searches: f64,
    unpriced: f64,
    requests: f64,
}

impl Cost {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let Some(name) = &options.stack else {
            return Err(Usage("which stack? --stack NAME".to_string()).into());
        };
        let session = options.open_session().await?;
        let stack = require_stack(&session, name).await?;
        let groups = stack.outputs.get("RequestLogGroups");
        let groups = groups.context("the stack has no output RequestLogGroups")?;
        let groups: Vec<_> = groups.split(' ').filter(|group| !group.is_empty()).collect();
        let found = query_logs(&session, &groups, self.days, QUERY).await?;
        say(&found.tell_cost());
        let (mut sums, mut total, mut days) =
            (BTreeMap::<String, Sum>::new(), Sum::default(), BTreeMap::<String, Sum>::new());
        for row in &found.rows {
            let sum = Sum::read(row);
            let name = |field: &str| row.get(field).map(String::as_str).unwrap_or("-").to_string();
            let day: String = name("day").chars().take(10).collect();
            let key = match self.by {
                By::Day => day.clone(),
                By::Client => name("client"),
                By::Model => name("model"),
            };
            sums.entry(key).or_default().add(sum);
            days.entry(day).or_default().add(sum);
            total.add(sum);
        }
        let budget = find_budget(&stack);
        tell_budget(budget, &days);
        if total.unpriced > 0.0 {
            say(&format!(
                "warning: {} requests have something without a price: give it one by the parameter Prices",
                total.unpriced
            ));
        }
        let mut rows: Vec<_> = sums.into_iter().collect();
        rows.sort_by(|(_, one), (_, other)| other.micro.total_cmp(&one.micro));
        rows.push(("in all".to_string(), total));
        let titles = [self.title(), "USD", "REQUESTS", "INPUT", "OUTPUT", "SEARCHES"];
        let text = write_table(&titles, rows.into_iter().map(|(name, sum)| sum.write_row(name)));
        let data = json!({
            "days": self.days,
            "budget_usd_per_day": budget,
            "usd": total.micro / MICRO,
            "rows": found.rows.iter().map(describe_row).collect::<Vec<_>>(),
            "query": found.describe_cost(),
        });
        Ok(Report::new(text, data))
    }

    fn title(&self) -> &'static str {
        match self.by {
            By::Day => "DAY",
            By::Client => "CLIENT",
            By::Model => "MODEL",
        }
    }
}

impl Sum {
    fn read(row: &BTreeMap<String, String>) -> Self {
        let number =
            |name: &str| row.get(name).and_then(|value| value.parse().ok()).unwrap_or_default();
        Self {
            micro: number("micro"),
            input: number("input"),
            output: number("output"),
            searches: number("searches"),
            unpriced: number("unpriced"),
            requests: number("requests"),
        }
    }

    fn add(&mut self, other: Self) {
        self.micro += other.micro;
        self.input += other.input;
        self.output += other.output;
        self.searches += other.searches;
        self.unpriced += other.unpriced;
        self.requests += other.requests;
    }

    fn write_row(&self, name: String) -> Vec<String> {
        let whole = |number: f64| format!("{number:.0}");
        let usd = format!("{:.2}", self.micro / MICRO);
        let numbers = [self.requests, self.input, self.output, self.searches].map(whole);
        [vec![name, usd], numbers.into()].concat()
    }
}

fn describe_row(row: &BTreeMap<String, String>) -> Value {
    let sum = Sum::read(row);
    let text = |name: &str| row.get(name).cloned();
    json!({
        "day": text("day").map(|day| day.chars().take(10).collect::<String>()),
        "client": text("client"),
        "model": text("model"),
        "usd": sum.micro / MICRO,
        "requests": sum.requests,
        "input_tokens": sum.input,
        "output_tokens": sum.output,
        "search_units": sum.searches,
        "unpriced_requests": sum.unpriced,
    })
}

/// Returns the budget of a day in dollars; `None` where none is set.
fn find_budget(stack: &Stack) -> Option<f64> {
    let budget = stack.parameters.get(BUDGET).and_then(|value| value.parse::<f64>().ok());
    budget.filter(|budget| *budget > 0.0)
}

fn tell_budget(budget: Option<f64>, days: &BTreeMap<String, Sum>) {
    let Some(budget) = budget else {
        say("the stack has no budget of a day");
        return;
    };
    let over: Vec<_> = days
        .iter()
        .filter(|(_, sum)| sum.micro / MICRO > budget)
        .map(|(day, sum)| format!("{day} ${:.2}", sum.micro / MICRO))
        .collect();
    match over.is_empty() {
        true => say(&format!("no day was over the budget of ${budget}")),
        false => say(&format!("over the budget of ${budget}: {}", over.join(", "))),
    }
}
