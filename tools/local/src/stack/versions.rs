//! Further versions of the functions of a running stack, as a deployment makes them.

use super::{Stack, reference_values};
use crate::lambda::{NewVersion, Qualifier, Routing};
use crate::template::{Template, TemplateFunction};
use anyhow::{Context, bail};
use bytes::Bytes;

impl Stack {
    /// Publishes a version of a function, like the newest one but for what is given; nothing of it is started, and
    /// the alias leads where it did.
    pub fn publish_version(&self, function: &str, new: NewVersion) -> anyhow::Result<u32> {
        Ok(self.find_function(function)?.publish(new))
    }

    /// Reads what a template, perhaps that of another release, says of its functions in this stack.
    pub(crate) fn read_functions(&self, template: &str) -> anyhow::Result<Vec<TemplateFunction>> {
        Ok(Template::parse(template, reference_values(&self.upstream_url))?.functions)
    }

    /// Leads the alias of a function to other versions, from the next request on.
    pub fn route_alias(&self, function: &str, routing: Routing) -> anyhow::Result<()> {
        self.find_function(function)?.set_routing(routing).with_context(|| function.to_owned())
    }

    /// Where the alias of a function leads.
    pub fn read_routing(&self, function: &str) -> anyhow::Result<Routing> {
        Ok(self.find_function(function)?.routing())
    }

    /// Deletes a version to which the alias does not lead, and ends its environments.
    pub async fn drop_version(&self, function: &str, version: u32) -> anyhow::Result<()> {
        let function = self.find_function(function)?;
        function.drop_version(version).await.with_context(|| function.name().to_owned())
    }

    /// As [`Stack::invoke`], with a version of the caller's choice.
    pub async fn invoke_version(
        &self,
        function: &str,
        version: u32,
        event: impl Into<Bytes>,
    ) -> anyhow::Result<Bytes> {
        let function = self.find_function(function)?;
        let qualifier = Qualifier::Version(version);
        let found = function.find_version(qualifier);
        let version = found.with_context(|| format!("there is no version {version}"))?;
        match function.invoke_version(&version, qualifier, event.into()).await {
            Ok(payload) => payload.read_to_end().await.ok().context("the answer broke off"),
            Err(failure) => bail!("{failure}"),
        }
    }

    /// How many invocations a version of a function got so far, however it was chosen.
    pub fn invoked_count_of(&self, function: &str, version: u32) -> usize {
        let found = self.find_function(function).ok();
        let found = found.and_then(|function| function.find_version(Qualifier::Version(version)));
        found.map(|version| version.invoked_count()).unwrap_or_default()
    }
}
