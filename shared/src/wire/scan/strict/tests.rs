use super::*;
use proptest::prelude::*;

const VALUES: [&str; 25] = [
    "0",
    "-0",
    "-0.0",
    "1.5e-7",
    "12.25",
    "1E+2",
    "1e999",
    "true",
    "false",
    "null",
    "\"\"",
    "[]",
    "{}",
    "\"a\\u00e9\\n\"",
    "\"ü🦀\"",
    "\"a b\"",
    "[1,2.5,-3]",
    "[0.1,0.2]",
    "[1e5, 2]",
    "[[1],[2]]",
    "[null]",
    "{\"a\":[1]}",
    "\"\\ud800\"",
    "[ 1 ]",
    "[-0.5,0,10]",
];

const BROKEN: [&str; 35] = [
    "",
    "NaN",
    "-",
    "+1",
    "01",
    "-01",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x1",
    "Infinity",
    "nul",
    "True",
    "'a'",
    "\"a",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\n\"",
    "\"\n\n\"",
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "[1}",
    "[0.1,00.2]",
    "[0.1,-]",
    "[0.1.2,3]",
    "[1,0.1.2]",
    "[1,-.5]",
    "[1-2,3]",
    "{\"a\" 1}",
    "{a:1}",
    "{\"a\":1,}",
    "[1,2",
];

fn is_value(json: &[u8]) -> bool {
    value_end(json, 0) == Some(json.len())
}

#[test]
fn value_is_accepted_as_the_grammar_says() {
    for value in VALUES {
        assert!(is_value(value.as_bytes()), "{value}");
    }
    for broken in BROKEN {
        assert!(!is_value(broken.as_bytes()), "{broken}");
    }
    assert!(!is_value(b"\"\xff\"") && !is_value(b"\xef\xbb\xbf{}") && !is_value(b"{}\0"));
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(is_value(deep(MAX_DEPTH).as_bytes()) && !is_value(deep(MAX_DEPTH + 1).as_bytes()));
    let deep = |depth: usize| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    assert!(is_value(deep(MAX_DEPTH).as_bytes()) && !is_value(deep(MAX_DEPTH + 1).as_bytes()));
}

#[test]
fn vector_is_numbers_that_a_double_holds() {
    let count = |json: &str| vector_end(json.as_bytes(), 0).map(|(_, count)| count);
    for (vector, numbers) in
        [("[1]", 1), ("[0.5,-0.25]", 2), ("[-1,12.5,3]", 3), ("[ 1 , 2e-5 ]", 2), ("[1e307,0]", 2)]
    {
        assert_eq!(count(vector), Some(numbers), "{vector}");
    }
    for other in
        ["[]", "[1e999]", "[0.1,1e309]", "[null]", "[\"1\"]", "[0.1,oops]", "1", "[0.1,0.2.3]"]
    {
        assert_eq!(count(other), None, "{other}");
    }
}

/// Numbers as they are in most embeddings, or with long whole parts and exponents.
fn numbers() -> impl Strategy<Value = Vec<String>> {
    let plain = "-?[0-9](\\.[0-9]{1,12})?";
    let any = "-?(0|[1-9][0-9]{0,2})(\\.[0-9]{1,12})?(e-?[0-9]{1,2})?";
    let mixed = prop_oneof![100 => plain, 1 => any];
    prop_oneof![
        prop::collection::vec(plain, 1..150),
        prop::collection::vec(mixed, 1..150),
        prop::collection::vec(any, 1..50),
    ]
}

/// Bytes that a vector's are changed into.
const BYTES: &[u8] = b"0123456789-.,e+ x]:/";

/// End and count of a vector.
type Judgement = Option<(usize, usize)>;

/// Reads a vector here and by a parser; `None` where an exponent is so large that the two may differ.
fn judge_vector(json: &[u8]) -> Option<(Judgement, Judgement)> {
    // A zero with a huge exponent is refused although it is one that a double holds.
    for exponent in json.split(|byte| *byte == b'e').skip(1) {
        if exponent.iter().take_while(|byte| byte.is_ascii_digit()).count() >= 3 {
            return None;
        }
    }
    let parsed: Result<Vec<f64>, _> = serde_json::from_slice(json);
    let expected = parsed.ok().filter(|numbers| !numbers.is_empty());
    let expected = expected.map(|numbers| (json.len(), numbers.len()));
    Some((vector_end(json, 0).filter(|(end, _)| *end == json.len()), expected))
}

#[test]
fn vector_with_any_one_byte_changed_is_judged_as_by_a_parser() {
    // What one form lacks must not hide what another takes wrongly.
    for whole in [
        &b"[0.1,-0.25,3,-4,0,-0,2.5,0.6]"[..],
        b"[0.1,-0.25,3,-4,0,-0,12.5,0.6]",
        b"[0.1,0.25,3,4,0,0,2.5,0.6]",
        b"[1,-2,3,0,40]",
        b"[1,2,3]",
        b"[1,22]",
        b"[1,2]",
    ] {
        for place in 1..whole.len() - 1 {
            for byte in BYTES {
                let mut changed = whole.to_vec();
                changed[place] = *byte;
                let (read, expected) = judge_vector(&changed).unwrap();
                assert_eq!(read, expected, "{}", String::from_utf8_lossy(&changed));
            }
        }
    }
}

proptest! {
    /// Blocks begin and end anywhere in a long vector.
    #[test]
    fn vector_with_a_changed_byte_is_judged_as_by_a_parser(
        numbers in numbers(),
        place in any::<prop::sample::Index>(),
        byte in prop::sample::select(BYTES.to_vec()),
    ) {
        let whole = format!("[{}]", numbers.join(","));
        prop_assert_eq!(vector_end(whole.as_bytes(), 0), Some((whole.len(), numbers.len())));
        let mut changed = whole.into_bytes();
        let place = 1 + place.index(changed.len() - 2);
        changed[place] = byte;
        let Some((read, expected)) = judge_vector(&changed) else { return Ok(()) };
        prop_assert_eq!(read, expected, "{}", String::from_utf8_lossy(&changed));
    }
}
