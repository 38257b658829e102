//! Where AWS is, by the SDK's own variables: set on a laptop and in tests, never on AWS.

use super::http::is_accepted_url;
use std::collections::BTreeMap;

/// What the names of these variables begin with; after it comes the name of a service, or nothing.
pub const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
/// The one of Secrets Manager.
const OF_SECRETS_MANAGER: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
/// What these variables take: keys travel there.
pub const REQUIRED: &str = "https://… is required, or http://… on loopback, without a user";

/// Says which of these variables lead where no key may go. Their values are not repeated.
pub fn find_endpoint_problems(vars: &BTreeMap<String, String>) -> Vec<String> {
    let endpoints = vars.iter().filter(|(name, _)| name.starts_with(ENDPOINT_URL));
    let bad = endpoints.filter(|(_, url)| !is_accepted_url(url));
    bad.map(|(name, _)| format!("{name}: {REQUIRED}")).collect()
}

/// Returns where Secrets Manager is, unless it is where the region says.
pub(super) fn find_secrets_url(vars: &BTreeMap<String, String>) -> Option<String> {
    vars.get(OF_SECRETS_MANAGER).or_else(|| vars.get(ENDPOINT_URL)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_endpoint_of_aws_is_on_loopback() {
        let problems = |url: &str| {
            let vars = [(OF_SECRETS_MANAGER, url), ("AWS_REGION", "http://example.com")];
            find_endpoint_problems(&vars.map(|(name, value)| (name.into(), value.into())).into())
        };
        for fine in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "https://x"] {
            assert_eq!(problems(fine), [""; 0], "{fine}");
        }
        for bad in [
            "",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "localhost:9",
            "ftp://x",
            "https://user:word@x",
        ] {
            assert_eq!(problems(bad), [format!("{OF_SECRETS_MANAGER}: {REQUIRED}")], "{bad}");
        }
    }

    #[test]
    fn service_s_own_endpoint_comes_first() {
        let vars = [(ENDPOINT_URL, "http://[::1]:1"), (OF_SECRETS_MANAGER, "http://[::1]:2")];
        let mut vars: BTreeMap<_, _> = vars.map(|(name, url)| (name.into(), url.into())).into();
        assert_eq!(find_secrets_url(&vars).as_deref(), Some("http://[::1]:2"));
        vars.remove(OF_SECRETS_MANAGER);
        assert_eq!(find_secrets_url(&vars).as_deref(), Some("http://[::1]:1"));
        vars.clear();
        assert_eq!(find_secrets_url(&vars), None);
    }
}
