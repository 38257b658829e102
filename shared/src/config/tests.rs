use super::*;

#[test]
fn defaults_are_the_documented_times() {
    let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap();
    assert_eq!(config.times.chat.total, Duration::from_secs(290));
    assert_eq!(config.times.stream.total, Duration::from_secs(870));
    assert_eq!(config.limits.max_body_bytes, 4_500_000);
    assert_eq!(config.models.max_tokens_ceiling, None);
}

#[test]
fn all_problems_are_reported_together_with_name_value_and_range() {
    let vars = [
        ("GATEWAY_CHAT_TOTAL_TIMEOUT_MS", "soon"),
        ("GATEWAY_RETRY_AFTER_MAX_SECS", "0"),
        ("GATEWAY_UPSTREAM_URL", "http://example.com"),
        ("GATEWAY_CHAT_MDOEL", "x"),
        ("PATH", "/bin"),
    ];
    let ConfigError(problems) = Config::from_vars(&vars).unwrap_err();
    assert_eq!(
        problems,
        [
            "GATEWAY_CHAT_MDOEL is not a setting of the gateway",
            "GATEWAY_CHAT_TOTAL_TIMEOUT_MS is \"soon\": a whole number from 100 to 900000 is required",
            "GATEWAY_RETRY_AFTER_MAX_SECS is \"0\": a whole number from 1 to 60 is required",
            "GATEWAY_UPSTREAM_URL is \"http://example.com\": https://… is required, or http://… on loopback, without a user",
            "GATEWAY_SECRET_ID is not set: Name or ARN of the secret with the Cohere key. Required but for the authorizer.",
        ]
    );
}

#[test]
fn a_bad_value_is_shown_without_a_password_and_not_at_length() {
    let long = "x".repeat(10_000);
    for (value, shown) in [("http://user:word@example.com", "…@example.com"), (&long, &long[..100])] {
        let problem = problem("GATEWAY_UPSTREAM_URL", value).unwrap();
        assert!(problem.contains(&format!("is {shown:?}: ")), "{problem}");
    }
}

#[test]
fn plain_http_is_for_loopback_only() {
    for url in ["https://api.cohere.com", "http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"] {
        assert!(is_accepted_url(url), "{url}");
    }
    for url in [
        "http://10.0.0.1",
        "http://localhost.example.com",
        "ftp://localhost",
        "api.cohere.com",
        "https://",
        "https://user:word@api.cohere.com",
    ] {
        assert!(!is_accepted_url(url), "{url}");
    }
}

#[test]
fn every_default_is_accepted_by_its_own_setting() {
    for setting in reference::ALL {
        if let (Kind::Number { min, max }, Some(default)) = (setting.kind, setting.default) {
            let number: u64 = default.parse().unwrap();
            assert!((min..=max).contains(&number), "{}", setting.name);
        }
    }
}

#[test]
fn the_documentation_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, reference::markdown()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == reference::markdown(), "docs/configuration.md is stale: run with UPDATE_DOCS=1");
}
