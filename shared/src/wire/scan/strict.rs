//! Strict reading of JSON by its bytes: every rule of the grammar is checked, no number is parsed.
//!
//! An answer that breaks the grammar anywhere can be used by no caller, whatever its status says.

use super::vector::count_numbers;
use super::{skip_space, walk_array, walk_object};
use memchr::{memchr, memchr2};

/// Deepest nesting of an answer, which is read by recursion.
const MAX_DEPTH: usize = 128;

/// Places before the point from which on a number may be more than a double holds.
const MAX_PLACES: usize = 308;

/// Returns the position after the value that starts at `at`.
pub fn value_end(json: &[u8], at: usize) -> Option<usize> {
    nested_value_end(json, at, 0)
}

fn nested_value_end(json: &[u8], at: usize, depth: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' => string_end(json, at),
        b'[' | b'{' if depth == MAX_DEPTH => None,
        b'{' => walk_object(json, at, |_, at| nested_value_end(json, at, depth + 1)),
        b'[' => match vector_end(json, at) {
            Some((end, _)) => Some(end),
            None => walk_array(json, at, |at| nested_value_end(json, at, depth + 1)),
        },
        b't' => word_end(json, at, b"true"),
        b'f' => word_end(json, at, b"false"),
        b'n' => word_end(json, at, b"null"),
        _ => number_end(json, at).map(|(end, _)| end),
    }
}

/// Reads an array of numbers, one at least: the position after it, and how many there are.
///
/// `None` for every other array, and for numbers that are infinite to whoever reads them as doubles.
pub fn vector_end(json: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = skip_space(json, at + 1);
    if json.get(at) != Some(&b'[') || !matches!(json.get(first)?, b'-' | b'0'..=b'9') {
        return None;
    }
    let close = at + memchr(b']', &json[at..])?;
    if let Some(count) = count_numbers(&json[at + 1..close]) {
        return Some((close + 1, count));
    }
    // Exponents, spaces, or a whole part of several digits: one number after the other.
    let mut count = 0;
    let end = walk_array(json, at, |at| {
        count += 1;
        finite_number_end(json, at)
    })?;
    Some((end, count))
}

/// Returns the position after a number that a double can hold.
pub(super) fn finite_number_end(json: &[u8], at: usize) -> Option<usize> {
    let (end, places) = number_end(json, at)?;
    if places > MAX_PLACES { None } else { Some(end) }
}

/// Returns the position after a number, and how many places before the point it has with its exponent.
fn number_end(json: &[u8], at: usize) -> Option<(usize, usize)> {
    let whole = if *json.get(at)? == b'-' { at + 1 } else { at };
    let mut end = digits_end(json, whole)?;
    if json[whole] == b'0' && end > whole + 1 {
        return None;
    }
    let mut places = end - whole;
    if json.get(end) == Some(&b'.') {
        end = digits_end(json, end + 1)?;
    }
    if let Some(b'e' | b'E') = json.get(end) {
        let sign = *json.get(end + 1)?;
        let start = if matches!(sign, b'+' | b'-') { end + 2 } else { end + 1 };
        end = digits_end(json, start)?;
        if sign != b'-' {
            places = places.saturating_add(read_exponent(&json[start..end]));
        }
    }
    Some((end, places))
}

fn read_exponent(digits: &[u8]) -> usize {
    let mut exponent = 0usize;
    for digit in digits {
        exponent = exponent.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
    }
    exponent
}

/// Returns the position after the digits at `at`, of which there is one at least.
fn digits_end(json: &[u8], at: usize) -> Option<usize> {
    let digits = json.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { None } else { Some(at + digits) }
}

fn word_end(json: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    if json[at..].starts_with(word) { Some(at + word.len()) } else { None }
}

/// Returns the position after the string whose opening quote is at `at`.
pub fn string_end(json: &[u8], at: usize) -> Option<usize> {
    if json.get(at) != Some(&b'"') {
        return None;
    }
    let mut start = at + 1;
    loop {
        let stop = start + memchr2(b'"', b'\\', json.get(start..)?)?;
        if !is_text(&json[start..stop]) {
            return None;
        }
        if json[stop] == b'"' {
            return Some(stop + 1);
        }
        start = match json.get(stop + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => stop + 2,
            b'u' if json.get(stop + 2..stop + 6)?.iter().all(u8::is_ascii_hexdigit) => stop + 6,
            _ => return None,
        };
    }
}

/// Tells whether bytes are UTF-8 without control characters.
fn is_text(bytes: &[u8]) -> bool {
    // Without a way out of the loop it takes many bytes at a time.
    let has_control = bytes.iter().fold(false, |found, byte| found | (*byte < b' '));
    !has_control && std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests;
