//! Makes inputs from nothing: JSON with the names that the gateway reads and values of any kind.

use fastrand::Rng;

const NAMES: [&str; 36] = [
    "model",
    "messages",
    "stream",
    "max_tokens",
    "texts",
    "images",
    "inputs",
    "input_type",
    "embedding_types",
    "query",
    "documents",
    "top_n",
    "id",
    "embeddings",
    "float",
    "meta",
    "billed_units",
    "warnings",
    "results",
    "index",
    "relevance_score",
    "message",
    "usage",
    "tokens",
    "headers",
    "multiValueHeaders",
    "body",
    "isBase64Encoded",
    "requestContext",
    "authorizer",
    "clients",
    "name",
    "token_sha256",
    "models",
    "not_after",
    "CO_API_KEY",
];

/// Values that are rare, or at the edge of what is one.
pub(crate) const ODD_VALUES: [&str; 40] = [
    "0",
    "-0",
    "1",
    "-1",
    "1e0",
    "1e400",
    "-1e400",
    "1e-400",
    "0.1e+3",
    "00",
    "1.",
    ".5",
    "+1",
    "1e",
    "18446744073709551615",
    "18446744073709551616",
    "9007199254740993",
    "NaN",
    "Infinity",
    "null",
    "true",
    "false",
    "nul",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    r#""""#,
    r#"" ""#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\u0000""#,
    r#""\u00e9\uD83E\uDD80""#,
    r#""\x""#,
    "\"\u{feff}\"",
    r#"["",""]"#,
    r#"{"":{}}"#,
    r#""[DONE]""#,
    r#""],[{""#,
    "\"\\\"",
];

/// Writes an object as a caller or Cohere might send it.
pub(crate) fn generate_json(rng: &mut Rng) -> String {
    write_object(rng, 0)
}

fn write_value(rng: &mut Rng, depth: usize) -> String {
    match rng.u8(..8) {
        0 | 1 if depth < 4 => write_object(rng, depth + 1),
        2 | 3 if depth < 4 => {
            let values: Vec<_> = (0..rng.usize(..5)).map(|_| write_value(rng, depth + 1)).collect();
            format!("[{}]", values.join(","))
        }
        4 => format!("{}", rng.u16(..)),
        5 => format!("\"{}\"", NAMES[rng.usize(..NAMES.len())]),
        6 => format!("\"text {}\"", rng.u8(..5)),
        _ => ODD_VALUES[rng.usize(..ODD_VALUES.len())].to_string(),
    }
}

fn write_object(rng: &mut Rng, depth: usize) -> String {
    let members = (0..rng.usize(..6)).map(|_| {
        let name = NAMES[rng.usize(..NAMES.len())];
        format!("\"{name}\":{}", write_value(rng, depth))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
