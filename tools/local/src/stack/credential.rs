//! The credentials of one run.

use super::random_hex;
use crate::aws_account::REGION;

/// AWS credentials that are accepted in this run only.
pub(super) struct Credential {
    pub(super) access_key: String,
    secret_key: String,
    session_token: String,
}

impl Credential {
    pub(super) fn new_random() -> Self {
        Credential {
            access_key: format!("LOCAL{}", random_hex()[..15].to_uppercase()),
            secret_key: random_hex(),
            session_token: random_hex(),
        }
    }

    /// What a shell needs to reach the secrets; functions get the region from Lambda.
    pub(super) fn tool_variables(&self, endpoint_url: &str) -> Vec<(String, String)> {
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint_url),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", &self.access_key),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_key),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    pub(super) fn function_variables(&self) -> Vec<(String, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID".to_owned(), self.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), self.secret_key.clone()),
            ("AWS_SESSION_TOKEN".to_owned(), self.session_token.clone()),
        ]
    }
}
