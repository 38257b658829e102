//! Where an alias leads, and what that says of a rollout.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The alias that API Gateway invokes.
pub const LIVE: &str = "live";
/// How long a rollout may take to begin: its hook calls both versions first.
const BEGIN_LIMIT: Duration = Duration::from_secs(300);

/// An alias of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    pub version: String,
    /// It leads to a further version too.
    pub is_shared: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AliasAnswer {
    function_version: String,
    routing_config: Option<RoutingConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RoutingConfig {
    additional_version_weights: Option<BTreeMap<String, f64>>,
}

impl Alias {
    pub(super) fn parse(answer: &[u8]) -> Option<Self> {
        let read: AliasAnswer = serde_json::from_slice(answer).ok()?;
        let weights = read.routing_config.unwrap_or_default().additional_version_weights;
        let is_shared = weights.is_some_and(|weights| !weights.is_empty());
        Some(Self { version: read.function_version, is_shared })
    }
}

/// Knows of one rollout whether it goes on. Scope: invocation.
#[derive(Debug, Default)]
pub struct RolloutWatch {
    has_begun: bool,
}

impl RolloutWatch {
    /// Takes what the alias is now, and tells whether the rollout is over: it leads to one version again, or has
    /// not begun in time.
    pub fn note_alias(&mut self, alias: &Alias, new: &str, since_start: Duration) -> bool {
        self.has_begun |= alias.is_shared;
        if alias.is_shared {
            return false;
        }
        self.has_begun || alias.version == new || since_start > BEGIN_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Alias> {
        Alias::parse(text.as_bytes())
    }

    #[test]
    fn alias_is_shared_where_a_further_version_has_a_weight() {
        let shared = |text| read(text).map(|alias| alias.is_shared);
        assert_eq!(shared(r#"{"FunctionVersion":"1"}"#), Some(false));
        assert_eq!(shared(r#"{"FunctionVersion":"1","RoutingConfig":null}"#), Some(false));
        let none = r#"{"FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{}}}"#;
        assert_eq!(shared(none), Some(false));
        let one =
            r#"{"FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.1}}}"#;
        assert_eq!(read(one), Some(Alias { version: "1".to_string(), is_shared: true }));
        assert_eq!(read("{}"), None);
    }

    #[test]
    fn rollout_is_over_when_the_alias_leads_to_one_version_again() {
        let alias = |version: &str, is_shared| Alias { version: version.to_string(), is_shared };
        let soon = Duration::from_secs(1);
        let mut watch = RolloutWatch::default();
        assert!(!watch.note_alias(&alias("1", false), "2", soon), "the hook still looks");
        assert!(!watch.note_alias(&alias("1", true), "2", soon));
        assert!(watch.note_alias(&alias("1", false), "2", soon), "taken back");
        assert!(RolloutWatch::default().note_alias(&alias("2", false), "2", soon), "all the way");
        let late = Duration::from_secs(301);
        assert!(RolloutWatch::default().note_alias(&alias("1", false), "2", late), "never began");
    }
}
