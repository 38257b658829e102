//! Switches off Nagle's algorithm on the connections to the Lambda Runtime API.
//!
//! The runtime crate writes a streamed answer in small pieces and leaves the algorithm on, so each
//! piece after the first waits about 40 ms for the receiver's delayed acknowledgement. Its public
//! interface has no setting for it; the sockets are found among the open files of the process. Which
//! connection an event came over stands beside the event, so that a known one costs no system call.

use crate::lock::lock_anyway;
use hyper_util::client::legacy::connect::HttpInfo;
use lambda_runtime::LambdaInvocation;
use socket2::SockRef;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::Mutex;

#[cfg(target_os = "linux")]
const OPEN_FILES: &str = "/proc/self/fd";
#[cfg(not(target_os = "linux"))]
const OPEN_FILES: &str = "/dev/fd";

/// Our ends of the connections without delay. An environment of many requests at a time has many.
static DONE: Mutex<Vec<SocketAddr>> = Mutex::new(Vec::new());

/// Makes sure that the answer of this invocation is sent without delay.
pub(super) fn switch_off_delay(invocation: LambdaInvocation) -> LambdaInvocation {
    if let Some(connection) = invocation.parts.extensions.get::<HttpInfo>() {
        let mut done = lock_anyway(&DONE);
        if !done.contains(&connection.local_addr()) {
            *done = switch_off_all(connection.remote_addr());
        }
    }
    invocation
}

/// Returns our ends of all connections to this peer, each without delay now.
fn switch_off_all(peer: SocketAddr) -> Vec<SocketAddr> {
    let Ok(files) = std::fs::read_dir(OPEN_FILES) else { return Vec::new() };
    let files = files.flatten().filter_map(|file| file.file_name().to_str()?.parse().ok());
    files.filter_map(|fd| with_socket(fd, |socket| set_nodelay(&socket, peer))).collect()
}

fn set_nodelay(socket: &SockRef<'_>, peer: SocketAddr) -> Option<SocketAddr> {
    if socket.peer_addr().ok()?.as_socket()? != peer {
        return None;
    }
    socket.set_tcp_nodelay(true).ok()?;
    socket.local_addr().ok()?.as_socket()
}

#[expect(unsafe_code, reason = "the runtime crate does not hand out its sockets")]
fn with_socket<T>(fd: RawFd, look: impl FnOnce(SockRef<'_>) -> T) -> T {
    // SAFETY: the number is only used for socket calls in this function. If the file was closed or is
    // no socket, they fail; if the number was taken over by another socket, its peer is compared first.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    look(SockRef::from(&borrowed))
}
