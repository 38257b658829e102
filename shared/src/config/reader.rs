//! Checks every setting that is there, whoever reads it, and then hands out values or defaults.

use super::aws_endpoints::{find_endpoint_problems, find_secrets_url};
use super::setting::Setting;
use super::vars::Vars;
use super::{ConfigError, docs};
use std::collections::BTreeMap;
use std::time::Duration;

/// Set by Lambda: the number of the published version, or `$LATEST`.
const FUNCTION_VERSION: &str = "AWS_LAMBDA_FUNCTION_VERSION";

/// The settings of this process, and every problem found in them.
pub(super) struct Reader {
    values: BTreeMap<String, String>,
    /// Where Secrets Manager is, unless it is where the region says.
    secrets_url: Option<String>,
    function_version: Option<String>,
    problems: Vec<String>,
}

impl Reader {
    pub(super) fn new(vars: &impl Vars) -> Self {
        let mut values: BTreeMap<_, _> = vars.all_vars().into_iter().collect();
        let mut problems = find_endpoint_problems(&values);
        let secrets_url = find_secrets_url(&values);
        let function_version = values.get(FUNCTION_VERSION).cloned();
        values.retain(|name, _| name.starts_with("GATEWAY_"));
        problems.extend(values.iter().filter_map(|(name, value)| find_problem(name, value)));
        Self { values, secrets_url, function_version, problems }
    }

    /// Returns what was read, unless there is a problem.
    pub(super) fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(config) } else { Err(ConfigError(self.problems)) }
    }

    /// Reads a text; one without a default is required.
    pub(super) fn read_text(&mut self, setting: &Setting) -> String {
        if let Some(value) = self.find_value(setting) {
            return value.to_string();
        }
        self.problems.push(format!("{} is not set: {}", setting.name, setting.about));
        String::new()
    }

    /// Returns where Secrets Manager is, unless it is where the region says.
    pub(super) fn read_secrets_url(&self) -> Option<String> {
        self.secrets_url.clone()
    }

    /// Returns the function's version on Lambda, where this runs there.
    pub(super) fn read_function_version(&self) -> String {
        self.function_version.clone().unwrap_or_default()
    }

    /// Tells whether a setting that takes one of several words has this one.
    pub(super) fn is_word(&self, setting: &Setting, word: &str) -> bool {
        self.find_value(setting) == Some(word)
    }

    pub(super) fn read_number(&self, setting: &Setting) -> Option<u64> {
        self.find_value(setting)?.parse().ok()
    }

    pub(super) fn read_count(&self, setting: &Setting) -> usize {
        self.read_number(setting).unwrap_or_default() as usize
    }

    pub(super) fn read_millis(&self, setting: &Setting) -> Duration {
        Duration::from_millis(self.read_number(setting).unwrap_or_default())
    }

    pub(super) fn read_secs(&self, setting: &Setting) -> Duration {
        Duration::from_secs(self.read_number(setting).unwrap_or_default())
    }

    pub(super) fn find_value(&self, setting: &Setting) -> Option<&str> {
        debug_assert!(
            docs::find_setting(setting.name).is_some(),
            "not documented: {}",
            setting.name
        );
        self.values.get(setting.name).map(String::as_str).or(setting.accepts.default)
    }
}

/// Says what is wrong with a variable: an unknown name, or a value its setting does not take.
fn find_problem(name: &str, value: &str) -> Option<String> {
    match docs::find_setting(name) {
        Some(setting) => setting.find_problem(value),
        None => Some(format!("{name} is not a setting of the gateway")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn problems_are_reported_all_together_with_name_value_and_range() {
        let vars = [
            ("GATEWAY_CHAT_TOTAL_TIMEOUT_MS", "soon"),
            ("GATEWAY_RETRY_AFTER_MAX_SECS", "0"),
            ("GATEWAY_UPSTREAM_URL", "http://example.com"),
            ("GATEWAY_CHAT_MDOEL", "x"),
            ("AWS_ENDPOINT_URL", "http://example.com"),
            ("PATH", "/bin"),
        ];
        let ConfigError(problems) = Config::from_vars(&vars).unwrap_err();
        assert_eq!(
            problems,
            [
                "AWS_ENDPOINT_URL: https://… is required, or http://… on loopback, without a user",
                "GATEWAY_CHAT_MDOEL is not a setting of the gateway",
                "GATEWAY_CHAT_TOTAL_TIMEOUT_MS is \"soon\": \
                 a whole number from 100 to 900000 is required",
                "GATEWAY_RETRY_AFTER_MAX_SECS is \"0\": a whole number from 1 to 60 is required",
                "GATEWAY_UPSTREAM_URL is \"http://example.com\": \
                 https://… is required, or http://… on loopback, without a user",
                "GATEWAY_SECRET_ID is not set: Name or ARN of the secret with the Cohere key. \
                 Required but for the authorizer.",
            ]
        );
    }

    #[test]
    fn bad_value_is_shown_without_a_password_and_not_at_length() {
        let long = "x".repeat(10_000);
        for (value, shown) in
            [("http://user:word@example.com", "…@example.com"), (&long, &long[..100])]
        {
            let problem = find_problem("GATEWAY_UPSTREAM_URL", value).unwrap();
            assert!(problem.contains(&format!("is {shown:?}: ")), "{problem}");
        }
    }
}
