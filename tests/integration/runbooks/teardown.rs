//! `docs/runbooks/teardown.md` on stand-ins: a stack that is gone is made anew with the secrets that stayed.

use gateway_tests::deployment::Deployment;
use gateway_tests::gateway::read_answer;
use gateway_tests::runbook::Runbook;
use http::Method;
use local::secrets_manager::{API_KEY, CLIENTS, SYNTHETIC_CLIENT, secret_arn};

#[tokio::test]
async fn teardown_runbook_makes_the_stack_anew_with_old_secrets() {
    let deployment = Deployment::prepare("runbook-teardown").await;
    deployment.deploy(&[]).await.data();
    let added = deployment.run_ops_with(&["clients", "add", "kept"], &[]).await;
    let secrets = [API_KEY, CLIENTS, SYNTHETIC_CLIENT].map(secret_arn);
    let before = [API_KEY, CLIENTS, SYNTHETIC_CLIENT]
        .map(|name| deployment.running.gateway.secrets.current(name));
    let names = ["KEY_SECRET", "CLIENTS_SECRET", "SYNTHETIC_SECRET"];
    let variables: Vec<_> = names.into_iter().zip(secrets.iter().map(String::as_str)).collect();
    let mut runbook = Runbook::open_for(&deployment, "teardown", &variables);
    runbook.next().await;
    deployment.account.end_stack();
    runbook.next().await;
    let after = [API_KEY, CLIENTS, SYNTHETIC_CLIENT]
        .map(|name| deployment.running.gateway.secrets.current(name));
    assert_eq!(before, after);
    let parameters = deployment.account.state().parameters.clone();
    assert_eq!(parameters["ExistingClientsSecretArn"], secrets[1]);
    let chat = deployment.account.state().functions["ChatFunction"].latest.variables.clone();
    assert_eq!(chat["GATEWAY_SECRET_ID"], secrets[0]);

    // As the plan that went with the stack.
    let plans = &deployment.running.gateway.usage_plans;
    for (id, ..) in plans.find_members("DefaultUsagePlan", "").unwrap() {
        plans.delete_key(&id);
    }
    runbook.next().await;
    assert!(runbook.words().contains("kept has a new API key"), "{}", runbook.words());
    deployment.running.gateway.kill("authorizer").await;
    let request = deployment
        .running
        .request_without_token(Method::POST, "/v2/rerank")
        .header("authorization", format!("Bearer {}", added.data()))
        .body(r#"{"query":"a","documents":["a"]}"#);
    assert_eq!(read_answer(request).await.status, 200);
    runbook.end().await;
}
