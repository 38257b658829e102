//! Other revisions for what a rolled-back deployment has published already.
//!
//! CloudFormation puts a function back and leaves the version that was made of it. AWS Lambda then publishes no second
//! version that is the same as its last one, so that the same revision could never be deployed again.

use crate::deploy::record::Release;
use crate::deploy::revision::{Function, hash_text};
use crate::deploy::stack::Stack;

/// Status of a stack whose last update was rolled back.
const ROLLED_BACK: &str = "UPDATE_ROLLBACK_COMPLETE";

/// Tells whether the last update of a stack was rolled back.
pub fn is_rolled_back(stack: &Stack) -> bool {
    stack.status == ROLLED_BACK
}

/// Returns what tells new versions from those of the last deployment that was rolled back, whenever that was: what
/// it has made may be what somebody deploys much later.
pub fn find_salt(stack: &Stack, last: Option<&Release>) -> Option<String> {
    match is_rolled_back(stack) {
        true => stack.last_updated.clone(),
        false => last.and_then(|release| release.salt.clone()),
    }
}

/// Mixes the salt into the revisions that are not live yet; a live one keeps what it was released with, and so stays
/// the same. Returns the folders with a new salt.
pub fn salt_revisions(
    functions: &mut [Function],
    last: Option<&Release>,
    salt: Option<&str>,
) -> Vec<String> {
    let mut salted = Vec::new();
    for function in functions {
        let released = last.and_then(|release| release.functions.get(&function.folder));
        if let Some(released) = released {
            let revision = mix(&function.revision, released.salt.as_deref());
            if revision == released.revision {
                function.revision = revision;
                function.salt = released.salt.clone();
                continue;
            }
        }
        if salt.is_some() {
            function.revision = mix(&function.revision, salt);
            function.salt = salt.map(str::to_string);
            salted.extend(function.is_released.then(|| function.folder.clone()));
        }
    }
    salted
}

fn mix(revision: &str, salt: Option<&str>) -> String {
    match salt {
        Some(salt) => hash_text(&format!("{revision} {salt}")),
        None => revision.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::record::ReleasedFunction;

    fn functions(revisions: &[(&str, &str)]) -> Vec<Function> {
        let function = |(folder, revision): &(&str, &str)| Function {
            resource: folder.to_string(),
            folder: folder.to_string(),
            revision: revision.to_string(),
            salt: None,
            is_released: true,
        };
        revisions.iter().map(function).collect()
    }

    fn release(functions: &[Function]) -> Release {
        let released = functions.iter().map(|function| {
            let (revision, salt) = (function.revision.clone(), function.salt.clone());
            let released = ReleasedFunction { version: "1".into(), revision, salt };
            (function.folder.clone(), released)
        });
        Release { functions: released.collect(), ..Release::default() }
    }

    #[test]
    fn salt_is_the_time_of_the_last_roll_back() {
        let mut stack = Stack { last_updated: Some("now".into()), ..Stack::default() };
        let last = Release { salt: Some("then".into()), ..Release::default() };
        for status in ["UPDATE_COMPLETE", "CREATE_COMPLETE"] {
            stack.status = status.into();
            assert_eq!(find_salt(&stack, None), None, "{status}");
            assert_eq!(find_salt(&stack, Some(&last)).as_deref(), Some("then"), "{status}");
        }
        stack.status = ROLLED_BACK.into();
        assert_eq!(find_salt(&stack, Some(&last)).as_deref(), Some("now"));
    }

    #[test]
    fn salt_stays_with_its_revision_and_reaches_no_live_one() {
        let live = release(&functions(&[("chat", "a"), ("embed", "b")]));
        let mut failed = functions(&[("chat", "a"), ("embed", "c")]);
        assert_eq!(salt_revisions(&mut failed, Some(&live), Some("one")), ["embed"]);
        assert_eq!((failed[0].revision.as_str(), &failed[0].salt), ("a", &None));
        assert_ne!(failed[1].revision, "c");

        // It failed once more, at another time.
        let mut again = functions(&[("chat", "a"), ("embed", "c")]);
        salt_revisions(&mut again, Some(&live), Some("two"));
        assert_ne!(again[1].revision, failed[1].revision);

        // Released: nothing changes, until the code does.
        let live = release(&again);
        let mut same = functions(&[("chat", "a"), ("embed", "c")]);
        for salt in [None, Some("three")] {
            assert_eq!(salt_revisions(&mut same, Some(&live), salt), [""; 0]);
            assert_eq!(same, again);
            same = functions(&[("chat", "a"), ("embed", "c")]);
        }
        let mut changed = functions(&[("chat", "a"), ("embed", "d")]);
        salt_revisions(&mut changed, Some(&live), None);
        assert_eq!((changed[1].revision.as_str(), &changed[1].salt), ("d", &None));
    }

    #[test]
    fn everything_is_salted_where_no_release_tells_what_is_live() {
        let mut all = functions(&[("chat", "a"), ("embed", "b")]);
        assert_eq!(salt_revisions(&mut all, None, Some("one")), ["chat", "embed"]);
        assert!(all.iter().all(|function| function.revision.len() == 64));
        let mut none = functions(&[("chat", "a")]);
        assert_eq!(salt_revisions(&mut none, None, None), [""; 0]);
        assert_eq!(none, functions(&[("chat", "a")]));
    }
}
