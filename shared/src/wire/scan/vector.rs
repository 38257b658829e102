//! The numbers of an embedding, checked many bytes at a time.
//!
//! Each byte is judged by the two before it, so that the compiler can judge sixteen at once; a loop over
//! the numbers takes six times as long. That is enough of the grammar where a number with a point has one
//! digit before it and none has an exponent, as nearly everywhere in an embedding; where it is not, the
//! numbers of one block are read one after the other.

use super::strict::finite_number_end;
use memchr::memrchr;

/// Bytes that are judged together; their commas are counted in one byte.
const BLOCK: usize = 240;

/// Counts the numbers between two brackets, with nothing but commas between them.
///
/// `None` where there are none, or anything else.
pub(super) fn count_numbers(row: &[u8]) -> Option<usize> {
    let first_end = finite_number_end(row, 0)?;
    if first_end == row.len() {
        return Some(1);
    }
    if row[first_end] != b',' || !row[row.len() - 1].is_ascii_digit() {
        return None;
    }
    let mut commas = 1;
    // After a digit and a comma: there are two bytes to look back at.
    let mut at = first_end + 1;
    while at < row.len() {
        let end = row.len().min(at + BLOCK);
        if let Some(more) =
            count_commas(&row[at - 2..end - 2], &row[at - 1..end - 1], &row[at..end])
        {
            commas += more;
            at = end;
            continue;
        }
        at = 1 + memrchr(b',', &row[..at])?;
        while at < end {
            at = finite_number_end(row, at)?;
            match row.get(at) {
                None => {}
                Some(b',') => commas += 1,
                Some(_) => return None,
            }
            at += 1;
        }
    }
    Some(commas + 1)
}

/// Counts the commas of a block; `None` where a byte may not stand where it does.
///
/// The slices are equally long: the bytes, each one's neighbour to the left, and that one's.
fn count_commas(second_left: &[u8], left: &[u8], bytes: &[u8]) -> Option<usize> {
    let (mut commas, mut is_wrong) = (0u8, false);
    for ((&second, &left), &byte) in second_left.iter().zip(left).zip(bytes) {
        let is_digit = byte.wrapping_sub(b'0') < 10;
        let is_after_digit = left.wrapping_sub(b'0') < 10;
        // A comma or a minus: where the left byte is a digit, it is a number's first.
        let is_left_first = second & 0xfe == b',';
        let is_comma = (byte == b',') & is_after_digit;
        let is_minus = (byte == b'-') & (left == b',');
        let is_point = (byte == b'.') & is_after_digit & is_left_first;
        let has_leading_zero = is_digit & (left == b'0') & is_left_first;
        is_wrong |= !(is_digit | is_comma | is_minus | is_point) | has_leading_zero;
        commas += u8::from(is_comma);
    }
    if is_wrong { None } else { Some(usize::from(commas)) }
}
