//! A streamed answer between two pieces, and the timer that ends it where nobody asks for the next.

use super::StreamingAnswer;
use crate::lock::lock_anyway;
use std::sync::{Arc, Mutex};
use tokio::task::AbortHandle;
use tokio::time::sleep_until;

/// Where a streamed answer waits while its caller reads what has been sent.
///
/// A caller that reads nothing never asks for the next piece, so that the answer could not notice its own
/// deadline. A timer does; it dies with the answer.
pub(super) struct AnswerSlot {
    pub(super) answer: Arc<Mutex<Option<Box<StreamingAnswer>>>>,
    timer: AbortHandle,
}

impl AnswerSlot {
    pub(super) fn new(answer: Box<StreamingAnswer>) -> Self {
        let deadline = answer.deadline.at;
        let answer = Arc::new(Mutex::new(Some(answer)));
        let waiting = Arc::downgrade(&answer);
        let timer = tokio::spawn(async move {
            sleep_until(deadline).await;
            if let Some(slot) = waiting.upgrade()
                && let Some(answer) = lock_anyway(&slot).as_mut()
            {
                answer.time_out();
            }
        });
        Self { answer, timer: timer.abort_handle() }
    }

    pub(super) fn take_answer(&self) -> Option<Box<StreamingAnswer>> {
        lock_anyway(&self.answer).take()
    }

    pub(super) fn put_answer_back(&self, answer: Box<StreamingAnswer>) {
        *lock_anyway(&self.answer) = Some(answer);
    }
}

impl Drop for AnswerSlot {
    fn drop(&mut self) {
        self.timer.abort();
    }
}
