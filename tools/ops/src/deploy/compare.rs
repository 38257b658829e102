//! After a deployment: is what callers meet what was deployed?

use crate::deploy::account::FunctionVersion;

/// The alias that every route leads to.
pub const ALIAS: &str = "live";

/// Says in what the live version of a function is not the one that was deployed. Values are not told.
pub fn find_differences(
    latest: &FunctionVersion,
    live: &FunctionVersion,
    revision: &str,
) -> Vec<String> {
    let mut differences = Vec::new();
    if !latest.description.ends_with(revision) {
        differences.push("this deployment did not reach it".to_string());
    }
    let mut compare = |what: &str, is_same: bool| {
        if !is_same {
            differences.push(format!("{what} of $LATEST and version {} differ", live.version));
        }
    };
    compare("the revisions", latest.description == live.description);
    compare("the code", latest.code_sha256 == live.code_sha256);
    compare("the memory", latest.memory_mb == live.memory_mb);
    compare("the timeout", latest.timeout_secs == live.timeout_secs);
    let names = latest.variables.keys().chain(live.variables.keys());
    let mut names: Vec<_> =
        names.filter(|name| latest.variables.get(*name) != live.variables.get(*name)).collect();
    names.sort();
    names.dedup();
    for name in names {
        compare(&format!("{name} in the environment"), false);
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_named_without_its_value() {
        let latest = FunctionVersion {
            version: "$LATEST".into(),
            description: "POST /v2/chat abc".into(),
            code_sha256: "a".into(),
            memory_mb: 256,
            timeout_secs: 15,
            variables: [("A".to_string(), "fake-1".to_string())].into(),
        };
        let live = FunctionVersion { version: "7".into(), ..latest.clone() };
        assert_eq!(find_differences(&latest, &live, "abc"), [""; 0]);
        assert_eq!(find_differences(&latest, &live, "def"), ["this deployment did not reach it"]);
        type Change = fn(&mut FunctionVersion);
        let changes: [(Change, &str); 6] = [
            (|live| live.description.clear(), "the revisions"),
            (|live| live.code_sha256.clear(), "the code"),
            (|live| live.memory_mb = 128, "the memory"),
            (|live| live.timeout_secs = 1, "the timeout"),
            (|live| live.variables.clear(), "A in the environment"),
            (
                |live| drop(live.variables.insert("B".into(), "fake-2".into())),
                "B in the environment",
            ),
        ];
        for (change, told) in changes {
            let mut live = live.clone();
            change(&mut live);
            let expected = format!("{told} of $LATEST and version 7 differ");
            assert_eq!(find_differences(&latest, &live, "abc"), [expected]);
        }
    }
}
