//! `README.md` and the pages that it leads a newcomer to are true: their blocks and rows run as they stand.

mod failures;
mod operating;
mod outage;

use gateway_tests::gateway;
use gateway_tests::page::Page;
use gateway_tests::runbook::Runbook;
use gateway_tests::source_files::ROOT;
use local::Upstream;
use std::path::Path;

/// What a stranger reads to the end.
const MOST_LINES: usize = 150;

#[test]
fn readme_has_less_than_its_lines() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(lines < MOST_LINES, "{lines} lines");
}

#[test]
fn links_of_the_front_pages_lead_somewhere() {
    for name in ["README.md", "docs/operating.md", "docs/try-a-failure.md", "docs/using.md"] {
        let page = Page::read(name);
        let folder = Path::new(ROOT).join(name).parent().unwrap().to_path_buf();
        let links = page.text.split("](").skip(1).filter_map(|part| part.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let path = link.split('#').next().unwrap();
            assert!(folder.join(path).exists(), "{name} links to {link}");
        }
    }
}

#[tokio::test]
async fn readme_blocks_run_as_they_stand() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let mut readme = Runbook::open(&running, "../../README", &[]);
    readme.next().await;
    let answers = readme.next().await;
    for part in ["\"role\":\"assistant\"", "[DONE]", "\"relevance_score\"", "\"status\":\"ok\""] {
        assert!(answers.contains(part), "no {part} in {answers}");
    }
    readme.end().await;
}
