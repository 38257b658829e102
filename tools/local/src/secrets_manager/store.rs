//! Secrets, their versions and the labels on them, by the rules of AWS.
//!
//! A label is on one version of a secret at a time. Where `AWSCURRENT` moves to another version,
//! the version before gets `AWSPREVIOUS`; once there is a value, some version has `AWSCURRENT`. A
//! version without a label remains but counts as deprecated. Refusals have the type of AWS's own
//! error.

use super::request::{GetRequest, ListRequest, MoveRequest, PutRequest};
use crate::aws_account::{ACCOUNT, REGION};
use serde_json::{Value, json};
pub(super) use shared::secrets::secrets_manager::{CURRENT, PENDING};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The label of the version that was current before.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";

/// Longest value AWS takes.
const MAX_VALUE_BYTES: usize = 65_536;

/// Why a request is refused: AWS's name of the error, and a sentence.
#[derive(Debug, PartialEq)]
pub(super) struct StoreError(pub(super) &'static str, pub(super) String);

pub(super) type Result<T> = std::result::Result<T, StoreError>;

/// The ARN of a secret, ending in six letters as AWS makes it.
pub fn secret_arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-aLocal")
}

fn not_found(what: &str) -> StoreError {
    StoreError(
        "ResourceNotFoundException",
        format!("Secrets Manager can't find the specified {what}."),
    )
}

/// AWS names the label that was looked for, also where that is the default.
fn no_value_for(get: &GetRequest) -> StoreError {
    match (&get.version_stage, &get.version_id) {
        (Some(label), _) => not_found(&format!("secret value for staging label: {label}")),
        (None, None) => not_found(&format!("secret value for staging label: {CURRENT}")),
        (None, Some(_)) => not_found("secret value for the version"),
    }
}

fn invalid_parameter(message: impl Into<String>) -> StoreError {
    StoreError("InvalidParameterException", message.into())
}

/// All secrets by name.
#[derive(Default)]
pub(super) struct Store(BTreeMap<String, Secret>);

pub(super) struct Secret {
    name: String,
    versions: Vec<Version>,
    created: f64,
    changed: f64,
    pub(super) rotated: Option<f64>,
    /// Whether a rotation's steps are being called now.
    pub(super) rotating: bool,
}

struct Version {
    id: String,
    /// Absent while a rotation has made no value yet.
    content: Option<SecretValue>,
    labels: BTreeSet<String>,
    created: f64,
}

/// The field that carries a value in requests, and its text; binary stays in base64.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SecretValue {
    field: &'static str,
    text: String,
}

impl Store {
    /// Finds a secret by name, or makes one without a value, as a template does.
    pub(super) fn find_or_create(&mut self, name: &str) -> &mut Secret {
        self.0.entry(name.to_owned()).or_insert_with(|| Secret::new(name))
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Finds a secret by name or ARN.
    pub(super) fn find(&mut self, id: &str) -> Result<&mut Secret> {
        let found =
            self.0.values_mut().find(|secret| secret.name == id || secret_arn(&secret.name) == id);
        found.ok_or_else(|| not_found("secret"))
    }
}

impl Secret {
    fn new(name: &str) -> Self {
        let name = name.to_owned();
        Secret {
            name,
            versions: Vec::new(),
            created: unix_time_now(),
            changed: unix_time_now(),
            rotated: None,
            rotating: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Puts a text as a new version under these labels.
    pub(super) fn put_text(&mut self, id: &str, text: &str, labels: &[&str]) -> Result<()> {
        let content = SecretValue { field: "SecretString", text: text.to_owned() };
        self.put_content(id, content, labels.iter().map(|label| (*label).to_owned()).collect())
    }

    /// Lets the current version be as old as this.
    pub(super) fn age_current(&mut self, age: Duration) {
        for version in &mut self.versions {
            if version.labels.contains(CURRENT) {
                version.created = unix_time_now() - age.as_secs_f64();
            }
        }
    }

    pub(super) fn get_value(&self, get: &GetRequest) -> Result<Value> {
        let version = self.requested_version(get)?;
        let Some(content) = &version.content else { return Err(no_value_for(get)) };
        let mut answer = self.arn_and_name();
        answer["VersionId"] = json!(version.id);
        answer["VersionStages"] = json!(version.labels);
        answer["CreatedDate"] = json!(version.created);
        answer[content.field] = json!(content.text);
        Ok(answer)
    }

    /// The version that a request names by id, by label, by both, or by neither: the current one.
    fn requested_version(&self, get: &GetRequest) -> Result<&Version> {
        let found = match (&get.version_id, &get.version_stage) {
            (None, None) => self.versions.iter().find(|version| version.labels.contains(CURRENT)),
            (None, Some(label)) => {
                self.versions.iter().find(|version| version.labels.contains(label))
            }
            (Some(id), None) => self.versions.iter().find(|version| version.id == *id),
            (Some(id), Some(label)) => {
                let version = self.versions.iter().find(|version| version.id == *id);
                if let Some(version) = version
                    && !version.labels.contains(label)
                {
                    let message = "The VersionStage is not on the version of that VersionId.";
                    return Err(StoreError("InvalidRequestException", message.to_owned()));
                }
                version
            }
        };
        found.ok_or_else(|| no_value_for(get))
    }

    pub(super) fn text_under(&self, label: &str) -> Option<&str> {
        let version = self.versions.iter().find(|version| version.labels.contains(label))?;
        version.content.as_ref().map(|content| content.text.as_str())
    }

    pub(super) fn put_value(&mut self, put: PutRequest) -> Result<Value> {
        let content = match (put.secret_string, put.secret_binary) {
            (Some(text), None) => SecretValue { field: "SecretString", text },
            (None, Some(text)) => SecretValue { field: "SecretBinary", text },
            _ => {
                return Err(invalid_parameter(
                    "You must provide either SecretString or SecretBinary.",
                ));
            }
        };
        if content.text.len() > MAX_VALUE_BYTES {
            let message = "the value must have length less than or equal to 65536".to_owned();
            return Err(StoreError("ValidationException", message));
        }
        let labels = put.version_stages.unwrap_or_else(|| [CURRENT.to_owned()].into());
        self.put_content(&put.client_request_token, content, labels)?;
        let mut answer = self.arn_and_name();
        answer["VersionId"] = json!(put.client_request_token);
        answer["VersionStages"] = json!(self.labels_of(&put.client_request_token));
        Ok(answer)
    }

    fn put_content(
        &mut self,
        id: &str,
        content: SecretValue,
        mut labels: BTreeSet<String>,
    ) -> Result<()> {
        let existing = self.versions.iter().position(|version| version.id == id);
        let old = existing.and_then(|at| self.versions[at].content.as_ref());
        match old {
            // The same request was sent again.
            Some(old) if *old == content => return Ok(()),
            Some(_) => {
                let message =
                    "You can't use ClientRequestToken again with another value.".to_owned();
                return Err(StoreError("ResourceExistsException", message));
            }
            None => {}
        }
        // The first value a secret gets is current whatever the request says.
        if self.versions.iter().all(|version| version.content.is_none())
            && !labels.contains(PENDING)
        {
            labels.insert(CURRENT.to_owned());
        }
        match existing {
            Some(at) => self.versions[at].content = Some(content),
            None => self.versions.push(Version {
                id: id.to_owned(),
                content: Some(content),
                labels: BTreeSet::new(),
                created: unix_time_now(),
            }),
        }
        for label in labels {
            self.put_label(&label, id);
        }
        self.changed = unix_time_now();
        Ok(())
    }

    pub(super) fn move_label(&mut self, request: &MoveRequest) -> Result<Value> {
        let label = request.version_stage.as_str();
        let holder = self.version_with(label).map(str::to_owned);
        for id in request.remove_from_version_id.iter().chain(&request.move_to_version_id) {
            if !self.has_version(id) {
                return Err(not_found("secret version"));
            }
        }
        match (&request.move_to_version_id, &request.remove_from_version_id) {
            (_, Some(from)) if holder.as_ref() != Some(from) => {
                return Err(invalid_parameter(format!(
                    "The label {label} is not on the version to remove it from."
                )));
            }
            (Some(to), None) if holder.is_some() && holder.as_ref() != Some(to) => {
                let message =
                    format!("The label {label} is on another version: name RemoveFromVersionId.");
                return Err(invalid_parameter(message));
            }
            (None, None) => {
                return Err(invalid_parameter(
                    "MoveToVersionId or RemoveFromVersionId is expected.",
                ));
            }
            (None, Some(_)) if label == CURRENT => {
                return Err(invalid_parameter(format!("{CURRENT} can be moved, but not removed.")));
            }
            (Some(to), _) => self.put_label(label, &to.clone()),
            (None, Some(_)) => self.drop_label(label),
        }
        self.changed = unix_time_now();
        Ok(self.arn_and_name())
    }

    pub(super) fn describe(&self, rotation_function: Option<&str>) -> Value {
        let labelled = self.versions.iter().filter(|version| !version.labels.is_empty());
        let labels: BTreeMap<_, _> =
            labelled.map(|version| (&version.id, &version.labels)).collect();
        let mut answer = self.arn_and_name();
        answer["CreatedDate"] = json!(self.created);
        answer["LastChangedDate"] = json!(self.changed);
        answer["RotationEnabled"] = json!(rotation_function.is_some());
        if let Some(arn) = rotation_function {
            answer["RotationLambdaARN"] = json!(arn);
        }
        if let Some(rotated) = self.rotated {
            answer["LastRotatedDate"] = json!(rotated);
        }
        if !labels.is_empty() {
            answer["VersionIdsToStages"] = json!(labels);
        }
        answer
    }

    pub(super) fn list_versions(&self, list: &ListRequest) -> Value {
        let listed = self
            .versions
            .iter()
            .filter(|version| list.include_deprecated || !version.labels.is_empty());
        let versions = listed.map(|version| {
            json!({
                "VersionId": version.id,
                "VersionStages": version.labels,
                "CreatedDate": version.created,
            })
        });
        let versions: Vec<_> = versions.collect();
        let mut answer = self.arn_and_name();
        answer["Versions"] = json!(versions);
        answer
    }

    fn has_version(&self, id: &str) -> bool {
        self.versions.iter().any(|version| version.id == id)
    }

    /// The version that has this label.
    pub(super) fn version_with(&self, label: &str) -> Option<&str> {
        let holder = self.versions.iter().find(|version| version.labels.contains(label));
        holder.map(|version| version.id.as_str())
    }

    pub(super) fn labels_of(&self, id: &str) -> BTreeSet<String> {
        let version = self.versions.iter().find(|version| version.id == id);
        version.map(|version| version.labels.clone()).unwrap_or_default()
    }

    /// Makes the version that a rotation will fill.
    pub(super) fn begin_rotation(&mut self, id: &str) {
        if !self.has_version(id) {
            let (id, labels) = (id.to_owned(), BTreeSet::new());
            self.versions.push(Version { id, content: None, labels, created: unix_time_now() });
        }
        self.put_label(PENDING, id);
    }

    pub(super) fn drop_label(&mut self, label: &str) {
        for version in &mut self.versions {
            version.labels.remove(label);
        }
    }

    fn put_label(&mut self, label: &str, id: &str) {
        let previous = self.version_with(label).filter(|holder| *holder != id).map(str::to_owned);
        if let Some(previous) = previous.filter(|_| label == CURRENT) {
            self.put_label(PREVIOUS, &previous);
        }
        self.drop_label(label);
        for version in self.versions.iter_mut().filter(|version| version.id == id) {
            version.labels.insert(label.to_owned());
        }
    }

    fn arn_and_name(&self) -> Value {
        json!({ "ARN": secret_arn(&self.name), "Name": self.name })
    }
}

pub(super) fn unix_time_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
