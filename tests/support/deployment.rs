//! `ops deploy` in a folder of its own: this repository's template, functions that were never built, and a
//! stand-in of `sam`.

use crate::aws_account::{AwsAccount, Recorder};
use crate::gateway::{self, Running};
use crate::ops::{self, Done};
use crate::source_files::ROOT;
use local::Options;
use local::cohere_sandbox::Key;
use local::secrets_manager::{API_KEY, CLIENTS, SYNTHETIC_CLIENT, secret_arn};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

const SAM: &str = r#"#!/usr/bin/env bash
if [[ $1 == --version ]]; then echo "SAM CLI, version ${SAM_VERSION:-1.170.0}" && exit; fi
echo "sam deploys"
body=$(printf '%s\n' "$PWD" "$@")
exec 3<>"/dev/tcp/127.0.0.1/$ACCOUNT_PORT"
printf 'POST /_sam HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s' "${#body}" "$body" >&3
read -r status <&3
[[ $status == *" 200 "* ]]
"#;
const BUILD: &str =
    "#!/bin/sh\necho 'the build says something'\n[ -z \"$BUILD_CODE\" ] || exit \"$BUILD_CODE\"\n";
const NOTE: &str = "for folder in target/functions/*/; do echo \"$(basename \"$folder\") COMMIT\"; done >target/functions/commit\n";
/// What the stand-in of the build says it built from.
pub const BUILT_COMMIT: &str = "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0";

/// A local gateway in the place of the deployed one, an account, and a folder to deploy from.
pub struct Deployment {
    pub running: Running,
    pub account: AwsAccount,
    pub recorder: Recorder,
    pub folder: PathBuf,
}

impl Deployment {
    /// Prepares all of it; `name` names the folder.
    pub async fn prepare(name: &str) -> Self {
        // What is remembered of a client is forgotten sooner than on AWS.
        let options = Options {
            authorizer_cache_ttl: Some(Duration::from_millis(300)),
            ..Options::default()
        };
        let settings = [("GATEWAY_CLIENTS_TTL_SECS", "1"), ("GATEWAY_HEALTH_CACHE_SECS", "1")];
        Self::beside(gateway::start_with(&settings, options).await, name).await
    }

    /// Prepares all but a Cohere key; `key` is one that Cohere would take.
    pub async fn prepare_without_key(name: &str, key: &str) -> Self {
        let deployment = Self::prepare(name).await;
        let gateway = &deployment.running.gateway;
        let sandbox = gateway.sandbox.as_ref().expect("a sandbox");
        sandbox.accept_key(Key { value: key.into(), trial: false });
        gateway.secrets.remove(API_KEY);
        gateway.secrets.create(API_KEY);
        // They have read the key of the start.
        for function in ["chat", "embed", "health"] {
            gateway.kill(function).await;
        }
        deployment
    }

    /// Prepares all but the gateway, which runs already.
    pub async fn beside(running: Running, name: &str) -> Self {
        let secret = secret_arn;
        let account = AwsAccount::start(&[
            ("ApiUrl", &running.gateway.url),
            ("ApiId", "local"),
            ("CohereApiKeySecretArn", &secret(API_KEY)),
            ("ClientsSecretArn", &secret(CLIENTS)),
            ("SyntheticClientSecretArn", &secret(SYNTHETIC_CLIENT)),
            (
                "RequestLogGroups",
                "it-ChatLogs it-EmbedLogs it-RerankLogs it-PassThroughLogs it-HealthLogs",
            ),
            ("RotateKeyLogGroup", "it-RotateKeyLogs"),
            ("DefaultUsagePlanId", "DefaultUsagePlan"),
            ("SyntheticUsagePlanId", "SyntheticUsagePlan"),
        ])
        .await;
        let find = |(name, _): &&(String, String)| name == "AWS_ENDPOINT_URL";
        let (_, url) = running.gateway.aws.iter().find(find).expect("an endpoint");
        let recorder = Recorder::start(url, &account.stub.url).await;
        let folder =
            std::env::temp_dir().join(format!("gateway-deployment-{name}-{}", std::process::id()));
        write_folder(&folder);
        Self { running, account, recorder, folder }
    }

    /// Returns a command in the folder, in an environment that leads to the stand-ins alone.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = ops::prepare_command(&self.running, program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        for (name, value) in self.variables() {
            command.env(name, value);
        }
        command
    }

    /// Returns the variables that lead to the stand-ins.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let port = self.account.stub.url.rsplit(':').next().unwrap_or_default();
        let mut variables = self.account.variables();
        variables.push(("AWS_ENDPOINT_URL", self.recorder.url.clone()));
        variables.push(("PATH", format!("{}/bin:{path}", self.folder.display())));
        variables.push(("ACCOUNT_PORT", port.to_string()));
        variables
    }

    /// Runs `ops` with these arguments and further variables.
    pub async fn run_ops_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
        let mut command = self.command(ops::build_binary());
        command.args(arguments).envs(variables.iter().copied());
        let output = command.output().await.expect("ops ends");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Deploys with these further options, without a question.
    pub async fn deploy(&self, options: &[&str]) -> Done {
        let always = ["deploy", "--environment", "dev", "--yes"];
        let waits = options.contains(&"--wait-secs");
        let wait: &[&str] = if waits { &[] } else { &["--wait-secs", "0"] };
        self.run_ops_with(&[&always, wait, options].concat(), &[]).await
    }

    /// Puts other code into a function.
    pub fn write_code(&self, function: &str, code: &str) {
        write_file(&self.folder.join("target/functions").join(function), "bootstrap", code);
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn write_folder(folder: &Path) {
    for name in ["template.yaml", "samconfig.toml"] {
        let text = std::fs::read_to_string(format!("{ROOT}/{name}")).expect("a file");
        write_file(folder, name, &text);
    }
    write_file(&folder.join("bin"), "sam", SAM);
    for function in std::fs::read_dir(format!("{ROOT}/functions")).expect("the functions") {
        let name = function.expect("a folder").file_name().into_string().expect("a name");
        write_file(&folder.join("target/functions").join(&name), "bootstrap", &name);
    }
    let note = NOTE.replace("COMMIT", BUILT_COMMIT);
    write_file(&folder.join("tools/build"), "run", &format!("{BUILD}{note}"));
}

fn write_file(folder: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a permission");
}
