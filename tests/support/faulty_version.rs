//! Bad versions of functions in a running gateway: the real binary, and a fault around it.

use crate::gateway::Running;
use faulty::Fault;
use local::NewVersion;
use local::build::{Build, binary_directory, build_packages};
use std::sync::OnceLock;

/// Publishes a version of a function that has this fault, and returns its number.
pub async fn publish_faulty(running: &Running, function: &str, fault: &Fault) -> u32 {
    static BUILT: OnceLock<()> = OnceLock::new();
    // Once in this process, and beside other gateways of the test, which must not wait for Cargo.
    tokio::task::spawn_blocking(|| BUILT.get_or_init(build_faulty)).await.expect("the build");
    let directory = binary_directory(Build::Debug);
    let new = NewVersion {
        binary: Some(directory.join("faulty")),
        variables: fault.variables(&directory.join(function)),
        ..NewVersion::default()
    };
    running.gateway.publish_version(function, new).unwrap_or_else(|error| panic!("{error:#}"))
}

fn build_faulty() {
    build_packages(&["faulty"], Build::Debug).unwrap_or_else(|error| panic!("{error:#}"));
}
