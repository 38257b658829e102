//! `ops preflight`: whether a gateway serves its clients, by the synthetic client's token.

use crate::aws::{Session, variable};
use crate::commands::{SecretNames, open_secret, secret_name};
use crate::deploy::smoke::{Verdict, try_gateway};
use crate::deploy::synthetic_client::read_token_of;
use crate::options::Options;
use crate::output::{Report, say};
use crate::problem::Usage;
use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use shared::rollout::status_page::read_status;
use std::time::Duration;

const SECRET_ID: &str = "GATEWAY_SYNTHETIC_CLIENT_SECRET_ID";
/// Name of the secret on a laptop.
const SECRET: &str = "SyntheticClientSecret";

/// Tries a gateway as a client does, and tells what Cohere says of itself.
///
/// It reads Cohere's status page, asks for the gateway's health, and makes one tiny request of each endpoint, with the token
/// of the synthetic client. A first deployment is tried so, since no version is there that it could be compared with;
/// every later one too, after its gates. A status page that cannot be read, or has another word than those known, is
/// unknown, and no failure. A token in GATEWAY_TOKEN stands over the synthetic client's.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops preflight --stack cohere-gateway-prod
  ops preflight --url https://example.execute-api.eu-west-1.amazonaws.com/live
  ops preflight --url http://localhost:8080   # with a token in GATEWAY_TOKEN")]
pub struct Preflight {
    /// Address of the gateway; without it the stack's output ApiUrl
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Name or ARN of the secret with the synthetic client's token
    #[arg(
        long,
        value_name = "NAME_OR_ARN",
        env = SECRET_ID,
        default_value = SECRET,
        value_parser = |text: &str| secret_name(text, SECRET_ID)
    )]
    secret: String,
    /// Address of Cohere's status page
    #[arg(
        long,
        value_name = "URL",
        env = "GATEWAY_STATUS_URL",
        default_value = "https://status.cohere.com"
    )]
    status_url: String,
    /// How long to wait for an answer that may still change, such as of Cohere
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait_secs: u64,
}

impl Preflight {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let session = options.open_session().await?;
        let url = self.find_url(&session, options).await?;
        let token = match variable("GATEWAY_TOKEN") {
            Some(token) => token,
            None => self.read_token(&session, options).await?,
        };
        let status = read_status(&session.transport, self.status_url.trim_end_matches('/')).await;
        say(&format!("Cohere's status page says: {}", status.as_str()));
        let wait = Duration::from_secs(self.wait_secs);
        let tried = try_gateway(&session, url.trim_end_matches('/'), &token, false, wait).await;
        let verdict = tried.with_context(|| {
            format!("not served, while Cohere's status page says {}", status.as_str())
        })?;
        if verdict == Verdict::KeyMissing {
            bail!("the gateway has no Cohere key: ops key stage < key.txt");
        }
        let data = json!({ "gateway": verdict.as_str(), "cohere_status_page": status.as_str() });
        Ok(Report::new(
            "health, chat, embed, rerank and pass-through are served\n".to_string(),
            data,
        ))
    }

    async fn read_token(&self, session: &Session, options: &Options) -> anyhow::Result<String> {
        let names =
            SecretNames { variable: SECRET_ID, local: SECRET, output: "SyntheticClientSecretArn" };
        let secret = open_secret(session, options, &self.secret, &names).await?;
        let token = read_token_of(&secret).await?;
        let none = "there is no synthetic client yet: ops deploy makes it, or name a client's token by GATEWAY_TOKEN";
        token.context(none)
    }

    async fn find_url(&self, session: &Session, options: &Options) -> anyhow::Result<String> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        let stack = options.find_stack(session).await?;
        let stack = stack.ok_or_else(|| Usage("--url or --stack is needed".to_string()))?;
        let url = stack.outputs.get("ApiUrl").context("the stack has no output ApiUrl")?;
        Ok(url.clone())
    }
}
