//! How a function calls AWS by itself: region and credentials, which Lambda sets, and where two services are.

use super::aws_endpoints::ENDPOINT_URL;
use std::collections::BTreeMap;
use std::fmt;

/// What signs calls of AWS and where they go. Its secrets are not shown.
#[derive(Clone, Default)]
pub struct AwsAccess {
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
    /// Without a slash at its end, as the next one.
    pub lambda_url: String,
    pub code_deploy_url: String,
}

impl fmt::Debug for AwsAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsAccess").field("region", &self.region).finish_non_exhaustive()
    }
}

impl AwsAccess {
    /// Reads the variables of Lambda and of the SDK.
    pub(super) fn read_from(vars: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| vars.get(name).cloned();
        let region = text("AWS_REGION").unwrap_or_default();
        Self {
            access_key: text("AWS_ACCESS_KEY_ID").unwrap_or_default(),
            secret_key: text("AWS_SECRET_ACCESS_KEY").unwrap_or_default(),
            session_token: text("AWS_SESSION_TOKEN"),
            lambda_url: find_url(vars, &region, "lambda"),
            code_deploy_url: find_url(vars, &region, "codedeploy"),
            region,
        }
    }
}

/// Returns where a service is: where its own variable says, or that of all, or else the region.
fn find_url(vars: &BTreeMap<String, String>, region: &str, service: &str) -> String {
    let own = format!("{ENDPOINT_URL}_{}", service.to_ascii_uppercase());
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    match vars.get(&own).or_else(|| vars.get(ENDPOINT_URL)) {
        Some(url) => url.trim_end_matches('/').to_string(),
        None => format!("https://{service}.{region}.{domain}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> AwsAccess {
        let vars = vars.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        AwsAccess::read_from(&vars.collect())
    }

    #[test]
    fn service_is_where_its_variable_or_the_region_says() {
        let region = ("AWS_REGION", "eu-west-1");
        assert_eq!(read(&[region]).lambda_url, "https://lambda.eu-west-1.amazonaws.com");
        let china = read(&[("AWS_REGION", "cn-north-1")]);
        assert_eq!(china.code_deploy_url, "https://codedeploy.cn-north-1.amazonaws.com.cn");
        let all = ("AWS_ENDPOINT_URL", "http://[::1]:1/");
        let own = ("AWS_ENDPOINT_URL_LAMBDA", "http://[::1]:2");
        let access = read(&[region, all, own]);
        assert_eq!(
            (&*access.lambda_url, &*access.code_deploy_url),
            ("http://[::1]:2", "http://[::1]:1")
        );
    }

    #[test]
    fn credentials_are_not_shown() {
        let access = read(&[("AWS_SECRET_ACCESS_KEY", "fake-secret"), ("AWS_REGION", "r")]);
        assert_eq!(format!("{access:?}"), "AwsAccess { region: \"r\", .. }");
    }
}
