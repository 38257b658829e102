//! The values under which alarms find the lines of a run on this machine.

use crate::aws_account::{ACCOUNT, REGION};
use crate::lambda::FIRST_VERSION;
use crate::stack::STACK_NAME;
use cloudformation::{ReferenceValues, read_template};
use serde_json::Value;

/// Returns values for the template's references: names of functions, versions, log groups and the API as the
/// lines of a run have them. What is not among them stays its own name.
pub fn reference_values(template: &str) -> anyhow::Result<ReferenceValues> {
    let mut values = ReferenceValues::new();
    for (name, value) in [
        ("AWS::StackName", STACK_NAME),
        ("AWS::Region", REGION),
        ("AWS::AccountId", ACCOUNT),
        ("AWS::Partition", "aws"),
        ("AWS::URLSuffix", "amazonaws.com"),
        ("Api.Stage", "live"),
    ] {
        values.insert(name.to_owned(), value.to_owned());
    }
    let document = read_template(template)?;
    for (name, resource) in document["Resources"].as_object().into_iter().flatten() {
        if resource["Type"] == "AWS::Serverless::Function" {
            let deployed = format!("{STACK_NAME}-{name}");
            if let Some(group) = find_log_group(resource) {
                values.insert(group.to_owned(), format!("/aws/lambda/{deployed}"));
            }
            values.insert(format!("{name}.Version.Version"), FIRST_VERSION.to_string());
            values.insert(name.clone(), deployed);
        }
    }
    Ok(values)
}

/// The log group's resource that a function names.
fn find_log_group(function: &Value) -> Option<&str> {
    function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"].as_str()
}

/// Returns the log group of a function by the name of its folder: `rotate-key` is `RotateKeyFunction`.
pub fn log_group_name(folder: &str) -> String {
    let mut resource = String::new();
    for word in folder.split('-') {
        let mut letters = word.chars();
        resource.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        resource.push_str(letters.as_str());
    }
    format!("/aws/lambda/{STACK_NAME}-{resource}Function")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template;

    #[test]
    fn log_group_of_a_folder_is_its_resources() {
        let values = reference_values(template::TEXT).unwrap();
        for (folder, group) in [("chat", "ChatLogs"), ("rotate-key", "RotateKeyLogs")] {
            assert_eq!(values[group], log_group_name(folder), "{folder}");
        }
        assert_eq!(values["ChatFunction"], format!("{STACK_NAME}-ChatFunction"));
        assert_eq!(values["ChatFunction.Version.Version"], "1");
    }
}
