use super::*;

const KNOWN: KnownFields = &[
    ("model", FieldType::Text),
    ("texts", FieldType::Texts),
    ("k", FieldType::Integer),
    ("opts", FieldType::Object),
];

fn problem(body: &str) -> String {
    RequestObject::parse(Bytes::from(body.to_string()), KNOWN).unwrap_err().message
}

#[test]
fn unknown_fields_and_number_texts_survive_rewriting() {
    let body = r#"{"model":"m" , "x": 1.10, "texts":["a"],"y":{"Z":[1e5]}}"#;
    let fields = RequestObject::parse(Bytes::from(body.to_string()), KNOWN).unwrap();
    let sent = fields.with(&[("model", br#""n""#), ("k", b"3")]).body().clone();
    assert_eq!(sent, r#"{"x":1.10,"texts":["a"],"y":{"Z":[1e5]},"model":"n","k":3}"#);
}

#[test]
fn explicit_null_counts_as_absent() {
    let fields =
        RequestObject::parse(Bytes::from_static(br#"{"model":null,"k":null}"#), KNOWN).unwrap();
    assert_eq!(fields.read_name("model"), None);
    assert_eq!(fields.with(&[("k", b"1")]).body(), r#"{"model":null,"k":1}"#);
}

#[test]
fn ambiguous_key_is_refused() {
    assert_eq!(
        problem(r#"{"model":"a","model":"b"}"#),
        "invalid request: model: stands twice in the request"
    );
    assert_eq!(problem(r#"{"x":1,"\u0078":2}"#), "invalid request: x: stands twice in the request");
    assert_eq!(problem(r#"{"Model":"a"}"#), "invalid request: Model: must be written \"model\"");
    assert_eq!(
        problem(r#"{"mode\u006c":"a","MODEL":"b"}"#),
        "invalid request: MODEL: must be written \"model\""
    );
    assert_eq!(
        problem("{\"text\u{17f}\":[]}"),
        "invalid request: text\u{17f}: must be written \"texts\""
    );
    assert!(RequestObject::parse(Bytes::from_static(br#"{"other":1,"Other":2}"#), KNOWN).is_ok());
}

#[test]
fn long_key_is_told_by_its_beginning() {
    let key = "x".repeat(64);
    let twice = |key: &str| problem(&format!(r#"{{"{key}":1,"{key}":2}}"#));
    assert_eq!(twice(&key), format!("invalid request: {key}: stands twice in the request"));
    let longer = format!("{key}y");
    assert_eq!(twice(&longer), format!("invalid request: {key}…: stands twice in the request"));
}

#[test]
fn wrong_type_names_field_and_both_types() {
    assert_eq!(problem(r#"{"model":1}"#), "invalid request: model: must be a string, got a number");
    assert_eq!(problem(r#"{"k":1.5}"#), "invalid request: k: must be a whole number, got 1.5");
    assert_eq!(problem(r#"{"opts":[]}"#), "invalid request: opts: must be an object, got an array");
    for (value, kind) in [("{}", "an object"), ("true", "a boolean"), ("false", "a boolean")] {
        let body = format!(r#"{{"model":{value}}}"#);
        let expected = format!("invalid request: model: must be a string, got {kind}");
        assert_eq!(problem(&body), expected);
    }
    assert_eq!(
        problem(r#"{"texts":[null]}"#),
        "invalid request: texts[0]: must be a string, got null"
    );
    assert_eq!(
        problem(r#"{"texts":["a",["b"]]}"#),
        "invalid request: texts[1]: must be a string, got an array"
    );
    assert!(RequestObject::parse(Bytes::from_static(br#"{"k":100.0}"#), KNOWN).is_ok());
}

#[test]
fn invalid_json_is_refused_without_quoting_it() {
    assert_eq!(problem(""), "invalid request: body: is empty, a JSON object is expected");
    assert_eq!(problem("[1]"), "invalid request: body: must be a JSON object");
    assert!(
        problem("{\"secret\": nope}").starts_with("invalid request: body: is not JSON: expected")
    );
    assert!(!problem("{\"secret\": nope}").contains("secret"));
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    assert_eq!(problem(&deep), "invalid request: body: is nested deeper than 128 levels");
    let deepest = format!("{{\"x\":{}1{}}}", "[".repeat(127), "]".repeat(127));
    assert!(RequestObject::parse(Bytes::from(deepest), KNOWN).is_ok());
    let message =
        RequestObject::parse(Bytes::from_static(b"{\"x\":\"\xff\"}"), KNOWN).unwrap_err().message;
    assert!(message.starts_with("invalid request: body: is not UTF-8, at byte 6"), "{message}");
}

#[test]
fn rewritten_object_knows_where_its_fields_lie() {
    let body = r#" { "mode\u006c" : "m", "texts": [ "a" , "b,]" ], "k":null }"#;
    let object = RequestObject::parse(Bytes::from(body.to_string()), KNOWN).unwrap();
    let written = object.with(&[("k", b"7"), ("types", br#"["x", "y"]"#)]);
    assert_eq!(
        written.body(),
        r#"{"mode\u006c":"m","texts":[ "a" , "b,]" ],"k":7,"types":["x", "y"]}"#
    );
    let parsed = RequestObject::parse(written.body().clone(), KNOWN).unwrap();
    for object in [&written, &parsed] {
        assert_eq!(object.read_name("model").as_deref(), Some("m"));
        assert_eq!(object.read_number("k"), Some(7.0));
        let texts: Vec<_> = object.read_list("texts").unwrap().iter().collect();
        assert_eq!(texts, [&br#""a""#[..], br#""b,]""#]);
    }
    assert_eq!(written.read_list("types").unwrap().len(), 2);
    assert!(!written.has_only(KNOWN) && object.has_only(KNOWN));
}

#[test]
fn slices_of_a_list_are_pieces_of_the_body() {
    let body = Bytes::from_static(br#"{"texts":["a","bc"]}"#);
    let object = RequestObject::parse(body.clone(), KNOWN).unwrap();
    let list = object.read_list("texts").unwrap();
    assert_eq!((list.len(), list.longest()), (2, 4));
    assert!(list.slices().all(|slice| body.as_ptr_range().contains(&slice.as_ptr())));
}

#[test]
fn fields_and_names_are_bounded() {
    let fields = |count: usize| {
        let fields: Vec<_> = (0..count).map(|number| format!("\"x{number}\":1")).collect();
        Bytes::from(format!("{{{}}}", fields.join(",")))
    };
    assert!(RequestObject::parse(fields(256), NAMES).is_ok());
    let error = RequestObject::parse(fields(300_000), NAMES).unwrap_err();
    assert_eq!(error.message, "invalid request: body: has more than 256 top-level fields");

    let named = |length: usize| {
        let name = "m".repeat(length);
        let body = format!(r#"{{"model":"{name}","types":["a","{name}"]}}"#);
        RequestObject::parse(Bytes::from(body), NAMES)
    };
    assert!(named(128).is_ok());
    let message = named(129).unwrap_err().message;
    assert_eq!(message, "invalid request: model: has 129 bytes, at most 128 are taken");
    let body = format!(r#"{{"types":["a","{}"]}}"#, "t".repeat(200));
    let message = RequestObject::parse(Bytes::from(body), NAMES).unwrap_err().message;
    assert_eq!(message, "invalid request: types[1]: has 200 bytes, at most 128 are taken");
}

#[test]
fn half_a_character_is_refused_where_it_is_read() {
    let problem = |body: &str| {
        RequestObject::parse(Bytes::from(body.to_string()), NAMES).unwrap_err().message
    };
    let said = "cannot be decoded: it holds half a character, such as \\ud83e";
    for half in [r"m\ud83e", r"\udd8a", r"\udd8a\ud83e", r"\ud83e\u0061"] {
        assert_eq!(
            problem(&format!(r#"{{"model":"{half}"}}"#)),
            format!("invalid request: model: {said}")
        );
        assert_eq!(
            problem(&format!(r#"{{"types":["a","{half}"]}}"#)),
            format!("invalid request: types[1]: {said}")
        );
        assert_eq!(
            problem(&format!(r#"{{"{half}":1}}"#)),
            format!("invalid request: body: has a field whose name {said}")
        );
    }
    let whole = r#"{"model":"m\ud83e\udd8a","types":["\u0061"],"x":"\ud83e","y":{"\ud83e":1}}"#;
    let object = RequestObject::parse(Bytes::from_static(whole.as_bytes()), NAMES).unwrap();
    assert_eq!(
        (object.read_name("model").as_deref(), object.body()),
        (Some("m🦊"), &Bytes::from(whole))
    );
}

const NAMES: KnownFields = &[("model", FieldType::Name), ("types", FieldType::Names)];
