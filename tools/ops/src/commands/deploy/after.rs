//! What is looked at once `sam` has deployed, up to the record of the release.

use super::live::compare_live;
use crate::aws::Session;
use crate::deploy::next::write_command;
use crate::deploy::record::{NumberedRelease, Release, record_name, record_release};
use crate::deploy::revision::Function;
use crate::deploy::settings::Parameters;
use crate::deploy::smoke::{KEY_MISSING, Verdict, try_gateway};
use crate::deploy::stack::{Stack, ask_stack};
use crate::deploy::synthetic_client::{Places, SyntheticClient, ensure_client};
use crate::options::Options;
use crate::output::say;
use crate::store::Store;
use anyhow::{Context, anyhow, bail, ensure};
use shared::clock::{format_iso8601, since_epoch};
use shared::secrets::secrets_manager::CURRENT;
use std::time::Duration;

/// How long environments that run already may not know a new client.
const KNOWN_AFTER: Duration = Duration::from_secs(31);

/// A deployment whose stack is made.
pub struct Deployed<'a> {
    pub session: &'a Session,
    pub stack: &'a str,
    pub functions: &'a [Function],
    /// Whether the stack did not exist before.
    pub is_new: bool,
    /// What was recorded of it before.
    pub live: Option<&'a Release>,
    /// What is mixed into new revisions.
    pub salt: Option<String>,
    pub wait: Duration,
    pub commit: String,
    pub parameters: &'a Parameters,
    pub parameters_sha256: String,
    pub options: &'a Options,
}

impl Deployed<'_> {
    /// Compares, makes the synthetic client, tries the gateway and records the release.
    pub async fn finish(self) -> anyhow::Result<NumberedRelease> {
        let stack = ask_stack(self.session, self.stack).await?;
        let stack = stack.context("there is no stack: the change set was not executed")?;
        ensure!(
            stack.status.ends_with("_COMPLETE"),
            "the stack is in {}: the change set was not executed",
            stack.status
        );
        check_parameters(&stack, self.parameters)?;
        let functions = compare_live(self.session, self.stack, self.functions).await?;
        let client = self.make_client(&stack).await?;
        let tried = match self.try_out(&stack, &client).await {
            Ok(verdict) => self.check_key(verdict, &stack),
            Err(problem) => Err(problem),
        };
        let smoke_test = match &tried {
            Ok(verdict) => verdict.as_str(),
            Err(_) => "failed",
        };
        let release = Release {
            time: format_iso8601(since_epoch()),
            commit: self.commit,
            parameters_sha256: self.parameters_sha256,
            smoke_test: smoke_test.to_string(),
            salt: self.salt,
            back_to: None,
            functions,
        };
        let number = record_release(self.session, self.stack, &release).await;
        let number = number.context("deployed")?;
        say(&format!("recorded as release {number} in {}", record_name(self.stack)));
        let verdict = tried.with_context(|| {
            let back = write_command("rollback", self.stack, self.options);
            format!("deployed, and the smoke test failed; where the release is to blame, go back by: {back}")
        })?;
        tell_next_steps(verdict, &stack)?;
        Ok(NumberedRelease { number, release })
    }

    async fn make_client(&self, stack: &Stack) -> anyhow::Result<SyntheticClient> {
        let places = Places {
            secret: find_output(stack, "SyntheticClientSecretArn")?,
            clients: find_output(stack, "ClientsSecretArn")?,
            plan: find_output(stack, "SyntheticUsagePlanId")?,
        };
        let client = ensure_client(self.session, &places).await;
        let client = client.context("deployed, and the synthetic client cannot be made")?;
        if client.is_changed {
            say("made the synthetic client, which tries the gateway");
        }
        Ok(client)
    }

    /// Refuses a gateway that has lost its Cohere key; one that never had any is as it should be.
    fn check_key(&self, verdict: Verdict, stack: &Stack) -> anyhow::Result<Verdict> {
        if verdict != Verdict::KeyMissing || was_without_key(self.live) {
            return Ok(verdict);
        }
        let secret = find_output(stack, "CohereApiKeySecretArn")?;
        bail!(
            "the gateway has no Cohere key any more: the secret {secret} holds no usable key, and every request gets 503 \
             key_missing. Put the key back: ops key stage --secret {secret} < key.txt, then deploy again"
        )
    }

    async fn try_out(&self, stack: &Stack, client: &SyntheticClient) -> anyhow::Result<Verdict> {
        if client.is_changed && !self.is_new {
            say("waiting for half a minute until the gateway knows the new client");
            tokio::time::sleep(KNOWN_AFTER).await;
        }
        let key = Store::with_session(self.session, find_output(stack, "CohereApiKeySecretArn")?);
        // A pipeline may have no right to see that secret, not even from outside: then nothing is waited for.
        let has_key = key.labels().await.is_ok_and(|labels| labels.contains_key(CURRENT));
        let url = find_output(stack, "ApiUrl")?;
        try_gateway(self.session, url, &client.token, has_key, self.wait).await
    }
}

/// Tells whether a stack has never had a Cohere key, as far as its last release tells; a new one has none.
fn was_without_key(live: Option<&Release>) -> bool {
    live.is_none_or(|last| last.smoke_test == KEY_MISSING)
}

/// Refuses a stack whose parameters are not those meant: of the versions alone it could not be told.
fn check_parameters(stack: &Stack, meant: &Parameters) -> anyhow::Result<()> {
    let differs = |(name, value): &(&String, &String)| stack.parameters.get(*name) != Some(*value);
    let names: Vec<_> = meant.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    ensure!(
        names.is_empty(),
        "the change set was not executed: the stack has other values of {}; nothing was recorded",
        names.join(", ")
    );
    Ok(())
}

fn find_output<'a>(stack: &'a Stack, name: &str) -> anyhow::Result<&'a str> {
    let output = stack.outputs.get(name).map(String::as_str);
    output.ok_or_else(|| anyhow!("the stack has no output {name}"))
}

fn tell_next_steps(verdict: Verdict, stack: &Stack) -> anyhow::Result<()> {
    let url = find_output(stack, "ApiUrl")?;
    match verdict {
        Verdict::Ok => say(&format!("the gateway answers at {url}")),
        Verdict::KeyMissing => {
            say(&format!("the gateway answers at {url}, and has no Cohere key yet; next:"));
            let secret = find_output(stack, "CohereApiKeySecretArn")?;
            say(&format!("  ops key stage --secret {secret} < key.txt"));
            say("  ops clients add NAME, and deploy again for the whole smoke test");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_may_be_missing_where_none_was_before() {
        let release =
            |smoke_test: &str| Release { smoke_test: smoke_test.to_string(), ..Release::default() };
        assert!(was_without_key(None));
        assert!(was_without_key(Some(&release("key_missing"))));
        for had in ["ok", "failed", ""] {
            assert!(!was_without_key(Some(&release(had))), "{had}");
        }
    }
}
