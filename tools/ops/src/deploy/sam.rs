//! Runs `sam` and the build: what they print is passed on as words.

use crate::aws::Session;
use crate::deploy::settings::{FILE, Parameters};
use crate::problem::Usage;
use anyhow::{Context, bail, ensure};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

/// The oldest version whose deployments are known to be right; it is the one that `tests/template` uses.
const OLDEST: [u64; 3] = [1, 170, 0];

/// As the first runbook has it, which a test compares.
const INSTALL: &str = "pipx install aws-sam-cli==1.170.0, or into an environment of its own, and name it by --sam PATH \
                       (docs/runbooks/first-deployment.md)";

/// Refuses a `sam` that is absent or too old.
pub fn check_version(sam: &str) -> anyhow::Result<String> {
    let output = Command::new(sam).arg("--version").stdin(Stdio::null()).output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("there is no command {sam}: {INSTALL}")
        }
        Err(error) => bail!("{sam} cannot be run: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.trim().rsplit(' ').next().unwrap_or_default().to_string();
    let numbers: Vec<u64> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    ensure!(
        output.status.success() && numbers.len() == OLDEST.len(),
        "{sam} --version tells no version: {INSTALL}"
    );
    ensure!(
        numbers[..] >= OLDEST[..],
        "sam is {version}, and 1.170.0 or newer is needed: {INSTALL}"
    );
    Ok(version)
}

/// Builds all functions.
pub fn build(root: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("tools/build/run");
    command.current_dir(root).stdin(Stdio::null()).stdout(words()?);
    let status = command.status().context("tools/build/run cannot be run")?;
    ensure!(status.success(), "the build failed, as said above; nothing was deployed");
    Ok(())
}

/// What `sam deploy` is told.
pub struct Deployment<'a> {
    pub sam: &'a str,
    pub root: &'a Path,
    pub template: &'a Path,
    pub environment: &'a str,
    pub stack: &'a str,
    pub parameters: &'a Parameters,
    pub is_confirmed: bool,
    pub more: &'a [String],
}

/// Refuses to ask where nobody can answer.
pub fn check_confirmation(is_confirmed: bool) -> anyhow::Result<()> {
    if is_confirmed || io::stdin().is_terminal() {
        return Ok(());
    }
    let told = "nobody can be asked here whether the change set shall be executed: --yes";
    Err(Usage(told.to_string()).into())
}

/// Deploys; false where `sam` ends with a failure, which it has told.
pub fn deploy(session: &Session, deployment: &Deployment) -> anyhow::Result<bool> {
    let mut command = Command::new(deployment.sam);
    command.args(arguments(deployment, &session.region));
    // The same account, whatever profile is set.
    let credentials = &session.credentials;
    command.env("AWS_ACCESS_KEY_ID", credentials.access_key_id());
    command.env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key());
    match credentials.session_token() {
        Some(token) => command.env("AWS_SESSION_TOKEN", token),
        None => command.env_remove("AWS_SESSION_TOKEN"),
    };
    command.env("AWS_REGION", &session.region).env("AWS_DEFAULT_REGION", &session.region);
    command.env_remove("AWS_PROFILE").env("SAM_CLI_TELEMETRY", "0");
    command.current_dir(deployment.root).stdout(words()?);
    let status = command.status().with_context(|| format!("{} cannot be run", deployment.sam))?;
    Ok(status.success())
}

fn arguments(deployment: &Deployment, region: &str) -> Vec<String> {
    let mut arguments: Vec<String> = ["deploy", "--template-file"].map(str::to_string).into();
    arguments.push(deployment.template.display().to_string());
    let config = deployment.root.join(FILE).display().to_string();
    let options = [
        ("--config-file", config.as_str()),
        ("--config-env", deployment.environment),
        ("--stack-name", deployment.stack),
        ("--region", region),
    ];
    for (name, value) in options {
        arguments.extend([name.to_string(), value.to_string()]);
    }
    let confirm = match deployment.is_confirmed {
        true => "--no-confirm-changeset",
        false => "--confirm-changeset",
    };
    arguments.extend([confirm, "--no-fail-on-empty-changeset"].map(str::to_string));
    arguments.extend_from_slice(deployment.more);
    if !deployment.parameters.is_empty() {
        arguments.push("--parameter-overrides".to_string());
        let pairs = deployment.parameters.iter().map(|(name, value)| quote_pair(name, value));
        arguments.extend(pairs);
    }
    arguments
}

/// Writes a pair as `sam` reads it: an empty value and one with spaces need quotation marks.
fn quote_pair(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", value.replace('"', "\\\""))
}

/// Standard output of a child is words here.
fn words() -> anyhow::Result<Stdio> {
    let copy = io::stderr().as_fd().try_clone_to_owned();
    Ok(Stdio::from(copy.context("standard error cannot be shared")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_to_install_sam_is_that_of_the_runbook() {
        let page = include_str!("../../../../docs/runbooks/first-deployment.md");
        let command = INSTALL.split(',').next().unwrap();
        assert!(page.contains(&format!("`{command}`")), "{command}");
        assert!(command.ends_with(&OLDEST.map(|number| number.to_string()).join(".")));
    }

    #[test]
    fn pair_is_written_as_sam_reads_it() {
        assert_eq!(quote_pair("A", ""), r#"A="""#);
        assert_eq!(quote_pair("A", r#"x "y" z"#), r#"A="x \"y\" z""#);
    }
}
