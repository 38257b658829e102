//! The Cohere key inside its secret: the bare text, or `{"CO_API_KEY": "…"}`.

use crate::clock::since_epoch;
use crate::secrets::secrets_manager::{CURRENT, SecretsManager};
use crate::secrets::source::{Fetching, Secret, SecretSource, StoredSecret};
use crate::telemetry::metrics::{self, Metric};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use memchr::memmem;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// Where the key is read; each reading tells its version and its age.
pub struct KeySource(pub SecretsManager);

impl SecretSource for KeySource {
    fn fetch(&self) -> Fetching<'_> {
        Box::pin(async move {
            let read =
                self.0.read_version(CURRENT, None).await.map_err(|error| error.to_string())?;
            write_age(&read.id, read.created);
            Ok(StoredSecret { text: read.text, version: read.id })
        })
    }
}

/// Writes the age of a key as a metric, with its version as a field.
pub fn write_age(version: &str, created: Option<Duration>) {
    if let Some(days) = created.map(days_since) {
        let fields = serde_json::json!({ "KeyVersion": version });
        metrics::gauge_for_service(Metric::KeyAgeDays, days, fields);
    }
}

/// Returns how many days ago something was, to two digits.
pub fn days_since(created: Duration) -> f64 {
    let age = since_epoch().saturating_sub(created);
    (age.as_secs_f64() / 864.0).round() / 100.0
}

/// A shorter key would be found in any text; Cohere's have 40.
const MIN_MASKED_CHARS: usize = 8;

/// A usable key, kept as the header it is sent in.
pub struct ApiKey {
    /// `Bearer …`, marked sensitive so that no library prints it.
    pub authorization: HeaderValue,
    /// Finds the key in what Cohere sends, unless it is too short; built once, used for every event.
    finder: Option<memmem::Finder<'static>>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[derive(Deserialize)]
struct JsonSecret {
    #[serde(rename = "CO_API_KEY")]
    key: String,
}

impl ApiKey {
    /// Reads a key from a secret's text.
    ///
    /// # Errors
    /// What is wrong with the secret, without its value.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let text = secret.expose().trim();
        let from_json = match text.starts_with('{') {
            true => {
                serde_json::from_str::<JsonSecret>(text)
                    .map_err(|_| "it is JSON without a text under CO_API_KEY".to_string())?
                    .key
            }
            false => text.to_string(),
        };
        let key = from_json.trim();
        if key.is_empty() {
            return Err("it is empty".into());
        }
        if key.len() > 512 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("it holds no key: 1 to 512 visible ASCII characters are expected".into());
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| "it holds no key".to_string())?;
        authorization.set_sensitive(true);
        let finder = (key.len() >= MIN_MASKED_CHARS).then(|| memmem::Finder::new(key).into_owned());
        Ok(Self { authorization, finder })
    }

    /// Masks the key in what Cohere sent: words about a request may repeat its headers.
    pub fn mask_key(&self, sent: Bytes) -> Bytes {
        let Some(finder) = self.finder.as_ref().filter(|finder| finder.find(&sent).is_some())
        else {
            return sent;
        };
        let mut masked = BytesMut::from(&sent[..]);
        for at in finder.find_iter(&sent) {
            masked[at..at + finder.needle().len()].fill(b'*');
        }
        masked.freeze()
    }

    /// Masks the key in header values.
    pub fn mask_key_in_headers(&self, headers: &mut HeaderMap) {
        let Some(finder) = &self.finder else { return };
        for value in headers.values_mut().filter(|value| finder.find(value.as_bytes()).is_some()) {
            let masked = self.mask_key(Bytes::copy_from_slice(value.as_bytes()));
            *value =
                HeaderValue::from_maybe_shared(masked).unwrap_or(HeaderValue::from_static("*"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ApiKey, String> {
        ApiKey::parse(&Secret::new(text))
    }

    #[test]
    fn bare_key_and_json_key_are_the_same() {
        for text in [
            "fake-key",
            " fake-key\n",
            r#"{"CO_API_KEY":"fake-key"}"#,
            r#" {"CO_API_KEY":" fake-key "}"#,
        ] {
            assert_eq!(parse(text).unwrap().authorization, "Bearer fake-key");
        }
        assert!(parse(&"k".repeat(512)).is_ok());
    }

    #[test]
    fn bad_key_is_refused_without_showing_it() {
        for text in [
            "",
            " \n",
            r#"{"key":"hidden"}"#,
            r#"{"CO_API_KEY":7}"#,
            "hidden key",
            "hidden\u{e9}",
            &"h".repeat(513),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(!problem.contains("hidden"), "{problem}");
        }
    }

    #[test]
    fn age_is_told_in_days() {
        let ago = |seconds| days_since(since_epoch() - Duration::from_secs(seconds));
        assert_eq!((ago(129_600), ago(0)), (1.5, 0.0));
        assert_eq!(days_since(since_epoch() + Duration::from_secs(60)), 0.0, "clocks differ");
    }

    #[test]
    fn key_that_comes_back_is_masked() {
        let key = parse("fake-key").unwrap();
        let masked = key.mask_key(Bytes::from_static(b"fake-key: no 'Bearer fake-key', fake-ke"));
        assert_eq!(masked, "********: no 'Bearer ********', fake-ke");
        let mut headers = HeaderMap::new();
        headers.insert("x-api-warning", HeaderValue::from_static("fake-key"));
        headers.insert("num_tokens", HeaderValue::from_static("3"));
        key.mask_key_in_headers(&mut headers);
        assert_eq!(
            (&headers["x-api-warning"], &headers["num_tokens"]),
            (&"********".parse().unwrap(), &"3".parse().unwrap())
        );
    }

    #[test]
    fn key_cannot_be_printed() {
        let shown = format!("{:?} {:?}", Secret::new("fake-key"), parse("fake-key").unwrap());
        assert!(!shown.contains("fake") && shown.ends_with("ApiKey(…)"), "{shown}");
    }
}
