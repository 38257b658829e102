//! `ops clients add`: a new client and its first token.

use crate::api_keys::ApiKeys;
use crate::aws::Session;
use crate::client_list::{edit_in, read_from};
use crate::commands::ClientsSecret;
use crate::known_models::refuse_unknown;
use crate::options::Options;
use crate::output::{Report, say};
use crate::problem::Usage;
use crate::token::Token;
use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use shared::clock::{format_iso8601, parse_iso8601, since_epoch};
use shared::secrets::clients::{Client, ClientList, Expiry};
use shared::secrets::token::TOKEN_PREFIX;
use std::time::Duration;

/// The longest time between two readings of the list for the sake of a token that is not in it.
const KNOWN_AFTER: Duration = Duration::from_secs(30);
/// The plan of a gateway on a laptop.
pub(super) const DEFAULT_PLAN: &str = "DefaultUsagePlan";
/// Where the id of the usage plan may stand.
pub(super) const USAGE_PLAN_ID: &str = "GATEWAY_USAGE_PLAN_ID";

/// Adds a client and prints its token, once.
///
/// The token is made here from 256 random bits and stored only as its SHA-256: whoever loses it gets a new one
/// by `ops clients rotate`. It works from half a minute on, at whatever time is printed; tried earlier it may be
/// refused, and that is remembered for a minute.
///
/// The client gets an API key of its own in the stack's usage plan, because API Gateway counts rate and quota by
/// key. Without the right to make one, --shared-key adds it to those that have none: they have no limit.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops clients add search-service
  ops clients add search-service --models embed-v4.0 --not-after 2027-01-31
  ops clients add search-service --shared-key   # neither rate nor quota
  ops clients add search-service > token.txt    # the token alone

On AWS the usage plan has an id of its own, which the stack's outputs tell:
  export GATEWAY_USAGE_PLAN_ID=…   # output DefaultUsagePlanId")]
pub struct Add {
    /// Name in logs: letters, digits, '.', '_' and '-'
    #[arg(value_parser = name)]
    name: String,
    /// Models the client may use; without this all of them
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',', value_parser = model)]
    models: Option<Vec<String>>,
    /// Take models that this release does not know
    #[arg(long, requires = "models")]
    unknown_models: bool,
    /// Id of the usage plan in which the client gets an API key
    #[arg(long, value_name = "ID", env = USAGE_PLAN_ID, default_value = DEFAULT_PLAN, value_parser = plan_id)]
    usage_plan: String,
    /// Count it with all clients that have no API key of their own, without rate and quota
    #[arg(long, conflicts_with = "usage_plan_key")]
    shared_key: bool,
    /// Value of an API key that exists already, in a usage plan of the API's stage
    #[arg(long, value_name = "KEY", value_parser = usage_plan_key)]
    usage_plan_key: Option<String>,
    /// Day on which its tokens work for the last time (UTC), or a time such as 2027-01-31T12:00:00Z;
    /// they may work for up to a minute longer
    #[arg(long, value_name = "DATE", value_parser = last_moment)]
    not_after: Option<String>,
    #[command(flatten)]
    secret: ClientsSecret,
}

impl Add {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let token = Token::random()?;
        let mut client = Client {
            name: self.name.clone(),
            token_sha256: vec![token.sha256()],
            models: self.models,
            usage_plan_key: self.usage_plan_key,
            not_after: self.not_after.map(Expiry::Text),
        };
        // All of it once more, for what one value alone cannot tell: the length of all the models.
        checked(client.clone()).map_err(|problem| Usage(problem.to_string()))?;
        refuse_unknown(client.models.as_deref().unwrap_or_default(), self.unknown_models)?;
        if let Some(Expiry::Text(end)) = &client.not_after {
            lies_ahead(end, since_epoch())?;
        }
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        let keys = ApiKeys::new(&session);
        let needs_key = !self.shared_key && client.usage_plan_key.is_none();
        let mut made = None;
        if needs_key {
            // Asked first, so that no key is made for a client that cannot be added.
            ensure_new(&read_from(&store).await?, &client.name)?;
            let plan = find_usage_plan(self.usage_plan, &session, options).await?;
            let key = keys.create(&client.name, &plan).await.context(SHARED_KEY_ADVICE)?;
            client.usage_plan_key = Some(key.value.clone());
            made = Some(key);
        }
        let added = edit_in(&store, |list| {
            ensure_new(list, &client.name)?;
            list.clients.push(client.clone());
            Ok(())
        });
        if let Err(problem) = added.await {
            if let Some(key) = made {
                keys.take_back(&key).await?;
            }
            return Err(problem);
        }
        say(&format!("added {}; this token is shown only now", self.name));
        let known = format_iso8601(since_epoch() + KNOWN_AFTER);
        say(&format!(
            "it works from {known} on; tried earlier it may be refused for a minute more"
        ));
        if self.shared_key {
            say("it shares its API key with others, so that it has neither rate nor quota");
        }
        Ok(Report::of_token(&self.name, &token))
    }
}

/// What to do about a key that cannot be made.
const SHARED_KEY_ADVICE: &str =
    "nothing was added (--shared-key needs no API key, and has no limits)";

fn ensure_new(list: &ClientList, name: &str) -> anyhow::Result<()> {
    if list.clients.iter().any(|other| other.name == name) {
        bail!(
            "there is a client {name:?} already: `ops clients rotate {name}` gives it another token"
        );
    }
    Ok(())
}

/// Returns the plan that is meant: the one given, else the stack's where one is named.
pub(super) async fn find_usage_plan(
    given: String,
    session: &Session,
    options: &Options,
) -> anyhow::Result<String> {
    if given != DEFAULT_PLAN {
        return Ok(given);
    }
    let Some(mut stack) = options.find_stack(session).await? else { return Ok(given) };
    let output = stack.outputs.remove("DefaultUsagePlanId");
    output.context("the stack has no output DefaultUsagePlanId: give --usage-plan")
}

pub(super) fn plan_id(text: &str) -> anyhow::Result<String> {
    let is_id =
        (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ensure!(
        is_id && text != "None",
        "the id of a usage plan has letters and digits; the stack's outputs tell it"
    );
    Ok(text.to_string())
}

fn name(text: &str) -> anyhow::Result<String> {
    ensure!(!text.contains(TOKEN_PREFIX), "this is a token, and a name is in every log line");
    checked(Client { name: text.into(), ..valid() })?;
    Ok(text.to_string())
}

pub(super) fn model(text: &str) -> anyhow::Result<String> {
    let limits = "an id has 1 to 128 letters, digits, '.', '_', '-', ':' or '/'";
    checked(Client { models: Some(vec![text.into()]), ..valid() }).context(limits)?;
    Ok(text.to_string())
}

fn usage_plan_key(text: &str) -> anyhow::Result<String> {
    checked(Client { usage_plan_key: Some(text.into()), ..valid() })?;
    Ok(text.to_string())
}

/// A client that nothing is wrong with, to try a value of another in.
fn valid() -> Client {
    Client { name: "x".into(), token_sha256: vec!["0".repeat(64)], ..Client::default() }
}

/// Checks the models of a client by the rules of the list.
pub(super) fn check_models(models: Vec<String>) -> Result<(), Usage> {
    let client = Client { models: Some(models), ..valid() };
    checked(client).map_err(|problem| Usage(problem.to_string()))
}

/// Checks a client by the rules of the list it will stand in.
fn checked(client: Client) -> anyhow::Result<()> {
    let mut list = ClientList::default();
    list.clients.push(client);
    list.check().map_err(|problem| anyhow!(problem.trim_start_matches("clients[0]: ").to_string()))
}

/// Refuses an end that is over: the token would be dead when it is shown.
pub(super) fn lies_ahead(end: &str, now: Duration) -> Result<(), Usage> {
    match parse_iso8601(end).is_some_and(|end| end > now) {
        true => Ok(()),
        false => Err(Usage(format!(
            "--not-after is {end}, and now is {}: a later time is expected",
            format_iso8601(now)
        ))),
    }
}

/// A day lasts until its end.
pub(super) fn last_moment(text: &str) -> anyhow::Result<String> {
    let time = if text.contains('T') { text.to_string() } else { format!("{text}T23:59:59Z") };
    parse_iso8601(&time)
        .context("a day such as 2027-01-31 or a time such as 2027-01-31T12:00:00Z is expected")?;
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_expiry_is_refused() {
        let end = "1970-01-02T00:00:00Z";
        assert!(lies_ahead(end, Duration::from_secs(86_399)).is_ok());
        let problem = lies_ahead(end, Duration::from_secs(86_400)).unwrap_err().to_string();
        assert!(
            problem.contains("1970-01-02T00:00:00Z, and now is 1970-01-02T00:00:00"),
            "{problem}"
        );
    }

    #[test]
    fn expiry_day_lasts_until_its_end() {
        assert_eq!(last_moment("2027-01-31").unwrap(), "2027-01-31T23:59:59Z");
        assert_eq!(last_moment("2027-01-31T12:00:00+02:00").unwrap(), "2027-01-31T12:00:00+02:00");
        for bad in ["", "soon", "31.01.2027", "2027-13-01", "2027-01-31T", "1800-01-01"] {
            assert!(last_moment(bad).is_err(), "{bad}");
        }
    }
}
