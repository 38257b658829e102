//! Switches off Nagle's algorithm on the connections to the Lambda Runtime API.
//!
//! The runtime crate writes a streamed answer in small pieces and leaves the algorithm on, so each
//! piece after the first waits about 40 ms for the receiver's delayed acknowledgement. Its public
//! interface has no setting for it; the sockets are found among the open files of the process.

use socket2::SockRef;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

#[cfg(target_os = "linux")]
const OPEN_FILES: &str = "/proc/self/fd";
#[cfg(not(target_os = "linux"))]
const OPEN_FILES: &str = "/dev/fd";

/// Address of the Runtime API; `None` where it is a name, which Lambda never gives.
static RUNTIME_API: OnceLock<Option<SocketAddr>> = OnceLock::new();
/// The connection found last, where there is one; an environment of many requests at a time has many.
static KNOWN: AtomicI32 = AtomicI32::new(-1);

/// Makes sure that the answer of this invocation is sent without delay. One system call once known.
pub(super) fn switch_off_delay() {
    let address = RUNTIME_API.get_or_init(find_runtime_api);
    let Some(address) = address else { return };
    if is_done(KNOWN.load(Ordering::Relaxed), *address) {
        return;
    }
    let Ok(files) = std::fs::read_dir(OPEN_FILES) else { return };
    let files = files.flatten().filter_map(|file| file.file_name().to_str()?.parse().ok());
    let found: Vec<RawFd> = files.filter(|fd| set_nodelay(*fd, *address)).collect();
    KNOWN.store(if let [only] = found[..] { only } else { -1 }, Ordering::Relaxed);
}

fn find_runtime_api() -> Option<SocketAddr> {
    use crate::config::vars::{Environment, Vars};
    let (_, address) =
        Environment.all_vars().into_iter().find(|(name, _)| name == "AWS_LAMBDA_RUNTIME_API")?;
    address.parse().ok()
}

fn set_nodelay(fd: RawFd, address: SocketAddr) -> bool {
    with_socket(fd, |socket| is_peer(&socket, address) && socket.set_tcp_nodelay(true).is_ok())
}

fn is_done(fd: RawFd, address: SocketAddr) -> bool {
    fd >= 0
        && with_socket(fd, |socket| {
            socket.tcp_nodelay().unwrap_or(false) && is_peer(&socket, address)
        })
}

fn is_peer(socket: &SockRef<'_>, address: SocketAddr) -> bool {
    match socket.peer_addr() {
        Ok(peer) => peer.as_socket() == Some(address),
        Err(_) => false,
    }
}

#[expect(unsafe_code, reason = "the runtime crate does not hand out its sockets")]
fn with_socket(fd: RawFd, look: impl FnOnce(SockRef<'_>) -> bool) -> bool {
    // SAFETY: the number is only used for socket calls in this function. If the file was closed or is
    // no socket, they fail; if the number was taken over by another socket, its peer is compared first.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    look(SockRef::from(&borrowed))
}
