//! One environment as its Runtime API and its function see it: waiting, running, or ended.
//!
//! The state machine knows no process and no HTTP. `assign` gives it an invocation. Its process
//! ("the child") asks for work (`mark_idle`), gets the invocation (`wait_for_invocation`), begins
//! its answer (`take_answer_sender`) and asks for work again. The slot, one of the function's
//! limited number, goes with the invocation and is free again only once the child asks for more:
//! an environment that still works is not idle, even when its caller has gone.

#[cfg(test)]
mod tests;

use super::invocation::{EndedInvocation, Invocation, InvocationError, NextInvocation, Payload};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{Duration, Instant};

/// How far an environment has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    Starting,
    Ready,
    Ended(String),
}

#[derive(Debug)]
pub struct Environment {
    pub number: usize,
    /// A caller waits for its start, and reports what it says there.
    pub is_awaited: bool,
    state: Mutex<EnvironmentState>,
    arrived: Notify,
    phase: watch::Sender<Phase>,
    /// When the child must have finished its start or its invocation; `None` while it is idle.
    deadline: watch::Sender<Option<Instant>>,
    kill: Notify,
}

#[derive(Debug, Default)]
struct EnvironmentState {
    pid: Option<u32>,
    waiting: Option<Invocation>,
    running: Option<RunningInvocation>,
    slot: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct RunningInvocation {
    id: String,
    answer: Option<oneshot::Sender<Result<Payload, InvocationError>>>,
    /// Its answer is complete, and the child is about to ask for more.
    answered: bool,
    /// The answer is the report of an error.
    has_failed: bool,
    started: Instant,
    ended: oneshot::Sender<EndedInvocation>,
}

impl RunningInvocation {
    fn tell_end(self, has_failed: bool) {
        let duration = self.started.elapsed();
        let _ = self.ended.send(EndedInvocation { has_failed, duration });
    }
}

impl Environment {
    pub fn new(number: usize, is_awaited: bool, start_limit: Duration) -> Self {
        Environment {
            number,
            is_awaited,
            state: Mutex::default(),
            arrived: Notify::new(),
            phase: watch::Sender::new(Phase::Starting),
            deadline: watch::Sender::new(Some(Instant::now() + start_limit)),
            kill: Notify::new(),
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, EnvironmentState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives it an invocation, which comes back as the error where the environment has ended.
    pub fn assign(&self, invocation: Invocation) -> Result<(), Invocation> {
        let mut state = self.lock_state();
        if matches!(*self.phase.borrow(), Phase::Ended(_)) {
            return Err(invocation);
        }
        state.waiting = Some(invocation);
        self.arrived.notify_one();
        Ok(())
    }

    /// Holds a slot for an environment that is started without an invocation.
    pub fn hold_slot(&self, slot: OwnedSemaphorePermit) {
        self.lock_state().slot = Some(slot);
    }

    /// Notes that the child asks for work; returns the slot it held, unless an invocation waits.
    pub fn mark_idle(&self) -> Option<OwnedSemaphorePermit> {
        let mut state = self.lock_state();
        self.phase.send_if_modified(|phase| {
            let first = *phase == Phase::Starting;
            if first {
                *phase = Phase::Ready;
            }
            first
        });
        if let Some(running) = state.running.take() {
            let has_failed = running.has_failed;
            running.tell_end(has_failed);
        }
        self.deadline.send_replace(None);
        if state.waiting.is_some() { None } else { state.slot.take() }
    }

    /// Waits for the next invocation, which the child must finish within `limit`.
    pub async fn wait_for_invocation(&self, limit: Duration) -> NextInvocation {
        loop {
            {
                let mut state = self.lock_state();
                if let Some(Invocation { id, arn, event, answer, ended, slot }) =
                    state.waiting.take()
                {
                    state.slot = Some(slot);
                    state.running = Some(RunningInvocation {
                        id: id.clone(),
                        answer: Some(answer),
                        answered: false,
                        has_failed: false,
                        started: Instant::now(),
                        ended,
                    });
                    self.deadline.send_replace(Some(Instant::now() + limit));
                    return NextInvocation { id, arn, event };
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Takes the sender of this invocation's answer; once only, and only while it runs.
    pub fn take_answer_sender(
        &self,
        id: &str,
    ) -> Option<oneshot::Sender<Result<Payload, InvocationError>>> {
        self.lock_state().running.as_mut().filter(|running| running.id == id)?.answer.take()
    }

    /// Notes that the answer to the running invocation is complete.
    pub fn mark_answered(&self) {
        if let Some(running) = &mut self.lock_state().running {
            running.answered = true;
        }
    }

    /// Notes that the running invocation has ended with a report of an error.
    pub fn mark_failed(&self) {
        if let Some(running) = &mut self.lock_state().running {
            (running.answered, running.has_failed) = (true, true);
        }
    }

    /// Whether it has answered and is about to ask for work.
    pub fn is_returning(&self) -> bool {
        match &self.lock_state().running {
            Some(running) => running.answered,
            None => false,
        }
    }

    /// Whether it has an invocation, waiting or running.
    pub fn is_busy(&self) -> bool {
        let state = self.lock_state();
        state.running.is_some() || state.waiting.is_some()
    }

    /// Ends it: what waits and what runs fails with `why`, and nothing more is accepted.
    pub fn mark_ended(&self, why: &str) {
        let mut state = self.lock_state();
        self.phase.send_replace(Phase::Ended(why.to_owned()));
        state.slot = None;
        let crash = || Err(InvocationError::Crashed(why.to_owned()));
        if let Some(Invocation { answer, ended, .. }) = state.waiting.take() {
            let _ = ended.send(EndedInvocation { has_failed: true, duration: Duration::ZERO });
            let _ = answer.send(crash());
        }
        if let Some(mut running) = state.running.take() {
            let answer = running.answer.take();
            let has_failed = running.has_failed || !running.answered;
            running.tell_end(has_failed);
            if let Some(answer) = answer {
                let _ = answer.send(crash());
            }
        }
    }

    /// Waits until it is ready; the error says why it never was.
    pub async fn wait_until_ready(&self) -> Result<(), String> {
        let mut phases = self.phase.subscribe();
        match phases.wait_for(|phase| *phase != Phase::Starting).await.map(|phase| phase.clone()) {
            Ok(Phase::Ended(why)) => Err(why),
            _ => Ok(()),
        }
    }

    pub fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Returns once the deadline of the start or of the running invocation has passed.
    pub async fn wait_until_overdue(&self) {
        let mut deadlines = self.deadline.subscribe();
        loop {
            let deadline = *deadlines.borrow_and_update();
            let late = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = late => return,
                _ = deadlines.changed() => {}
            }
        }
    }

    pub fn request_kill(&self) {
        self.kill.notify_one();
    }

    /// Returns once `request_kill` was called.
    pub async fn wait_for_kill(&self) {
        self.kill.notified().await;
    }

    pub fn set_process_id(&self, pid: Option<u32>) {
        self.lock_state().pid = pid;
    }

    pub fn process_id(&self) -> Option<u32> {
        self.lock_state().pid
    }
}
