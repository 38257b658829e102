//! `docs/try-a-failure.md`: each row is run in its place, and what it says stands in the answer.

use gateway_tests::gateway;
use gateway_tests::page::Page;
use gateway_tests::runbook::Runbook;
use local::Upstream;

const LEAST_ROWS: usize = 10;

/// A row of the table: the command, and what it shows: the status first, then texts of the answer.
struct Row {
    command: String,
    seen: Vec<String>,
}

#[tokio::test]
async fn failures_show_what_their_rows_say() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let page = Page::read("docs/try-a-failure.md");
    let rows = read_rows(&page.text);
    assert!(rows.len() >= LEAST_ROWS, "{} rows", rows.len());
    let mut blocks = page.blocks("sh");
    let commands = rows.iter().map(|row| format!("{}\n", row.command));
    blocks.splice(1..1, commands);
    let mut shell = Runbook::open_blocks(&running, "try-a-failure", blocks);
    shell.next().await;
    for row in &rows {
        let answer = shell.next().await;
        let (status, texts) = row.seen.split_first().unwrap();
        assert_eq!(answer.trim_end().lines().last(), Some(status.as_str()), "{}", row.command);
        for text in texts {
            assert!(answer.contains(text.as_str()), "{}: no {text} in\n{answer}", row.command);
        }
    }
    let told = shell.next().await;
    assert!(told.contains("\"standing\":null") && told.contains("It fails on request"), "{told}");
    shell.end().await;
}

#[test]
fn rows_are_read_without_their_head() {
    let page =
        "| fault | command | what you see |\n|---|---|---|\n| x | `do 'a'` | `200` and `b`, c |\n";
    let rows = read_rows(page);
    assert_eq!((rows.len(), rows[0].command.as_str()), (1, "do 'a'"));
    assert_eq!(rows[0].seen, ["200", "b"]);
}

fn read_rows(page: &str) -> Vec<Row> {
    let table = page.lines().skip_while(|line| !line.starts_with("| fault | command |")).skip(2);
    let mut rows = Vec::new();
    for line in table.take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
        let [_, command, seen] = cells[..] else { panic!("three cells are expected: {line}") };
        let seen = seen.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        rows.push(Row { command: command.trim().trim_matches('`').to_owned(), seen });
    }
    rows
}
