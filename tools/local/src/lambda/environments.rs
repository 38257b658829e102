//! The environments of one function: which are alive, and which of them are idle.
//!
//! The environment used last is used first, as on Lambda.

use super::environment::{Environment, Phase};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How often it is checked whether killed processes are gone: 400 times with 5 ms between, which
/// makes two seconds. One is gone within milliseconds; the rest is for a machine under load.
const GONE_POLLS: usize = 400;
const GONE_POLL_PAUSE: Duration = Duration::from_millis(5);

#[derive(Default)]
pub struct Environments {
    /// Ready and without an invocation, the last used at the end.
    idle: Mutex<Vec<Arc<Environment>>>,
    alive: Mutex<Vec<Arc<Environment>>>,
    became_idle: Notify,
}

impl Environments {
    /// Adds an environment whose process is being started.
    pub fn add(&self, environment: Arc<Environment>) {
        self.lock_alive().push(environment);
    }

    /// Takes the idle environment that was used last.
    pub fn take_idle(&self) -> Option<Arc<Environment>> {
        self.lock_idle().pop()
    }

    /// Lists an environment that asks for work as idle, unless its next invocation waits already.
    pub fn mark_idle(&self, environment: &Arc<Environment>) {
        if let Some(slot) = environment.mark_idle() {
            // Listed before its slot is free: whoever gets the slot must find the environment.
            self.lock_idle().push(environment.clone());
            drop(slot);
            self.became_idle.notify_one();
        }
    }

    /// Returns once an environment has become idle.
    pub async fn wait_for_idle(&self) {
        self.became_idle.notified().await;
    }

    /// Whether one of them has answered and is about to ask for work.
    pub fn has_returning(&self) -> bool {
        self.lock_alive().iter().any(|environment| environment.is_returning())
    }

    /// Removes an environment whose process is gone; returns the phase it had reached.
    pub fn remove(&self, environment: &Arc<Environment>, why: &str) -> Phase {
        let phase = environment.phase();
        self.lock_idle().retain(|other| !Arc::ptr_eq(other, environment));
        environment.mark_ended(why);
        self.lock_alive().retain(|other| !Arc::ptr_eq(other, environment));
        phase
    }

    /// Process ids, oldest environment first.
    pub fn process_ids(&self) -> Vec<u32> {
        self.lock_alive().iter().filter_map(|environment| environment.process_id()).collect()
    }

    /// How many are alive, and how many of these are idle.
    pub fn count(&self) -> (usize, usize) {
        let idle = self.lock_idle().len();
        (self.lock_alive().len(), idle)
    }

    /// Kills every environment there is now and waits until they are gone.
    pub async fn kill_all(&self) {
        let to_kill: Vec<_> = self.lock_alive().clone();
        for environment in &to_kill {
            environment.request_kill();
        }
        self.wait_until_gone(&to_kill).await;
    }

    /// Waits until every environment is gone; the stop signal must have been given.
    pub async fn wait_until_stopped(&self) {
        let all: Vec<_> = self.lock_alive().clone();
        self.wait_until_gone(&all).await;
    }

    async fn wait_until_gone(&self, environments: &[Arc<Environment>]) {
        for _ in 0..GONE_POLLS {
            if !environments.iter().any(|environment| self.is_alive(environment)) {
                return;
            }
            tokio::time::sleep(GONE_POLL_PAUSE).await;
        }
    }

    fn is_alive(&self, environment: &Arc<Environment>) -> bool {
        self.lock_alive().iter().any(|other| Arc::ptr_eq(other, environment))
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<Arc<Environment>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_alive(&self) -> MutexGuard<'_, Vec<Arc<Environment>>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
