//! A panic on request, so that tests see what one does to the real binaries. Debug builds only.
//!
//! No input is known that makes the gateway panic; without this, the handling of panics had no test.
//! A release build has neither the function's body nor the marks: `.ci/run` searches one.

/// Where a panic may be requested.
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
    /// Returns the words that request a panic here.
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
#[cfg(debug_assertions)]
pub fn panic_if_requested(point: PanicPoint, input: &[u8]) {
    if memchr::memmem::find(input, point.mark().as_bytes()).is_some() {
        // As bad as a panic can be: its message repeats what was worked on.
        panic!("requested by {}", String::from_utf8_lossy(input));
    }
}

/// Does nothing: this is a release build.
#[cfg(not(debug_assertions))]
pub fn panic_if_requested(_: PanicPoint, _: &[u8]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_is_requested_in_debug_builds_only() {
        let input = PanicPoint::Handler.mark().as_bytes();
        let result = std::panic::catch_unwind(|| panic_if_requested(PanicPoint::Handler, input));
        assert_eq!(result.is_err(), cfg!(debug_assertions));
        panic_if_requested(PanicPoint::Stream, input);
    }
}
