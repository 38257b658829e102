//! `docs/parameters.md` is printed from the template: its parameters by group, and its outputs.

use gateway_tests::source_files::ROOT;
use serde_json::Value;
use std::path::Path;

const START: &str = "<!-- parameters:start -->\n";
const END: &str = "<!-- parameters:end -->\n";

fn read_template() -> Value {
    let text = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
    cloudformation::read_template(&text).unwrap()
}

fn print_tables(template: &Value) -> String {
    let mut page = String::new();
    let groups = &template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    for group in groups.as_array().unwrap() {
        let title = text_of(&group["Label"]["default"]);
        page +=
            &format!("## {title}\n\n| parameter | accepts | default | what |\n|---|---|---|---|\n");
        for name in group["Parameters"].as_array().unwrap() {
            page += &print_parameter(&text_of(name), &template["Parameters"][text_of(name)]);
        }
        page += "\n";
    }
    page += "## Outputs\n\n| output | what |\n|---|---|\n";
    for (name, output) in template["Outputs"].as_object().unwrap() {
        page += &format!("| `{name}` | {} |\n", text_of(&output["Description"]));
    }
    page
}

fn print_parameter(name: &str, parameter: &Value) -> String {
    let default = match text_of(&parameter["Default"]) {
        text if text.is_empty() => "–".to_string(),
        text => format!("`{text}`"),
    };
    let (accepts, what) = (print_accepted(parameter), text_of(&parameter["Description"]));
    format!("| `{name}` | {accepts} | {default} | {what} |\n")
}

/// Says in words what a parameter takes.
fn print_accepted(parameter: &Value) -> String {
    if let Some(values) = parameter["AllowedValues"].as_array() {
        return values.iter().map(text_of).collect::<Vec<_>>().join(", ");
    }
    if parameter["Type"] == "Number" && parameter.get("MaxValue").is_some() {
        return ["MinValue", "MaxValue"].map(|end| text_of(&parameter[end])).join(" to ");
    }
    if parameter["Type"] == "Number" {
        return format!("{} or more", text_of(&parameter["MinValue"]));
    }
    let constraint = text_of(&parameter["ConstraintDescription"]);
    constraint.strip_prefix("is ").expect("what a parameter of a pattern is").to_string()
}

fn text_of(value: &Value) -> String {
    cloudformation::plain_text(value)
}

#[test]
fn page_of_parameters_is_printed_from_the_template() {
    let path = Path::new(ROOT).join("docs/parameters.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(START).expect("a start");
    let (_, tail) = rest.split_once(END).expect("an end");
    let fresh = format!("{head}{START}{}{END}{tail}", print_tables(&read_template()));
    page_check::check_page(&path, &fresh);
}

#[test]
fn parameter_is_printed_in_words() {
    let number =
        serde_json::json!({"Type": "Number", "Default": 5, "MinValue": 1, "Description": "d"});
    assert_eq!(print_parameter("A", &number), "| `A` | 1 or more | `5` | d |\n");
    let choice = serde_json::json!({"Type": "String", "Default": "", "AllowedValues": ["a", 7]});
    assert_eq!(print_accepted(&choice), "a, 7");
}
