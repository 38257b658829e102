//! What keeps logs as they are: in the sources of the functions nothing is printed but by the telemetry.

#[test]
fn placeholder() {}
