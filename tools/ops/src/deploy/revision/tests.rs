//! Which functions a change concerns: each parameter and each folder of this repository's own template in turn.

use super::*;
use crate::deploy::settings::settle_parameters;
use std::path::PathBuf;

const TEMPLATE: &str = include_str!("../../../../../template.yaml");
/// Those that have versions.
const RELEASED: &[&str] = &[
    "authorizer",
    "chat",
    "driver",
    "embed",
    "health",
    "pass-through",
    "probe",
    "rerank",
    "rotate-key",
];
const HOOKS: &[&str] = &["post-traffic", "pre-traffic"];
const OF_COHERE: &[&str] =
    &["chat", "embed", "health", "pass-through", "probe", "rerank", "rotate-key"];
const STREAMING: &[&str] = &["chat", "pass-through"];
const SERVING: &[&str] = &["chat", "embed", "health", "pass-through", "rerank"];
const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:fake-AbCdEf";

/// Every parameter, another value for it, and the functions that get a new version then.
const CONCERNED: &[(&str, &str, &[&str])] = &[
    ("UpstreamUrl", "https://example.com", OF_COHERE),
    ("ClientRequestsPerSecond", "51", &[]),
    ("ClientBurst", "101", &[]),
    ("ClientRequestsPerDay", "500001", &[]),
    ("RouteRequestsPerSecond", "1001", &[]),
    ("RouteBurst", "2001", &[]),
    ("AllowTrialKey", "on", &["rotate-key"]),
    (
        "Prices",
        "fake=input_tokens:1",
        &["chat", "embed", "health", "pass-through", "probe", "rerank"],
    ),
    ("StreamFailedEnding", "quiet", STREAMING),
    ("CompatibilityEmbeddings", "refuse", &["pass-through"]),
    ("CorsOrigins", "https://app.example.com", SERVING),
    ("LogRetentionDays", "7", &[]),
    ("ChatReservedConcurrency", "7", &[]),
    ("EmbedReservedConcurrency", "7", &[]),
    ("RerankReservedConcurrency", "7", &[]),
    ("PassThroughReservedConcurrency", "7", &[]),
    ("HealthReservedConcurrency", "7", &[]),
    ("AuthorizerReservedConcurrency", "7", &[]),
    ("ExistingCohereApiKeySecretArn", ARN, OF_COHERE),
    ("ExistingClientsSecretArn", ARN, &["authorizer"]),
    ("ExistingSyntheticClientSecretArn", ARN, &["driver", "probe"]),
    ("SecretsKmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:key/fake", &[]),
    ("PermissionsBoundaryArn", "arn:aws:iam::123456789012:policy/fake", &[]),
    ("DomainName", "gateway.example.com", &[]),
    ("CertificateArn", "arn:aws:acm:eu-west-1:123456789012:certificate/fake", &[]),
    ("RolloutType", "Linear10PercentEvery1Minute", &[]),
    ("GradualDeployment", "false", &[]),
    ("LiveChatVersion", "7", &[]),
    ("LiveEmbedVersion", "7", &[]),
    ("LiveRerankVersion", "7", &[]),
    ("LivePassThroughVersion", "7", &[]),
    ("LiveHealthVersion", "7", &[]),
    ("LiveAuthorizerVersion", "7", &[]),
    ("GateErrors", "4", &[]),
    ("GateDeviations", "4", &[]),
    ("GateChatLatencyMs", "6000", &[]),
    ("GateEmbedLatencyMs", "600", &[]),
    ("GateRerankLatencyMs", "600", &[]),
    ("GatePassThroughLatencyMs", "6000", &[]),
    ("GateGatewayTimeMs", "60", &[]),
    ("GateRateLimitedPerMinute", "11", &[]),
    ("GateRatio", "2", &[]),
    ("GateSpread", "6", &[]),
    ("GateCrashes", "3", &[]),
    ("GateMismatches", "4", &[]),
    ("GateMinRequests", "30", &[]),
    ("P1Email", "alerts@example.com", &[]),
    ("P2Email", "alerts@example.com", &[]),
    ("ExistingP1TopicArn", "arn:aws:sns:eu-west-1:123456789012:fake", &[]),
    ("ExistingP2TopicArn", "arn:aws:sns:eu-west-1:123456789012:fake", &[]),
    ("AccessLogs", "on", &[]),
    ("ProbeSchedule", "15", &[]),
    ("AlarmWarmUp", "off", &[]),
    ("UnreachableLooks", "4", &[]),
    ("SilentLooks", "4", &[]),
    ("FailedDoorLooks", "4", &[]),
    ("KeyMissingMinutes", "30", &[]),
    ("MinRateRequests", "21", &[]),
    ("MaxErrorPercent", "6", &[]),
    ("MinFailedRequests", "6", &[]),
    ("AvailabilityPercent", "99.9", &[]),
    ("FastBurnRate", "7", &[]),
    ("FastBurnFailures", "11", &[]),
    ("SlowBurnRate", "2", &[]),
    ("SlowBurnFailures", "21", &[]),
    ("MinApiGatewayFailures", "6", &[]),
    ("MinAuthorizerFailures", "4", &[]),
    ("MinThrottles", "6", &[]),
    ("MaxRateLimitedPerMinute", "11", &[]),
    ("MaxFirstEventMs", "9999", &[]),
    ("MaxOutputTokenMs", "99", &[]),
    ("MaxFallbackPercent", "11", &[]),
    ("MinEmptyRetryBudgets", "6", &[]),
    ("DailyBudgetUsd", "101", &[]),
    ("MaxKeyAgeDays", "91", &[]),
];

/// A folder with built functions that say no more than their names.
struct Repository(PathBuf);

impl Repository {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("ops-revision-{name}-{}", std::process::id()));
        let repository = Self(root);
        for folder in RELEASED.iter().chain(HOOKS) {
            repository.write(folder, folder);
        }
        repository
    }

    fn write(&self, folder: &str, code: &str) {
        let folder = self.0.join(BUILT).join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("bootstrap"), code).unwrap();
    }

    /// Returns the functions that another template, stack, value or file gives another revision.
    fn find_changed(
        &self,
        before: &[Function],
        text: &str,
        stack: &str,
        given: &Parameters,
    ) -> Vec<String> {
        let after = self.find_revisions(text, stack, given);
        assert_eq!(after.len(), before.len());
        let changed = after.into_iter().zip(before).filter(|(after, before)| after != *before);
        let changed = changed.filter(|(after, _)| after.is_released);
        changed.map(|(function, _)| function.folder).collect()
    }

    fn find_revisions(&self, text: &str, stack: &str, given: &Parameters) -> Vec<Function> {
        let template = cloudformation::read_template(text).unwrap();
        let settled = settle_parameters(&template, given, &Parameters::new()).unwrap();
        let parameters = settled.into_iter().map(|(name, (value, _))| (name, value)).collect();
        super::find_revisions(&template, stack, &parameters, &self.0).unwrap()
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn parameter_concerns_the_functions_it_configures() {
    let repository = Repository::new("parameters");
    let before = repository.find_revisions(TEMPLATE, "it", &Parameters::new());
    for (folders, is_released) in [(RELEASED, true), (HOOKS, false)] {
        let found = before.iter().filter(|function| function.is_released == is_released);
        let found: Vec<_> = found.map(|function| function.folder.as_str()).collect();
        assert_eq!(found, folders);
    }
    let template = cloudformation::read_template(TEMPLATE).unwrap();
    for name in template["Parameters"].as_object().unwrap().keys() {
        let row = CONCERNED.iter().find(|(listed, ..)| listed == name);
        let (_, value, concerned) = row.unwrap_or_else(|| panic!("{name} has no row: add it"));
        let mut given = Parameters::from([(name.clone(), value.to_string())]);
        if name == "DomainName" {
            // Its rule asks for this one, which concerns nobody either.
            let (other, value, _) = CONCERNED.iter().find(|row| row.0 == "CertificateArn").unwrap();
            given.insert(other.to_string(), value.to_string());
        }
        assert_eq!(repository.find_changed(&before, TEMPLATE, "it", &given), *concerned, "{name}");
    }
    assert_eq!(CONCERNED.len(), template["Parameters"].as_object().unwrap().len());
}

#[test]
fn folder_concerns_its_own_function_alone() {
    let repository = Repository::new("folders");
    for folder in RELEASED {
        let before = repository.find_revisions(TEMPLATE, "it", &Parameters::new());
        repository.write(folder, "changed");
        let changed = repository.find_changed(&before, TEMPLATE, "it", &Parameters::new());
        assert_eq!(changed, [*folder]);
    }
    let template = cloudformation::read_template(TEMPLATE).unwrap();
    std::fs::remove_file(repository.0.join(BUILT).join("chat/bootstrap")).unwrap();
    let problem = super::find_revisions(&template, "it", &Parameters::new(), &repository.0);
    let problem = problem.unwrap_err().to_string();
    assert!(problem.contains("chat is not built: tools/build/run"), "{problem}");
}

#[test]
fn property_of_a_version_makes_another_one_and_no_other_does() {
    let repository = Repository::new("properties");
    let none = Parameters::new();
    let before = repository.find_revisions(TEMPLATE, "it", &none);
    for (from, to, concerned) in [
        ("    MemorySize: 256\n", "    MemorySize: 512\n", RELEASED),
        ("    Tracing: Active\n", "    Tracing: PassThrough\n", RELEASED),
        ("      Timeout: 900\n", "      Timeout: 800\n", &["chat"]),
        ("LogGroup: !Ref ChatLogs", "LogGroup: !Ref EmbedLogs", &["chat"]),
        ("      Description: POST /v2/chat\n", "      Description: Chat\n", &["chat"]),
        ("    Handler: bootstrap\n", "    Handler: bootstrap\n    Tags: {a: b}\n", &[]),
        ("            Path: /v2/chat\n", "            Path: /v3/chat\n", &[]),
        ("  ChatLogs:\n", "  # A comment.\n  ChatLogs:\n", &[]),
        ("      Description: 'The Cohere API key", "      Description: 'A Cohere API key", &[]),
        (
            "      Description: 'The Cohere API key",
            "      Name: other\n      Description: 'The Cohere API key",
            OF_COHERE,
        ),
    ] {
        assert!(TEMPLATE.contains(from), "the template no longer has {from}");
        let text = TEMPLATE.replacen(from, to, 1);
        assert_eq!(repository.find_changed(&before, &text, "it", &none), concerned, "{to}");
    }
    assert_eq!(repository.find_changed(&before, TEMPLATE, "other", &none), RELEASED, "its name");
}

#[test]
fn parameter_reaches_a_function_through_other_resources() {
    let repository = Repository::new("transitive");
    let text = "
Parameters: {Name: {Default: a}, Other: {Default: a}}
Resources:
  ChatFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/functions/chat
      AutoPublishAlias: live
      Environment: {Variables: {QUEUE: !Ref Queue}}
  Queue: {Type: 'AWS::SQS::Queue', Properties: {Tags: [{Key: k, Value: !GetAtt Secret.Arn}]}}
  Secret: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: !Ref Name, Description: !Ref Other}}";
    let before = repository.find_revisions(text, "it", &Parameters::new());
    for (name, concerned) in [("Name", &["chat"][..]), ("Other", &[])] {
        let given = [(name.to_string(), "b".to_string())].into();
        assert_eq!(repository.find_changed(&before, text, "it", &given), concerned, "{name}");
    }
}

#[test]
fn function_without_its_condition_is_told() {
    let repository = Repository::new("condition");
    let text = TEMPLATE
        .replacen("Conditions:\n", "Conditions:\n  Tried: !Equals [!Ref AllowTrialKey, 'on']\n", 1)
        .replacen("  ChatFunction:\n", "  ChatFunction:\n    Condition: Tried\n", 1);
    for (value, expected) in [("on", 9), ("off", 8)] {
        let given = [("AllowTrialKey".to_string(), value.to_string())].into();
        let functions = repository.find_revisions(&text, "it", &given);
        assert_eq!(functions.len(), 11, "each has its folder in the generated template");
        assert_eq!(functions.iter().filter(|function| function.is_released).count(), expected);
    }
}
