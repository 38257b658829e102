//! One function: starts environments as they are needed, and sends each invocation to a free one.

use super::environment::Environment;
use super::environments::Environments;
use super::invocation::{EndedInvocation, Invocation, InvocationError, Payload};
use super::launch::Launch;
use super::process;
use crate::aws_metrics::{describe_invocation, describe_throttle};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// How long a process may take before it asks for its first invocation, as on Lambda.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long a request waits for an environment that has just answered to become idle.
const RETURN_WAIT: Duration = Duration::from_millis(20);

/// How many environments one function may have, and how long a request waits for a free one.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub environments: usize,
    pub wait: Duration,
}

pub struct Function {
    launch: Arc<Launch>,
    environments: Arc<Environments>,
    limits: Limits,
    slots: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
    started: AtomicUsize,
    invoked: AtomicUsize,
}

impl Function {
    pub fn new(launch: Launch, limits: Limits, stop: watch::Receiver<bool>) -> Self {
        Function {
            launch: Arc::new(launch),
            environments: Arc::default(),
            limits,
            slots: Arc::new(Semaphore::new(limits.environments)),
            stop,
            started: AtomicUsize::new(0),
            invoked: AtomicUsize::new(0),
        }
    }

    pub fn name(&self) -> &str {
        self.launch.name()
    }

    /// The name it is deployed under.
    pub fn deployed_name(&self) -> String {
        self.launch.deployed_name()
    }

    /// The ARN under which AWS invokes it.
    pub fn arn(&self) -> String {
        self.launch.arn()
    }

    /// Writes a sentence about the function where its own lines appear.
    pub fn write_note(&self, text: &str) {
        self.launch.write_note(text);
    }

    /// Sends one event; waits for a free environment where no further one may be started.
    pub async fn invoke(&self, event: Bytes) -> Result<Payload, InvocationError> {
        let slots = self.slots.clone().acquire_owned();
        let Ok(Ok(slot)) = tokio::time::timeout(self.limits.wait, slots).await else {
            self.launch.write_metrics(&describe_throttle(&self.launch.deployed_name()));
            return Err(InvocationError::Throttled);
        };
        self.invoked.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        tokio::spawn(write_end(self.launch.clone(), end));
        let id = Uuid::new_v4().to_string();
        let mut invocation = Invocation { id, event, answer, ended, slot };
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
                return self.start_environment();
            }
            if timeout_at(wait_end, self.environments.wait_for_idle()).await.is_err() {
                return self.start_environment();
            }
        }
    }

    /// Starts an environment ahead of the first request; the error is why it is not ready.
    pub async fn warm_up(&self) -> Result<(), String> {
        let environment = self.start_environment();
        if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            environment.hold_slot(slot);
        }
        environment.wait_until_ready().await
    }

    fn start_environment(&self) -> Arc<Environment> {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let environment = Arc::new(Environment::new(number, START_LIMIT));
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

/// Writes what Lambda counts of an invocation once it has ended.
async fn write_end(launch: Arc<Launch>, end: oneshot::Receiver<EndedInvocation>) {
    // Without an end its caller has left before an environment took it.
    if let Ok(EndedInvocation { has_failed, duration }) = end.await {
        let function = launch.deployed_name();
        launch.write_metrics(&describe_invocation(&function, has_failed, duration));
    }
}
