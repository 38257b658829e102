use super::*;
use crate::secrets::token::hash_token_as_hex;
use serde_json::json;

fn hash(token: &str) -> String {
    hash_token_as_hex(token)
}

fn parse(list: &Value) -> Result<Clients, String> {
    Clients::parse(&Secret::new(list.to_string()))
}

#[test]
fn both_tokens_of_a_client_work_and_no_other() {
    let clients = parse(&json!({ "clients": [
        { "name": "a", "token_sha256": [hash("cgw_fake_1"), hash("cgw_fake_2").to_uppercase()] },
        { "name": "b", "token_sha256": [hash("cgw_fake_3")] },
    ]}));
    let clients = clients.unwrap();
    let name = |token| clients.find(token).map(|client| client.name.as_str());
    assert_eq!(
        (name("cgw_fake_1"), name("cgw_fake_2"), name("cgw_fake_3")),
        (Some("a"), Some("a"), Some("b"))
    );
    assert_eq!((name("cgw_fake_4"), name(""), name(&hash("cgw_fake_1"))), (None, None, None));
}

#[test]
fn token_dies_at_its_expiry() {
    let client = |not_after: Value| {
        let client =
            json!({ "name": "a", "token_sha256": [hash("cgw_fake")], "not_after": not_after });
        serde_json::from_value::<Client>(client).unwrap()
    };
    for end in [json!(100), json!("1970-01-01T00:01:40Z"), json!("1970-01-01T01:01:40+01:00")] {
        assert_eq!(
            (client(end.clone()).is_expired(99), client(end).is_expired(100)),
            (false, true)
        );
    }
    assert!(client(json!("soon")).is_expired(0), "what cannot be read does not live for ever");
    assert!(!Client::default().is_expired(u64::MAX));
}

#[test]
fn lengths_of_models_and_keys_are_bounded() {
    let is_taken = |fields: Value| {
        let mut client = json!({ "name": "a", "token_sha256": [hash("cgw_fake")] });
        client.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        parse(&json!({ "clients": [client] })).is_ok()
    };
    // Fifteen ids of 128 characters, and one more: 2 047 with the commas.
    let models = |last: usize| {
        let mut ids = vec!["m".repeat(128); 15];
        ids.push("m".repeat(last));
        json!({ "models": ids })
    };
    assert!(is_taken(models(112)) && !is_taken(models(113)));
    let key = |text: String| is_taken(json!({ "usage_plan_key": text }));
    assert!(key("k".repeat(20)) && key("k".repeat(128)));
    assert!(!key("k".repeat(19)) && !key("k".repeat(129)) && !key(" ".repeat(20)));
}

#[test]
fn bad_list_is_refused_without_quoting_it() {
    let with = |fields: Value| {
        let mut client = json!({ "name": "a", "token_sha256": [hash("cgw_fake")] });
        client.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "clients": [client] })
    };
    let plus = "+f".repeat(32);
    let cases = [
        (
            json!("hidden"),
            "it is no list of clients: a field is unknown, missing, doubled or of another kind",
        ),
        (json!({}), "it is no list of clients: a field is unknown, missing"),
        (
            with(json!({ "model": ["hidden"] })),
            "it is no list of clients: a field is unknown, missing",
        ),
        (with(json!({ "name": "" })), "clients[0]: name must have 1 to 128 letters"),
        (with(json!({ "name": "hidden\r\nx-y: z" })), "clients[0]: name must have"),
        (with(json!({ "name": "hiddén" })), "clients[0]: name must have"),
        (with(json!({ "name": "h".repeat(129) })), "clients[0]: name must have"),
        (with(json!({ "token_sha256": [] })), "clients[0]: token_sha256 must hold 1 or 2 hashes"),
        (
            with(json!({ "token_sha256": ["hidden"] })),
            "clients[0]: token_sha256 must hold 64 hexadecimal digits",
        ),
        (
            with(json!({ "token_sha256": [plus] })),
            "clients[0]: token_sha256 must hold 64 hexadecimal digits",
        ),
        (with(json!({ "models": [] })), "clients[0]: models must be ids"),
        (with(json!({ "models": ["hidden,b"] })), "clients[0]: models must be ids"),
        (
            with(json!({ "models": vec!["m".repeat(100); 21] })),
            "clients[0]: models must have at most",
        ),
        (
            with(json!({ "usage_plan_key": "hidden" })),
            "clients[0]: usage_plan_key must have 20 to 128",
        ),
        (with(json!({ "not_after": "hidden" })), "clients[0]: not_after must be a time"),
        (with(json!({ "not_after": -1 })), "it is no list of clients"),
    ];
    for (list, problem) in cases {
        let said = parse(&list).unwrap_err();
        assert!(said.starts_with(problem) && !said.contains("hid"), "{said}");
    }
    assert!(
        Clients::parse(&Secret::new("hidden"))
            .unwrap_err()
            .contains("it is no JSON, at line 1 column 1")
    );
}

#[test]
fn one_name_and_one_token_belong_to_one_client() {
    let client = |name: &str, tokens: &[&str]| json!({ "name": name, "token_sha256": tokens.iter().map(|token| hash(token)).collect::<Vec<_>>() });
    let problem = |clients: &[Value]| parse(&json!({ "clients": clients })).unwrap_err();
    let (a, b) = (client("a", &["cgw_fake_1"]), client("b", &["cgw_fake_2"]));
    assert_eq!(
        problem(&[a.clone(), b.clone(), a.clone()]),
        "clients[2]: name is also that of clients[0]"
    );
    let same = client("c", &["cgw_fake_3", "cgw_fake_2"]);
    assert_eq!(problem(&[a, b, same]), "clients[2]: a hash stands in clients[1] already");
    let mut doubled = client("a", &["cgw_fake_1"]);
    doubled["token_sha256"] = json!([hash("cgw_fake_1"), hash("cgw_fake_1").to_uppercase()]);
    assert_eq!(problem(&[doubled]), "clients[0]: a hash stands in clients[0] already");
}

#[test]
fn edited_list_keeps_unknown_fields() {
    let text = format!(
        r#"{{"clients":[{{"name":"a","token_sha256":["{}"]}}],"x":[1]}}"#,
        hash("cgw_fake")
    );
    let list = ClientList::parse(&Secret::new(text.clone())).unwrap();
    assert_eq!(serde_json::to_string(&list).unwrap(), text);
}
