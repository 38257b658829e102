//! Where the alias leads: to a version, and with some weight to a further one.

use anyhow::ensure;
use std::collections::BTreeMap;

/// The alias that everything is invoked by.
pub const ALIAS: &str = "live";
/// The version that a start makes.
pub const FIRST_VERSION: u32 = 1;

/// An alias, in Lambda's words: its version, and `AdditionalVersionWeights`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Routing {
    pub version: u32,
    pub additional: Option<WeightedVersion>,
}

/// A version that gets a share of the invocations, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightedVersion {
    pub version: u32,
    pub weight: f64,
}

impl Routing {
    /// Leads every invocation to one version.
    pub fn to(version: u32) -> Self {
        Routing { version, additional: None }
    }

    /// Leads a share of the invocations to another version.
    pub fn with_share(self, version: u32, weight: f64) -> Self {
        Routing { additional: Some(WeightedVersion { version, weight }), ..self }
    }

    /// Chooses the version of one invocation by a random number from 0 to below 1.
    pub fn choose(self, random: f64) -> u32 {
        match self.additional {
            Some(additional) if random < additional.weight => additional.version,
            Some(_) | None => self.version,
        }
    }

    pub fn names(self, version: u32) -> bool {
        let additional = self.additional.map(|additional| additional.version);
        self.version == version || additional == Some(version)
    }

    /// Checks that Lambda would take it where these versions are there.
    pub fn check<T>(self, versions: &BTreeMap<u32, T>) -> anyhow::Result<()> {
        ensure!(versions.contains_key(&self.version), "there is no version {}", self.version);
        let Some(WeightedVersion { version, weight }) = self.additional else { return Ok(()) };
        ensure!(versions.contains_key(&version), "there is no version {version}");
        ensure!(version != self.version, "both are version {version}");
        ensure!((0.0..=1.0).contains(&weight), "{weight} is no share");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_of_invocations_goes_to_the_further_version() {
        let routing = Routing::to(3).with_share(4, 0.1);
        let chosen: Vec<_> = [0.0, 0.099, 0.1, 0.999].map(|at| routing.choose(at)).into();
        assert_eq!(chosen, [4, 4, 3, 3]);
        assert_eq!(Routing::to(3).choose(0.0), 3);
    }

    #[test]
    fn alias_leads_to_versions_that_are_there() {
        let versions = BTreeMap::from([(1, ()), (2, ())]);
        for good in
            [Routing::to(1), Routing::to(2).with_share(1, 0.0), Routing::to(1).with_share(2, 1.0)]
        {
            good.check(&versions).unwrap();
        }
        for (bad, why) in [
            (Routing::to(3), "there is no version 3"),
            (Routing::to(1).with_share(3, 0.1), "there is no version 3"),
            (Routing::to(1).with_share(1, 0.1), "both are version 1"),
            (Routing::to(1).with_share(2, 1.1), "1.1 is no share"),
            (Routing::to(1).with_share(2, f64::NAN), "NaN is no share"),
        ] {
            assert_eq!(bad.check(&versions).unwrap_err().to_string(), why);
        }
    }
}
