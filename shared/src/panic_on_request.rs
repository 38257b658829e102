//! A panic on request, so that tests see what one does to the real binaries. Debug builds only.
//!
//! There is no input that makes the gateway panic, so its guards could not be tried otherwise. In a
//! release build this is nothing.

/// Where a panic may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanicPoint {
    /// A request's body says so.
    Handler,
    /// A frame of Cohere's stream says so.
    Stream,
    /// A token says so.
    Authorizer,
}

impl PanicPoint {
    /// Returns the words that ask for a panic here.
    pub fn mark(self) -> &'static str {
        match self {
            PanicPoint::Handler => "GATEWAY-TEST-PANIC-IN-HANDLER",
            PanicPoint::Stream => "GATEWAY-TEST-PANIC-IN-STREAM",
            PanicPoint::Authorizer => "GATEWAY-TEST-PANIC-IN-AUTHORIZER",
        }
    }
}

/// Panics where a debug build is asked to.
///
/// # Panics
/// See above.
pub fn panic_if_requested(point: PanicPoint, input: &[u8]) {
    if cfg!(debug_assertions) && memchr::memmem::find(input, point.mark().as_bytes()).is_some() {
        // As bad as a panic can be: its message repeats what was worked on.
        panic!("asked for by {}", String::from_utf8_lossy(input));
    }
}
