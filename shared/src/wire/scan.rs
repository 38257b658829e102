//! The structure of a JSON text by one scan over its bytes: numbers are passed over, never parsed.
//!
//! An embedding answer is millions of digits around a handful of brackets, so the scan jumps from
//! bracket to bracket and quote to quote. It finds where values begin and end and trusts the grammar
//! in between, because requests are parsed strictly elsewhere. `strict` trusts nothing: what comes from
//! Cohere is checked before it is joined, kept, or passed on.

pub mod strict;
mod vector;

use memchr::{memchr2, memchr2_iter, memchr3};
use std::ops::Range;

/// Returns how deep arrays and objects nest.
pub fn nesting_depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut at) = (0usize, 0usize, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let Some(end) = string_end(json, at) else { return deepest };
                at = end;
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Finds the elements of a valid array, without the space around them; none in what is no array.
pub fn find_elements(array: &[u8]) -> Vec<Range<usize>> {
    let mut elements = Vec::new();
    // In a valid array nothing is left to find when a walk ends early.
    let _ = walk_array(array, 0, |at| {
        let end = value_end(array, at)?;
        elements.push(at..end);
        Some(end)
    });
    elements
}

/// Finds the value of a top-level key of an object that is complete up to its last brace.
///
/// Returns `None` where the text is no complete object; the inner value is `None` where the key is absent.
pub fn find_top_level<'a, const N: usize>(
    json: &'a [u8],
    names: [&str; N],
) -> Option<[Option<&'a [u8]>; N]> {
    let mut found = [None; N];
    let end = walk_object(json, skip_space(json, 0), |key, start| {
        let end = value_end(json, start)?;
        if let Some(index) = names.iter().position(|name| name.as_bytes() == key) {
            found[index] = Some(&json[start..end]);
        }
        Some(end)
    })?;
    if skip_space(json, end) == json.len() { Some(found) } else { None }
}

/// Walks an object and returns the position after it; keys and what is between the values are checked.
///
/// `pass` gets each key, as it is written, with the position of its value, and returns the position after
/// the value; it may look inside on the way, so that one scan is enough for a whole answer.
pub fn walk_object<'a>(
    json: &'a [u8],
    at: usize,
    mut pass: impl FnMut(&'a [u8], usize) -> Option<usize>,
) -> Option<usize> {
    if json.get(at) != Some(&b'{') {
        return None;
    }
    let mut at = skip_space(json, at + 1);
    if *json.get(at)? == b'}' {
        return Some(at + 1);
    }
    loop {
        let key_end = strict::string_end(json, at)?;
        let key = &json[at + 1..key_end - 1];
        at = skip_space(json, key_end);
        if *json.get(at)? != b':' {
            return None;
        }
        let value = skip_space(json, at + 1);
        json.get(value)?;
        at = skip_space(json, pass(key, value)?);
        match json.get(at)? {
            b',' => at = skip_space(json, at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Walks an array and returns the position after it; `pass` as for `walk_object`.
pub fn walk_array(
    json: &[u8],
    at: usize,
    mut pass: impl FnMut(usize) -> Option<usize>,
) -> Option<usize> {
    if json.get(at) != Some(&b'[') {
        return None;
    }
    let mut at = skip_space(json, at + 1);
    if *json.get(at)? == b']' {
        return Some(at + 1);
    }
    loop {
        at = skip_space(json, pass(at)?);
        match json.get(at)? {
            b',' => at = skip_space(json, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Returns the position after the value that starts at `at`.
pub fn value_end(json: &[u8], at: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' => string_end(json, at),
        b'[' | b'{' => container_end(json, at),
        _ => {
            let length = json[at..]
                .iter()
                .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
            let end = at + length.unwrap_or(json.len() - at);
            if end > at { Some(end) } else { None }
        }
    }
}

fn container_end(json: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = at;
    loop {
        match json.get(at)? {
            b'"' => {
                at = string_end(json, at)?;
            }
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {
                // Numbers and separators: on to the next byte with a meaning of its own. Most often that
                // is the bracket after a row of numbers, so it is looked for first.
                let rest = &json[at..];
                let closing = memchr2(b']', b'}', rest);
                let before = &rest[..closing.unwrap_or(rest.len())];
                at += memchr3(b'"', b'[', b'{', before).or(closing)?;
            }
        }
    }
}

/// Returns the position after the string whose opening quote is at `at`.
fn string_end(json: &[u8], at: usize) -> Option<usize> {
    let start = at + 1;
    let mut escaped = usize::MAX;
    for offset in memchr2_iter(b'"', b'\\', &json[start..]) {
        if offset == escaped {
            continue;
        }
        if json[start + offset] == b'"' {
            return Some(start + offset + 1);
        }
        escaped = offset + 1;
    }
    None
}

pub(super) fn skip_space(json: &[u8], at: usize) -> usize {
    let spaces = json.get(at..).unwrap_or_default().iter();
    at + spaces.take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count_as_depth() {
        assert_eq!(nesting_depth(br#"{"a":[1,{"b":"[[[[\"[["}]}"#), 3);
        assert_eq!(nesting_depth(&[b'['; 5000]), 5000);
        assert_eq!(nesting_depth(b""), 0);
        assert_eq!(nesting_depth(br#"[[],{},[{}],"x",[]]"#), 3);
    }

    #[test]
    fn elements_are_found_whatever_they_hold() {
        let array = br#"[ "a,]\"" , 1.50 ,[2,[3]], {"x":[","]},null,"\\" ]"#;
        let found = find_elements(array).into_iter();
        let found: Vec<_> = found.map(|span| std::str::from_utf8(&array[span]).unwrap()).collect();
        assert_eq!(found, [r#""a,]\"""#, "1.50", "[2,[3]]", r#"{"x":[","]}"#, "null", r#""\\""#]);
        assert_eq!(find_elements(b"[ ]"), []);
        assert_eq!(find_elements(b"null"), []);
    }

    #[test]
    fn bare_value_ends_with_its_text_and_has_a_byte() {
        assert_eq!(value_end(b"[12", 1), Some(3));
        assert_eq!(value_end(b"12 ,", 0), Some(2));
        assert_eq!(value_end(b",1", 0), None);
        assert_eq!(value_end(b"1", 1), None);
    }

    #[test]
    fn top_level_keys_are_found_and_nested_ones_are_not() {
        let json = br#" {"id":"x","n":{"meta":1},"embeddings":{"float":[[0.1,-2e-3],[ 4 ]],"b":["q]"]},"meta" : {"a":"}"} } "#;
        let [meta, embeddings, none] = find_top_level(json, ["meta", "embeddings", "zz"]).unwrap();
        assert_eq!(meta.unwrap(), br#"{"a":"}"}"#);
        assert_eq!(embeddings.unwrap(), br#"{"float":[[0.1,-2e-3],[ 4 ]],"b":["q]"]}"#);
        assert!(none.is_none());
    }

    #[test]
    fn every_cut_of_an_object_is_seen_as_incomplete() {
        let json =
            br#"{"id":"x\"y","embeddings":{"float":[[0.1,-2e-3],[4]]},"m":[[],[ "a",1,{}],{}],"t":true}"#;
        assert!(find_top_level(json, ["id"]).is_some());
        for cut in 0..json.len() {
            assert!(find_top_level(&json[..cut], ["id"]).is_none(), "cut at {cut}");
        }
        assert!(find_top_level(b"{} x", ["id"]).is_none());
        assert!(find_top_level(b"[1]", ["id"]).is_none());
    }
}
