use super::*;
use proptest::prelude::*;

const VALUES: [&str; 24] = [
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

const BROKEN: [&str; 34] = [
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

proptest! {
    /// Blocks begin and end anywhere in a long vector.
    #[test]
    fn vector_with_a_changed_byte_is_judged_as_by_a_parser(
        numbers in numbers(),
        place in any::<prop::sample::Index>(),
        byte in prop::sample::select(b"0123456789-.,e+ x]".to_vec()),
    ) {
        let whole = format!("[{}]", numbers.join(","));
        prop_assert_eq!(vector_end(whole.as_bytes(), 0), Some((whole.len(), numbers.len())));
        let mut changed = whole.into_bytes();
        let place = 1 + place.index(changed.len() - 2);
        changed[place] = byte;
        // A zero with a huge exponent is refused although it is one that a double holds.
        prop_assume!(changed.split(|byte| *byte == b'e').skip(1).all(|exponent| {
            exponent.iter().take_while(|byte| byte.is_ascii_digit()).count() < 3
        }));
        let parsed: Result<Vec<f64>, _> = serde_json::from_slice(&changed);
        let expected = parsed.ok().filter(|numbers| !numbers.is_empty());
        let expected = expected.map(|numbers| (changed.len(), numbers.len()));
        let read = vector_end(&changed, 0).filter(|(end, _)| *end == changed.len());
        prop_assert_eq!(read, expected, "{}", String::from_utf8_lossy(&changed));
    }
}
