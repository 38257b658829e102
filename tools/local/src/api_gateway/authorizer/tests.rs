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
fn context_values_become_text_beside_who_it_is() {
    let admission =
        Admission::read(&answer(json!({"name": "x", "limit": 3, "trial": true, "note": null})))
            .unwrap();
    assert_eq!(
        admission.context(7),
        json!({
            "principalId": "a-client", "integrationLatency": 7,
            "name": "x", "limit": "3", "trial": "true", "note": "null",
        })
    );
    assert_eq!(admission.usage_identifier_key.as_deref(), Some("plan"));
}

#[test]
fn an_answer_api_gateway_could_not_read_is_a_configuration_error() {
    for bad in
        [answer(json!({"models": ["a"]})), answer(json!({"a": {}})), "{}".into(), "no".into()]
    {
        assert_eq!(
            Admission::read(&bad).err(),
            Some(Refusal::AuthorizerConfigurationError),
            "{bad:?}"
        );
    }
    assert!(Admission::read(&answer(Value::Null)).is_ok());
    let with_resource = |length: usize| {
        let text = String::from_utf8(answer(Value::Null).to_vec()).unwrap();
        Bytes::from(text.replace("\"*\"", &format!("\"{}\"", "a".repeat(length))))
    };
    assert!(Admission::read(&with_resource(512)).is_ok());
    assert_eq!(
        Admission::read(&with_resource(513)).err(),
        Some(Refusal::AuthorizerConfigurationError)
    );
}

#[test]
fn only_the_exact_word_is_a_no_and_all_else_a_failure() {
    let reported =
        |message: &str| Failure::Reported(json!({"errorMessage": message}).to_string().into());
    assert_eq!(refusal(&reported("Unauthorized")), Refusal::Unauthorized);
    assert_eq!(refusal(&reported("unauthorized")), Refusal::AuthorizerFailure);
    assert_eq!(refusal(&Failure::Reported("".into())), Refusal::AuthorizerFailure);
    assert_eq!(refusal(&Failure::Crashed(String::new())), Refusal::AuthorizerFailure);
    assert_eq!(refusal(&Failure::Throttled), Refusal::AuthorizerFailure);
}
