//! `docs/operating.md`: its block for a laptop and its blocks for AWS each run from the first line to the last.

use gateway_tests::deployment::Deployment;
use gateway_tests::gateway;
use gateway_tests::page::Page;
use gateway_tests::runbook::Runbook;
use local::Upstream;
use local::secrets_manager::API_KEY;

const KEY: &str = "fake-first-key-of-operating";
/// Above the blocks that need an account.
const AWS: &str = "\n## On AWS\n";

/// Returns the blocks before the heading and those below it.
fn read_blocks() -> (Vec<String>, Vec<String>) {
    let page = Page::read("docs/operating.md");
    let (laptop, _) = page.text.split_once(AWS).expect("the heading");
    let mut blocks = page.blocks("sh");
    let aws = blocks.split_off(laptop.matches("\n```sh\n").count());
    (blocks, aws)
}

#[tokio::test]
async fn laptop_block_replaces_the_key_and_adds_a_client() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let (blocks, _) = read_blocks();
    let mut shell = Runbook::open_blocks(&running, "operating-laptop", blocks);
    let printed = shell.next().await;
    assert!(printed.contains("cgw_") && printed.contains("search-service"), "{printed}");
    let key = running.gateway.secrets.current(API_KEY);
    assert_eq!(key.as_deref(), Some("fake-second-key"), "{printed}");
    shell.end().await;
}

#[tokio::test]
async fn aws_blocks_deploy_and_give_key_and_client() {
    let deployment = Deployment::prepare_without_key("operating", KEY).await;
    let gateway = &deployment.running.gateway;
    let (_, blocks) = read_blocks();
    let variables = [("COHERE_KEY", KEY)];
    let mut shell = Runbook::open_blocks_for(&deployment, "operating-aws", blocks, &variables);
    let deployed = shell.next().await;
    assert!(deployed.contains("smoke test key_missing."), "{deployed}");
    let printed = shell.next().await;
    assert!(printed.contains("cgw_") && printed.contains("search-service"), "{printed}");
    assert_eq!(gateway.secrets.current(API_KEY).as_deref(), Some(KEY));
    shell.end().await;
}
