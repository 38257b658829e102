//! What must hold before a change set is made: AWS would say it minutes later, or not at all.

use crate::deploy::account::Quota;
use crate::deploy::revision::FUNCTION;
use crate::problem::Usage;
use anyhow::{bail, ensure};
use cloudformation::{Evaluation, ReferenceValues};
use serde_json::Value;

/// Longest name of a function and of a role.
const MAX_NAME: usize = 64;
/// What CloudFormation puts behind the name of a stack and a resource, with the signs between.
const SUFFIX: usize = "--".len() + 12;
/// What AWS keeps for the functions of an account that reserve nothing.
const KEPT_UNRESERVED: u64 = 100;

/// Refuses a name of a stack from which some name would be cut off, or that CloudFormation would not take.
pub fn check_stack_name(template: &Value, stack: &str) -> anyhow::Result<()> {
    let starts_well = stack.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts_well || !stack.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(
            Usage("the stack's name has letters, digits and '-', a letter first".into()).into()
        );
    }
    let longest = derived_names(template).into_iter().max_by_key(String::len).unwrap_or_default();
    let room = MAX_NAME.saturating_sub(SUFFIX + longest.len());
    if stack.len() > room {
        return Err(Usage(format!(
            "the stack's name has {} letters; {room} is the most with which CloudFormation makes no name shorter, \
             such as that of {longest}",
            stack.len()
        ))
        .into());
    }
    Ok(())
}

/// Returns the resources that get their names from the stack's: functions, and roles, which SAM makes where a
/// function has none.
fn derived_names(template: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for (resource, entry) in template["Resources"].as_object().into_iter().flatten() {
        let has = |property: &str| !entry["Properties"][property].is_null();
        match entry["Type"].as_str() {
            Some(FUNCTION) => {
                if !has("FunctionName") {
                    names.push(resource.clone());
                }
                if !has("Role") {
                    names.push(format!("{resource}Role"));
                }
            }
            Some("AWS::IAM::Role") if !has("RoleName") => names.push(resource.clone()),
            _ => {}
        }
    }
    names
}

/// Refuses a stack that cannot be deployed now, with what to do; tells what is to be known.
pub fn check_status(status: &str, stack: &str) -> anyhow::Result<Option<&'static str>> {
    match status {
        "REVIEW_IN_PROGRESS" => Ok(Some("an earlier change set was made and never executed")),
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => bail!(
            "the stack is in {status}: its first deployment failed, and it can only be deleted: \
             aws cloudformation delete-stack --stack-name {stack} (docs/runbooks/teardown.md), then deploy again"
        ),
        "UPDATE_ROLLBACK_FAILED" => bail!(
            "the stack is in {status}: mend what its events name, then \
             aws cloudformation continue-update-rollback --stack-name {stack}, then deploy again"
        ),
        "DELETE_FAILED" => bail!(
            "the stack is in {status}: see what its events name, delete it again, then deploy again"
        ),
        status if status.ends_with("_IN_PROGRESS") => {
            bail!(
                "another deployment of this stack is under way ({status}): wait for its end, which \
                 ops rollout --stack {stack} shows, or take it back by ops rollback --stack {stack}"
            )
        }
        _ => Ok(None),
    }
}

/// Returns what each function reserves with these values, by resource.
pub fn find_reserves(
    template: &Value,
    values: &ReferenceValues,
) -> anyhow::Result<Vec<(String, u64)>> {
    let mut evaluation = Evaluation::new(template, values.clone());
    let mut reserves = Vec::new();
    for (resource, entry) in template["Resources"].as_object().into_iter().flatten() {
        let property = &entry["Properties"]["ReservedConcurrentExecutions"];
        let is_reserving = entry["Type"] == FUNCTION && !property.is_null();
        if !is_reserving || !evaluation.is_created(entry) {
            continue;
        }
        let Some(value) = evaluation.evaluate(property) else { continue };
        let Ok(number) = cloudformation::plain_text(&value).parse() else {
            return Err(Usage(format!("{resource}: a reserve is a number, or none")).into());
        };
        reserves.push((resource.clone(), number));
    }
    evaluation.check()?;
    Ok(reserves)
}

/// Refuses reserves that leave too little; `held` is what this stack's functions have reserved already.
pub fn check_quota(quota: Quota, held: u64, wanted: u64) -> anyhow::Result<()> {
    if wanted == 0 {
        return Ok(());
    }
    let free = quota.unreserved + held;
    let most = free.saturating_sub(KEPT_UNRESERVED);
    ensure!(
        wanted <= most,
        "the functions would reserve {wanted} environments, and at most {most} can be: the account has {}, of which \
         others have reserved {}, and AWS keeps {KEPT_UNRESERVED} unreserved. Lower the parameters …ReservedConcurrency \
         (none reserves nothing) or ask for a higher quota (Service Quotas, Lambda, Concurrent executions)",
        quota.limit,
        quota.limit.saturating_sub(free)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stack_name_leaves_every_derived_name_whole() {
        let template = json!({"Resources": {
            "ChatFunction": {"Type": FUNCTION, "Properties": {"Role": "x"}},
            "ChatRole": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "short"}},
            "AFunction": {"Type": FUNCTION, "Properties": {}},
        }});
        // AFunctionRole, 13 letters, and 14 more.
        assert!(check_stack_name(&template, &"a".repeat(37)).is_ok());
        let problem = check_stack_name(&template, &"a".repeat(38)).unwrap_err();
        assert!(
            problem.is::<Usage>() && problem.to_string().contains("AFunctionRole"),
            "{problem}"
        );
        for bad in ["", "1a", "-a", "a_b", "a b"] {
            assert!(check_stack_name(&template, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resource_with_a_long_name_leaves_no_room() {
        let resource = "R".repeat(51);
        let template = json!({"Resources": {resource: {"Type": "AWS::IAM::Role"}}});
        let problem = check_stack_name(&template, "a").unwrap_err();
        assert!(problem.is::<Usage>() && problem.to_string().contains("; 0 is the most"));
    }

    #[test]
    fn bootstrap_takes_the_longest_name_and_no_longer_one() {
        let template = cloudformation::read_template(include_str!("../../../../template.yaml"));
        let template = template.unwrap();
        assert!(check_stack_name(&template, &"a".repeat(31)).is_ok());
        assert!(check_stack_name(&template, &"a".repeat(32)).is_err());
        let bootstrap = include_str!("../../../../bootstrap.yaml");
        let bootstrap = cloudformation::read_template(bootstrap).unwrap();
        let pattern = &bootstrap["Parameters"]["StackName"]["AllowedPattern"];
        assert_eq!(pattern, "^[A-Za-z][A-Za-z0-9-]{0,30}$");
    }

    #[test]
    fn own_template_takes_names_of_a_region_and_a_stage() {
        let text = include_str!("../../../../template.yaml");
        let template = cloudformation::read_template(text).unwrap();
        assert!(check_stack_name(&template, "cohere-gateway-staging").is_ok());
        assert!(check_stack_name(&template, "cohere-gateway-eu-central-1").is_ok());
        assert!(check_stack_name(&template, &"x".repeat(64)).is_err());
    }

    #[test]
    fn unfinished_stack_is_told_with_its_way_out() {
        for (status, told) in [
            ("ROLLBACK_COMPLETE", "delete-stack --stack-name it"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name it"),
            ("DELETE_FAILED", "delete it again"),
            ("UPDATE_IN_PROGRESS", "another deployment of this stack is under way"),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "wait for its end"),
        ] {
            let problem = check_status(status, "it").unwrap_err().to_string();
            assert!(problem.contains(told) && problem.contains(status), "{problem}");
        }
        for fine in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"] {
            assert_eq!(check_status(fine, "it").unwrap(), None);
        }
        assert!(check_status("REVIEW_IN_PROGRESS", "it").unwrap().is_some());
    }

    #[test]
    fn reserves_leave_a_hundred_environments() {
        let fresh = Quota { limit: 10, unreserved: 10 };
        assert!(check_quota(fresh, 0, 0).is_ok());
        assert!(check_quota(fresh, 0, 1).is_err());
        let quota = Quota { limit: 1_000, unreserved: 300 };
        assert!(check_quota(quota, 0, 200).is_ok());
        let problem = check_quota(quota, 0, 201).unwrap_err().to_string();
        assert!(
            problem.contains("at most 200 can be") && problem.contains("reserved 700"),
            "{problem}"
        );
        assert!(check_quota(quota, 100, 300).is_ok(), "what the stack holds is given back first");
    }

    #[test]
    fn reserve_is_what_its_parameter_gives() {
        let text = "
Parameters: {R: {Default: none}}
Conditions: {Has: !Not [!Equals [!Ref R, none]], Never: !Equals [a, b]}
Resources:
  F: {Type: 'AWS::Serverless::Function', Properties: {ReservedConcurrentExecutions: !If [Has, !Ref R, !Ref 'AWS::NoValue']}}
  G: {Type: 'AWS::Serverless::Function', Properties: {}}
  H: {Type: 'AWS::Serverless::Function', Condition: Never, Properties: {ReservedConcurrentExecutions: 9}}";
        let template = cloudformation::read_template(text).unwrap();
        let find =
            |value: &str| find_reserves(&template, &[("R".to_string(), value.to_string())].into());
        assert_eq!(find("none").unwrap(), []);
        assert_eq!(find("7").unwrap(), [("F".to_string(), 7)]);
        assert!(find("many").unwrap_err().is::<Usage>());
    }
}
