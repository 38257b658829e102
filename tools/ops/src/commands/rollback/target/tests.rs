//! Each choice by itself: during a rollout, after one, half-way back, and where there is nothing to do.

use super::*;
use crate::deploy::account::Alias;
use crate::deploy::aliases::LiveFunction;
use crate::deploy::record::ReleasedFunction;

fn release(number: u64, chat: &str, embed: &str) -> NumberedRelease {
    let function = |version: &str| ReleasedFunction {
        version: version.to_string(),
        revision: String::new(),
        salt: None,
    };
    let functions =
        [("chat".to_string(), function(chat)), ("embed".to_string(), function(embed))].into();
    NumberedRelease { number, release: Release { functions, ..Release::default() } }
}

/// Five releases: the third brought no new version, the fourth failed its smoke test.
fn releases() -> Releases {
    let mut known = vec![
        release(1, "1", "1"),
        release(2, "2", "1"),
        release(3, "2", "1"),
        release(4, "3", "2"),
        release(5, "4", "3"),
    ];
    known[3].release.smoke_test = "failed".into();
    Releases { known, unreadable: Vec::new() }
}

fn live(chat: &str, embed: &str, shared_with: &[&str]) -> LiveFunctions {
    let function = |version: &str, shared: &[&str]| LiveFunction {
        name: "it".into(),
        of_stack: version.into(),
        alias: Alias {
            version: version.into(),
            shared_with: shared.iter().map(|other| (other.to_string(), 0.1)).collect(),
        },
    };
    let (chat, embed) = (function(chat, shared_with), function(embed, &[]));
    [("chat".to_string(), chat), ("embed".to_string(), embed)].into()
}

struct Case {
    releases: Releases,
    live: LiveFunctions,
    is_rolling_out: bool,
    is_taken_back: bool,
}

impl Case {
    fn new(chat: &str, embed: &str) -> Self {
        let live = live(chat, embed, &[]);
        Self { releases: releases(), live, is_rolling_out: false, is_taken_back: false }
    }

    /// The number that is chosen, or what is told.
    fn choose(&self, named: Option<u64>) -> Result<u64, String> {
        let Self { releases, live, is_rolling_out, is_taken_back } = self;
        let (is_rolling_out, is_taken_back) = (*is_rolling_out, *is_taken_back);
        let situation = Situation { releases, live, is_rolling_out, is_taken_back };
        match situation.choose(named) {
            Ok(Choice::Release(release)) => Ok(release.number),
            Ok(Choice::Nothing(told)) => Err(told),
            Err(error) => Err(format!("{error:#}")),
        }
    }
}

#[test]
fn rollback_goes_to_the_last_good_release_with_other_versions() {
    assert_eq!(Case::new("4", "3").choose(None), Ok(3), "the fourth failed");
    assert_eq!(Case::new("4", "3").choose(Some(1)), Ok(1));
    let absent = Case::new("4", "3").choose(Some(9)).unwrap_err();
    assert!(absent.contains("there is no release 9"), "{absent}");
    let mut first = Case::new("1", "1");
    first.releases.known.truncate(1);
    assert!(first.choose(None).unwrap_err().contains("no good release with other versions"));
    first.releases.known.clear();
    assert!(first.choose(None).unwrap_err().contains("no release is recorded"));
}

#[test]
fn rollback_of_a_rollout_goes_to_what_was_live_before() {
    let mut case = Case::new("4", "3");
    case.is_rolling_out = true;
    case.live = live("4", "3", &["5"]);
    assert_eq!(case.choose(None), Ok(5));
    // Somebody had gone back by hand before.
    case.live = live("2", "1", &["5"]);
    assert_eq!(case.choose(None), Ok(3));
    // One of two functions is at its new version already.
    case.live = live("4", "4", &["5"]);
    assert_eq!(case.choose(None), Ok(5));
}

#[test]
fn rollback_that_is_run_again_goes_no_further() {
    for (chat, embed) in [("2", "3"), ("4", "1"), ("2", "1")] {
        assert_eq!(Case::new(chat, embed).choose(None), Ok(3), "{chat} {embed}");
    }
    let mut done = Case::new("2", "1");
    done.releases.known.push(release(6, "2", "1"));
    done.releases.known[5].release.back_to = Some(3);
    assert_eq!(done.choose(None), Err("release 6 is live, which is 3 again".into()));
    assert_eq!(done.choose(Some(1)), Ok(1));
}

#[test]
fn deployment_that_was_taken_back_needs_no_rollback() {
    let case = Case { is_taken_back: true, ..Case::new("4", "3") };
    assert!(case.choose(None).unwrap_err().contains("was taken back already"));
    assert_eq!(case.choose(Some(3)), Ok(3));
}

#[test]
fn unrecorded_versions_go_back_to_the_record() {
    assert_eq!(Case::new("9", "3").choose(None), Ok(5));
    // An old release, where somebody has moved the aliases by hand.
    let moved = Case::new("1", "1").choose(None).unwrap_err();
    assert!(moved.contains("release 1 is live") && moved.contains("--to"), "{moved}");
    // A rollout that was stopped and left as it was.
    let shared = Case { live: live("4", "3", &["5"]), ..Case::new("4", "3") };
    assert_eq!(shared.choose(None), Ok(5));
}

#[test]
fn newest_release_that_cannot_be_read_is_no_ground_to_choose() {
    let mut case = Case::new("4", "3");
    case.releases.unreadable.push(6);
    assert!(case.choose(None).unwrap_err().contains("another version of ops"));
    assert!(case.choose(Some(6)).unwrap_err().contains("another version of ops"));
    assert_eq!(case.choose(Some(5)), Ok(5));
    case.releases.unreadable = vec![0];
    assert_eq!(case.choose(None), Ok(3));
}
