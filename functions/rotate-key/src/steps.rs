//! The four steps. Each looks at the labels first, so that it can be repeated at any point.

use crate::check::{KeyCheck, KeyVerdict};
use crate::failure::RotationFailure;
use shared::secrets::key::ApiKey;
use shared::secrets::secrets_manager::{CURRENT, NEXT, PENDING, SecretsManager, StoreError, Version};
use std::collections::HashMap;

/// One rotation of one secret.
pub(crate) struct Rotation<'a> {
    pub(crate) secret: SecretsManager,
    /// Id of the version that becomes current in the end.
    pub(crate) token: &'a str,
    pub(crate) check: &'a KeyCheck,
    pub(crate) allows_trial_key: bool,
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
    pub(crate) async fn create(&self) -> Done {
        if !self.is_pending().await? || self.pending().await?.is_some() {
            return Ok(StepOutcome::Nothing);
        }
        let next = self.secret.find(NEXT, None).await?;
        let next = next.ok_or(RotationFailure::NextMissing)?;
        key_of(&next)?;
        self.secret.put(self.token, &next.text, PENDING).await?;
        Ok(StepOutcome::Created)
    }

    /// Does nothing: the key was made at Cohere by hand.
    pub(crate) async fn set(&self) -> Done {
        self.is_pending().await.map(|_| StepOutcome::Nothing)
    }

    /// Asks Cohere about the pending key.
    ///
    /// Secrets Manager also calls this step alone, to try its settings when a stack is deployed; there
    /// may be no pending value then, and on the first day no value at all.
    pub(crate) async fn test(&self) -> Done {
        if matches!(self.standing().await?, Standing::EmptySecret) || !self.is_pending().await? {
            return Ok(StepOutcome::Nothing);
        }
        let Some(pending) = self.pending().await? else { return Ok(StepOutcome::Nothing) };
        match self.check.ask(&key_of(&pending)?).await {
            KeyVerdict::Production => Ok(StepOutcome::Accepted),
            KeyVerdict::Trial if self.allows_trial_key => Ok(StepOutcome::Accepted),
            KeyVerdict::Trial => Err(RotationFailure::Trial),
            KeyVerdict::Refused(problem) => Err(RotationFailure::Refused(problem)),
            KeyVerdict::Unclear(problem) => Err(RotationFailure::NoVerdict(problem)),
        }
    }

    /// Makes the pending version current, and takes the labels off that were for the rotation only.
    pub(crate) async fn finish(&self) -> Done {
        let mut outcome = StepOutcome::Nothing;
        if self.is_pending().await? {
            let pending = self.pending().await?;
            key_of(&pending.ok_or_else(|| RotationFailure::NotPending(self.token.to_string()))?)?;
            let labels = self.labels().await?;
            let from = holder(&labels, CURRENT);
            self.secret.move_label(CURRENT, from, Some(self.token)).await?;
            outcome = StepOutcome::Finished;
        }
        self.unstage().await?;
        // Left on the current version the label does no harm on AWS, which takes it off by itself.
        if self.labels().await?.get(self.token).is_some_and(|labels| labels.iter().any(|l| l == PENDING))
            && let Err(error) = self.give_up().await
        {
            tracing::warn!(event = "pending_label_left", problem = %error, "{PENDING} stays on the current version");
        }
        Ok(outcome)
    }

    /// Takes `AWSPENDING` off, so that the next rotation is a new one.
    pub(crate) async fn give_up(&self) -> Result<(), StoreError> {
        self.secret.move_label(PENDING, Some(self.token), None).await
    }

    /// Takes `NEXT` off the key that is now current; a newer one staged meanwhile stays.
    async fn unstage(&self) -> Result<(), RotationFailure> {
        let next = self.secret.find(NEXT, None).await?;
        let current = self.secret.find(CURRENT, None).await?;
        let (Some(next), Some(current)) = (next, current) else { return Ok(()) };
        if !next.text.is_same_as(&current.text) {
            return Ok(());
        }
        Ok(self.secret.move_label(NEXT, Some(&next.id), None).await?)
    }

    /// Tells whether there is work to do on the version; false where it is current already.
    async fn is_pending(&self) -> Result<bool, RotationFailure> {
        match self.standing().await? {
            Standing::Pending => Ok(true),
            Standing::Current => Ok(false),
            Standing::EmptySecret | Standing::Elsewhere => {
                Err(RotationFailure::NotPending(self.token.to_string()))
            }
        }
    }

    async fn standing(&self) -> Result<Standing, RotationFailure> {
        let labels = self.labels().await?;
        let own = labels.get(self.token).map_or(&[][..], Vec::as_slice);
        let has = |label: &str| own.iter().any(|own| own == label);
        Ok(match (has(CURRENT), has(PENDING)) {
            (true, _) => Standing::Current,
            (false, true) => Standing::Pending,
            (false, false) if holder(&labels, CURRENT).is_none() => Standing::EmptySecret,
            (false, false) => Standing::Elsewhere,
        })
    }

    async fn labels(&self) -> Result<HashMap<String, Vec<String>>, RotationFailure> {
        Ok(self.secret.labels().await?)
    }

    async fn pending(&self) -> Result<Option<Version>, RotationFailure> {
        Ok(self.secret.find(PENDING, Some(self.token)).await?)
    }
}

fn key_of(version: &Version) -> Result<ApiKey, RotationFailure> {
    ApiKey::parse(&version.text).map_err(RotationFailure::Unusable)
}

fn holder<'a>(labels: &'a HashMap<String, Vec<String>>, label: &str) -> Option<&'a str> {
    let holds = |(_, labels): &(&String, &Vec<String>)| labels.iter().any(|other| other == label);
    labels.iter().find(holds).map(|(version, _)| version.as_str())
}
