//! The API keys the sandbox accepts, and its errors for a missing or wrong one.

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;

/// An API key; trial keys get the headers that tell of their limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub value: String,
    pub trial: bool,
}

#[derive(Default)]
pub(super) struct AcceptedKeys(Vec<Key>);

impl FromIterator<Key> for AcceptedKeys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl AcceptedKeys {
    pub(super) fn accept(&mut self, key: Key) {
        self.revoke(&key.value);
        self.0.push(key);
    }

    pub(super) fn revoke(&mut self, value: &str) {
        self.0.retain(|known| known.value != value);
    }

    /// The key named by an `Authorization` header.
    pub(super) fn check_authorization(&self, authorization: Option<&str>) -> Result<Key, ApiError> {
        let given = authorization.map(str::trim).unwrap_or_default();
        let given = match given.split_once(' ') {
            Some((scheme, value)) if scheme.eq_ignore_ascii_case("bearer") => value.trim(),
            _ if given.eq_ignore_ascii_case("bearer") => "",
            _ => given,
        };
        if given.is_empty() {
            return Err(ApiError::new(401, "no api key supplied"));
        }
        match self.0.iter().find(|key| key.value == given) {
            Some(key) => Ok(key.clone()),
            None => Err(ApiError::new(401, "invalid api token")),
        }
    }
}

/// `POST /v1/check-api-key`: a request that gets here has an accepted key.
pub(super) fn check_key(_: &ReceivedRequest) -> Result<Reply, ApiError> {
    let body = r#"{"valid":true,"organization_id":"00000000-0000-4000-8000-000000000001","owner_id":"00000000-0000-4000-8000-000000000002"}"#;
    Ok(Reply::from_json(body.to_owned()))
}
