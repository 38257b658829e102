//! One version of a function: starts environments as they are needed, and sends each invocation to a free one.

use super::environment::Environment;
use super::environments::Environments;
use super::invocation::{EndedInvocation, Invocation, InvocationError, Payload, Qualifier};
use super::launch::Launch;
use super::process;
use crate::aws_metrics::{Invoked, describe_invocation, describe_throttle};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// How long a process may take before it asks for its first invocation, as on Lambda.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long a request waits for an environment that has just answered to become idle.
const RETURN_WAIT: Duration = Duration::from_millis(20);

pub struct FunctionVersion {
    launch: Arc<Launch>,
    environments: Arc<Environments>,
    stop: watch::Receiver<bool>,
    started: AtomicUsize,
    invoked: AtomicUsize,
}

impl FunctionVersion {
    pub fn new(launch: Launch, stop: watch::Receiver<bool>) -> Self {
        FunctionVersion {
            launch: Arc::new(launch),
            environments: Arc::default(),
            stop,
            started: AtomicUsize::new(0),
            invoked: AtomicUsize::new(0),
        }
    }

    pub fn number(&self) -> u32 {
        self.launch.version
    }

    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Sends one event to a free environment, and holds the slot until that is idle again.
    pub async fn invoke(
        &self,
        qualifier: Qualifier,
        event: Bytes,
        slot: OwnedSemaphorePermit,
    ) -> Result<Payload, InvocationError> {
        self.invoked.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        tokio::spawn(write_end(self.launch.clone(), qualifier, end));
        let (id, arn) = (Uuid::new_v4().to_string(), self.launch.arn(qualifier));
        let mut invocation = Invocation { id, arn, event, answer, ended, slot };
        // Ends: each round takes one idle environment from the list, and a new one has not ended.
        loop {
            match self.find_environment().await.assign(invocation) {
                Ok(()) => break,
                Err(returned) => invocation = returned,
            }
        }
        match answered.await {
            Ok(answer) => answer,
            Err(_) => Err(InvocationError::Crashed("the environment is gone".to_owned())),
        }
    }

    /// Tells that an invocation was not taken.
    pub fn write_throttle(&self, qualifier: Qualifier) {
        self.launch.write_metrics(&describe_throttle(&name_invoked(&self.launch, qualifier)));
    }

    /// Finds an idle environment, or starts a new one.
    ///
    /// One that has just answered will ask for work within a fraction of a millisecond: a caller
    /// that sends its next request at once must not start another process.
    async fn find_environment(&self) -> Arc<Environment> {
        let wait_end = Instant::now() + RETURN_WAIT;
        // Ends at `wait_end` at the latest: each notification is one environment becoming idle.
        loop {
            if let Some(environment) = self.environments.take_idle() {
                return environment;
            }
            if !self.environments.has_returning() {
                return self.start_environment(false);
            }
            if timeout_at(wait_end, self.environments.wait_for_idle()).await.is_err() {
                return self.start_environment(false);
            }
        }
    }

    /// Starts an environment ahead of the first request; the error is why it is not ready.
    pub async fn warm_up(&self, slot: Option<OwnedSemaphorePermit>) -> Result<(), String> {
        let environment = self.start_environment(true);
        if let Some(slot) = slot {
            environment.hold_slot(slot);
        }
        environment.wait_until_ready().await
    }

    fn start_environment(&self, is_awaited: bool) -> Arc<Environment> {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let environment = Arc::new(Environment::new(number, is_awaited, START_LIMIT));
        self.environments.add(environment.clone());
        let session = process::Session {
            launch: self.launch.clone(),
            environments: self.environments.clone(),
            environment: environment.clone(),
        };
        tokio::spawn(process::run_environment(session, self.stop.clone()));
        environment
    }

    /// Process ids of its environments, oldest first.
    pub fn process_ids(&self) -> Vec<u32> {
        self.environments.process_ids()
    }

    /// How many environments are alive, and how many of these are idle.
    pub fn count_environments(&self) -> (usize, usize) {
        self.environments.count()
    }

    /// Environments started so far.
    pub fn started_count(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    /// Invocations so far.
    pub fn invoked_count(&self) -> usize {
        self.invoked.load(Ordering::Relaxed)
    }

    /// Kills every environment it has now and waits until they are gone.
    pub async fn kill_environments(&self) {
        self.environments.kill_all().await;
    }

    /// Waits until every environment is gone; the stop signal must have been given.
    pub async fn wait_until_stopped(&self) {
        self.environments.wait_until_stopped().await;
    }
}

fn name_invoked(launch: &Launch, qualifier: Qualifier) -> Invoked {
    Invoked { function: launch.deployed_name(), qualifier, executed: launch.version }
}

/// Writes what Lambda counts of an invocation once it has ended.
async fn write_end(
    launch: Arc<Launch>,
    qualifier: Qualifier,
    end: oneshot::Receiver<EndedInvocation>,
) {
    // Without an end its caller has left before an environment took it.
    if let Ok(EndedInvocation { has_failed, duration }) = end.await {
        let invoked = name_invoked(&launch, qualifier);
        launch.write_metrics(&describe_invocation(&invoked, has_failed, duration));
    }
}
