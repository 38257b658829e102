//! One function: its versions, the alias that leads to them, and how many invocations may run at once.

use super::invocation::{InvocationError, Payload, Qualifier};
use super::launch::Launch;
use super::routing::{FIRST_VERSION, Routing};
use super::version::FunctionVersion;
use crate::template::TemplateFunction;
use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

/// How many environments one function may have, and how long a request waits for a free one.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub environments: usize,
    pub wait: Duration,
}

/// What a further version has otherwise than the newest one.
#[derive(Clone, Debug, Default)]
pub struct NewVersion {
    pub binary: Option<PathBuf>,
    /// What a template says of it.
    pub function: Option<TemplateFunction>,
    /// Variables over those that the newest version has.
    pub variables: Vec<(String, String)>,
}

pub struct Function {
    /// What all versions have in common is read from the first one.
    first: Launch,
    published: Mutex<Published>,
    limits: Limits,
    slots: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// The versions by their numbers, of which the newest is never dropped, and the alias.
struct Published {
    versions: BTreeMap<u32, Arc<FunctionVersion>>,
    routing: Routing,
    newest: Arc<FunctionVersion>,
}

impl Function {
    /// Makes a function whose alias leads to its first version.
    pub fn new(first: Launch, limits: Limits, stop: watch::Receiver<bool>) -> Self {
        let newest = Arc::new(FunctionVersion::new(first.clone(), stop.clone()));
        let versions = BTreeMap::from([(first.version, newest.clone())]);
        let published = Published { versions, routing: Routing::to(FIRST_VERSION), newest };
        let slots = Arc::new(Semaphore::new(limits.environments));
        Function { first, published: Mutex::new(published), limits, slots, stop }
    }

    pub fn name(&self) -> &str {
        self.first.name()
    }

    /// The name it is deployed under.
    pub fn deployed_name(&self) -> String {
        self.first.deployed_name()
    }

    /// The ARN under which AWS invokes it: that of its alias.
    pub fn arn(&self) -> String {
        self.first.arn(Qualifier::Alias)
    }

    /// Writes a sentence about the function where its own lines appear.
    pub fn write_note(&self, text: &str) {
        self.first.write_note(text);
    }

    /// Sends one event through the alias.
    pub async fn invoke(&self, event: Bytes) -> Result<Payload, InvocationError> {
        let version = self.choose_version();
        self.invoke_version(&version, Qualifier::Alias, event).await
    }

    /// Sends one event to a version; waits for a free environment where no further one may be started.
    pub async fn invoke_version(
        &self,
        version: &FunctionVersion,
        qualifier: Qualifier,
        event: Bytes,
    ) -> Result<Payload, InvocationError> {
        let slots = self.slots.clone().acquire_owned();
        let Ok(Ok(slot)) = tokio::time::timeout(self.limits.wait, slots).await else {
            version.write_throttle(qualifier);
            return Err(InvocationError::Throttled);
        };
        version.invoke(qualifier, event, slot).await
    }

    /// Finds the version that one invocation by this qualifier runs.
    pub fn find_version(&self, qualifier: Qualifier) -> Option<Arc<FunctionVersion>> {
        match qualifier {
            Qualifier::None => Some(self.lock_published().newest.clone()),
            Qualifier::Alias => Some(self.choose_version()),
            Qualifier::Version(number) => self.lock_published().versions.get(&number).cloned(),
        }
    }

    /// Chooses the version of one invocation of the alias.
    fn choose_version(&self) -> Arc<FunctionVersion> {
        let published = self.lock_published();
        let number = match published.routing.additional {
            None => published.routing.version,
            Some(_) => published.routing.choose(draw_random()),
        };
        published.versions.get(&number).unwrap_or(&published.newest).clone()
    }

    /// Publishes a version after the newest one, like that but for what is given, and starts nothing of it.
    pub fn publish(&self, new: NewVersion) -> u32 {
        let mut published = self.lock_published();
        let mut launch = published.newest.launch().clone();
        launch.version += 1;
        launch.binary = new.binary.unwrap_or(launch.binary);
        launch.function = new.function.unwrap_or(launch.function);
        launch.variables.extend(new.variables);
        let number = launch.version;
        published.newest = Arc::new(FunctionVersion::new(launch, self.stop.clone()));
        let newest = published.newest.clone();
        published.versions.insert(number, newest);
        number
    }

    /// Where the alias leads.
    pub fn routing(&self) -> Routing {
        self.lock_published().routing
    }

    /// Leads the alias elsewhere, from the next invocation on.
    pub fn set_routing(&self, routing: Routing) -> anyhow::Result<()> {
        let mut published = self.lock_published();
        routing.check(&published.versions)?;
        published.routing = routing;
        Ok(())
    }

    /// Deletes a version and ends its environments.
    pub async fn drop_version(&self, number: u32) -> anyhow::Result<()> {
        let dropped = {
            let mut published = self.lock_published();
            ensure!(!published.routing.names(number), "the alias leads to version {number}");
            published.versions.remove(&number)
        };
        let dropped = dropped.with_context(|| format!("there is no version {number}"))?;
        dropped.kill_environments().await;
        Ok(())
    }

    /// Starts an environment of the newest version ahead of the first request; the error is why it is not ready.
    pub async fn warm_up(&self) -> Result<(), String> {
        let newest = self.lock_published().newest.clone();
        newest.warm_up(self.slots.clone().try_acquire_owned().ok()).await
    }

    /// Its versions, oldest first.
    pub fn versions(&self) -> Vec<Arc<FunctionVersion>> {
        self.lock_published().versions.values().cloned().collect()
    }

    /// Process ids of its environments, oldest first.
    pub fn process_ids(&self) -> Vec<u32> {
        self.versions().iter().flat_map(|version| version.process_ids()).collect()
    }

    /// How many environments of all versions are alive, and how many of these are idle.
    pub fn count_environments(&self) -> (usize, usize) {
        let mut total = (0, 0);
        for version in self.versions() {
            let (alive, idle) = version.count_environments();
            total = (total.0 + alive, total.1 + idle);
        }
        total
    }

    /// Environments started so far.
    pub fn started_count(&self) -> usize {
        self.versions().iter().map(|version| version.started_count()).sum()
    }

    /// Invocations so far.
    pub fn invoked_count(&self) -> usize {
        self.versions().iter().map(|version| version.invoked_count()).sum()
    }

    /// Kills every environment it has now and waits until they are gone.
    pub async fn kill_environments(&self) {
        let versions = self.versions();
        join_all(versions.iter().map(|version| version.kill_environments())).await;
    }

    /// Waits until every environment is gone; the stop signal must have been given.
    pub async fn wait_until_stopped(&self) {
        let versions = self.versions();
        join_all(versions.iter().map(|version| version.wait_until_stopped())).await;
    }

    fn lock_published(&self) -> MutexGuard<'_, Published> {
        // Every change leaves sound data at each of its steps.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random number from 0 to below 1.
fn draw_random() -> f64 {
    // The last 32 bits of such an id are random.
    f64::from(Uuid::new_v4().as_u128() as u32) / (f64::from(u32::MAX) + 1.0)
}
