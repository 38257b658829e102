use super::*;
use crate::error::Code;

fn validate(model: &str, count: usize, rest: &str) -> Result<UpstreamRequest> {
    let texts = vec!["\"t\""; count].join(",");
    let body = format!(r#"{{"model":"{model}","input_type":"x","texts":[{texts}]{rest}}}"#);
    let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap();
    Embed::validate(Bytes::from(body), Dialect::V2, &config)
}

fn problem(model: &str, count: usize, rest: &str) -> (Code, String) {
    let error = validate(model, count, rest).unwrap_err();
    (error.code, error.message)
}

#[test]
fn text_limit_is_a_minute_of_inputs() {
    assert!(validate("embed-v4.0", 1_920, "").is_ok());
    assert_eq!(
        problem("embed-v4.0", 1_921, ""),
        (Code::TooLarge, "texts: at most 1920 are taken in one request, got 1921".into())
    );
}

#[test]
fn expected_answer_over_the_limit_is_refused() {
    let (code, message) = problem("embed-v5.0-pro", 1_920, "");
    assert_eq!(code, Code::TooLarge);
    assert!(
        message.contains("1920 embeddings of 2048 numbers") && message.contains("48000000"),
        "{message}"
    );
    assert!(validate("embed-v5.0-pro", 1_920, r#","output_dimension":1024"#).is_ok());
    assert!(validate("embed-v5.0-pro", 1_920, r#","embedding_types":["int8"]"#).is_ok());
    assert!(validate("embed-v4.0", 1_920, r#","embedding_types":["float","float"]"#).is_ok());
    assert!(validate("embed-v4.0", 1_920, r#","embedding_types":["float","int8"]"#).is_err());
    assert!(validate("of-tomorrow", 1_920, "").is_err());
}

#[test]
fn answer_may_have_all_bytes_of_the_limit() {
    let body = r#"{"model":"embed-v4.0","input_type":"x","texts":["a","b"]}"#;
    // Two embeddings of 1 536 numbers, each about 13 bytes.
    for (limit, is_taken) in [("39936", true), ("39935", false)] {
        let vars = [("GATEWAY_SECRET_ID", "key"), ("GATEWAY_EMBED_MAX_ANSWER_BYTES", limit)];
        let config = Config::from_vars(&vars).unwrap();
        let outcome = Embed::validate(Bytes::from_static(body.as_bytes()), Dialect::V2, &config);
        assert_eq!(outcome.is_ok(), is_taken, "{limit}");
    }
}

#[test]
fn unknown_dimension_is_refused_with_the_known_ones() {
    assert_eq!(
        problem("embed-v4.0", 1, r#","output_dimension":300"#).1,
        "invalid request: output_dimension: embed-v4.0 makes 256, 512, 1024, 1536, not 300"
    );
    assert_eq!(
        problem("embed-english-v3.0", 1, r#","output_dimension":512"#).1,
        "invalid request: output_dimension: is not taken by embed-english-v3.0, whose embeddings have 1024 numbers"
    );
    assert!(validate("of-tomorrow", 1, r#","output_dimension":300"#).is_ok());
    assert!(validate("of-tomorrow", 1, r#","output_dimension":1"#).is_ok());
    assert_eq!(
        problem("of-tomorrow", 1, r#","output_dimension":0"#).1,
        "invalid request: output_dimension: must be at least 1, got 0"
    );
}

#[test]
fn one_image_calls_are_bounded() {
    let images = |count: usize| {
        let images = vec!["\"data:,\""; count].join(",");
        let body =
            format!(r#"{{"model":"embed-english-v3.0","input_type":"image","images":[{images}]}}"#);
        let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap();
        Embed::validate(Bytes::from(body), Dialect::V2, &config)
    };
    assert!(images(96).is_ok());
    let error = images(97).unwrap_err();
    assert_eq!(error.code, Code::TooLarge);
    assert_eq!(
        error.message,
        "images: embed-english-v3.0 takes one a call, at most 96 calls are made for one request, got 97"
    );
}

#[test]
fn only_images_of_an_old_model_go_one_by_one() {
    assert_eq!(inputs_per_call("embed-english-v3.0", "images"), 1);
    for (model, source) in
        [("embed-english-v3.0", "texts"), ("embed-v4.0", "images"), ("of-tomorrow", "images")]
    {
        assert_eq!(inputs_per_call(model, source), 96, "{model} {source}");
    }
}
