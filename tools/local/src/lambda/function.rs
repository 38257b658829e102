//! One function and its environments: the warm ones, the busy ones, and how many there may be.

use super::environment::{Environment, Failure, Invocation, Payload, Phase};
use super::process::{self, Launch};
use super::{ACCOUNT, REGION};
use crate::output::Output;
use crate::template;
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// What Lambda gives a process before its first request must be taken.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long a request waits for an environment that has answered to ask for work.
const RETURN_WAIT: Duration = Duration::from_millis(20);

/// How many environments one function may have, and how long a request waits for a free one.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub environments: usize,
    pub wait: Duration,
}

pub struct Function {
    pub launch: Launch,
    limits: Limits,
    output: Output,
    stop: watch::Receiver<bool>,
    places: Arc<Semaphore>,
    /// Warm and free, the last used at the end.
    idle: Mutex<Vec<Arc<Environment>>>,
    alive: Mutex<Vec<Arc<Environment>>>,
    rested: Notify,
    started: AtomicUsize,
    invoked: AtomicUsize,
}

impl Function {
    pub fn new(
        launch: Launch,
        limits: Limits,
        output: Output,
        stop: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(Function {
            launch,
            limits,
            output,
            stop,
            places: Arc::new(Semaphore::new(limits.environments)),
            idle: Mutex::default(),
            alive: Mutex::default(),
            rested: Notify::new(),
            started: AtomicUsize::new(0),
            invoked: AtomicUsize::new(0),
        })
    }

    pub fn name(&self) -> &str {
        &self.launch.function.name
    }

    pub fn timeout(&self) -> Duration {
        self.launch.function.timeout
    }

    /// The ARN under which API Gateway invokes it: that of its alias.
    pub fn arn(&self) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}:live", self.launch.deployed_name())
    }

    /// Sends one event, waiting a moment for a free environment if there may be no further one.
    pub async fn invoke(self: &Arc<Self>, event: Bytes) -> Result<Payload, Failure> {
        let places = self.places.clone().acquire_owned();
        let Ok(Ok(place)) = tokio::time::timeout(self.limits.wait, places).await else {
            return Err(Failure::Throttled);
        };
        self.invoked.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let mut invocation = Invocation { id: Uuid::new_v4().to_string(), event, answer, place };
        // Ends: each round takes one environment from the idle ones, and a new one has not ended yet.
        loop {
            match self.free().await.hand(invocation) {
                Ok(()) => break,
                Err(returned) => invocation = returned,
            }
        }
        answered
            .await
            .unwrap_or_else(|_| Err(Failure::Crashed("the environment is gone".to_owned())))
    }

    /// A warm environment, or a new one.
    ///
    /// One that has just answered will ask for work within a fraction of a millisecond: a caller that
    /// sends its next request at once must not start another process.
    async fn free(self: &Arc<Self>) -> Arc<Environment> {
        let patience = Instant::now() + RETURN_WAIT;
        // Ends with the patience: what is notified was a rest, and each rest is noticed once.
        loop {
            if let Some(environment) = self.idle().pop() {
                return environment;
            }
            let returning = self.alive().iter().any(|environment| environment.returning());
            if !returning || timeout_at(patience, self.rested.notified()).await.is_err() {
                return self.start();
            }
        }
    }

    /// Starts an environment ahead of the first request: it is ready, or this is what it said.
    pub async fn warm(self: &Arc<Self>) -> Result<(), String> {
        let environment = self.start();
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            environment.occupy(place);
        }
        environment.ready().await
    }

    fn start(self: &Arc<Self>) -> Arc<Environment> {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let environment = Arc::new(Environment::new(number, START_LIMIT));
        self.alive().push(environment.clone());
        tokio::spawn(process::run(
            self.clone(),
            environment.clone(),
            self.output.clone(),
            self.stop.clone(),
        ));
        environment
    }

    /// The environment asks for work: it is idle, unless its next invocation waits already.
    pub fn rest(&self, environment: &Arc<Environment>) {
        if let Some(place) = environment.rest() {
            // First findable, then free: whoever gets the place must find the environment.
            self.idle().push(environment.clone());
            drop(place);
            self.rested.notify_one();
        }
    }

    /// The environment's process is gone; returns how far it had come.
    pub fn forget(&self, environment: &Arc<Environment>, why: &str) -> Phase {
        let phase = environment.phase();
        self.idle().retain(|other| !Arc::ptr_eq(other, environment));
        environment.end(why);
        self.alive().retain(|other| !Arc::ptr_eq(other, environment));
        phase
    }

    /// Says something about the function where its own lines appear.
    pub fn say(&self, text: &str) {
        self.output.line(self.name(), text);
    }

    /// Process ids of its environments, oldest first.
    pub fn processes(&self) -> Vec<u32> {
        self.alive().iter().filter_map(|environment| environment.process()).collect()
    }

    /// Environments started so far.
    pub fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    /// Invocations so far.
    pub fn invoked(&self) -> usize {
        self.invoked.load(Ordering::Relaxed)
    }

    /// Kills every environment it has now and waits until they are gone.
    pub async fn kill(&self) {
        let doomed: Vec<_> = self.alive().clone();
        for environment in &doomed {
            environment.kill();
        }
        self.gone(&doomed).await;
    }

    /// Waits until every environment is gone; the stop signal must have been given.
    pub async fn stopped(&self) {
        let all: Vec<_> = self.alive().clone();
        self.gone(&all).await;
    }

    async fn gone(&self, environments: &[Arc<Environment>]) {
        // A killed process is gone within milliseconds; two seconds are for a machine under load.
        for _ in 0..400 {
            if !self
                .alive()
                .iter()
                .any(|one| environments.iter().any(|other| Arc::ptr_eq(one, other)))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<Environment>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> MutexGuard<'_, Vec<Arc<Environment>>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Launch {
    /// Functions are deployed under the stack's name and their resource.
    pub fn deployed_name(&self) -> String {
        let template::Function { resource, .. } = &self.function;
        format!("{}-{resource}", self.stack)
    }
}
