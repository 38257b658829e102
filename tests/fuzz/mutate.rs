//! Changes an input a little: as bytes, or as the JSON that it mostly is.

use crate::generate::ODD_VALUES;
use crate::json_pieces::find_pieces;
use fastrand::Rng;
use std::ops::Range;

/// Bytes with a meaning to one of the readers.
const TELLING: &[u8] = b"\"\\[]{}:,\n\r \t0-.eu\x00\x7f\x80\xff";

/// Changes the input in one way; `other` is an input of which pieces may be taken.
pub(crate) fn mutate(input: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    match rng.u8(..16) {
        0 => flip_bit(input, rng),
        1 => insert_byte(input, rng),
        2 => drop(input.splice(choose_span(input, rng, 4), [])),
        3 => input.truncate(rng.usize(..=input.len())),
        4 => splice_inputs(input, other, rng),
        5 => repeat_piece(input, rng),
        6 => insert_piece(input, other, rng),
        7 => duplicate_member(input, rng),
        8 => swap_values(input, rng),
        9 => nest_value(input, rng),
        10 => change_key(input, rng),
        11 => copy_value(input, other, rng),
        12 => repeat_element(input, rng),
        13 => escape_letter(input, rng),
        _ => replace_value(input, rng),
    }
}

fn flip_bit(input: &mut [u8], rng: &mut Rng) {
    if !input.is_empty() {
        let at = rng.usize(..input.len());
        input[at] ^= 1 << rng.u8(..8);
    }
}

fn insert_byte(input: &mut Vec<u8>, rng: &mut Rng) {
    let byte = if rng.bool() { TELLING[rng.usize(..TELLING.len())] } else { rng.u8(..) };
    input.insert(rng.usize(..=input.len()), byte);
}

/// Begins as one input and ends as another.
fn splice_inputs(input: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    input.truncate(rng.usize(..=input.len()));
    input.extend_from_slice(&other[rng.usize(..=other.len())..]);
}

fn repeat_piece(input: &mut Vec<u8>, rng: &mut Rng) {
    let span = choose_span(input, rng, 64);
    let piece = input[span.clone()].repeat(1 + rng.usize(..8));
    input.splice(span.end..span.end, piece);
}

fn insert_piece(input: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let piece = other[choose_span(other, rng, 64)].to_vec();
    let at = rng.usize(..=input.len());
    input.splice(at..at, piece);
}

fn duplicate_member(input: &mut Vec<u8>, rng: &mut Rng) {
    if let Some(member) = choose(&find_pieces(input).members, rng) {
        let copy = [&input[member.clone()], b","].concat();
        input.splice(member.start..member.start, copy);
    }
}

fn swap_values(input: &mut Vec<u8>, rng: &mut Rng) {
    let values = find_pieces(input).values;
    let (Some(one), Some(other)) = (choose(&values, rng), choose(&values, rng)) else { return };
    let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
    if first.end <= second.start {
        let (left, right) = (input[first.clone()].to_vec(), input[second.clone()].to_vec());
        input.splice(second, left);
        input.splice(first, right);
    }
}

/// Wraps a value into arrays or objects, a few or more than any parser takes.
fn nest_value(input: &mut Vec<u8>, rng: &mut Rng) {
    let Some(span) = choose(&find_pieces(input).values, rng) else { return };
    let depth = [1, 2, 100, 126, 127, 128, 129, 1_000][rng.usize(..8)];
    let (open, close) = if rng.bool() { ("[", "]") } else { (r#"{"n":"#, "}") };
    let value = input[span.clone()].to_vec();
    let nested = [open.repeat(depth).as_bytes(), &value, close.repeat(depth).as_bytes()].concat();
    input.splice(span, nested);
}

/// Writes a key in another case, or as another key of the input.
fn change_key(input: &mut Vec<u8>, rng: &mut Rng) {
    let keys = find_pieces(input).keys;
    let (Some(key), Some(other)) = (choose(&keys, rng), choose(&keys, rng)) else { return };
    let new = match rng.bool() {
        true => input[other].to_vec(),
        false => input[key.clone()].to_ascii_uppercase(),
    };
    input.splice(key, new);
}

fn copy_value(input: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let (here, there) = (find_pieces(input).values, find_pieces(other).values);
    if let (Some(to), Some(from)) = (choose(&here, rng), choose(&there, rng)) {
        input.splice(to, other[from].iter().copied());
    }
}

/// Repeats a value as the elements of an array are, one or many times.
fn repeat_element(input: &mut Vec<u8>, rng: &mut Rng) {
    let Some(span) = choose(&find_pieces(input).values, rng) else { return };
    let copies = [b",", &input[span.clone()]].concat().repeat(1 + rng.usize(..4));
    input.splice(span.end..span.end, copies);
}

/// Writes a letter as its escape, which means the same inside a string.
fn escape_letter(input: &mut Vec<u8>, rng: &mut Rng) {
    let letters: Vec<_> = (0..input.len()).filter(|at| input[*at].is_ascii_alphabetic()).collect();
    if let Some(at) = rng.choice(&letters) {
        let escape = format!("\\u{:04x}", input[*at]);
        input.splice(*at..*at + 1, escape.into_bytes());
    }
}

fn replace_value(input: &mut Vec<u8>, rng: &mut Rng) {
    if let Some(span) = choose(&find_pieces(input).values, rng) {
        let odd = ODD_VALUES[rng.usize(..ODD_VALUES.len())];
        input.splice(span, odd.bytes());
    }
}

fn choose(spans: &[Range<usize>], rng: &mut Rng) -> Option<Range<usize>> {
    rng.choice(spans).cloned()
}

fn choose_span(input: &[u8], rng: &mut Rng, longest: usize) -> Range<usize> {
    let start = rng.usize(..=input.len());
    start..(start + rng.usize(..=longest)).min(input.len())
}
