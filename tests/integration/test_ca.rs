//! The certificate authority that only tests trust: no deployed binary knows of it.

use gateway_tests::gateway;
use gateway_tests::stub::{Protocol, trusted_certificate};
use local::build::{Build, binary_directory};
use std::process::Command;

const NAME: &str = "GATEWAY_TEST_CA";

/// Starts a function with the variable and returns what it says at its end.
fn start_chat(build: Build, value: &str) -> String {
    let output = Command::new(binary_directory(build).join("chat"))
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")
        .env("GATEWAY_SECRET_ID", "fake")
        .env(NAME, value)
        .output()
        .expect("chat runs");
    assert!(!output.status.success());
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn holds_name(build: Build) -> bool {
    let bytes = std::fs::read(binary_directory(build).join("chat")).expect("a binary");
    bytes.windows(NAME.len()).any(|window| window == NAME.as_bytes())
}

#[tokio::test]
async fn test_ca_is_unknown_to_ordinary_binaries() {
    gateway::build_functions(Build::Debug);
    let said = start_chat(Build::Debug, trusted_certificate());
    assert!(said.contains("GATEWAY_TEST_CA is not a setting of the gateway"), "{said}");
    assert!(!holds_name(Build::Debug));
    // The search finds it where it is.
    gateway::build_functions(Build::TestCa);
    assert!(holds_name(Build::TestCa));
    let said = start_chat(Build::TestCa, "no digits");
    assert!(said.contains("a certificate in DER, in hexadecimal digits, is required"), "{said}");
}

#[tokio::test]
async fn upstream_with_its_certificate_is_reached() {
    for (protocol, name) in [(Protocol::Http1, "http/1.1"), (Protocol::Http2, "h2")] {
        let (stub, running) = gateway::start_with_stub_over(protocol, &[]).await;
        let way = gateway_tests::ways::Way::Chat;
        stub.answer_others(move |_| way.good_steps());
        let answer = way.send_request(&running, "deny").await;
        assert_eq!(answer.status, 200);
        let line = running.wait_for_request(answer.header("x-request-id")).await;
        assert!(line.contains(&format!("\"protocol\":\"{name}\"")), "{line}");
    }
}
