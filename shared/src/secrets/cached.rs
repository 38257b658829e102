//! A secret kept in memory for its TTL, and what it was parsed into.
//!
//! Scope: environment. After its TTL it is read again before use, inside the request that needs it:
//! a task in the background would be frozen with the environment. So that hardly any request has to
//! wait for that, it is refreshed early, once under a fifth of the TTL is left, while a request waits
//! for Cohere anyway; the refresh is dropped where that wait ends first. While the store fails, the
//! old value serves on. Without any value each request tries again, so a start never depends on it.

use crate::clock::{Instant, now};
use crate::config::SecretConfig;
use crate::error::{Code, GatewayError, Result};
use crate::lock::lock_anyway;
use crate::secrets::source::{Secret, SecretSource};
use futures_util::future::{Either, select};
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the old value serves after a failed read, and the time between early refreshes.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Time between two tries of one read, for a store that asks for less haste.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A parsed secret and the version it came from.
#[derive(Debug)]
pub struct Versioned<T> {
    pub value: T,
    pub version: String,
}

/// What is in memory, and until when it is fresh.
struct FreshValue<T> {
    current: Arc<Versioned<T>>,
    fresh_until: Instant,
}

/// The store could not say whether there is a newer value.
#[derive(Debug, PartialEq)]
pub struct Unread;

/// A read that a refused value has forced.
struct ForcedRead {
    at: Instant,
    has_failed: bool,
}

/// Reads, parses and keeps one secret.
pub struct CachedSecret<T> {
    source: Box<dyn SecretSource>,
    parse: fn(&Secret) -> std::result::Result<T, String>,
    config: SecretConfig,
    // Locked during the read on purpose: one caller reads, the others wait for its result.
    entry: Mutex<Option<FreshValue<T>>>,
    /// The last read that a refused value has forced.
    last_forced: StdMutex<Option<ForcedRead>>,
    /// When an early refresh was last begun.
    last_refresh: StdMutex<Option<Instant>>,
}

impl<T> CachedSecret<T> {
    pub fn new(
        source: Box<dyn SecretSource>,
        config: SecretConfig,
        parse: fn(&Secret) -> std::result::Result<T, String>,
    ) -> Self {
        Self {
            source,
            parse,
            config,
            entry: Mutex::new(None),
            last_forced: StdMutex::new(None),
            last_refresh: StdMutex::new(None),
        }
    }

    /// Returns the value, read again after its TTL.
    ///
    /// # Errors
    /// `key_missing` with the secret's name where there has never been a usable value.
    pub async fn get(&self) -> Result<Arc<Versioned<T>>> {
        let mut entry = self.entry.lock().await;
        if let Some(entry) = entry.as_ref()
            && now() < entry.fresh_until
        {
            return Ok(entry.current.clone());
        }
        let secret = &self.config.id;
        match (self.read_value().await, entry.take()) {
            (Ok(read), _) => Ok(entry.insert(self.keep_fresh(read)).current.clone()),
            (Err(problem), Some(old)) => {
                tracing::warn!(
                    event = "secret_not_read",
                    secret,
                    problem,
                    "secret not read, the old value serves on"
                );
                let fresh_until = now() + self.retry_after();
                Ok(entry.insert(FreshValue { current: old.current, fresh_until }).current.clone())
            }
            (Err(problem), None) => {
                tracing::error!(
                    event = "secret_missing",
                    secret,
                    problem,
                    "secret not read, there is no value"
                );
                Err(self.missing_value(&problem))
            }
        }
    }

    /// Returns a newer value than the refused one, read now where the refused one is in memory.
    ///
    /// At most one read in the time between forced reads; `None` where there is nothing newer.
    ///
    /// # Errors
    /// The read has failed, now or a short time ago.
    pub async fn read_newer_than(
        &self,
        refused_version: &str,
    ) -> std::result::Result<Option<Arc<Versioned<T>>>, Unread> {
        let mut entry = self.entry.lock().await;
        if let Some(entry) = entry.as_ref()
            && entry.current.version != refused_version
        {
            return Ok(Some(entry.current.clone()));
        }
        if let Some(has_failed) = self.recent_forced_read() {
            return if has_failed { Err(Unread) } else { Ok(None) };
        }
        let at = now();
        // A read that is dropped half-way has failed.
        *lock_anyway(&self.last_forced) = Some(ForcedRead { at, has_failed: true });
        match self.read_value().await {
            Ok(read) => {
                *lock_anyway(&self.last_forced) = Some(ForcedRead { at, has_failed: false });
                let current = entry.insert(self.keep_fresh(read)).current.clone();
                Ok((current.version != refused_version).then_some(current))
            }
            Err(problem) => {
                let secret = &self.config.id;
                tracing::warn!(
                    event = "secret_not_reread",
                    secret,
                    problem,
                    "secret not read after a refused value"
                );
                Err(Unread)
            }
        }
    }

    /// Runs `work`; refreshes the secret concurrently once under a fifth of its TTL is left.
    ///
    /// The work never waits for the refresh. Every use of the value that waits for something else
    /// should be work here.
    pub async fn run_while_refreshing<W: Future>(&self, work: W) -> W::Output {
        let Some(old) = self.begin_refresh() else { return work.await };
        let (work, refresh) = (pin!(work), pin!(self.refresh_value(old)));
        // The work is polled first, so that its request is out before the read begins.
        match select(work, refresh).await {
            Either::Left((done, _)) => done,
            Either::Right(((), work)) => work.await,
        }
    }

    /// Tells whether the last forced read has failed; `None` where it is time for another.
    fn recent_forced_read(&self) -> Option<bool> {
        let last = lock_anyway(&self.last_forced);
        let ForcedRead { at, has_failed } = last.as_ref()?;
        let pause = self.config.forced_read;
        let pause = if *has_failed { pause.min(self.retry_after()) } else { pause };
        is_within(Some(*at), pause).then_some(*has_failed)
    }

    /// Notes that an early refresh begins and returns the old value; `None` where none is needed.
    fn begin_refresh(&self) -> Option<Arc<Versioned<T>>> {
        // Whoever has the lock is reading.
        let entry = self.entry.try_lock().ok()?;
        let entry = entry.as_ref()?;
        let mut last = lock_anyway(&self.last_refresh);
        if !self.needs_refresh(entry) || is_within(*last, self.retry_after()) {
            return None;
        }
        *last = Some(now());
        Some(entry.current.clone())
    }

    /// Tells whether at most a fifth of the TTL is left.
    fn needs_refresh(&self, entry: &FreshValue<T>) -> bool {
        now() + self.config.ttl / 5 >= entry.fresh_until
    }

    /// Reads the secret in place of `old`.
    async fn refresh_value(&self, old: Arc<Versioned<T>>) {
        match self.read_value().await {
            Ok(read) => {
                let mut entry = self.entry.lock().await;
                // What a refused value has brought meanwhile is newer than this.
                if let Some(fresh) = entry.as_ref()
                    && Arc::ptr_eq(&fresh.current, &old)
                {
                    *entry = Some(self.keep_fresh(read));
                }
            }
            Err(problem) => {
                tracing::warn!(
                    event = "secret_not_refreshed",
                    secret = self.config.id,
                    problem,
                    "secret not read ahead of time"
                );
            }
        }
    }

    fn keep_fresh(&self, read: Versioned<T>) -> FreshValue<T> {
        FreshValue { current: Arc::new(read), fresh_until: now() + self.config.ttl }
    }

    fn retry_after(&self) -> Duration {
        RETRY_AFTER.min(self.config.ttl)
    }

    fn missing_value(&self, problem: &str) -> GatewayError {
        let name = find_secret_name(&self.config.id);
        let message = format!("the gateway's secret {name:?} holds no usable value yet");
        GatewayError::new(Code::KeyMissing, message).with_detail(problem)
    }

    /// Reads the secret, more than once where that fails and its settings say so.
    async fn read_value(&self) -> std::result::Result<Versioned<T>, String> {
        let limit = self.config.timeout / self.config.tries.max(1);
        for _ in 1..self.config.tries {
            if let Ok(read) = self.try_to_read(limit).await {
                return Ok(read);
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        self.try_to_read(limit).await
    }

    async fn try_to_read(&self, limit: Duration) -> std::result::Result<Versioned<T>, String> {
        let stored = tokio::time::timeout(limit, self.source.fetch())
            .await
            .map_err(|_| format!("no answer within {} ms", limit.as_millis()))??;
        let value = (self.parse)(&stored.text)?;
        Ok(Versioned { value, version: stored.version })
    }
}

/// Returns the name alone of a secret that may be known by its ARN, which callers have no need to know.
///
/// An ARN ends in the name, a hyphen and six characters of AWS's.
fn find_secret_name(id: &str) -> &str {
    let Some((_, name)) = id.strip_prefix("arn:").and_then(|arn| arn.split_once(":secret:")) else {
        return id;
    };
    match name.rsplit_once('-') {
        Some((name, suffix)) if suffix.len() == 6 => name,
        _ => name,
    }
}

/// Tells whether `last` was less than `time` ago.
fn is_within(last: Option<Instant>, time: Duration) -> bool {
    match last {
        Some(last) => now() < last + time,
        None => false,
    }
}

#[cfg(test)]
mod tests;
