//! The outage at the top of `README.md` is what `cargo run -- outage` prints.

use gateway_tests::gateway::build_functions;
use gateway_tests::page::Page;
use local::build::Build;
use local::outage::show_outage;
use std::sync::Mutex;

const START: &str = "<!-- outage:start -->\n```console\n$ cargo run -q -- outage\n";
const END: &str = "```\n<!-- outage:end -->";

#[tokio::test]
async fn outage_of_the_readme_is_a_real_one() {
    tokio::task::spawn_blocking(|| build_functions(Build::Debug)).await.expect("the build");
    let printed = Mutex::new(String::new());
    let print = |line: &str| *printed.lock().unwrap() += &format!("{line}\n");
    show_outage(Build::Debug, print).await.unwrap();
    let printed = printed.into_inner().unwrap();
    assert!(printed.contains(" requests, 0 failed"), "{printed}");
    let same = |written: &str, seen: &str| mask_numbers(written) == mask_numbers(seen);
    Page::read("README.md").settle(START, END, &printed, same);
}

#[test]
fn mask_hides_times_and_counts_of_repeats_alone() {
    let line = " 0.7 s  200  command-a-03-2025  4 calls   118 ms";
    assert_eq!(mask_numbers(line), mask_numbers(" 11.4 s  200  command-a-03-2025  4 calls  9 ms"));
    for other in ["503  command-a-03-2025  4 calls", "200  command-a-03-2025  3 calls"] {
        assert_ne!(mask_numbers(line), mask_numbers(&format!(" 0.7 s  {other}   118 ms")));
    }
    assert_eq!(mask_numbers("15 more like"), mask_numbers("9 more like"));
    assert_ne!(mask_numbers("20 requests, 0 failed"), mask_numbers("20 requests, 1 failed"));
}

/// Words in which a number belongs to one run: it stands before them.
const OF_ONE_RUN: [&str; 4] = ["s", "ms", "more", "requests,"];

/// Replaces times, and counts that depend on them, and forgets how far columns are apart.
fn mask_numbers(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let is_masked = |at: usize| {
            words[at].parse::<f64>().is_ok()
                && words.get(at + 1).is_some_and(|next| OF_ONE_RUN.contains(next))
        };
        let masked = (0..words.len()).map(|at| if is_masked(at) { "N" } else { words[at] });
        lines.push(masked.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}
