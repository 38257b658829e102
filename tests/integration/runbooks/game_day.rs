//! `docs/runbooks/game-day.md` on stand-ins: who is told, the bad version's source, and the way back by hand. What only AWS
//! can show stands in its tables.

use gateway_tests::deployment::Deployment;
use gateway_tests::runbook::Runbook;
use gateway_tests::source_files::ROOT;

const SOURCE: &str = "shared/src/pipeline.rs";

#[tokio::test]
async fn game_day_runbook_goes_back_from_its_bad_version() {
    let deployment = Deployment::prepare("runbook-game-day").await;
    let source = deployment.folder.join(SOURCE);
    std::fs::create_dir_all(source.parent().unwrap()).unwrap();
    let before = std::fs::read_to_string(format!("{ROOT}/{SOURCE}")).unwrap();
    std::fs::write(&source, &before).unwrap();
    let mut runbook = Runbook::open_for(&deployment, "game-day", &[]);
    runbook.next().await;

    let checklist = runbook.next().await;
    assert!(checklist.trim_end().ends_with("Ready to go live."), "{checklist}");
    let told = deployment.account.state().deployments[0].join(" ");
    assert!(told.contains("P1Email") && told.contains("P2Email"), "{told}");

    runbook.next().await;
    let changed = std::fs::read_to_string(&source).unwrap();
    let is_new = |line: &&str| !before.lines().any(|old| old == *line);
    let new: Vec<_> = changed.lines().filter(is_new).collect();
    let expected = r#"    assert!(record.is_marked || E::ENDPOINT != Endpoint::Chat, "game day");"#;
    assert_eq!(new, [expected]);

    deployment.account.state().begin_rollout(&["ChatFunction", "EmbedFunction"]);
    runbook.next().await;
    for function in ["ChatFunction", "EmbedFunction"] {
        let state = deployment.account.state();
        let function = &state.functions[function];
        assert!(function.live == 1 && function.weights.is_empty(), "{function:?}");
    }
    runbook.next().await;
    runbook.end().await;
}
