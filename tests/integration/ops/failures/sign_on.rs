//! Nobody has signed in, the sign-on has ended, or the stack is not where it is looked for.

use super::{COMMANDS, Run, STACK, prepare, read_problem, run_each};
use gateway_tests::deployment::Deployment;
use gateway_tests::stub::{Step, Stub, write_json};
use serde_json::json;

/// Name of the file in which the AWS CLI keeps the sign-on of the session `it`: the SHA-1 of that name.
const KEPT: &str = "6c5522ca8af86fc5069b737bb8892b3ea61002c2.json";
const PROFILE: &str = "[profile it]\nsso_session = it\nsso_account_id = 123456789012\n\
    sso_role_name = operator\nregion = us-east-1\n[sso-session it]\nsso_region = us-east-1\n\
    sso_start_url = https://example.awsapps.com/start\n";

/// Runs every command, and the checklist, with these options and variables; returns what each has said.
async fn run_all(
    deployment: &Deployment,
    options: &[&'static str],
    variables: &[(&str, &str)],
    code: i32,
) -> Vec<String> {
    let commands = COMMANDS.iter().map(|command| command.arguments);
    let runs = commands.chain([&["checklist"][..]]).map(|arguments| {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let arguments = [arguments, options].concat();
        Run { arguments, variables: variables.collect(), about: () }
    });
    let runs = runs.collect();
    let done = run_each(deployment, runs).await;
    done.iter().map(|(done, _)| read_problem(done, code)).collect()
}

#[tokio::test]
async fn every_command_asks_for_credentials_and_stack() {
    let deployment = prepare("failures-nobody").await;
    let stack = ["--stack", STACK];
    let nobody = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("HOME", "/nonexistent"),
    ];
    for told in run_all(&deployment, &stack, &nobody, 2).await {
        assert!(told.starts_with("there are no AWS credentials; set AWS_ACCESS_KEY_ID"), "{told}");
    }
    let elsewhere = ["--stack", STACK, "--region", "eu-west-1"];
    for told in run_all(&deployment, &elsewhere, &[], 1).await {
        let expected = format!("there is no stack {STACK} in eu-west-1 of this account: check");
        assert!(told.starts_with(&expected), "{told}");
    }
    for told in run_all(&deployment, &["--stack", "no-such-stack"], &[], 1).await {
        let expected = "there is no stack no-such-stack in us-east-1 of this account: check \
                        --stack, --region and --profile";
        assert_eq!(told, expected);
    }
}

/// Writes the files of somebody who has signed in by single sign-on, for so long.
fn write_sign_on(deployment: &Deployment, expires: &str) -> Vec<(&'static str, String)> {
    let home = deployment.folder.join("home");
    let kept = home.join(".aws/sso/cache");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(home.join(".aws/config"), PROFILE).unwrap();
    let token = json!({ "startUrl": "https://example.awsapps.com/start", "region": "us-east-1",
        "accessToken": "fake-MARK-of-a-sign-on", "expiresAt": expires });
    std::fs::write(kept.join(KEPT), token.to_string()).unwrap();
    vec![
        ("HOME", home.display().to_string()),
        ("AWS_PROFILE", "it".to_string()),
        ("AWS_ACCESS_KEY_ID", String::new()),
        ("AWS_SECRET_ACCESS_KEY", String::new()),
    ]
}

#[tokio::test]
async fn every_command_tells_how_to_sign_in_again() {
    let deployment = prepare("failures-sign-on").await;
    let stack = ["--stack", STACK];
    let portal = Stub::start().await;
    portal.answer_others(|_| {
        let refused = json!({ "__type": "UnauthorizedException", "message": "Session token not found or invalid" });
        write_json(401, &refused)
    });
    let silent = Stub::start().await;
    silent.answer_others(|_| vec![Step::Hang]);
    for (expires, portal, words) in [
        ("2001-01-01T00:00:00Z", &portal, "expired"),
        ("2999-01-01T00:00:00Z", &portal, "Session token not found or invalid"),
        ("2999-01-01T00:00:00Z", &silent, "timeout"),
    ] {
        let mut variables = write_sign_on(&deployment, expires);
        variables.push(("AWS_ENDPOINT_URL_SSO", portal.url.clone()));
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let options = [&stack[..], &["--timeout-secs", "1"]].concat();
        for told in run_all(&deployment, &options, &variables, 1).await {
            assert!(
                told.starts_with("AWS gives no credentials: ") && told.contains(words),
                "{told}"
            );
            assert!(told.ends_with("such as by: aws sso login --profile it"), "{told}");
        }
    }
}
