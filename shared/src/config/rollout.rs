//! Settings of a rollout: its driver and its hooks.

use super::aws_access::AwsAccess;
use super::http::URL;
use super::probe::read_synthetic_client;
use super::reader::Reader;
use super::setting::{Form, is_digits, number, of_form, settings, text};
use super::vars::Vars;
use super::{ConfigError, HttpConfig, SecretConfig, service};
use std::time::Duration;

/// The functions of a release with their versions.
const RELEASE: Form = Form {
    documented: "`name=function:new:live`, …; empty without any",
    required: "name=function:new:live,… is required, the last a number or empty",
    takes: |value| parse_release(value).is_some(),
};

settings! {
    /// The functions that a release changes: folder, function at Lambda, number of the new version, and that of the one that was live before, empty where there was none.
    GATEWAY_ROLLOUT_RELEASE = of_form(&RELEASE, "");
    /// Function at Lambda that is started to call both versions; `none` starts none.
    GATEWAY_ROLLOUT_DRIVER = text("none");
    /// Model of the chats of a rollout's own; it must take `tool_choice`.
    GATEWAY_ROLLOUT_CHAT_MODEL = text("command-r7b-12-2024");
    /// Model of its embeds.
    GATEWAY_ROLLOUT_EMBED_MODEL = text("embed-v4.0");
    /// Model of its reranks.
    GATEWAY_ROLLOUT_RERANK_MODEL = text("rerank-v3.5");
    /// Time from one pair of calls of a function to the next.
    GATEWAY_ROLLOUT_ROUND_MS = number(50, 6_000, "6000");
    /// How long the first minutes of a new version at all requests are watched.
    GATEWAY_ROLLOUT_WATCH_SECS = number(1, 600, "180");
    /// Status page of Cohere.
    GATEWAY_STATUS_URL = of_form(&URL, "https://status.cohere.com");
}

/// Settings of a rollout.
#[derive(Clone, Debug)]
pub struct RolloutConfig {
    pub service: String,
    /// The function's version on Lambda.
    pub version: String,
    pub http: HttpConfig,
    pub aws: AwsAccess,
    /// The secret of the synthetic client's token: `GATEWAY_SYNTHETIC_CLIENT_SECRET_ID`.
    pub token: SecretConfig,
    /// `GATEWAY_ROLLOUT_RELEASE`
    pub release: Vec<VersionPair>,
    /// `GATEWAY_ROLLOUT_DRIVER`
    pub driver: Option<String>,
    pub models: RolloutModels,
    /// `GATEWAY_ROLLOUT_ROUND_MS`
    pub round: Duration,
    /// `GATEWAY_ROLLOUT_WATCH_SECS`
    pub watch: Duration,
    /// Without a slash at its end: `GATEWAY_STATUS_URL`.
    pub status_url: String,
}

/// Models of the calls of a rollout's own.
#[derive(Clone, Debug)]
pub struct RolloutModels {
    /// `GATEWAY_ROLLOUT_CHAT_MODEL`
    pub chat: String,
    /// `GATEWAY_ROLLOUT_EMBED_MODEL`
    pub embed: String,
    /// `GATEWAY_ROLLOUT_RERANK_MODEL`
    pub rerank: String,
}

/// A function and two versions of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct VersionPair {
    /// Its folder, such as `chat`.
    pub name: String,
    /// Its name at Lambda.
    pub function: String,
    pub new: String,
    /// Empty where it is not known.
    #[serde(default)]
    pub live: String,
}

impl RolloutConfig {
    /// Reads the settings of a rollout.
    ///
    /// # Errors
    /// All problems at once, each with name, value and accepted range.
    pub fn from_vars(vars: &impl Vars) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(vars);
        let release = reader.read_text(&GATEWAY_ROLLOUT_RELEASE);
        let driver = reader.read_text(&GATEWAY_ROLLOUT_DRIVER);
        let config = Self {
            service: service::read_service(&mut reader),
            version: reader.read_function_version(),
            http: HttpConfig::read_from(&mut reader),
            aws: AwsAccess::read_from(&vars.all_vars().into_iter().collect()),
            token: read_synthetic_client(&mut reader),
            release: parse_release(&release).unwrap_or_default(),
            driver: Some(driver).filter(|driver| driver != "none"),
            models: RolloutModels {
                chat: reader.read_text(&GATEWAY_ROLLOUT_CHAT_MODEL),
                embed: reader.read_text(&GATEWAY_ROLLOUT_EMBED_MODEL),
                rerank: reader.read_text(&GATEWAY_ROLLOUT_RERANK_MODEL),
            },
            round: reader.read_millis(&GATEWAY_ROLLOUT_ROUND_MS),
            watch: reader.read_secs(&GATEWAY_ROLLOUT_WATCH_SECS),
            status_url: reader.read_text(&GATEWAY_STATUS_URL).trim_end_matches('/').to_string(),
        };
        reader.finish(config)
    }
}

fn parse_release(text: &str) -> Option<Vec<VersionPair>> {
    text.split(',').filter(|pair| !pair.is_empty()).map(parse_pair).collect()
}

fn parse_pair(text: &str) -> Option<VersionPair> {
    let (name, versions) = text.split_once('=')?;
    let mut parts = versions.split(':');
    let (function, new, live) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none() && !name.is_empty() && !function.is_empty();
    if !is_whole || !is_digits(new) || !(live.is_empty() || is_digits(live)) {
        return None;
    }
    let [name, function, new, live] = [name, function, new, live].map(str::to_string);
    Some(VersionPair { name, function, new, live })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_is_read_with_and_without_a_live_version() {
        let read = parse_release("chat=s-ChatFunction:12:11,rotate=f:1:").unwrap();
        let text = |pair: &VersionPair| {
            format!("{} {} {} {}", pair.name, pair.function, pair.new, pair.live)
        };
        let read: Vec<_> = read.iter().map(text).collect();
        assert_eq!(read, ["chat s-ChatFunction 12 11", "rotate f 1 "]);
        assert_eq!(parse_release(""), Some(Vec::new()));
        for bad in
            ["chat", "chat=f", "chat=f:1", "chat=f:x:1", "chat=f:1:y", "chat=f:1:2:3", "=f:1:"]
        {
            assert_eq!(parse_release(bad), None, "{bad}");
        }
    }
}
