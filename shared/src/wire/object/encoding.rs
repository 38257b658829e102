//! The encoding of a body: JSON is UTF-8 without a byte order mark, and what is not is told by its name.

use crate::error::{GatewayError, Result};

/// How bodies begin that are no UTF-8 text; the longer ones before those that they begin with.
const BEGINNINGS: [(&[u8], &str); 11] = [
    (b"\xef\xbb\xbf", "begins with a byte order mark, which JSON must not have"),
    (b"\xff\xfe\0\0", "is UTF-32, only UTF-8 is taken"),
    (b"\0\0\xfe\xff", "is UTF-32, only UTF-8 is taken"),
    (b"\xff\xfe", "is UTF-16, only UTF-8 is taken"),
    (b"\xfe\xff", "is UTF-16, only UTF-8 is taken"),
    (b"\x1f\x8b", "is compressed (gzip), only plain JSON is taken"),
    (b"\x28\xb5\x2f\xfd", "is compressed (zstd), only plain JSON is taken"),
    (b"\x78\x01", "is compressed (zlib), only plain JSON is taken"),
    (b"\x78\x5e", "is compressed (zlib), only plain JSON is taken"),
    (b"\x78\x9c", "is compressed (zlib), only plain JSON is taken"),
    (b"\x78\xda", "is compressed (zlib), only plain JSON is taken"),
];

/// Bytes in which a text of JSON in UTF-16 or UTF-32 shows a zero.
const FIRST_UNITS: usize = 4;

/// Reads a body as the text it must be.
///
/// # Errors
/// `invalid_request` that says what the body is instead.
pub(super) fn read_utf8(body: &[u8]) -> Result<&str> {
    for (beginning, problem) in BEGINNINGS {
        if body.starts_with(beginning) {
            return Err(GatewayError::invalid("body", problem));
        }
    }
    // JSON begins with ASCII, which these encodings fill up with zeros.
    if body[..body.len().min(FIRST_UNITS)].contains(&0) {
        let problem = "is UTF-16 or UTF-32, only UTF-8 is taken";
        return Err(GatewayError::invalid("body", problem));
    }
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        let problem = format!("is not UTF-8, at byte {at}: another charset, such as Latin-1?");
        GatewayError::invalid("body", problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &[u8]) -> String {
        read_utf8(body).unwrap_err().message.replace("invalid request: body: ", "")
    }

    #[test]
    fn other_encodings_are_told_by_name() {
        let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "{\"a\":\"é\"}".encode_utf16().flat_map(order).collect()
        };
        let said = "is UTF-16 or UTF-32, only UTF-8 is taken";
        assert_eq!(problem(&utf16(u16::to_le_bytes)), said);
        assert_eq!(problem(&utf16(u16::to_be_bytes)), said);
        assert_eq!(problem(b"{\0\0\0"), said);
        assert_eq!(problem(b"\xff\xfe{\0}\0"), "is UTF-16, only UTF-8 is taken");
        assert_eq!(problem(b"\xfe\xff\0{\0}"), "is UTF-16, only UTF-8 is taken");
        assert_eq!(problem(b"\xff\xfe\0\0{\0\0\0"), "is UTF-32, only UTF-8 is taken");
        assert_eq!(
            problem("\u{feff}{}".as_bytes()),
            "begins with a byte order mark, which JSON must not have"
        );
        assert_eq!(
            problem(b"{\"a\":\"caf\xe9\"}"),
            "is not UTF-8, at byte 9: another charset, such as Latin-1?"
        );
    }

    #[test]
    fn compressed_body_is_told_by_its_beginning() {
        assert_eq!(problem(b"\x1f\x8b\x08\0"), "is compressed (gzip), only plain JSON is taken");
        assert_eq!(
            problem(b"\x28\xb5\x2f\xfd\0"),
            "is compressed (zstd), only plain JSON is taken"
        );
        assert_eq!(problem(b"\x78\x9c\xab"), "is compressed (zlib), only plain JSON is taken");
    }

    #[test]
    fn json_of_any_length_is_read() {
        for text in ["", "{", "{}", "{\"x\":\"\u{feff}\u{fffd}\"}"] {
            assert_eq!(read_utf8(text.as_bytes()), Ok(text));
        }
    }
}
