use super::*;

const ANSWER: &str = r#"{"id":"x","texts":["a","b]"],"embeddings":{"float":[[0.10,-2e-3],[3]],"base64":["q","r"]},"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":2,"image_tokens":0}},"response_type":"embeddings_by_type"}"#;

fn parse(text: &str) -> Option<EmbedAnswer> {
    EmbedAnswer::parse(Bytes::from(text.to_string()))
}

#[test]
fn every_column_is_found_with_its_cells_and_what_was_billed() {
    let answer = parse(ANSWER).unwrap();
    let columns: Vec<_> = answer
        .arrays
        .iter()
        .map(|column| {
            let cells = column.cells.iter().flatten();
            let cells: Vec<_> = cells.map(|cell| &ANSWER[cell.clone()]).collect();
            (std::str::from_utf8(&column.name).unwrap(), column.is_type, cells)
        })
        .collect();
    assert_eq!(
        columns,
        [
            ("texts", false, vec![r#""a""#, r#""b]""#]),
            ("float", true, vec!["[0.10,-2e-3]", "[3]"]),
            ("base64", true, vec![r#""q""#, r#""r""#]),
        ]
    );
    let meta = &ANSWER[answer.envelope.meta.clone().unwrap()];
    assert!(meta.contains(r#"{"input_tokens":2,"image_tokens":0}"#), "{meta}");
    assert!(answer.envelope.is_known && answer.is_compact());
    assert_eq!(&ANSWER[answer.envelope.id.unwrap()], r#""x""#);
}

#[test]
fn answer_with_spaces_or_unknown_fields_is_not_compact() {
    for (from, to) in
        [("[3]", " [3]"), ("},\"meta\"", " },\"meta\""), (",\"base64\"", ", \"base64\"")]
    {
        let spaced = ANSWER.replacen(from, to, 1);
        assert!(!parse(&spaced).unwrap().is_compact(), "{spaced}");
    }
    assert!(!parse(&ANSWER.replace("\"id\"", "\"new\":1,\"id\"")).unwrap().envelope.is_known);
    assert!(!parse(&ANSWER.replace("\"billed", "\"new\":{},\"billed")).unwrap().envelope.is_known);
}

#[test]
fn incomplete_embed_answer_is_none() {
    for cut in 0..ANSWER.len() {
        assert!(parse(&ANSWER[..cut]).is_none(), "cut at {cut}");
    }
    for other in ["{}", "[]", r#"{"embeddings":7}"#, r#"{"message":"x"}"#] {
        assert!(parse(other).is_none(), "{other}");
    }
}

/// Checks an answer to two inputs, with `cells` of a type that was asked for.
fn check(name: &'static str, cells: &str) -> Result<(), String> {
    let answer = parse(&format!(r#"{{"embeddings":{{"{name}":[{cells}]}}}}"#)).unwrap();
    answer.check(&ExpectedResults { inputs: 2, results: 2, types: vec![name] })
}

#[test]
fn embeddings_of_a_type_are_all_such_and_equally_long() {
    for name in VECTOR_TYPES {
        assert_eq!(check(name, "[0.1,-2],[3,4e-9]"), Ok(()), "{name}");
        for broken in [
            "[1]",
            "[1],[2],[3]",
            "[1],null",
            "[1],[]",
            "[],[]",
            "[1],[2,3]",
            "[1],[\"2\"]",
            "[1],[[2]]",
            "[1],[1e999]",
            "\"AAAA\",\"BBBB\"",
            "1,2",
        ] {
            assert!(check(name, broken).is_err(), "{name} {broken}");
        }
    }
    assert_eq!(check("base64", "\"AAAA\",\"BBBB\""), Ok(()));
    for broken in ["\"AAAA\"", "\"AAAA\",\"BB\"", "\"\",\"\"", "[1],[2]", "\"AAAA\",null"] {
        assert!(check("base64", broken).is_err(), "{broken}");
    }
}

#[test]
fn asked_type_is_there_by_name_and_unknown_ones_pass() {
    let asked = |types| ExpectedResults { inputs: 2, results: 2, types };
    let answer = parse(ANSWER).unwrap();
    // The vectors of this answer have two lengths.
    assert!(answer.check(&asked(vec!["float"])).is_err());
    let answer = parse(&ANSWER.replace("[3]", "[3,4]").replace("base64", "new")).unwrap();
    assert_eq!(answer.check(&asked(vec!["float"])), Ok(()));
    assert!(answer.check(&asked(vec!["int8"])).is_err());
    let echo = parse(r#"{"embeddings":{"float":[[1],[2]]},"texts":["a"]}"#).unwrap();
    assert_eq!(echo.check(&asked(vec!["float"])), Ok(()));
    let known: Vec<_> = answer.arrays.iter().map(AnswerArray::has_known_type).collect();
    assert_eq!(known, [false, true, false]);
    let odd = parse(r#"{"embeddings":{"new":[null],"newer":{"a":1}},"x":[]}"#).unwrap();
    assert_eq!(odd.check(&asked(vec![])), Ok(()));
    // The form of embeddings without types.
    let listed = parse(r#"{"embeddings":[[1],[2]]}"#).unwrap();
    assert_eq!(listed.check(&asked(vec![])), Ok(()));
    assert!(listed.check(&asked(vec!["float"])).is_err());
    assert!(parse(r#"{"embeddings":[[1]]}"#).unwrap().check(&asked(vec![])).is_err());
}

#[test]
fn results_that_stand_twice_are_no_answer() {
    for (from, to) in [
        (r#""float":"#, r#""float":[[9],[9]],"float":"#),
        (r#""float":"#, r#""\u0066loat":[[9],[9]],"float":"#),
        (r#""texts":"#, r#""texts":[],"texts":"#),
        (r#""meta":"#, r#""embeddings":{},"meta":"#),
        (r#""meta":"#, r#""embeddings":[],"meta":"#),
        (r#""embeddings":"#, r#""embeddings":7,"embeddings":"#),
    ] {
        let twice = ANSWER.replacen(from, to, 1);
        assert!(parse(&twice).is_none(), "{twice}");
    }
    let escaped = parse(&ANSWER.replace("embeddings\":", "\\u0065mbeddings\":")).unwrap();
    assert_eq!(escaped.arrays.len(), 3);
}
