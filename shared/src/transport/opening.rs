//! While one call opens a connection, the others wait: over HTTP/2 it carries them all.
//!
//! The client knows only afterwards which protocol a connection has, so that sixteen calls at once would
//! open sixteen of them, whether there has been none yet, or the last one was closed a moment ago.

use crate::transport::HTTP2;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

tokio::task_local! {
    /// Set while a call to Cohere is worked on: what is opened then, is opened for it.
    static OF_THIS_CALL: Arc<Opening>;
}

/// The connections that are being opened. Scope: environment.
#[derive(Debug)]
pub(super) struct Opening {
    count: AtomicUsize,
    /// Tells those who wait that one is open, or cannot be had.
    ended: Notify,
    /// Whether the server may speak HTTP/2: nobody waits for a connection that carries one call.
    is_shared: AtomicBool,
}

/// A connection that is being opened, until this is dropped.
pub(super) struct UnderWay(Arc<Opening>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_waiters();
    }
}

impl Opening {
    pub(super) fn new() -> Arc<Self> {
        let is_shared = AtomicBool::new(true);
        Arc::new(Self { count: AtomicUsize::new(0), ended: Notify::new(), is_shared })
    }

    /// Begins a connection, if a call to Cohere is what it is opened for.
    pub(super) fn begin() -> Option<UnderWay> {
        let opening = OF_THIS_CALL.try_with(Arc::clone).ok()?;
        opening.count.fetch_add(1, Ordering::SeqCst);
        Some(UnderWay(opening))
    }

    /// Makes a call to Cohere, once no other call is opening a connection.
    pub(super) async fn run_call<T>(self: &Arc<Self>, call: impl Future<Output = T>) -> T {
        if self.is_under_way() {
            let ended = self.ended.notified();
            if self.is_under_way() {
                ended.await;
            }
        }
        OF_THIS_CALL.scope(self.clone(), call).await
    }

    pub(super) fn record_protocol(&self, protocol: &str) {
        self.is_shared.store(protocol == HTTP2, Ordering::SeqCst);
    }

    fn is_under_way(&self) -> bool {
        self.is_shared.load(Ordering::SeqCst) && self.count.load(Ordering::SeqCst) > 0
    }
}
