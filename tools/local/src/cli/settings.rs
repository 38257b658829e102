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
            bail!("--set: {}\n  docs/configuration.md has all settings", problems.join("\n  "))
        }
    }
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
    fn good_setting_takes_effect() {
        let config = check_one("GATEWAY_CONNECT_TIMEOUT_MS", "7").unwrap();
        assert_eq!(config.connect_timeout.as_millis(), 7);
    }
}
