//! The release: which versions are live, of which commit and parameters. One parameter of Systems Manager, which
//! keeps its last 100 values.

use crate::aws::Session;
use crate::signed_call::{SSM, call_operation, is_refused_with};
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Longest value of a parameter that costs nothing.
const MAX_BYTES: usize = 4_096;

/// What a deployment left behind.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Release {
    /// ISO-8601 in UTC.
    pub time: String,
    pub commit: String,
    pub parameters_sha256: String,
    /// `ok`, `key_missing` or `failed`.
    pub smoke_test: String,
    /// What is mixed into new revisions since a deployment was rolled back: see `salt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// The release that `ops rollback` went back to, where this is no deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<u64>,
    /// By folder.
    pub functions: BTreeMap<String, ReleasedFunction>,
}

impl Release {
    /// Whether another release has the same versions.
    pub fn has_versions_of(&self, other: &Release) -> bool {
        let versions = |release: &Release| -> Vec<(String, String)> {
            let functions = release.functions.iter();
            functions.map(|(folder, known)| (folder.clone(), known.version.clone())).collect()
        };
        versions(self) == versions(other)
    }
}

/// A release with the number that it has in the record.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberedRelease {
    pub number: u64,
    pub release: Release,
}

/// What is recorded of a stack.
#[derive(Debug, Default)]
pub struct Releases {
    /// The oldest first.
    pub known: Vec<NumberedRelease>,
    /// Numbers of those that this version of `ops` cannot read.
    pub unreadable: Vec<u64>,
}

impl Releases {
    /// Returns the newest release; none where that cannot be read.
    pub fn newest(&self) -> Option<&NumberedRelease> {
        let newest = self.known.last()?;
        let is_newest = self.unreadable.iter().all(|number| *number < newest.number);
        is_newest.then_some(newest)
    }
}

/// One function of a release.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReleasedFunction {
    pub version: String,
    pub revision: String,
    /// What was mixed into this revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// Returns the name of a stack's record.
pub fn record_name(stack: &str) -> String {
    format!("/cohere-gateway/{stack}/release")
}

/// Reads the last release; `None` where there is none. One that this version cannot read tells nothing but that it is.
pub async fn read_release(session: &Session, stack: &str) -> anyhow::Result<Option<Release>> {
    let answer = call(session, "GetParameter", &json!({ "Name": record_name(stack) })).await;
    match answer {
        Ok(answer) => {
            let text = answer["Parameter"]["Value"].as_str().unwrap_or_default();
            Ok(Some(serde_json::from_str(text).unwrap_or_default()))
        }
        Err(error) if is_refused_with(&error, "ParameterNotFound") => Ok(None),
        Err(error) => Err(error.context("cannot read the record of releases")),
    }
}

/// Reads all releases that are kept.
pub async fn read_releases(session: &Session, stack: &str) -> anyhow::Result<Releases> {
    let mut releases = Releases::default();
    let mut asked = json!({ "Name": record_name(stack) });
    loop {
        let answer = match call(session, "GetParameterHistory", &asked).await {
            Err(error) if is_refused_with(&error, "ParameterNotFound") => return Ok(releases),
            answer => answer.context("cannot read the record of releases")?,
        };
        for version in answer["Parameters"].as_array().into_iter().flatten() {
            let Some(number) = version["Version"].as_u64() else { continue };
            match serde_json::from_str(version["Value"].as_str().unwrap_or_default()) {
                Ok(release) => releases.known.push(NumberedRelease { number, release }),
                Err(_) => releases.unreadable.push(number),
            }
        }
        match answer["NextToken"].as_str() {
            Some(next) => asked["NextToken"] = json!(next),
            None => break,
        }
    }
    releases.known.sort_by_key(|release| release.number);
    Ok(releases)
}

/// Records a release and returns its number.
pub async fn record_release(
    session: &Session,
    stack: &str,
    release: &Release,
) -> anyhow::Result<u64> {
    let text = serde_json::to_string(release).context("the release cannot be written")?;
    ensure!(text.len() <= MAX_BYTES, "the release has {} bytes, more than {MAX_BYTES}", text.len());
    let parameter = json!({
        "Name": record_name(stack),
        "Value": text,
        "Type": "String",
        "Overwrite": true,
        "Description": "Releases of this stack, newest last; written by ops",
    });
    let answer = call(session, "PutParameter", &parameter).await;
    let answer = answer.context("the release cannot be recorded")?;
    answer["Version"].as_u64().context("the record of releases has no number")
}

async fn call(session: &Session, operation: &str, body: &Value) -> anyhow::Result<Value> {
    call_operation(session, &SSM, &format!("AmazonSSM.{operation}"), body).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_of_twenty_functions_fits_into_a_parameter() {
        let function = |number: usize| {
            let salt = Some("2026-11-26T12:00:00.000Z".into());
            let revision = "f".repeat(64);
            let released = ReleasedFunction { version: "12345".into(), revision, salt };
            (format!("a-function-{number}"), released)
        };
        let release = Release {
            time: "2026-11-26T12:00:00.000Z".into(),
            commit: "f".repeat(40) + "+",
            parameters_sha256: "f".repeat(64),
            smoke_test: "key_missing".into(),
            salt: Some("2026-11-26T12:00:00.000Z".into()),
            back_to: Some(12_345),
            functions: (0..20).map(function).collect(),
        };
        let text = serde_json::to_string(&release).unwrap();
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        assert_eq!(serde_json::from_str::<Release>(&text).unwrap(), release);
    }
}
