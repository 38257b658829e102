//! `ops clients set`: which models a client may use, and until when. Its tokens stay as they are.

use super::add::{check_models, last_moment, lies_ahead, model};
use super::{BOUND, find, not_after};
use crate::client_list::edit_in;
use crate::commands::ClientsSecret;
use crate::known_models::refuse_unknown;
use crate::options::Options;
use crate::output::{Report, say};
use clap::{ArgGroup, Args};
use serde_json::json;
use shared::clock::since_epoch;
use shared::secrets::clients::Expiry;

/// Changes the models of a client, or the day on which its tokens end.
///
/// The tokens stay as they are. The authorizer keeps its list for a minute and API Gateway what the authorizer said
/// for another, so that the change is in use within two minutes. A model that this release does not know is refused,
/// since a typing error would shut the client out: see `ops models`.
#[derive(Args)]
#[command(
    group = ArgGroup::new("change").required(true).multiple(true)
        .args(["models", "all_models", "not_after", "no_end"]),
    after_help = "\
Examples:
  ops clients set search-service --models embed-v4.0,rerank-v5.0-pro
  ops clients set search-service --all-models
  ops clients set search-service --not-after 2999-01-31
  ops clients set search-service --no-end"
)]
pub struct Set {
    /// Name of the client
    name: String,
    /// Models the client may use
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',', value_parser = model, conflicts_with = "all_models")]
    models: Option<Vec<String>>,
    /// The client may use every model
    #[arg(long)]
    all_models: bool,
    /// Take models that this release does not know
    #[arg(long, requires = "models")]
    unknown_models: bool,
    /// Day on which its tokens work for the last time (UTC), or a time such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "DATE", value_parser = last_moment, conflicts_with = "no_end")]
    not_after: Option<String>,
    /// Its tokens have no end
    #[arg(long)]
    no_end: bool,
    #[command(flatten)]
    secret: ClientsSecret,
}

impl Set {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        if let Some(models) = &self.models {
            check_models(models.clone())?;
            refuse_unknown(models, self.unknown_models)?;
        }
        if let Some(end) = &self.not_after {
            lies_ahead(end, since_epoch())?;
        }
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        let client = edit_in(&store, |list| {
            let client = find(list, &self.name)?;
            if self.models.is_some() || self.all_models {
                client.models = self.models.clone();
            }
            if self.not_after.is_some() || self.no_end {
                client.not_after = self.not_after.clone().map(Expiry::Text);
            }
            Ok(client.clone())
        });
        let client = client.await?;
        let models = match &client.models {
            Some(models) => models.join(", "),
            None => "every model".to_string(),
        };
        say(&format!("{} may use {models}, {BOUND}; its end: {}", self.name, not_after(&client)));
        let end = client.not_after.as_ref().map(|_| not_after(&client));
        Ok(Report::of_data(
            json!({ "client": self.name, "models": client.models, "not_after": end }),
        ))
    }
}
