//! Which profile and which region the environment names, checked before anything is asked of them.
//!
//! The SDK passes a profile over that does not exist, and takes any text for a region.

use crate::aws::variable;
use crate::problem::Usage;
use aws_config::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};
use regex_lite::Regex;

/// The form of all regions: us-east-1, us-gov-west-1, eusc-de-east-1.
const REGION: &str = "^[a-z]+(-[a-z]+)+-[0-9]+$";

/// Refuses a profile that no file has; the SDK would look for credentials elsewhere, perhaps of another account.
pub async fn check_profile(given: Option<&str>) -> anyhow::Result<()> {
    let source = if given.is_some() { "--profile" } else { "AWS_PROFILE" };
    let Some(name) = given.map(str::to_string).or_else(|| variable(source)) else { return Ok(()) };
    let found =
        aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), None).await;
    // What is wrong with a file is not told in its own words, which may quote it.
    let Ok(profiles) = found else {
        return Err(Usage(format!(
            "the files of {source} cannot be read: see ~/.aws/config and ~/.aws/credentials, or AWS_CONFIG_FILE \
             and AWS_SHARED_CREDENTIALS_FILE"
        ))
        .into());
    };
    if profiles.get_profile(&name).is_some() {
        return Ok(());
    }
    let mut known: Vec<_> = profiles.profiles().collect();
    known.sort_unstable();
    let known = if known.is_empty() { "none".to_string() } else { known.join(", ") };
    let told = format!(
        "{source} names a profile that is in no file of AWS's configuration; there are: {known}"
    );
    Err(Usage(told).into())
}

/// Returns the region, or refuses what has not the form of one. It is not told: it may be anything.
pub fn find_region(config: &SdkConfig, is_given: bool) -> Result<String, Usage> {
    // A variable without a value is a region to the SDK.
    let region = config.region().filter(|region| !region.as_ref().is_empty());
    let Some(region) = region else {
        let told = "no AWS region is set: set AWS_REGION, give --region, or set a region in the profile of AWS_PROFILE";
        return Err(Usage(told.to_string()));
    };
    let is_region = Regex::new(REGION).is_ok_and(|form| form.is_match(region.as_ref()));
    if is_region {
        return Ok(region.to_string());
    }
    let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    let of_environment = names.into_iter().find(|name| variable(name).is_some());
    let source = match of_environment {
        _ if is_given => "--region",
        Some(name) => name,
        None => "the region of the profile",
    };
    Err(Usage(format!("{source} is no region of AWS: one such as eu-west-1 is expected")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_config::Region;

    #[test]
    fn region_has_the_form_of_one() {
        let find = |region: &str| {
            let region = Region::new(region.to_string());
            find_region(&SdkConfig::builder().region(region).build(), false)
        };
        for region in ["eu-west-1", "us-gov-west-1", "ap-southeast-7", "eusc-de-east-1"] {
            assert_eq!(find(region).unwrap(), region);
        }
        for bad in ["eu west 1", "EU-WEST-1", "eu-west-1a", "typo", "eu-west-1 ", "eu-west-1\n"] {
            let told = find(bad).unwrap_err().to_string();
            assert!(told.ends_with("one such as eu-west-1 is expected"), "{bad}: {told}");
        }
        for none in [find(""), find_region(&SdkConfig::builder().build(), false)] {
            let told = none.unwrap_err().to_string();
            assert!(told.starts_with("no AWS region is set"), "{told}");
        }
    }
}
