//! This workspace's own template, and templates that cannot run here.

use super::*;

fn names() -> ReferenceValues {
    ReferenceValues::from([
        ("AWS::StackName".to_owned(), "a-stack".to_owned()),
        ("UpstreamUrl".to_owned(), "http://127.0.0.1:1".to_owned()),
        ("CohereApiKeySecret".to_owned(), "arn:secret".to_owned()),
    ])
}

fn own_template() -> Template {
    Template::parse(TEXT, names()).unwrap()
}

fn read_with(from: &str, to: &str) -> String {
    assert!(TEXT.contains(from), "the template no longer has {from}");
    format!("{:#}", Template::parse(&TEXT.replace(from, to), names()).unwrap_err())
}

#[test]
fn functions_are_named_as_their_folders() {
    let mut found: Vec<_> = own_template().functions.into_iter().map(|f| f.name).collect();
    found.sort();
    let functions = concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions");
    let mut folders: Vec<_> = std::fs::read_dir(functions)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(found, folders);
    assert_eq!(folder_name("RotateKeyFunction").unwrap(), "rotate-key");
    assert!(folder_name("Function").is_err() && folder_name("Chat").is_err());
}

#[test]
fn routes_are_the_served_ones() {
    let routes = own_template().routes;
    let found: Vec<_> = routes
        .iter()
        .map(|r| (r.method.as_str(), r.path.as_str(), r.function.as_str(), r.authorized))
        .collect();
    assert_eq!(
        found,
        [
            ("POST", "/v2/chat", "chat", true),
            ("POST", "/v2/embed", "embed", true),
            ("POST", "/v1/embed", "embed", true),
            ("OPTIONS", "/v2/chat", "health", false),
            ("OPTIONS", "/compatibility/{proxy+}", "health", false),
            ("OPTIONS", "/v2/embed", "health", false),
            ("OPTIONS", "/v1/embed", "health", false),
            ("GET", "/api/health", "health", false),
            ("GET", "/api/health/check", "health", true),
            ("OPTIONS", "/v2/rerank", "health", false),
            ("OPTIONS", "/v1/rerank", "health", false),
            ("OPTIONS", "/v1/{proxy+}", "health", false),
            ("GET", "/compatibility/{proxy+}", "pass-through", true),
            ("POST", "/compatibility/{proxy+}", "pass-through", true),
            ("GET", "/v1/{proxy+}", "pass-through", true),
            ("POST", "/v1/{proxy+}", "pass-through", true),
            ("POST", "/v2/rerank", "rerank", true),
            ("POST", "/v1/rerank", "rerank", true),
        ]
    );
    for route in &routes {
        let seconds = match route.function.as_str() {
            "chat" | "pass-through" => 900,
            "embed" => 300,
            "rerank" => 70,
            _ => 15,
        };
        assert_eq!(route.timeout.as_secs(), seconds, "{}", route.path);
        let throttle = match (route.method.as_str(), route.path.as_str()) {
            ("GET", "/api/health") => Throttle { rate: 2.0, burst: 5.0 },
            _ => Throttle { rate: 1000.0, burst: 2000.0 },
        };
        assert_eq!(route.throttle, Some(throttle), "{}", route.path);
    }
}

#[test]
fn variables_merge_globals_and_resolved_parameters() {
    let template = own_template();
    let of =
        |name: &str| template.functions.iter().find(|f| f.name == name).unwrap().variables.clone();
    let chat = of("chat");
    assert_eq!(chat["GATEWAY_SERVICE"], "a-stack");
    assert_eq!(chat["GATEWAY_UPSTREAM_URL"], "http://127.0.0.1:1");
    assert_eq!(chat["GATEWAY_SECRET_ID"], "arn:secret");
    assert_eq!(
        of("authorizer")["GATEWAY_CLIENTS_SECRET_ID"],
        "ClientsSecret",
        "what has no value is its own name"
    );
    assert_eq!(chat.get("GATEWAY_SHARED_USAGE_PLAN_KEY"), None);
    assert_eq!(
        of("rotate-key")["GATEWAY_ALLOW_TRIAL_KEY"],
        "off",
        "a parameter without a given value has its default"
    );
    assert_eq!(of("authorizer")["GATEWAY_SHARED_USAGE_PLAN_KEY"], "usage-plan-of-a-stack-shared");
}

#[test]
fn own_keys_are_limited_and_the_shared_one_is_not() {
    let Template { usage_plans, api_keys, .. } = own_template();
    let throttle = Some(Throttle { rate: 50.0, burst: 100.0 });
    let limited = TemplateUsagePlan { throttle, daily_quota: Some(500_000) };
    let throttle = Some(Throttle { rate: 2.0, burst: 30.0 });
    let low = TemplateUsagePlan { throttle, daily_quota: Some(20_000) };
    let plans = [
        ("DefaultUsagePlan", limited),
        ("SharedUsagePlan", TemplateUsagePlan::default()),
        ("SyntheticUsagePlan", low),
    ];
    assert_eq!(usage_plans, plans.map(|(name, plan)| (name.to_owned(), plan)).into());
    let [shared] = &api_keys[..] else { panic!("{api_keys:?}") };
    assert_eq!(shared.value, "usage-plan-of-a-stack-shared");
    assert_eq!(shared.plan.as_deref(), Some("SharedUsagePlan"));
    assert!(read_with("Period: DAY", "Period: WEEK").contains("DAY"));
    assert!(read_with("UsagePlanId: !Ref SharedUsagePlan", "UsagePlanId: Other").contains("Other"));
}

#[test]
fn authorizer_expression_matches_tokens_only() {
    let authorizer = own_template().authorizer;
    assert_eq!(
        (authorizer.function.as_str(), authorizer.header.as_str()),
        ("authorizer", "authorization")
    );
    assert_eq!(authorizer.cache_ttl, Duration::from_secs(60));
    let allows = |text: &str| authorizer.expression.is_match(text);
    assert!(allows("Bearer cgw_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert!(allows(&format!("bEARER {}", crate::LOCAL_TOKEN)));
    for refused in [
        "",
        "Bearer",
        "Bearer cgw_short",
        "Basic cgw_aaaaaaaaaaaaaaaaaaaaaaaa",
        "cgw_aaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        assert!(!allows(refused), "{refused}");
    }
    assert!(!allows("Bearer co-key-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "a Cohere key is not a token");
    assert!(!allows("Bearer cgw_aaaaaaaaaaaaaaaaaaaaaaaa cgw_b"));
}

#[test]
fn gateway_responses_carry_status_headers_and_template() {
    let responses = own_template().responses;
    let quota = &responses["QUOTA_EXCEEDED"];
    assert_eq!(quota.status, Some(429));
    assert_eq!(quota.headers["Retry-After"], "5");
    for (kind, response) in &responses {
        let text = response.template.clone().unwrap_or_else(|| panic!("{kind} has no template"));
        let body: Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["code", "id", "message"], "{kind}");
    }
    assert_eq!(
        responses["DEFAULT_4XX"].status, None,
        "a status here would replace that of every other type"
    );
}

#[test]
fn template_error_names_what_cannot_run() {
    let stream = "RESPONSE_STREAM\n            TimeoutInMillis: 70000";
    assert!(read_with(stream, "STREAM").contains("POST /v2/rerank must have ResponseTransferMode"));
    assert!(read_with("Timeout: 300", "Timeout: soon").contains("EmbedFunction"));
    assert!(
        read_with("DefaultAuthorizer: ClientToken", "DefaultAuthorizer: Other").contains("Other")
    );
    assert!(
        read_with("!Ref AuthorizerFunction.Alias", "!Ref OtherFunction.Alias")
            .contains("authorizer")
    );
    assert!(read_with("[Bb][Ee]", "[Bb[Ee]").contains("ValidationExpression"));
    assert!(read_with("['*~1*']", "['image~1png']").contains("BinaryMediaTypes"));
    assert!(read_with("Resources:", "\tResources:").contains("YAML"));
}

#[test]
fn condition_decides_values_and_resources() {
    let of = |name: &str, value: &str| {
        let mut names = names();
        names.insert(name.to_owned(), value.to_owned());
        let template = Template::parse(TEXT, names).unwrap();
        template.functions.iter().find(|f| f.name == "chat").unwrap().variables.clone()
    };
    let existing = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:kept-AbCdEf";
    let variables = of("ExistingCohereApiKeySecretArn", existing);
    assert_eq!(variables["GATEWAY_SECRET_ID"], existing);
    assert_eq!(of("ExistingClientsSecretArn", existing)["GATEWAY_SECRET_ID"], "arn:secret");
    let equals = "!Equals [!Ref ExistingCohereApiKeySecretArn, '']";
    assert!(read_with(equals, "!Select [0, [a]]").contains("Fn::Select cannot be evaluated"));
    assert!(read_with(equals, "!Not [Condition: Other]").contains("no condition Other"));
    assert!(read_with("!If [MakesClientsSecret,", "!If [Other,").contains("no condition Other"));
}
