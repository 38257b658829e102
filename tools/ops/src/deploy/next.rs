//! What makes the next deployment work, after versions went back by hand.

use crate::deploy::aliases::LiveFunctions;
use crate::deploy::record::Release;
use crate::deploy::settings::find_environment;
use crate::options::Options;

/// Status of a stack that CloudFormation could not put back.
const ROLLBACK_FAILED: &str = "UPDATE_ROLLBACK_FAILED";

/// A command of `ops` for this stack, with the options that lead there.
pub fn write_command(command: &str, stack: &str, options: &Options) -> String {
    format!("ops {command} --stack {stack}{}", write_account(options))
}

/// Returns the commands of the next deployment, in order.
///
/// CloudFormation has the alias where its last deployment left it, and CodeDeploy starts from nowhere else. So the
/// release that is live goes out at once: its callers meet what they meet already, and gates have nothing to compare.
pub fn list_next_commands(
    stack: &str,
    region: &str,
    status: &str,
    release: &Release,
    live: &LiveFunctions,
    options: &Options,
) -> Vec<String> {
    let mut commands = Vec::new();
    if status == ROLLBACK_FAILED {
        let account = write_account(options);
        commands.push(format!(
            "aws cloudformation continue-update-rollback --stack-name {stack}{account}"
        ));
    }
    let deploy = match find_environment(stack, region) {
        Some(environment) => format!("ops deploy --environment {environment}"),
        None => format!("ops deploy --stack {stack}"),
    };
    let deploy = deploy + &write_account(options);
    let mut functions = live.values();
    if functions.all(|function| function.alias.is_wholly_at(&function.of_stack)) {
        commands.push(deploy);
        return commands;
    }
    commands.push(match is_commit(&release.commit) {
        true => format!("git checkout {}", release.commit),
        // At once goes out what is checked out, so nobody may take the bad one.
        false => {
            "# first check out what this release was built of, which no commit has".to_string()
        }
    });
    commands.push(deploy + " --at-once");
    commands
}

/// Whether somebody can check this out; a build of changed files has a `+` behind it.
pub fn is_commit(commit: &str) -> bool {
    commit.len() == 40 && commit.bytes().all(|letter| letter.is_ascii_hexdigit())
}

fn write_account(options: &Options) -> String {
    let mut told = String::new();
    for (name, value) in [("--region", &options.region), ("--profile", &options.profile)] {
        if let Some(value) = value {
            told += &format!(" {name} {value}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::account::Alias;
    use crate::deploy::aliases::LiveFunction;

    fn live(version: &str, of_stack: &str) -> LiveFunctions {
        let alias = Alias { version: version.into(), ..Alias::default() };
        let function = LiveFunction { name: "it-Chat".into(), of_stack: of_stack.into(), alias };
        [("chat".to_string(), function)].into()
    }

    fn list(status: &str, commit: &str, live: &LiveFunctions) -> Vec<String> {
        let release = Release { commit: commit.into(), ..Release::default() };
        let options = Options { region: Some("eu-west-1".into()), ..Options::default() };
        list_next_commands("it", "eu-west-1", status, &release, live, &options)
    }

    #[test]
    fn next_deployment_is_at_once_only_from_a_moved_alias() {
        let commit = "b0".repeat(20);
        let at_once = "ops deploy --stack it --region eu-west-1 --at-once";
        let checkout = format!("git checkout {commit}");
        let moved = live("4", "5");
        assert_eq!(list("UPDATE_COMPLETE", &commit, &moved), [checkout.as_str(), at_once]);
        for unknown in ["unknown", &format!("{commit}+")] {
            let commands = list("UPDATE_COMPLETE", unknown, &moved);
            assert!(commands[0].starts_with("# first check out"), "{commands:?}");
            assert_eq!(commands[1], at_once);
        }
        let gradual = "ops deploy --stack it --region eu-west-1";
        assert_eq!(list("UPDATE_ROLLBACK_COMPLETE", &commit, &live("4", "4")), [gradual]);
        let stuck = list("UPDATE_ROLLBACK_FAILED", &commit, &live("4", "4"));
        let first =
            "aws cloudformation continue-update-rollback --stack-name it --region eu-west-1";
        assert_eq!(stuck, [first, gradual]);
    }
}
