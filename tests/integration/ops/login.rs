//! How operators log in: by a program, by an assumed role, by single sign-on, behind a proxy. What fails is told
//! in the words of whoever should have given the credentials.

use gateway_tests::gateway::{self, Running};
use gateway_tests::ops::{self, Done};
use gateway_tests::stub::{Stub, write_answer};
use local::Upstream;
use std::path::PathBuf;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

async fn start_gateway() -> Running {
    gateway::start(Upstream::Sandbox, &[]).await
}

/// Returns a variable that leads to this gateway's secrets.
fn variable<'a>(running: &'a Running, name: &str) -> &'a str {
    let found = running.gateway.aws.iter().find(|(known, _)| known == name);
    &found.unwrap_or_else(|| panic!("{name} is not set")).1
}

/// Writes a file that is gone with the test's folder.
fn write_file(name: &str, text: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ops-login-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Lists the clients with a profile in place of the credentials of the environment.
async fn list_with_profile(
    running: &Running,
    name: &str,
    profile: &str,
    more: &[(&str, &str)],
) -> Done {
    let path = write_file(name, &format!("[profile it]\n{profile}\n"));
    let mut command = ops::prepare_command(running, ops::build_binary());
    command.args(["clients", "list"]).env_remove("AWS_ACCESS_KEY_ID");
    command.env_remove("AWS_SECRET_ACCESS_KEY").env("AWS_CONFIG_FILE", path);
    command.env("AWS_PROFILE", "it").env("PATH", std::env::var_os("PATH").unwrap());
    let output = command.envs(more.iter().copied()).output().await.expect("ops ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = output.status.code().unwrap_or(-1);
    Done { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[tokio::test]
async fn program_gives_the_credentials() {
    let running = start_gateway().await;
    let key = variable(&running, "AWS_ACCESS_KEY_ID");
    let given = format!(r#"{{"Version":1,"AccessKeyId":"{key}","SecretAccessKey":"fake-secret"}}"#);
    let path = write_file("given.json", &given);
    let profile = format!("credential_process = cat {}", path.display());
    let listed = list_with_profile(&running, "process", &profile, &[]).await;
    assert!(listed.data().contains("local "), "{listed:?}");

    let path = write_file("refuse.sh", "echo 'the vault is closed on Sundays' >&2\nexit 7\n");
    let profile = format!("credential_process = sh {}", path.display());
    let refused = list_with_profile(&running, "refusing", &profile, &[]).await;
    assert!(refused.problem().contains("the vault is closed on Sundays"), "{refused:?}");

    let odd = write_file("odd.json", r#"{"Version":1,"SecretAccessKey":"fake-MARK"}"#);
    let profile = format!("credential_process = cat {}", odd.display());
    let unusable = list_with_profile(&running, "odd", &profile, &[]).await;
    assert!(unusable.problem().contains("AWS gives no credentials"), "{unusable:?}");
    assert!(!unusable.stderr.contains("MARK"), "{unusable:?}");
}

#[tokio::test]
async fn role_is_assumed() {
    let running = start_gateway().await;
    let key = variable(&running, "AWS_ACCESS_KEY_ID");
    let sts = Stub::start().await;
    let assumed = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>fake-secret</SecretAccessKey>\
         <SessionToken>fake-session</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    sts.plan_answer(write_answer(200, &[("content-type", "text/xml")], assumed.as_bytes()));
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code>\
                  <Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>";
    sts.answer_others(move |_| {
        write_answer(403, &[("content-type", "text/xml")], denied.as_bytes())
    });
    let profile = "role_arn = arn:aws:iam::123456789012:role/operator\nsource_profile = base\n\
                   [profile base]\naws_access_key_id = FAKEBASE\naws_secret_access_key = fake";
    let more = [("AWS_ENDPOINT_URL_STS", sts.url.as_str())];
    let listed = list_with_profile(&running, "role", profile, &more).await;
    assert!(listed.data().contains("local "), "{listed:?}");
    let refused = list_with_profile(&running, "role", profile, &more).await;
    assert!(refused.problem().contains("not authorized to perform sts:AssumeRole"), "{refused:?}");
}

#[tokio::test]
async fn ended_sign_on_says_so() {
    let running = start_gateway().await;
    let profile = "sso_session = it\nsso_account_id = 123456789012\nsso_role_name = operator\n\
                   [sso-session it]\nsso_region = us-east-1\n\
                   sso_start_url = https://example.awsapps.com/start";
    let home = write_file("home", "").with_file_name("nobody");
    let more = [("HOME", home.to_str().unwrap())];
    let refused = list_with_profile(&running, "sso", profile, &more).await;
    assert!(refused.problem().contains("aws sso login"), "{refused:?}");
    assert!(!refused.problem().contains("there are no AWS credentials"), "{refused:?}");
}

#[tokio::test]
async fn profile_that_is_nowhere_is_wrong_usage() {
    let running = start_gateway().await;
    for more in [&[][..], &[("AWS_ACCESS_KEY_ID", "FAKE"), ("AWS_SECRET_ACCESS_KEY", "fake")]] {
        let more = [more, &[("AWS_PROFILE", "MARK")]].concat();
        let typo = list_with_profile(&running, "typo", "region = us-east-1", &more).await;
        assert_eq!((typo.code, typo.stdout.as_str()), (2, ""), "{typo:?}");
        assert!(typo.stderr.contains("AWS_PROFILE names a profile that is in no file"), "{typo:?}");
        assert!(
            typo.stderr.contains("there are: it\n") && !typo.stderr.contains("MARK"),
            "{typo:?}"
        );
    }
}

#[tokio::test]
async fn missing_region_and_credentials_are_wrong_usage() {
    let running = start_gateway().await;
    let no_machine = ("AWS_EC2_METADATA_DISABLED", "true");
    for (command, told) in [
        (&["clients", "list"][..], "there are no AWS credentials; set AWS_ACCESS_KEY_ID"),
        (&["key", "status"], "there are no AWS credentials; set AWS_ACCESS_KEY_ID"),
    ] {
        let mut command = prepare(&running, command);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        check_usage(command.envs([no_machine]), told).await;
    }
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        for (region, told) in [
            ("us east 1 MARK", format!("{variable} is no region of AWS: one such as eu-west-1")),
            ("us-east-1a", format!("{variable} is no region of AWS")),
            ("", "no AWS region is set: set AWS_REGION".to_string()),
        ] {
            let mut command = prepare(&running, &["clients", "list"]);
            command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
            check_usage(command.env(variable, region), &told).await;
        }
    }
    let path = write_file("odd-region", "[profile it]\nregion = Us-East-1\n");
    let mut command = prepare(&running, &["clients", "list"]);
    command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
    command.env("AWS_CONFIG_FILE", path).env("AWS_PROFILE", "it");
    check_usage(&mut command, "the region of the profile is no region of AWS").await;
}

/// Prepares a command whose home has no file of AWS.
fn prepare(running: &Running, arguments: &[&str]) -> tokio::process::Command {
    let mut command = ops::prepare_command(running, ops::build_binary());
    command.args(arguments).env("HOME", "/nonexistent");
    command
}

async fn check_usage(command: &mut tokio::process::Command, told: &str) {
    let output = command.output().await.expect("ops ends");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
    assert!(said.starts_with(&format!("error: {told}")) && !said.contains("MARK"), "{said}");
}

#[tokio::test]
async fn https_goes_through_the_proxy_of_the_environment() {
    let running = start_gateway().await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (stream, _) = proxy.accept().await.unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        line
    });
    let mut command = ops::prepare_command(&running, ops::build_binary());
    command.args(["clients", "list"]).env("AWS_ENDPOINT_URL", "https://aws.example.test");
    let output = command.env("HTTPS_PROXY", &url).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(asked.await.unwrap(), "CONNECT aws.example.test:443 HTTP/1.1\r\n");

    // What stays on this machine does not go there.
    let mut command = ops::prepare_command(&running, ops::build_binary());
    let output = command.args(["clients", "list"]).env("HTTPS_PROXY", &url).env("HTTP_PROXY", &url);
    assert!(output.output().await.unwrap().status.success());
    for (name, value) in [("HTTPS_PROXY", "http://MARK MARK"), ("AWS_CA_BUNDLE", "/nowhere/MARK")] {
        let mut command = ops::prepare_command(&running, ops::build_binary());
        let output = command.args(["clients", "list"]).env(name, value).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(name) && !said.contains("MARK"), "{said}");
    }
}
