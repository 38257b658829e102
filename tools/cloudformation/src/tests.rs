//! What the functions give, and what they leave alone.

use super::*;
use serde_json::json;

const TEMPLATE: &str = "
Parameters:
  Size: {Type: Number, Default: 256}
  Given: {Type: String, Default: ''}
  Reserve: {Type: String, Default: none}
Mappings:
  Names: {live: {long: production}}
Conditions:
  Own: !Equals [!Ref Given, '']
  Foreign: !Not [!Condition Own]
  Both: !And [!Condition Own, !Equals [!Ref Size, '256']]
  Either: !Or [!Condition Foreign, !Condition Both]
  HasReserve: !Not [!Equals [!Ref Reserve, none]]
Resources:
  Secret: {Type: S, Condition: Own}
  Function:
    Type: F
    Properties:
      Memory: !Ref Size
      Reserved: !If [HasReserve, !Ref Reserve, !Ref AWS::NoValue]
      Secret: !If [Own, !Ref Secret, !Ref Given]
      Role: !GetAtt Role.Arn
      Text: !Sub 'a-${AWS::StackName}-${Secret.Name}-${!Kept}'
      Other: !Sub ['${X}', {X: !Ref Size}]
      Joined: !Join ['-', [a, !Ref Size]]
      Found: !FindInMap [Names, live, long]
      Second: !Select [1, !Split [',', 'a,b']]
      Either: !If [Either, yes, no]
      Policy: {Condition: {StringEquals: {a: !Ref Size}}}
";

fn properties(values: &[(&str, &str)]) -> Value {
    let values = values.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let names = [("AWS::StackName".to_owned(), "it".to_owned())].into_iter().chain(values);
    resolve_template(TEMPLATE, names.collect()).unwrap()["Resources"].clone()
}

#[test]
fn functions_give_what_cloudformation_does() {
    let resources = properties(&[]);
    let expected = json!({
        "Memory": "256", "Secret": "Secret", "Role": {"Fn::GetAtt": "Role.Arn"},
        "Text": "a-it-Secret.Name-${Kept}", "Other": "256", "Joined": "a-256",
        "Found": "production", "Second": "b", "Either": "yes",
        "Policy": {"Condition": {"StringEquals": {"a": "256"}}},
    });
    assert_eq!(resources["Function"]["Properties"], expected);
    assert_eq!(resources["Secret"]["Type"], "S");
}

#[test]
fn attribute_may_have_a_value() {
    let resources = properties(&[("Role.Arn", "arn:role")]);
    assert_eq!(resources["Function"]["Properties"]["Role"], "arn:role");
}

#[test]
fn structure_becomes_a_text_of_json() {
    let text =
        "Resources: {A: {Type: T, Body: {Fn::ToJsonString: {a: !Ref B, b: [1, !Sub '${B}']}}}}";
    let names = ReferenceValues::from([("B".to_owned(), "it".to_owned())]);
    let resolved = resolve_template(text, names).unwrap();
    assert_eq!(resolved["Resources"]["A"]["Body"], r#"{"a":"it","b":[1,"it"]}"#);
}

#[test]
fn value_of_a_parameter_chooses_the_branch() {
    let resources = properties(&[("Given", "arn:given"), ("Reserve", "7"), ("Size", "512")]);
    let function = &resources["Function"]["Properties"];
    assert_eq!((&function["Secret"], &function["Reserved"]), (&json!("arn:given"), &json!("7")));
    assert_eq!(function["Memory"], "512");
    assert_eq!(resources.get("Secret"), None, "its condition does not hold");
}

#[test]
fn condition_that_cannot_be_evaluated_is_an_error() {
    for (rule, told) in [
        ("!Not [!Condition Other]", "no condition Other"),
        ("!Select [0, [a]]", "Fn::Select cannot be evaluated here"),
        ("yes", "a condition is a function here"),
        ("!Not [!Condition Own]", "in a circle"),
    ] {
        let text = TEMPLATE.replace("!Equals [!Ref Given, '']", rule);
        let problem = resolve_template(&text, ReferenceValues::new()).unwrap_err().to_string();
        assert!(problem.contains(told), "{rule}: {problem}");
    }
}

#[test]
fn names_without_a_value_are_remembered() {
    let document = read_template(TEMPLATE).unwrap();
    let mut evaluation = Evaluation::new(&document, ReferenceValues::new());
    evaluation.evaluate(&document["Resources"]["Function"]).unwrap();
    let found: Vec<_> = evaluation.unresolved().iter().map(String::as_str).collect();
    assert_eq!(found, ["AWS::StackName", "Role", "Secret"]);
}
