//! `ops deploy` against a stand-in of an account and of `sam`: what it does in order, and every failure it explains.

mod change_set;
mod live;
mod lost_key;
mod rolled_back;
mod rollout;
mod synthetic_client;

use gateway_tests::aws_account::Failure;
use gateway_tests::deployment::{BUILT_COMMIT, Deployment};
use gateway_tests::ops::Done;
use local::secrets_manager::{API_KEY, CLIENTS, SYNTHETIC_CLIENT};
use serde_json::Value;

/// Returns the words of a deployment that failed and changed nothing in the account.
fn read_refusal<'a>(deployment: &Deployment, done: &'a Done) -> &'a str {
    assert_eq!(deployment.account.state().deployments.len(), 0, "{done:?}");
    done.problem()
}

fn read_clients(deployment: &Deployment) -> Value {
    let text = deployment.running.gateway.secrets.current(CLIENTS).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

#[tokio::test]
async fn first_deployment_ends_with_a_recorded_release() {
    let deployment = Deployment::prepare("first").await;
    let done = deployment.deploy(&["--json"]).await;
    let written: Value = serde_json::from_str(done.data()).unwrap();
    let release = written["data"].clone();
    assert_eq!((&written["command"], &release["smoke_test"]), (&"deploy".into(), &"ok".into()));
    for (name, function) in release["functions"].as_object().unwrap() {
        assert_eq!(function["version"], "1", "{name}");
    }
    let steps = [
        "account 123456789012 as arn:aws:iam::123456789012:user/operator, region us-east-1, sam 1.170.0",
        "stack cohere-gateway-dev is new",
        "the build says something",
        "new versions of: authorizer, chat, driver, embed, health, pass-through, probe, rerank, rotate-key",
        "sam deploys",
        "live versions are as deployed: authorizer 1,",
        "made the synthetic client",
        "recorded as release 1 in /cohere-gateway/cohere-gateway-dev/release",
        "the gateway answers at http://127.0.0.1:",
    ];
    let mut words = done.stderr.as_str();
    for step in steps {
        let (_, after) = words.split_once(step).unwrap_or_else(|| panic!("{step}: {done:?}"));
        words = after;
    }
    let token = deployment.running.gateway.secrets.current(SYNTHETIC_CLIENT).unwrap();
    assert!(token.starts_with("cgw_") && token.len() == 47);
    assert!(!done.stderr.contains(&token) && !done.stdout.contains(&token));
    let clients = read_clients(&deployment);
    assert_eq!(clients["clients"][1]["name"], "synthetic");
    assert!(
        clients["clients"][1]["usage_plan_key"].is_string()
            && !clients.to_string().contains(&token)
    );
    let state = deployment.account.state();
    let told = &state.deployments[0];
    for option in ["--no-confirm-changeset", "cohere-gateway-dev", "target/deploy/template.yaml"] {
        assert!(told.iter().any(|argument| argument == option), "{option}: {told:?}");
    }
    assert_eq!(serde_json::from_str::<Value>(&state.releases[0]).unwrap(), release);
}

#[tokio::test]
async fn later_deployment_publishes_what_changed_alone() {
    let deployment = Deployment::prepare("later").await;
    deployment.deploy(&[]).await.data();
    let clients = read_clients(&deployment);

    let again = deployment.deploy(&[]).await;
    let text = again.data();
    assert!(text.starts_with("Release 2 of cohere-gateway-dev is live, smoke test ok."), "{text}");
    assert!(
        text.contains(&format!("Commit: {BUILT_COMMIT}\nVersions: authorizer 1, chat 1,")),
        "{text}"
    );
    assert!(again.stderr.contains("ops rollout --stack cohere-gateway-dev"), "{again:?}");
    assert!(again.stderr.contains("no function gets a new version"), "{again:?}");
    assert_eq!(read_clients(&deployment), clients, "the client was there");

    deployment.write_code("chat", "changed");
    let changed = deployment.deploy(&["--no-build", "--parameter", "AllowTrialKey=on"]).await;
    changed.data();
    let release = deployment.account.last_release();
    assert!(changed.stderr.contains("new versions of: chat, rotate-key"), "{changed:?}");
    assert!(!changed.stderr.contains("the build says something"));
    let versions =
        ["chat", "rotate-key", "embed"].map(|name| release["functions"][name]["version"].clone());
    assert_eq!(versions, ["2", "2", "1"]);

    // What was given once is kept, and told.
    let kept = deployment.deploy(&[]).await;
    kept.data();
    assert!(kept.stderr.contains("AllowTrialKey=on (kept from the last deployment)"), "{kept:?}");
    assert!(kept.stderr.contains("no function gets a new version"), "{kept:?}");
    assert_eq!(deployment.account.state().releases.len(), 4);
}

#[tokio::test]
async fn recorded_commit_is_the_one_that_was_built() {
    let deployment = Deployment::prepare("commit").await;
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        let name = ["-c", "user.name=it", "-c", "user.email=it@example.com"];
        let done = command.args(name).args(arguments).current_dir(&deployment.folder).output();
        let done = done.expect("git ends");
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).expect("text").trim().to_string()
    };
    git(&["init", "--quiet"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
    let head = git(&["rev-parse", "HEAD"]);
    let read_commit = |done: &Done| {
        done.data();
        let release = deployment.account.last_release();
        release["commit"].as_str().unwrap().to_string()
    };

    let unknown = deployment.deploy(&["--no-build"]).await;
    assert_eq!(read_commit(&unknown), "unknown");
    assert!(unknown.stderr.contains("recorded as unknown"), "{unknown:?}");
    for options in [&[][..], &["--no-build"]] {
        let other = deployment.deploy(options).await;
        assert_eq!(read_commit(&other), BUILT_COMMIT);
        let told = format!("were built from {BUILT_COMMIT}, and {head} is checked out");
        assert!(other.stderr.contains(&told), "{other:?}");
    }
    let note = deployment.folder.join("target/functions/commit");
    let text = std::fs::read_to_string(&note).unwrap();
    std::fs::write(&note, text.replace(BUILT_COMMIT, &head)).unwrap();
    let same = deployment.deploy(&["--no-build"]).await;
    assert_eq!(read_commit(&same), head);
    assert!(!same.stderr.contains("were built from"), "{same:?}");
}

#[tokio::test]
async fn sam_that_is_absent_or_old_is_told() {
    let deployment = Deployment::prepare("sam").await;
    let absent = deployment.deploy(&["--sam", "no-such-sam"]).await;
    assert!(
        read_refusal(&deployment, &absent)
            .contains("there is no command no-such-sam: pipx install aws-sam-cli==1.170.0"),
        "{absent:?}"
    );
    for (version, told) in
        [("1.99.0", "sam is 1.99.0, and 1.170.0 or newer is needed"), ("odd", "tells no version")]
    {
        let arguments = ["deploy", "--environment", "dev", "--yes"];
        let old = deployment.run_ops_with(&arguments, &[("SAM_VERSION", version)]).await;
        assert!(read_refusal(&deployment, &old).contains(told), "{old:?}");
    }
}

#[tokio::test]
async fn wrong_usage_is_told_before_anything_is_asked() {
    let deployment = Deployment::prepare("usage").await;
    let long = "a".repeat(40);
    let domain = "DomainName=gateway.example.com";
    let cases: [(&[&str], &str); 9] = [
        (&["--environment", "dev"], "nobody can be asked here"),
        (&["--stack-name", &long], "the stack's name has 40 letters"),
        (&["--stack-name", "a_b"], "letters, digits and '-'"),
        (
            &["--environment", "nowhere"],
            "samconfig.toml has no such environment; there are: default, dev, prod, staging",
        ),
        (&["--parameter", "Nonsense=1", "--template-only"], "Nonsense is no parameter"),
        (
            &["--parameter", "LogRetentionDays=2", "--template-only"],
            "LogRetentionDays takes one of: 1, 3,",
        ),
        (&["--yes", "--parameter", "ClientBurst=0"], "ClientBurst takes a number of at least 1"),
        (
            &["--yes", "--parameter", "UpstreamUrl=http://x"],
            "UpstreamUrl takes a value that is an https address",
        ),
        (
            &["--template-only", "--parameter", domain],
            "DomainName needs its certificate, CertificateArn",
        ),
    ];
    for (options, told) in cases {
        let done = deployment.run_ops_with(&[&["deploy"], options].concat(), &[]).await;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:?}");
        assert!(done.stderr.contains(told), "{done:?}");
    }
    assert_eq!(deployment.account.actions(), Default::default());
}

#[tokio::test]
async fn values_that_do_not_fit_the_stack_are_told_before_the_build() {
    let deployment = Deployment::prepare("unfit").await;
    let secret =
        "ExistingClientsSecretArn=arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf";
    let key = "SecretsKmsKeyArn=arn:aws:kms:eu-west-1:123456789012:key/0-0";
    for (parameter, told) in [
        (
            secret,
            "ExistingClientsSecretArn is of the region eu-west-1, and the stack is in us-east-1",
        ),
        (key, "SecretsKmsKeyArn is of the region eu-west-1"),
        ("DomainName=gateway.example.com", "DomainName needs its certificate"),
    ] {
        let done = deployment.deploy(&["--parameter", parameter]).await;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:?}");
        assert!(done.stderr.contains(told), "{done:?}");
        assert!(!done.stderr.contains("the build says something"), "{done:?}");
    }
    assert!(deployment.account.state().deployments.is_empty());
}

#[tokio::test]
async fn reserves_over_the_quota_are_refused_before_the_change_set() {
    let deployment = Deployment::prepare("quota").await;
    deployment.account.state().quota = 10;
    let refused = deployment.deploy(&["--parameter", "ChatReservedConcurrency=5"]).await;
    let told = read_refusal(&deployment, &refused);
    assert!(told.contains("would reserve 5") && told.contains("at most 0 can be"), "{refused:?}");
    let plain = deployment.deploy(&[]).await;
    plain.data();
    assert!(plain.stderr.contains("up to 10 environments") && plain.stderr.contains("that is few"));

    // What the stack has reserved already is given back first.
    deployment.account.state().quota = 300;
    deployment.account.state().reserves.insert("ChatFunction".into(), 150);
    deployment.deploy(&["--parameter", "ChatReservedConcurrency=200"]).await.data();
    let much = deployment.deploy(&["--parameter", "ChatReservedConcurrency=201"]).await;
    assert!(much.problem().contains("at most 200 can be"), "{much:?}");
}

#[tokio::test]
async fn stack_that_cannot_be_deployed_is_told_with_its_way_out() {
    let deployment = Deployment::prepare("status").await;
    for (status, told) in [
        ("UPDATE_IN_PROGRESS", "another deployment of this stack is under way"),
        ("UPDATE_IN_PROGRESS", "or take it back by ops rollback --stack cohere-gateway-dev"),
        ("ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name cohere-gateway-dev"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ] {
        deployment.account.state().status = Some(status.to_string());
        let refused = deployment.deploy(&[]).await;
        assert!(read_refusal(&deployment, &refused).contains(told), "{refused:?}");
    }
    deployment.account.state().status = Some("REVIEW_IN_PROGRESS".to_string());
    let review = deployment.deploy(&[]).await;
    review.data();
    assert!(
        review.stderr.contains("an earlier change set was made and never executed"),
        "{review:?}"
    );
}

#[tokio::test]
async fn failing_build_and_failing_sam_are_told_with_their_cause() {
    let deployment = Deployment::prepare("failing").await;
    let arguments = ["deploy", "--environment", "dev", "--yes"];
    let unbuilt = deployment.run_ops_with(&arguments, &[("BUILD_CODE", "3")]).await;
    assert!(read_refusal(&deployment, &unbuilt).contains("the build failed"), "{unbuilt:?}");

    let reason = "The role defined for the function cannot be assumed by Lambda";
    deployment.account.state().failure = Some(Failure::Resource(reason, "ROLLBACK_COMPLETE"));
    let failed = deployment.deploy(&[]).await;
    let told = failed.problem();
    assert!(
        told.contains("first cause: ChatFunction (AWS::Lambda::Function): The role"),
        "{failed:?}"
    );
    assert!(told.contains("delete-stack"), "{failed:?}");
    deployment.account.state().status = Some("CREATE_COMPLETE".into());
    let failure = Failure::Resource(reason, "UPDATE_ROLLBACK_COMPLETE");
    deployment.account.state().failure = Some(failure);
    let failed = deployment.deploy(&[]).await;
    assert!(failed.problem().contains("mend the cause and deploy again"), "{failed:?}");
    assert!(failed.problem().contains("ops rollout --stack cohere-gateway-dev"), "{failed:?}");

    // What failed at an earlier deployment is no cause of this failure.
    deployment.account.state().failure = Some(Failure::Upload);
    let failed = deployment.deploy(&[]).await;
    assert!(failed.problem().starts_with("sam failed, as said above;"), "{failed:?}");
    assert!(deployment.account.state().releases.is_empty());
}

#[tokio::test]
async fn failed_smoke_test_is_recorded_as_one() {
    let deployment = Deployment::prepare("smoke").await;
    let sandbox = deployment.running.gateway.sandbox.as_ref().unwrap();
    let key = deployment.running.gateway.secrets.current(API_KEY).unwrap();
    let key: Value = serde_json::from_str(&key).unwrap();
    sandbox.revoke_key(key["CO_API_KEY"].as_str().unwrap());
    let failed = deployment.deploy(&[]).await;
    let told = failed.problem();
    assert!(
        told.contains("the smoke test failed") && told.contains("Cohere is down"),
        "{failed:?}"
    );
    assert!(told.contains("go back by: ops rollback --stack cohere-gateway-dev"), "{failed:?}");
    let release: Value = serde_json::from_str(&deployment.account.state().releases[0]).unwrap();
    assert_eq!(release["smoke_test"], "failed");
}

#[tokio::test]
async fn template_alone_asks_nothing_of_aws() {
    let deployment = Deployment::prepare("template").await;
    let done = deployment.run_ops_with(&["deploy", "--template-only"], &[]).await;
    assert_eq!(done.code, 0, "{done:?}");
    let path = deployment.folder.join("target/deploy/template.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text.matches("AutoPublishCodeSha256: '").count(), 11);
    assert_eq!(deployment.account.actions(), Default::default());
}
