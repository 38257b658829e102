//! What the template asks of its parameters: CloudFormation would refuse the same after build and upload.

use crate::problem::Usage;
use anyhow::Context;
use cloudformation::{Evaluation, ReferenceValues, plain_text};
use regex_lite::Regex;
use serde_json::Value;

/// Refuses a value that its parameter does not take. The value is not told: it may be a secret in the wrong place.
pub fn check_value(name: &str, value: &str, parameter: &Value) -> anyhow::Result<()> {
    let limit = find_allowed(value, &parameter["AllowedValues"])
        .or_else(|| find_number_limit(value, parameter))
        .or_else(|| find_length_limit(value, parameter));
    let limit = match limit {
        Some(limit) => Some(limit),
        None => find_pattern_limit(value, parameter).with_context(|| name.to_string())?,
    };
    match limit {
        Some(limit) => Err(Usage(format!("{name} takes {limit}")).into()),
        None => Ok(()),
    }
}

/// Refuses values that do not fit together, in the words of the template's rule.
pub fn check_rules(template: &Value, values: ReferenceValues) -> anyhow::Result<()> {
    let mut evaluation = Evaluation::new(template, values);
    for rule in template["Rules"].as_object().into_iter().flatten().map(|(_, rule)| rule) {
        let condition = &rule["RuleCondition"];
        if !condition.is_null() && !evaluation.is_true(condition) {
            continue;
        }
        for assertion in rule["Assertions"].as_array().into_iter().flatten() {
            let is_met = evaluation.is_true(&assertion["Assert"]);
            evaluation.check()?;
            if !is_met {
                return Err(Usage(plain_text(&assertion["AssertDescription"])).into());
            }
        }
    }
    evaluation.check()
}

/// Refuses the name of something in another region: a stack reaches secrets, keys and certificates of its own alone.
pub fn check_region(values: &ReferenceValues, region: &str) -> anyhow::Result<()> {
    for (name, value) in values {
        let mut parts = value.split(':');
        let (Some("arn"), Some(other)) = (parts.next(), parts.nth(2)) else { continue };
        // What IAM has is of no region.
        if !other.is_empty() && other != region {
            return Err(Usage(format!(
                "{name} is of the region {other}, and the stack is in {region}: give one of {region}"
            ))
            .into());
        }
    }
    Ok(())
}

fn find_allowed(value: &str, allowed: &Value) -> Option<String> {
    let allowed: Vec<_> = allowed.as_array()?.iter().map(plain_text).collect();
    let is_allowed = allowed.iter().any(|one| one == value);
    (!is_allowed).then(|| format!("one of: {}", allowed.join(", ")))
}

fn find_number_limit(value: &str, parameter: &Value) -> Option<String> {
    if parameter["Type"] != "Number" {
        return None;
    }
    let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
    let Some(number) = number else { return Some("a number".to_string()) };
    let limit = |name: &str| plain_text(&parameter[name]).parse::<f64>().ok();
    match (limit("MinValue"), limit("MaxValue")) {
        (Some(least), _) if number < least => Some(format!("a number of at least {least}")),
        (_, Some(most)) if number > most => Some(format!("a number of at most {most}")),
        _ => None,
    }
}

fn find_length_limit(value: &str, parameter: &Value) -> Option<String> {
    let length = value.chars().count();
    let limit = |name: &str| plain_text(&parameter[name]).parse::<usize>().ok();
    match (limit("MinLength"), limit("MaxLength")) {
        (Some(least), _) if length < least => Some(format!("at least {least} characters")),
        (_, Some(most)) if length > most => Some(format!("at most {most} characters")),
        _ => None,
    }
}

fn find_pattern_limit(value: &str, parameter: &Value) -> anyhow::Result<Option<String>> {
    let Some(pattern) = parameter["AllowedPattern"].as_str() else { return Ok(None) };
    // CloudFormation asks that the whole value fits.
    let whole = Regex::new(&format!("^(?:{pattern})$"));
    if whole.context("its AllowedPattern cannot be read")?.is_match(value) {
        return Ok(None);
    }
    Ok(Some(match parameter["ConstraintDescription"].as_str() {
        Some(described) => format!("a value that {described}: {pattern}"),
        None => format!("a value that fits {pattern}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::settings::{Parameters, settle_parameters};
    use serde_json::json;

    fn own_template() -> Value {
        cloudformation::read_template(include_str!("../../../../template.yaml")).unwrap()
    }

    fn settle(given: &[(&str, &str)]) -> anyhow::Result<()> {
        let given = given.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        settle_parameters(&own_template(), &given.collect(), &Parameters::new()).map(|_| ())
    }

    #[test]
    fn value_outside_its_limit_is_refused_by_name() {
        for (name, value, told) in [
            ("ClientRequestsPerSecond", "0", " takes a number of at least 1"),
            ("ClientBurst", "-5", " takes a number of at least 1"),
            ("ClientRequestsPerDay", "NaN", " takes a number"),
            ("RouteBurst", "", " takes a number"),
            ("UpstreamUrl", "http://x", " takes a value that is an https address: ^https://"),
            ("UpstreamUrl", "https://x\n", " takes a value that is an https address: "),
            ("ExistingClientsSecretArn", "foo", " takes a value that is empty or the whole ARN of"),
            ("ChatReservedConcurrency", "-5", " takes a value that is none or a number: "),
            ("AllowTrialKey", "yes", " takes one of: off, on"),
        ] {
            let problem = settle(&[(name, value)]).unwrap_err();
            assert!(problem.is::<Usage>(), "{problem}");
            assert!(problem.to_string().starts_with(&format!("{name}{told}")), "{problem}");
        }
    }

    #[test]
    fn default_and_fitting_values_are_taken() {
        settle(&[]).unwrap();
        settle(&[
            ("ClientRequestsPerSecond", "0.5e1"),
            ("ChatReservedConcurrency", "12"),
            ("UpstreamUrl", "https://cohere.example/api"),
            (
                "ExistingClientsSecretArn",
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a/b-AbCdEf",
            ),
        ])
        .unwrap();
    }

    #[test]
    fn limits_that_no_parameter_has_yet_are_kept() {
        let parameter = json!({"Type": "String", "MinLength": "2", "MaxLength": 3});
        assert!(check_value("A", "é", &parameter).is_err());
        assert!(check_value("A", "ééé", &parameter).is_ok());
        assert!(check_value("A", "abcd", &parameter).is_err());
        let parameter = json!({"Type": "Number", "MaxValue": 3, "MinValue": "2"});
        let problem = check_value("A", "4", &parameter).unwrap_err().to_string();
        assert_eq!(problem, "A takes a number of at most 3");
        assert!(check_value("A", "1", &parameter).is_err());
        // The pattern is of the whole value.
        let parameter = json!({"Type": "String", "AllowedPattern": "a|b"});
        let problem = check_value("A", "ac", &parameter).unwrap_err().to_string();
        assert_eq!(problem, "A takes a value that fits a|b");
    }

    #[test]
    fn domain_name_without_certificate_is_refused() {
        let certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/0-0";
        let name = ("DomainName", "gateway.example.com");
        let problem = settle(&[name]).unwrap_err();
        assert!(problem.is::<Usage>());
        assert_eq!(problem.to_string(), "DomainName needs its certificate, CertificateArn");
        settle(&[name, ("CertificateArn", certificate)]).unwrap();
        settle(&[("CertificateArn", certificate)]).unwrap();
    }

    #[test]
    fn arn_of_another_region_is_refused() {
        let check =
            |value: &str| check_region(&[("A".to_string(), value.to_string())].into(), "eu-west-1");
        for service in ["secretsmanager", "acm", "kms"] {
            let problem = check(&format!("arn:aws:{service}:us-east-1:1:x")).unwrap_err();
            assert!(problem.is::<Usage>());
            assert!(problem.to_string().starts_with("A is of the region us-east-1"), "{problem}");
            check(&format!("arn:aws:{service}:eu-west-1:1:x")).unwrap();
        }
        for fine in ["", "none", "arn", "arn:aws:iam::aws:policy/x", "https://a:b:c:d"] {
            check(fine).unwrap();
        }
    }
}
