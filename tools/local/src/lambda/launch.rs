//! What is needed to start a process of one function, and how AWS names that function.
//!
//! A process starts from an empty environment plus what Lambda sets, so that nothing of the
//! developer's shell (a real key, AWS credentials, a proxy) can reach it. It is a process group of
//! its own: a Ctrl-C in the terminal reaches this tool alone, which then ends every child.

use super::invocation::Qualifier;
use crate::aws_account::{ACCOUNT, REGION};
use crate::output::Output;
use crate::template;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Everything needed to start a process of one version of a function.
#[derive(Clone)]
pub struct Launch {
    /// Number of the version.
    pub version: u32,
    pub function: template::TemplateFunction,
    pub binary: PathBuf,
    /// Name of the CloudFormation stack that this run stands for.
    pub stack: String,
    /// Variables over the template's: credentials of this run, endpoints, the user's settings.
    pub variables: Vec<(String, String)>,
    /// Where the function's lines appear.
    pub output: Output,
}

impl Launch {
    pub fn name(&self) -> &str {
        &self.function.name
    }

    pub fn timeout(&self) -> Duration {
        self.function.timeout
    }

    /// The ARN under which it is invoked.
    pub fn arn(&self, qualifier: Qualifier) -> String {
        let name = qualifier.qualify(&self.deployed_name());
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
    }

    /// Functions are deployed under the stack's name and their resource.
    pub fn deployed_name(&self) -> String {
        format!("{}-{}", self.stack, self.function.resource)
    }

    /// Writes a line of the function's own.
    pub fn write_line(&self, line: &str) {
        self.output.write_line(self.name(), line);
    }

    /// Writes a sentence about the function where its own lines appear.
    pub fn write_note(&self, text: &str) {
        self.output.write_note(self.name(), text);
    }

    /// Writes what Lambda publishes about the function.
    pub fn write_metrics(&self, line: &Value) {
        self.output.write_line("lambda", &line.to_string());
    }

    pub fn build_command(&self, runtime_api: &str) -> Command {
        let function = &self.function;
        let deployed_name = self.deployed_name();
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .env("AWS_LAMBDA_FUNCTION_NAME", &deployed_name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", self.version.to_string())
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string())
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{deployed_name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("_HANDLER", &function.handler)
            .env("LAMBDA_TASK_ROOT", self.binary.parent().unwrap_or(&self.binary))
            .env("LANG", "en_US.UTF-8")
            .env("TZ", ":UTC")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(&function.variables)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        command
    }
}
