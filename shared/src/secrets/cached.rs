//! A secret kept in memory for a while, and what it was parsed into.
//!
//! Scope: environment. Past its time it is read again before use, inside the request that needs it:
//! a task in the background would be frozen with the instance. While the store fails, the old value
//! serves on. Without any value each request tries again, so a start never depends on the store.

use crate::clock::{Instant, now};
use crate::config::SecretConfig;
use crate::error::{Code, GatewayError, Result};
use crate::secrets::source::{Secret, SecretSource};
use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the old value serves after a failed read, before the next try.
const RETRY_STALE_AFTER: Duration = Duration::from_secs(10);

/// A parsed secret and the version it came from.
#[derive(Debug)]
pub struct Held<T> {
    pub value: T,
    pub version: String,
}

/// Reads, parses and keeps one secret.
pub struct CachedSecret<T> {
    source: Box<dyn SecretSource>,
    parse: fn(&Secret) -> std::result::Result<T, String>,
    config: SecretConfig,
    // Held over the read on purpose: one caller reads, the others wait for its result.
    state: Mutex<Option<(Arc<Held<T>>, Instant)>>,
    /// When a refused value last forced a read.
    forced: StdMutex<Option<Instant>>,
}

impl<T> CachedSecret<T> {
    pub fn new(
        source: Box<dyn SecretSource>,
        config: SecretConfig,
        parse: fn(&Secret) -> std::result::Result<T, String>,
    ) -> Self {
        Self { source, parse, config, state: Mutex::new(None), forced: StdMutex::new(None) }
    }

    /// Returns the value, read again where its time is over.
    ///
    /// # Errors
    /// `key_missing` with the secret's name where there has never been a usable value.
    pub async fn get(&self) -> Result<Arc<Held<T>>> {
        let mut state = self.state.lock().await;
        if let Some((held, fresh_until)) = state.as_ref()
            && now() < *fresh_until
        {
            return Ok(held.clone());
        }
        match (self.read().await, state.take()) {
            (Ok(held), _) => {
                let held = Arc::new(held);
                *state = Some((held.clone(), now() + self.config.ttl));
                Ok(held)
            }
            (Err(problem), Some((old, _))) => {
                tracing::warn!(secret = self.config.id, problem, "secret not read, the old value serves on");
                *state = Some((old.clone(), now() + RETRY_STALE_AFTER.min(self.config.ttl)));
                Ok(old)
            }
            (Err(problem), None) => {
                tracing::error!(secret = self.config.id, problem, "secret not read, there is no value");
                Err(self.missing(&problem))
            }
        }
    }

    /// Returns another value than the refused one, read anew where the one in memory is the refused one.
    ///
    /// At most one read in the time between forced reads; `None` where there is nothing newer.
    pub async fn other_than(&self, refused_version: &str) -> Option<Arc<Held<T>>> {
        let mut state = self.state.lock().await;
        let is_other = |held: &Arc<Held<T>>| held.version != refused_version;
        if let Some((held, _)) = state.as_ref()
            && is_other(held)
        {
            return Some(held.clone());
        }
        let too_soon = |last: Instant| now() < last + self.config.forced_read;
        match self.forced.lock() {
            Ok(forced) if forced.is_some_and(too_soon) => return None,
            Ok(mut forced) => *forced = Some(now()),
            Err(_) => return None,
        }
        match self.read().await {
            Ok(held) => {
                let held = Arc::new(held);
                *state = Some((held.clone(), now() + self.config.ttl));
                Some(held).filter(is_other)
            }
            Err(problem) => {
                tracing::warn!(secret = self.config.id, problem, "secret not read after a refused value");
                None
            }
        }
    }

    fn missing(&self, problem: &str) -> GatewayError {
        let message = format!("the gateway's secret {:?} holds no usable value yet", self.config.id);
        GatewayError::new(Code::KeyMissing, message).with_detail(problem)
    }

    async fn read(&self) -> std::result::Result<Held<T>, String> {
        let reading = tokio::time::timeout(self.config.timeout, self.source.fetch());
        let stored = reading
            .await
            .map_err(|_| format!("no answer within {} ms", self.config.timeout.as_millis()))??;
        let value = (self.parse)(&stored.text)?;
        Ok(Held { value, version: stored.version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::source::{Fetching, StoredSecret};
    use std::collections::VecDeque;

    /// Answers what it was told, in order; `None` never answers.
    struct Script(StdMutex<VecDeque<Option<std::result::Result<&'static str, &'static str>>>>);

    impl SecretSource for Script {
        fn fetch(&self) -> Fetching<'_> {
            let next = self.0.lock().unwrap().pop_front().expect("an unexpected read");
            Box::pin(async move {
                let text = match next {
                    Some(answer) => answer?,
                    None => std::future::pending().await,
                };
                Ok(StoredSecret { text: Secret::new(text), version: format!("version of {text}") })
            })
        }
    }

    type Step = Option<std::result::Result<&'static str, &'static str>>;

    fn cached(steps: impl IntoIterator<Item = Step>) -> CachedSecret<String> {
        let config = SecretConfig {
            id: "name".into(),
            timeout: Duration::from_secs(2),
            ttl: Duration::from_secs(300),
            forced_read: Duration::from_secs(30),
        };
        let source = Script(StdMutex::new(steps.into_iter().collect()));
        CachedSecret::new(Box::new(source), config, |secret| Ok(secret.expose().to_string()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_read_once_in_its_time_and_again_after_it() {
        let secret = cached([Some(Ok("one")), Some(Ok("two"))]);
        for _ in 0..3 {
            assert_eq!(secret.get().await.unwrap().value, "one");
        }
        tokio::time::advance(Duration::from_secs(301)).await;
        let held = secret.get().await.unwrap();
        assert_eq!((held.value.as_str(), held.version.as_str()), ("two", "version of two"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_old_value_serves_while_the_store_fails_or_hangs() {
        let secret = cached([Some(Ok("one")), Some(Err("down")), None, Some(Ok("two"))]);
        secret.get().await.unwrap();
        tokio::time::advance(Duration::from_secs(301)).await;
        for expected in ["one", "one", "two"] {
            assert_eq!(secret.get().await.unwrap().value, expected);
            tokio::time::advance(Duration::from_secs(11)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_value_every_request_tries_again_and_the_error_names_the_secret() {
        let secret = cached([Some(Err("denied")), Some(Ok("one"))]);
        let error = secret.get().await.unwrap_err();
        assert_eq!(error.code, Code::KeyMissing);
        assert_eq!(error.message, "the gateway's secret \"name\" holds no usable value yet");
        assert_eq!(secret.get().await.unwrap().value, "one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_value_forces_one_read_in_its_time() {
        let secret = cached([Some(Ok("one")), Some(Ok("one")), Some(Ok("two"))]);
        let version = secret.get().await.unwrap().version.clone();
        assert!(secret.other_than(&version).await.is_none());
        assert!(secret.other_than(&version).await.is_none(), "a second read came too soon");
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(secret.other_than(&version).await.unwrap().value, "two");
        assert_eq!(secret.other_than(&version).await.unwrap().value, "two", "the newer one is in memory");
    }
}
