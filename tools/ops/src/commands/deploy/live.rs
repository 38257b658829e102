//! Whether what callers meet is what was deployed: where each function's alias leads, and what is there.

use crate::aws::Session;
use crate::deploy::account::{Alias, ask_alias, ask_version};
use crate::deploy::compare::{ALIAS, find_differences};
use crate::deploy::record::ReleasedFunction;
use crate::deploy::revision::Function;
use crate::deploy::stack::{StackFunction, list_functions};
use crate::output::say;
use anyhow::{Context, bail};
use std::collections::BTreeMap;

/// Checks that every function's live version is what was deployed, and returns all of them by folder.
pub async fn compare_live(
    session: &Session,
    stack: &str,
    functions: &[Function],
) -> anyhow::Result<BTreeMap<String, ReleasedFunction>> {
    let known = list_functions(session, stack).await?;
    let (mut released, mut moved, mut differences) = (BTreeMap::new(), Vec::new(), Vec::new());
    for function in functions.iter().filter(|function| function.is_released) {
        let Function { resource, folder, revision, salt, .. } = function;
        let made = known.get(resource).with_context(|| format!("the stack has no {resource}"))?;
        let alias = ask_alias(session, &made.name, ALIAS).await?;
        if let Some(told) = find_move(made, &alias) {
            moved.push((made, format!("{folder} {told}")));
            continue;
        }
        let latest = ask_version(session, &made.name, None).await?;
        let live = ask_version(session, &made.name, Some(ALIAS)).await?;
        let found = find_differences(&latest, &live, revision);
        differences.extend(found.iter().map(|told| format!("{folder}: {told}")));
        let (version, revision, salt) = (live.version, revision.clone(), salt.clone());
        released.insert(folder.clone(), ReleasedFunction { version, revision, salt });
    }
    if !moved.is_empty() {
        bail!("{}", advise_moving_back(&moved, &session.region));
    }
    if !differences.is_empty() {
        bail!(
            "what is live is not what was deployed: {}; nothing was recorded. If somebody deployed at the same time, \
             deploy again; what was changed in a function by hand must be changed back by hand",
            differences.join("; ")
        );
    }
    let versions: Vec<_> =
        released.iter().map(|(name, released)| format!("{name} {}", released.version)).collect();
    say(&format!("live versions are as deployed: {}", versions.join(", ")));
    Ok(released)
}

/// Says where an alias leads, if not to the version of the stack alone.
pub fn find_move(made: &StackFunction, alias: &Alias) -> Option<String> {
    let expected = &made.version;
    if alias.version != *expected {
        return Some(format!("is at version {} and not {expected}", alias.version));
    }
    if alias.shared_with.is_empty() {
        return None;
    }
    Some(format!("shares its requests with version {}", alias.tell_others()))
}

/// Says which aliases are elsewhere, and by which commands they are moved back.
fn advise_moving_back(moved: &[(&StackFunction, String)], region: &str) -> String {
    let told: Vec<_> = moved.iter().map(|(_, told)| told.as_str()).collect();
    format!(
        "the alias {ALIAS} is not where the deployment should have left it: {}; nothing was recorded. Deploying again \
         does not move it; these lines do, then deploy again:{}",
        told.join(", "),
        write_moving_commands(moved.iter().map(|(made, _)| *made), region)
    )
}

/// Returns the commands that move aliases to where the stack has them, a line each.
pub fn write_moving_commands<'a>(
    moved: impl Iterator<Item = &'a StackFunction>,
    region: &str,
) -> String {
    let command = |StackFunction { name, version }: &StackFunction| {
        format!(
            "\n  aws lambda update-alias --region {region} --function-name {name} --name {ALIAS} \
             --function-version {version} --routing-config AdditionalVersionWeights={{}}"
        )
    };
    moved.map(command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alias_elsewhere_is_told_with_the_command_that_moves_it() {
        let made = StackFunction { name: "it-ChatFunction-AbC".into(), version: "3".into() };
        let alias = |version: &str, others: &[&str]| Alias {
            version: version.into(),
            shared_with: others.iter().map(|other| (other.to_string(), 0.1)).collect(),
        };
        assert_eq!(find_move(&made, &alias("3", &[])), None);
        assert_eq!(find_move(&made, &alias("2", &[])).unwrap(), "is at version 2 and not 3");
        let shared = find_move(&made, &alias("3", &["4"])).unwrap();
        assert_eq!(shared, "shares its requests with version 4");
        let advice = advise_moving_back(&[(&made, format!("chat {shared}"))], "eu-west-1");
        let command = "\n  aws lambda update-alias --region eu-west-1 --function-name it-ChatFunction-AbC --name live \
                       --function-version 3 --routing-config AdditionalVersionWeights={}";
        assert!(advice.ends_with(command), "{advice}");
    }
}
