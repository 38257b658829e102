//! Shows that a timer set by the runtime's own thread wakes that thread, through its event file.
//!
//! Run it under `strace -e trace=write,epoll_wait`: each round writes 8 bytes that the next wait reads back.

use std::time::Duration;
use tokio::time::{sleep, timeout};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let rounds = async {
        // A later timer, as any pool of connections has one: the runtime sleeps until then.
        tokio::spawn(sleep(Duration::from_secs(60)));
        for _ in 0..3 {
            // Ends before it is polled twice, as a call does that is answered in time.
            let _ = timeout(Duration::from_secs(5), sleep(Duration::from_millis(50))).await;
        }
    };
    let _ = runtime.block_on(runtime.spawn(rounds));
}
