//! A secret kept in memory for a while, and what it was parsed into.
//!
//! Scope: environment. Past its time it is read again before use, inside the request that needs it:
//! a task in the background would be frozen with the instance. So that hardly any request has to wait
//! for that, it is read ahead in the last fifth of its time, beside the work of a request that waits for
//! Cohere anyway: the reading is dropped unfinished when that work ends first. While the store fails,
//! the old value serves on. Without any value each request tries again, so a start never depends on it.

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

/// How long the old value serves after a failed read, before the next try, and between tries ahead.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// A parsed secret and the version it came from.
#[derive(Debug)]
pub struct Versioned<T> {
    pub value: T,
    pub version: String,
}

/// Reads, parses and keeps one secret.
pub struct CachedSecret<T> {
    source: Box<dyn SecretSource>,
    parse: fn(&Secret) -> std::result::Result<T, String>,
    config: SecretConfig,
    // Held over the read on purpose: one caller reads, the others wait for its result.
    state: Mutex<Option<(Arc<Versioned<T>>, Instant)>>,
    /// When a refused value last forced a read.
    forced: StdMutex<Option<Instant>>,
    /// When a read ahead of time was last begun.
    ahead: StdMutex<Option<Instant>>,
}

impl<T> CachedSecret<T> {
    pub fn new(
        source: Box<dyn SecretSource>,
        config: SecretConfig,
        parse: fn(&Secret) -> std::result::Result<T, String>,
    ) -> Self {
        let (forced, ahead) = (StdMutex::new(None), StdMutex::new(None));
        Self { source, parse, config, state: Mutex::new(None), forced, ahead }
    }

    /// Returns the value, read again where its time is over.
    ///
    /// # Errors
    /// `key_missing` with the secret's name where there has never been a usable value.
    pub async fn get(&self) -> Result<Arc<Versioned<T>>> {
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
                *state = Some((old.clone(), now() + RETRY_AFTER.min(self.config.ttl)));
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
    pub async fn newer_than(&self, refused_version: &str) -> Option<Arc<Versioned<T>>> {
        let mut state = self.state.lock().await;
        let is_other = |held: &Arc<Versioned<T>>| held.version != refused_version;
        if let Some((held, _)) = state.as_ref()
            && is_other(held)
        {
            return Some(held.clone());
        }
        let too_soon = |last: Instant| now() < last + self.config.forced_read;
        if lock_anyway(&self.forced).is_some_and(too_soon) {
            return None;
        }
        *lock_anyway(&self.forced) = Some(now());
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

    /// Does the caller's work and, in the last fifth of the value's time, reads it anew meanwhile.
    ///
    /// The work never waits for the reading. Every use of the value that waits for something else should
    /// be work here.
    pub async fn run_while_refreshing<W: Future>(&self, work: W) -> W::Output {
        let Some(old) = self.due_ahead() else { return work.await };
        let (work, reading) = (pin!(work), pin!(self.read_ahead(old)));
        // The work is asked first, so that its request is out before the reading begins.
        match select(work, reading).await {
            Either::Left((done, _)) => done,
            Either::Right(((), work)) => work.await,
        }
    }

    /// Returns the value if it is to be read ahead now, at most once in a while.
    fn due_ahead(&self) -> Option<Arc<Versioned<T>>> {
        // Whoever holds the lock is reading.
        let state = self.state.try_lock().ok()?;
        let (held, fresh_until) = state.as_ref()?;
        let now = now();
        if now + self.config.ttl / 5 < *fresh_until {
            return None;
        }
        let mut last = lock_anyway(&self.ahead);
        if last.is_some_and(|last| now < last + RETRY_AFTER.min(self.config.ttl)) {
            return None;
        }
        *last = Some(now);
        Some(held.clone())
    }

    async fn read_ahead(&self, old: Arc<Versioned<T>>) {
        match self.read().await {
            Ok(held) => {
                let mut state = self.state.lock().await;
                // What a refused value has brought meanwhile is newer than this.
                if state.as_ref().is_some_and(|(held, _)| Arc::ptr_eq(held, &old)) {
                    *state = Some((Arc::new(held), now() + self.config.ttl));
                }
            }
            Err(problem) => tracing::warn!(secret = self.config.id, problem, "secret not read ahead of time"),
        }
    }

    fn missing(&self, problem: &str) -> GatewayError {
        let message = format!("the gateway's secret {:?} holds no usable value yet", self.config.id);
        GatewayError::new(Code::KeyMissing, message).with_detail(problem)
    }

    async fn read(&self) -> std::result::Result<Versioned<T>, String> {
        let reading = tokio::time::timeout(self.config.timeout, self.source.fetch());
        let stored = reading
            .await
            .map_err(|_| format!("no answer within {} ms", self.config.timeout.as_millis()))??;
        let value = (self.parse)(&stored.text)?;
        Ok(Versioned { value, version: stored.version })
    }
}

#[cfg(test)]
mod tests;
