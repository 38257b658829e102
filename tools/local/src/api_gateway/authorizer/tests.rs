//! Answers of the authorizer function, good and unusable.

use super::*;

fn answer(context: Value) -> Bytes {
    let statement = json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"});
    json!({
        "principalId": "a-client",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
        "usageIdentifierKey": "plan",
    })
    .to_string()
    .into()
}

#[test]
fn context_values_become_text_beside_principal() {
    let response = AuthorizerResponse::parse(&answer(
        json!({"name": "x", "limit": 3, "trial": true, "note": null}),
    ))
    .unwrap();
    assert_eq!(
        response.context_with_latency(7),
        json!({
            "principalId": "a-client", "integrationLatency": 7,
            "name": "x", "limit": "3", "trial": "true", "note": "null",
        })
    );
    assert_eq!(response.usage_identifier_key.as_deref(), Some("plan"));
}

#[test]
fn unreadable_answer_is_a_configuration_error() {
    for bad in
        [answer(json!({"models": ["a"]})), answer(json!({"a": {}})), "{}".into(), "no".into()]
    {
        assert_eq!(
            AuthorizerResponse::parse(&bad).err(),
            Some(Rejection::AuthorizerConfigurationError),
            "{bad:?}"
        );
    }
    assert!(AuthorizerResponse::parse(&answer(Value::Null)).is_ok());
    let with_resource = |length: usize| {
        let text = String::from_utf8(answer(Value::Null).to_vec()).unwrap();
        Bytes::from(text.replace("\"*\"", &format!("\"{}\"", "a".repeat(length))))
    };
    assert!(AuthorizerResponse::parse(&with_resource(512)).is_ok());
    assert_eq!(
        AuthorizerResponse::parse(&with_resource(513)).err(),
        Some(Rejection::AuthorizerConfigurationError)
    );
}

#[test]
fn unauthorized_is_one_word_all_else_fails() {
    let reported = |message: &str| {
        InvocationError::Reported(json!({"errorMessage": message}).to_string().into())
    };
    assert_eq!(rejection_of_failure(&reported("Unauthorized")), Rejection::Unauthorized);
    assert_eq!(rejection_of_failure(&reported("unauthorized")), Rejection::AuthorizerFailure);
    assert_eq!(
        rejection_of_failure(&InvocationError::Reported("".into())),
        Rejection::AuthorizerFailure
    );
    assert_eq!(
        rejection_of_failure(&InvocationError::Crashed(String::new())),
        Rejection::AuthorizerFailure
    );
    assert_eq!(rejection_of_failure(&InvocationError::Throttled), Rejection::AuthorizerFailure);
}
