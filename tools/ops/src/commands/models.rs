//! `ops models`: what Cohere offers today, against what this release knows.

use crate::checklist::{OfferedModels, ask_models};
use crate::deploy::stack::list_functions;
use crate::options::{Options, require_stack};
use crate::output::{Report, say, write_table};
use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use shared::cohere::models::{Lifetime, all_ids, find_model};
use shared::cost::CATALOGUE;
use std::collections::BTreeSet;

/// The function on a laptop.
const LOCAL_PROBE: &str = "probe";

/// Compares Cohere's list of models with the catalogue and the prices of this release.
///
/// The function `probe` asks, so that the key never leaves AWS: ops has no right to read it. It lists the models and
/// chats one token. Shown are the models that need a look: new ones, those near their end or gone, and those without
/// a price.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops models --stack cohere-gateway-prod
  ops models --all      # of `cargo run`, with every model")]
pub struct Models {
    /// Show every model
    #[arg(long)]
    all: bool,
}

/// A model of Cohere's list or of the catalogue.
struct Compared {
    id: String,
    endpoint: Option<&'static str>,
    /// `new`, `offered`, `deprecated`, `retired` or `gone`.
    state: &'static str,
    replacement: Option<&'static str>,
    is_priced: bool,
}

impl Models {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let session = options.open_session().await?;
        let probe = match &options.stack {
            Some(stack) => {
                require_stack(&session, stack).await?;
                let mut functions = list_functions(&session, stack).await?;
                functions.remove("ProbeFunction").context("the stack has no ProbeFunction")?.name
            }
            None => LOCAL_PROBE.to_string(),
        };
        let offered = ask_models(&session, &probe).await?;
        let compared = compare(&offered);
        if offered.is_trial {
            say("warning: Cohere answers the gateway's key as a trial key");
        }
        let shown = compared.iter().filter(|model| self.all || model.needs_a_look());
        let rows: Vec<_> = shown.map(Compared::write_row).collect();
        let text = match rows.is_empty() {
            true => format!("all {} models are as this release knows them\n", compared.len()),
            false => write_table(&["MODEL", "FOR", "STATE", "PRICED", "INSTEAD"], rows.into_iter()),
        };
        let models: Vec<_> = compared.iter().map(Compared::describe).collect();
        Ok(Report::new(text, json!({ "is_trial": offered.is_trial, "models": models })))
    }
}

impl Compared {
    fn needs_a_look(&self) -> bool {
        match self.state {
            "offered" => !self.is_priced,
            // Known to be over, and not offered.
            "retired" => false,
            _ => true,
        }
    }

    fn write_row(&self) -> Vec<String> {
        let price = if self.is_priced { "yes" } else { "no" };
        vec![
            self.id.clone(),
            self.endpoint.unwrap_or("-").to_string(),
            self.state.to_string(),
            price.to_string(),
            self.replacement.unwrap_or("-").to_string(),
        ]
    }

    fn describe(&self) -> Value {
        json!({
            "id": self.id,
            "endpoint": self.endpoint,
            "state": self.state,
            "replacement": self.replacement,
            "is_priced": self.is_priced,
        })
    }
}

/// Compares all models that Cohere lists or the catalogue has.
fn compare(offered: &OfferedModels) -> Vec<Compared> {
    let listed = offered.models.keys().cloned();
    let ids: BTreeSet<String> = listed.chain(all_ids().map(str::to_string)).collect();
    ids.into_iter().map(|id| compare_model(id, offered)).collect()
}

fn compare_model(id: String, offered: &OfferedModels) -> Compared {
    let known = find_model(&id);
    let listed = offered.models.get(&id).copied();
    let (state, replacement) = match (known.map(|model| model.lifetime), listed) {
        (None, _) => ("new", None),
        (Some(Lifetime::Retired { replacement, .. }), None) => ("retired", Some(replacement)),
        (Some(Lifetime::Deprecated { replacement, .. }), _) => ("deprecated", Some(replacement)),
        (Some(_), Some(true)) => ("deprecated", None),
        (Some(_), Some(false)) => ("offered", None),
        (Some(Lifetime::Active), None) => ("gone", None),
    };
    let is_priced = CATALOGUE.iter().any(|(priced, _)| *priced == id);
    let endpoint = known.map(|model| model.endpoint.name());
    Compared { id, endpoint, state, replacement, is_priced }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_is_told_by_list_and_catalogue() {
        let listed = [("brand-new", false), ("embed-v4.0", false), ("command-r7b-12-2024", true)];
        let models = listed.map(|(id, is_deprecated)| (id.to_string(), is_deprecated)).into();
        let offered = OfferedModels { is_trial: false, models };
        let compared = compare(&offered);
        let find = |id: &str| {
            let found = compared.iter().find(|model| model.id == id).unwrap();
            (found.state, found.is_priced)
        };
        assert_eq!(find("brand-new"), ("new", false));
        assert_eq!(find("embed-v4.0"), ("offered", true));
        assert_eq!(find("command-r7b-12-2024"), ("deprecated", true));
        assert_eq!(find("command-r"), ("deprecated", true));
        assert_eq!(find("embed-english-v2.0"), ("retired", false));
        assert_eq!(find("rerank-v3.5"), ("gone", true));
    }
}
