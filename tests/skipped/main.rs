//! Names and counts the tests that this run of Cargo has skipped; it runs after all others.

#![allow(clippy::print_stdout, reason = "its output is for people")]

fn main() {
    // Asked by tools that list tests; it has none.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let skips = gateway_tests::skips::take_skips();
    for skip in &skips {
        println!("{skip}");
    }
    println!("tests skipped: {}", skips.len());
}
