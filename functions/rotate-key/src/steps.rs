//! The four steps. Each looks at the labels first, so that it can be repeated at any point.

use crate::check::{KeyCheck, KeyVerdict};
use crate::failure::RotationFailure;
use shared::lock::lock_anyway;
use shared::secrets::key::ApiKey;
use shared::secrets::secrets_manager::{
    CURRENT, NEXT, PENDING, SecretsManager, StoreError, Version,
};
use std::collections::HashMap;
use std::sync::Mutex;

/// One rotation of one secret.
pub(crate) struct Rotation<'a> {
    pub(crate) secret: SecretsManager,
    /// Id of the version that becomes current in the end.
    pub(crate) token: &'a str,
    pub(crate) check: &'a KeyCheck,
    pub(crate) accepted: &'a AcceptedVersion,
    pub(crate) allows_trial_key: bool,
}

/// The version whose key Cohere has accepted last. Scope: environment.
#[derive(Default)]
pub(crate) struct AcceptedVersion(Mutex<Option<String>>);

impl AcceptedVersion {
    fn remember(&self, version: &str) {
        *lock_anyway(&self.0) = Some(version.to_string());
    }

    fn is(&self, version: &str) -> bool {
        lock_anyway(&self.0).as_deref() == Some(version)
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepOutcome {
    Created,
    Accepted,
    Finished,
    /// There was nothing to do, or it had been done before.
    Nothing,
}

impl StepOutcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            StepOutcome::Created => "created",
            StepOutcome::Accepted => "accepted",
            StepOutcome::Finished => "finished",
            StepOutcome::Nothing => "nothing to do",
        }
    }
}

/// Where the version of this rotation stands.
enum Standing {
    Pending,
    Current,
    /// The secret has never had a value.
    EmptySecret,
    Elsewhere,
}

type Done = Result<StepOutcome, RotationFailure>;

impl Rotation<'_> {
    /// Copies the staged key into the pending version.
    pub(crate) async fn create_secret(&self) -> Done {
        if !self.is_pending().await? || self.find_pending().await?.is_some() {
            return Ok(StepOutcome::Nothing);
        }
        let next = self.secret.find_version(NEXT, None).await?;
        let next = next.ok_or(RotationFailure::NextMissing)?;
        parse_key(&next)?;
        self.secret.put_version(self.token, &next.text, PENDING).await?;
        Ok(StepOutcome::Created)
    }

    /// Does nothing: the key was made at Cohere by hand.
    pub(crate) async fn set_secret(&self) -> Done {
        self.is_pending().await.map(|_| StepOutcome::Nothing)
    }

    /// Asks Cohere about the pending key, if it is the staged one.
    ///
    /// Secrets Manager also calls this step alone, to try its settings when a stack is deployed: on a
    /// version without a value or a copy of the current one, and on the first day on an empty secret.
    /// Nothing of Cohere's may fail a deployment, so it is not asked then; what is no staged key is
    /// asked about in the last step, which makes it current.
    pub(crate) async fn test_secret(&self) -> Done {
        if matches!(self.find_standing().await?, Standing::EmptySecret)
            || !self.is_pending().await?
        {
            return Ok(StepOutcome::Nothing);
        }
        let Some(pending) = self.find_pending().await? else { return Ok(StepOutcome::Nothing) };
        let is_staged = self.has_text_of(&pending, NEXT).await?;
        if !is_staged || self.has_text_of(&pending, CURRENT).await? {
            return Ok(StepOutcome::Nothing);
        }
        self.check_key(&pending).await.map(|()| StepOutcome::Accepted)
    }

    /// Makes the pending version current, and takes the labels off that were for the rotation only.
    pub(crate) async fn finish_secret(&self) -> Done {
        let mut outcome = StepOutcome::Nothing;
        if self.is_pending().await? {
            let pending = self.find_pending().await?;
            let pending =
                pending.ok_or_else(|| RotationFailure::NotPending(self.token.to_string()))?;
            parse_key(&pending)?;
            if !self.accepted.is(self.token) && !self.has_text_of(&pending, CURRENT).await? {
                self.check_key(&pending).await?;
            }
            let labels = self.read_labels().await?;
            let from = find_holder(&labels, CURRENT);
            self.secret.move_label(CURRENT, from, Some(self.token)).await?;
            outcome = StepOutcome::Finished;
        }
        self.take_off_next().await?;
        // Left on the current version the label does no harm on AWS, which takes it off by itself.
        if has_label(&self.read_labels().await?, self.token, PENDING)
            && let Err(error) = self.give_up().await
        {
            tracing::warn!(
                event = "pending_label_left",
                problem = %error,
                "{PENDING} stays on the current version"
            );
        }
        Ok(outcome)
    }

    /// Takes `AWSPENDING` off, so that the next rotation is a new one.
    pub(crate) async fn give_up(&self) -> Result<(), StoreError> {
        self.secret.move_label(PENDING, Some(self.token), None).await
    }

    /// Fails unless Cohere accepts the key.
    async fn check_key(&self, version: &Version) -> Result<(), RotationFailure> {
        match self.check.check_key(&parse_key(version)?).await {
            KeyVerdict::Production => {}
            KeyVerdict::Trial if self.allows_trial_key => {}
            KeyVerdict::Trial => return Err(RotationFailure::Trial),
            KeyVerdict::Refused(problem) => return Err(RotationFailure::Refused(problem)),
            KeyVerdict::Unclear(problem) => return Err(RotationFailure::NoVerdict(problem)),
        }
        self.accepted.remember(self.token);
        Ok(())
    }

    /// Tells whether a version has the value that is under a label.
    async fn has_text_of(&self, version: &Version, label: &str) -> Result<bool, RotationFailure> {
        let labelled = self.secret.find_version(label, None).await?;
        Ok(labelled.is_some_and(|labelled| labelled.text.is_same_as(&version.text)))
    }

    /// Takes `NEXT` off the key that is now current; a newer one staged meanwhile stays.
    async fn take_off_next(&self) -> Result<(), RotationFailure> {
        let next = self.secret.find_version(NEXT, None).await?;
        let current = self.secret.find_version(CURRENT, None).await?;
        let (Some(next), Some(current)) = (next, current) else { return Ok(()) };
        if !next.text.is_same_as(&current.text) {
            return Ok(());
        }
        Ok(self.secret.move_label(NEXT, Some(&next.id), None).await?)
    }

    /// Tells whether there is work to do on the version; false where it is current already.
    async fn is_pending(&self) -> Result<bool, RotationFailure> {
        match self.find_standing().await? {
            Standing::Pending => Ok(true),
            Standing::Current => Ok(false),
            Standing::EmptySecret | Standing::Elsewhere => {
                Err(RotationFailure::NotPending(self.token.to_string()))
            }
        }
    }

    async fn find_standing(&self) -> Result<Standing, RotationFailure> {
        let labels = self.read_labels().await?;
        let is_current = has_label(&labels, self.token, CURRENT);
        Ok(match (is_current, has_label(&labels, self.token, PENDING)) {
            (true, _) => Standing::Current,
            (false, true) => Standing::Pending,
            (false, false) if find_holder(&labels, CURRENT).is_none() => Standing::EmptySecret,
            (false, false) => Standing::Elsewhere,
        })
    }

    async fn read_labels(&self) -> Result<Labels, RotationFailure> {
        Ok(self.secret.read_labels().await?)
    }

    async fn find_pending(&self) -> Result<Option<Version>, RotationFailure> {
        Ok(self.secret.find_version(PENDING, Some(self.token)).await?)
    }
}

fn parse_key(version: &Version) -> Result<ApiKey, RotationFailure> {
    ApiKey::parse(&version.text).map_err(RotationFailure::Unusable)
}

type Labels = HashMap<String, Vec<String>>;

fn find_holder<'a>(labels: &'a Labels, label: &str) -> Option<&'a str> {
    labels.keys().find(|version| has_label(labels, version, label)).map(String::as_str)
}

fn has_label(labels: &Labels, version: &str, label: &str) -> bool {
    match labels.get(version) {
        Some(labels) => labels.iter().any(|other| other == label),
        None => false,
    }
}
