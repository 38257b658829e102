//! The settings of the command line, checked before anything is built.

use crate::{Options, Upstream};
use anyhow::bail;
use shared::config::vars::Vars;
use shared::config::{Config, ConfigError, HttpConfig};

/// Variables that a function of this run would have.
struct GivenVars(Vec<(String, String)>);

impl Vars for GivenVars {
    fn all_vars(&self) -> Vec<(String, String)> {
        self.0.clone()
    }
}

/// Finds what is wrong with the settings, and returns those of the way to Cohere.
pub fn check_settings(options: &Options) -> anyhow::Result<HttpConfig> {
    let mut vars = vec![("GATEWAY_SECRET_ID".to_owned(), "key".to_owned())];
    if let Upstream::Url { url, .. } = &options.upstream {
        vars.push(("GATEWAY_UPSTREAM_URL".to_owned(), url.clone()));
    }
    // The last one of a name is taken, as by a function.
    vars.extend(options.settings.iter().cloned());
    match Config::from_vars(&GivenVars(vars)) {
        Ok(config) => Ok(config.http),
        Err(ConfigError(problems)) => {
            bail!("{}\n  docs/configuration.md has all settings", describe_problems(&problems))
        }
    }
}

/// Names the option that each problem comes from.
fn describe_problems(problems: &[String]) -> String {
    let described =
        problems.iter().map(|problem| match problem.strip_prefix("GATEWAY_UPSTREAM_URL") {
            Some(rest) => format!("--upstream{rest}"),
            None => format!("--set: {problem}"),
        });
    described.collect::<Vec<_>>().join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, value: &str) -> Result<HttpConfig, String> {
        let settings = vec![(name.to_owned(), value.to_owned())];
        check_settings(&Options { settings, ..Options::default() }).map_err(|told| told.to_string())
    }

    #[test]
    fn bad_setting_is_told_without_a_function() {
        let told = check_one("GATEWAY_CHAT_TOTAL_TIMEOUT_MS", "soon").unwrap_err();
        let expected = "--set: GATEWAY_CHAT_TOTAL_TIMEOUT_MS is \"soon\": a whole number";
        assert!(told.starts_with(expected), "{told}");
        let told = check_one("GATEWAY_CHAT_MDOEL", "x").unwrap_err();
        assert!(told.starts_with("--set: GATEWAY_CHAT_MDOEL is not a setting"), "{told}");
    }

    #[test]
    fn bad_upstream_is_not_blamed_on_a_setting() {
        let upstream = Upstream::Url { url: "https://user:word@c".to_owned(), key: "k".to_owned() };
        let told = check_settings(&Options { upstream, ..Options::default() }).unwrap_err();
        let told = told.to_string();
        assert!(told.starts_with("--upstream is ") && !told.contains("--set"), "{told}");
    }

    #[test]
    fn good_setting_takes_effect() {
        let config = check_one("GATEWAY_CONNECT_TIMEOUT_MS", "7").unwrap();
        assert_eq!(config.connect_timeout.as_millis(), 7);
    }
}
