//! `docs/operator-policy.json` allows what `ops` calls and CloudFormation makes, and of ops' own actions nothing else.

mod runbooks;

use gateway_tests::aws_account::Failure;
use gateway_tests::deployment::Deployment;
use gateway_tests::ops;
use gateway_tests::source_files::ROOT;
use local::cohere_sandbox::Key;
use serde_json::Value;
use std::collections::BTreeSet;

/// The stack of the environment `dev`.
const STACK: &str = "cohere-gateway-dev";
/// What an action of ops makes AWS ask for in the operator's name.
const ASKED_BY_AWS: &str = "lambda:InvokeFunction";
/// Longest policy that IAM takes, without its white space.
const MAX_CHARS: usize = 6_144;

fn read_statements() -> Vec<Value> {
    let text = std::fs::read_to_string(format!("{ROOT}/docs/operator-policy.json")).unwrap();
    let length = text.chars().filter(|c| !c.is_whitespace()).count();
    assert!(length <= MAX_CHARS, "{length} characters");
    let policy: Value = serde_json::from_str(&text).unwrap();
    policy["Statement"].as_array().unwrap().clone()
}

fn read_actions(statement: &Value) -> Vec<String> {
    let actions = &statement["Action"];
    let one = actions.as_str().map(str::to_string);
    let list = actions.as_array().into_iter().flatten();
    one.into_iter().chain(list.map(|action| action.as_str().unwrap().to_string())).collect()
}

/// Returns the actions of the statements whose names begin so.
fn find_allowed(beginning: &str) -> BTreeSet<String> {
    let statements = read_statements();
    let of_name = |statement: &&Value| statement["Sid"].as_str().unwrap().starts_with(beginning);
    statements.iter().filter(of_name).flat_map(read_actions).collect()
}

/// Runs every command of `ops` that calls AWS, and a deployment of each kind; returns what was called.
async fn collect_calls(deployment: &Deployment) -> BTreeSet<String> {
    deployment.deploy(&[]).await.data();
    let more = ["--parameter", "ChatReservedConcurrency=1", "--parameter", "ProbeSchedule=5"];
    deployment.deploy(&more).await.data();
    deployment.write_code("chat", "changed");
    deployment.account.state().failure = Some(Failure::Resource("no", "UPDATE_ROLLBACK_COMPLETE"));
    deployment.deploy(&[]).await.problem();
    let key = "fake-next-key-of-an-operator";
    let sandbox = deployment.running.gateway.sandbox.as_ref().unwrap();
    sandbox.accept_key(Key { value: key.into(), trial: false });
    let file = deployment.folder.join("key.txt");
    std::fs::write(&file, key).unwrap();
    let mut stage = deployment.command(ops::build_binary());
    stage.args(["key", "stage"]).stdin(std::fs::File::open(file).unwrap());
    assert!(stage.output().await.unwrap().status.success());
    for arguments in [
        &["clients", "add", "a"][..],
        &["clients", "list"],
        &["clients", "rotate", "a"],
        &["clients", "set", "a", "--models", "embed-v4.0"],
        &["clients", "list", "--last-use", "--stack", STACK],
        &["clients", "revoke", "a"],
        &["key", "status"],
        &["key", "rotate"],
    ] {
        deployment.run_ops_with(arguments, &[]).await.data();
    }
    for command in ["checklist", "models", "cost"] {
        deployment.run_ops_with(&[command, "--stack", STACK], &[]).await;
    }
    for arguments in [&["rollback", "--yes"][..], &["rollout"], &["releases"]] {
        let arguments = [arguments, &["--stack", STACK]].concat();
        // The first of them comes too late to stop the rollout, whose end the second one tells.
        if arguments[0] == "rollback" {
            let mut state = deployment.account.state();
            state.begin_rollout(&["ChatFunction"]);
            state.operations.over_when_stopped.insert("ChatFunction".into());
        }
        deployment.run_ops_with(&arguments, &[]).await;
    }
    // One that fails asks the function's log for its cause.
    std::fs::write(deployment.folder.join("key.txt"), "fake-refused-key").unwrap();
    let mut stage = deployment.command(ops::build_binary());
    let file = std::fs::File::open(deployment.folder.join("key.txt")).unwrap();
    assert!(stage.args(["key", "stage"]).stdin(file).output().await.unwrap().status.success());
    let line = r#"{"event":"rotation_step_failed","step":"testSecret","code":"refused_key","problem":"no"}"#;
    deployment.account.state().operations.found = vec![vec![("message", line.to_string())]];
    let rotated = deployment.run_ops_with(&["key", "rotate", "--stack", STACK], &[]).await;
    assert!(rotated.problem().contains("refused_key of testSecret: no"), "{rotated:?}");
    &deployment.account.actions() | &deployment.recorder.actions()
}

#[tokio::test]
async fn operator_policy_is_what_ops_calls() {
    let deployment = Deployment::prepare("policy").await;
    let called = collect_calls(&deployment).await;
    assert!(called.contains("secretsmanager:RotateSecret") && called.len() > 12, "{called:?}");
    assert_eq!(find_allowed("Ops"), called);
    assert_eq!(find_allowed("Rotation"), BTreeSet::from([ASKED_BY_AWS.to_string()]));
}

#[test]
fn operator_policy_covers_every_resource_of_the_template() {
    let text = std::fs::read_to_string(format!("{ROOT}/template.yaml")).unwrap();
    let template = cloudformation::read_template(&text).unwrap();
    let made = find_allowed("CloudFormation");
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let kind = resource["Type"].as_str().unwrap();
        let action = match kind.rsplit_once("::").unwrap() {
            ("AWS::Lambda", _) | ("AWS::Serverless", "Function") => "lambda:*",
            ("AWS::Logs", "LogGroup") => "logs:*",
            ("AWS::ApiGateway", _) | ("AWS::Serverless", "Api") => "apigateway:PATCH",
            ("AWS::SecretsManager", "Secret" | "RotationSchedule") => "secretsmanager:CreateSecret",
            ("AWS::Events", "Rule") => "events:*",
            ("AWS::SNS", _) => "sns:*",
            ("AWS::KMS", "Key") => "kms:CreateKey",
            ("AWS::CloudWatch", "Alarm" | "Dashboard") => "cloudwatch:*",
            ("AWS::CloudWatch", "CompositeAlarm") => "cloudwatch:PutCompositeAlarm",
            ("AWS::IAM", "Role") => "iam:CreateRole",
            _ => panic!("{name} is a {kind}: let the policy allow its making, and say so here"),
        };
        assert!(made.contains(action), "{action} for {name}");
        if !resource["Properties"]["DeploymentPreference"].is_null() {
            assert!(made.contains("codedeploy:*"), "the rollout of {name}");
        }
        // CloudFormation names a secret by its resource alone.
        if kind == "AWS::SecretsManager::Secret" {
            let ends = format!(":secret:{name}-*");
            let named = read_statements();
            let named =
                named.iter().filter(|statement| statement["Resource"].to_string().contains(&ends));
            assert_eq!(named.count(), 2, "{name}: ops, and CloudFormation with the runbooks");
        }
    }
}
