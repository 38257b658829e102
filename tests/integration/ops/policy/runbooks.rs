//! What the `aws` lines of the runbooks ask for, compared with `docs/operator-policy.json` in both directions.

use super::{find_allowed, read_actions, read_statements};
use gateway_tests::runbook::FOLDER;
use std::collections::BTreeSet;

/// What an administrator does once; the operator has no right to it.
const OF_ADMINISTRATORS: [&str; 3] =
    ["acm:RequestCertificate", "iam:CreatePolicy", "service-quotas:RequestServiceQuotaIncrease"];
/// What the answer of a query of Logs Insights is read with, however the query is sent.
const READS_QUERIES: &str = "logs:GetQueryResults";

/// Returns the action that a subcommand of the command line calls.
fn name_action(service: &str, operation: &str) -> String {
    match (service, operation) {
        ("apigateway", "flush-stage-authorizers-cache") => "apigateway:DELETE".to_string(),
        ("cloudformation", "wait") => "cloudformation:DescribeStacks".to_string(),
        _ => {
            let words = operation.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
            format!("{service}:{}", words.collect::<String>())
        }
    }
}

/// Returns the actions of a page's commands, in blocks and in sentences.
fn collect_actions(page: &str) -> BTreeSet<String> {
    let is_letter = |c: char| c.is_ascii_lowercase() || c == '-';
    let mut actions = BTreeSet::new();
    for (at, _) in page.match_indices("aws ") {
        if page[..at].ends_with(is_letter) {
            continue;
        }
        let mut words = page[at..].split_whitespace().skip(1);
        let mut word = || words.next().and_then(|word| word.split(|c| !is_letter(c)).next());
        if let (Some(service), Some(operation)) = (word(), word()) {
            actions.insert(name_action(service, operation));
        }
    }
    if page.lines().any(|line| line.starts_with("filter ")) {
        actions.insert(READS_QUERIES.to_string());
    }
    actions
}

fn read_runbooks() -> BTreeSet<String> {
    let files = std::fs::read_dir(FOLDER).unwrap().map(|file| file.unwrap().path());
    let pages = files.map(|path| std::fs::read_to_string(path).unwrap());
    let actions: BTreeSet<_> = pages.flat_map(|page| collect_actions(&page)).collect();
    let (administrators, operators): (BTreeSet<_>, BTreeSet<_>) =
        actions.into_iter().partition(|action| OF_ADMINISTRATORS.contains(&action.as_str()));
    assert_eq!(administrators, OF_ADMINISTRATORS.map(str::to_string).into());
    operators
}

#[test]
fn operator_policy_allows_what_runbooks_use() {
    let used = read_runbooks();
    assert!(used.contains("lambda:UpdateAlias") && used.len() > 12, "{used:?}");
    let allowed: BTreeSet<_> = read_statements().iter().flat_map(read_actions).collect();
    let is_allowed = |action: &&String| {
        let service = action.split(':').next().unwrap();
        allowed.contains(*action) || allowed.contains(&format!("{service}:*"))
    };
    let missing: Vec<_> = used.iter().filter(|action| !is_allowed(action)).collect();
    assert!(missing.is_empty(), "the operator has no right to {missing:?}");
    let unused: Vec<_> = find_allowed("Runbooks").difference(&used).cloned().collect();
    assert!(unused.is_empty(), "no runbook uses {unused:?}");
}

#[test]
fn action_reader_knows_commands_in_blocks_and_sentences() {
    let page = "The `aws ssm\nget-parameter`, and $(aws lambda get-alias).\nfilter a\nlaws of men";
    let expected = ["lambda:GetAlias", "logs:GetQueryResults", "ssm:GetParameter"];
    assert_eq!(collect_actions(page), expected.map(str::to_string).into());
    assert_eq!(name_action("cloudformation", "wait"), "cloudformation:DescribeStacks");
}
