//! A line that says how long a command has worked, on a terminal alone and after a second.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Nobody wonders sooner.
const SECOND: Duration = Duration::from_secs(1);
/// Back to the beginning of the line, and away with it.
const CLEAR: &str = "\r\x1b[K";

/// Whether the line stands there.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// Does the work, and shows meanwhile that it goes on.
pub async fn show_progress<T>(words: &str, work: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let since = Instant::now();
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(SECOND, &mut work).await {
            Ok(done) => {
                clear();
                return done;
            }
            Err(_) => show(words, since.elapsed()),
        }
    }
}

fn show(words: &str, elapsed: Duration) {
    IS_SHOWN.store(true, Ordering::Relaxed);
    let _ = write!(std::io::stderr(), "{CLEAR}{words}… {} s", elapsed.as_secs());
}

/// Takes the line away, so that others can be written.
pub fn clear() {
    if IS_SHOWN.swap(false, Ordering::Relaxed) {
        let _ = write!(std::io::stderr(), "{CLEAR}");
    }
}
