//! A panic on request, so that tests see what one does to the real binaries. Debug builds only.
//!
//! There is no input that makes the gateway panic, so its guards could not be tried otherwise. In a
//! release build this is nothing.

/// Where a panic may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A request's body says so.
    Handler,
    /// A frame of Cohere's stream says so.
    Stream,
    /// A token says so.
    Authorizer,
}

impl Place {
    /// Returns the words that ask for a panic here.
    pub fn mark(self) -> &'static str {
        match self {
            Place::Handler => "GATEWAY-TEST-PANIC-IN-HANDLER",
            Place::Stream => "GATEWAY-TEST-PANIC-IN-STREAM",
            Place::Authorizer => "GATEWAY-TEST-PANIC-IN-AUTHORIZER",
        }
    }
}

/// Panics where a debug build is asked to.
///
/// # Panics
/// See above.
pub fn panic_if_asked(place: Place, input: &[u8]) {
    if cfg!(debug_assertions) && memchr::memmem::find(input, place.mark().as_bytes()).is_some() {
        // As bad as a panic can be: its message repeats what was worked on.
        panic!("asked for by {}", String::from_utf8_lossy(input));
    }
}
