//! The words of a refusal, whatever form they come in.
//!
//! Cohere writes `{"id", "message"}`, with some an `error_type`. Its front, a proxy, or a release of
//! tomorrow may write something else, and one odd field must not cost the words: each is read by itself.
//! All of it is bounded, and a page of HTML has no words.

use crate::wire::scan::{value_end, walk_object};
use crate::wire::text::{decode_key, decode_text};

/// Longest message that is passed on.
const MAX_MESSAGE_BYTES: usize = 4_096;
/// Longest id or `error_type`.
const MAX_NAME_BYTES: usize = 128;
/// How deep words are looked for.
const MAX_DEPTH: usize = 4;
/// Fields that hold words, Cohere's own first.
const WORD_FIELDS: [&str; 6] = ["message", "error", "errors", "detail", "details", "reason"];
/// Values that say nothing.
const WORDLESS: [&[u8]; 5] = [b"null", b"true", b"false", b"{}", b"[]"];
/// Fields that may hold a status.
const STATUS_FIELDS: [&str; 3] = ["status", "status_code", "code"];

/// What a refusal says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refusal {
    pub id: Option<String>,
    pub message: Option<String>,
    pub error_type: Option<String>,
    /// A status from 400 on that stands in the text itself.
    pub status: Option<u16>,
    /// The words stand where Cohere writes them.
    pub has_coheres_form: bool,
    /// The words are a text in a field for them, and not some other JSON as it was written.
    pub is_error_object: bool,
}

impl Refusal {
    /// Reads a text of any form.
    pub fn read(body: &[u8]) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
        let mut refusal = match body.first() {
            Some(b'{') => Self::read_object(body, 0),
            Some(b'[' | b'"') => Self { message: read_words(body), ..Self::default() },
            _ => Self::default(),
        };
        // Broken JSON, and words in a field of another name, are told as they are written.
        if refusal.message.is_none() && holds_more_than_names(body) {
            refusal.message = read_plain_text(body);
        }
        refusal
    }

    /// Reads an object as far as it is whole; of a field that stands there twice the first with words.
    fn read_object(json: &[u8], depth: usize) -> Self {
        let mut refusal = Self::default();
        let mut words: [Option<Words>; WORD_FIELDS.len()] = Default::default();
        // What stands before a broken place is good.
        let _ = walk_object(json, 0, |key, start| {
            let end = value_end(json, start)?;
            let value = &json[start..end];
            let key = decode_key(key);
            if let Some(field) = find_name(&key, &WORD_FIELDS) {
                words[field] = words[field].take().or(refusal.read_word_field(value, depth));
            } else if find_name(&key, &STATUS_FIELDS).is_some() {
                refusal.status = refusal.status.or(read_status(value));
            } else if *key == *b"id" {
                refusal.id = read_id(value).or(refusal.id.take());
            } else if *key == *b"error_type" {
                refusal.error_type = read_name(value).or(refusal.error_type.take());
            }
            Some(end)
        });
        refusal.has_coheres_form = words[0].is_some();
        if let Some(Words { text, is_text }) = words.into_iter().flatten().next() {
            refusal.message = Some(text);
            refusal.is_error_object = is_text;
        }
        refusal
    }

    /// Reads a field that should hold words; where an object stands around them, what else it holds counts.
    fn read_word_field(&mut self, value: &[u8], depth: usize) -> Option<Words> {
        let is_text = value.starts_with(b"\"");
        if value.starts_with(b"{") && depth < MAX_DEPTH {
            let inner = Self::read_object(value, depth + 1);
            self.id = self.id.take().or(inner.id);
            self.error_type = self.error_type.take().or(inner.error_type);
            self.status = self.status.or(inner.status);
            if let Some(text) = inner.message {
                return Some(Words { text, is_text: inner.is_error_object });
            }
        }
        read_words(value).map(|text| Words { text, is_text })
    }
}

/// Tells whether a body may hold words: it is no whole object, or has fields besides those read here.
fn holds_more_than_names(body: &[u8]) -> bool {
    let mut has_more = false;
    let end = walk_object(body, 0, |key, start| {
        let key = decode_key(key);
        let is_name = *key == *b"id" || *key == *b"error_type";
        has_more |= !is_name
            && find_name(&key, &WORD_FIELDS).is_none()
            && find_name(&key, &STATUS_FIELDS).is_none();
        value_end(body, start)
    });
    has_more || end != Some(body.len())
}

struct Words {
    text: String,
    /// A text stood there, and no other JSON.
    is_text: bool,
}

/// Finds a key among names, in whatever case it is written.
fn find_name(key: &[u8], names: &[&str]) -> Option<usize> {
    names.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(key))
}

/// Returns the words of a value: a text decoded where it can be, all else as it is written.
fn read_words(value: &[u8]) -> Option<String> {
    if let Some(text) = decode_text(value) {
        return bound_text(&text);
    }
    if WORDLESS.contains(&value) { None } else { bound_text(&String::from_utf8_lossy(value)) }
}

/// Returns a body that is no JSON, where it is a text and no page of HTML or XML.
fn read_plain_text(body: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        // Cut inside a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&body[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_markup = text.starts_with('<') || has_closing_tag(text);
    let is_binary = text.chars().any(|c| c.is_control() && !c.is_whitespace());
    if is_markup || is_binary || WORDLESS.contains(&body) { None } else { bound_text(text) }
}

fn has_closing_tag(text: &str) -> bool {
    let mut tags = text.split("</").skip(1);
    tags.any(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()))
}

/// Cuts a text to the longest message; `None` where there is nothing to read.
fn bound_text(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let end = text.floor_char_boundary(MAX_MESSAGE_BYTES);
    let cut = if end < text.len() { "…" } else { "" };
    Some([&text[..end], cut].concat())
}

/// Reads an id, which may be a number; one that is cut would find nothing.
pub fn read_id(value: &[u8]) -> Option<String> {
    match value.first() {
        Some(b'0'..=b'9') if value.len() <= MAX_NAME_BYTES => {
            std::str::from_utf8(value).ok().map(str::to_string)
        }
        _ => read_name(value),
    }
}

/// Reads a short text.
fn read_name(value: &[u8]) -> Option<String> {
    decode_text(value).filter(|name| !name.trim().is_empty() && name.len() <= MAX_NAME_BYTES)
}

/// Reads a status of a failure, as a number or as a text.
fn read_status(value: &[u8]) -> Option<u16> {
    let digits = value.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    let status = std::str::from_utf8(digits.unwrap_or(value)).ok()?.parse().ok()?;
    if (400..600).contains(&status) { Some(status) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Option<String> {
        Refusal::read(body.as_bytes()).message
    }

    #[test]
    fn words_survive_whatever_is_odd_beside_them() {
        for body in [
            r#"{"id":"i","message":"too hot"}"#,
            r#"{"id":7,"message":"too hot"}"#,
            r#"{"data":null,"message":"too hot"}"#,
            r#"{"message":"too hot","error_type":{"a":1}}"#,
            r#"{"message":"too hot","message":"and again"}"#,
            r#"{"message":null,"message":"too hot"}"#,
            r#"{"message":{"detail":"too hot"}}"#,
            r#"{"message":{"message":{"error":"too hot"}}}"#,
            r#"{"error":{"code":400,"message":"too hot"}}"#,
            r#"{"message":"  ","detail":"too hot"}"#,
            r#"{"Message":"too hot"}"#,
            r#"{"message":"too hot","trace":"cut sho"#,
            "\u{feff}{\"message\":\"too hot\"}",
            r#""too hot""#,
            "too hot\n",
        ] {
            assert_eq!(message(body).as_deref(), Some("too hot"), "{body}");
        }
    }

    #[test]
    fn words_of_unknown_form_pass_as_written() {
        for (body, words) in [
            (r#"["too hot"]"#, r#"["too hot"]"#),
            (r#"{"message":["too hot",1]}"#, r#"["too hot",1]"#),
            (r#"{"message":{"text":"too hot"}}"#, r#"{"text":"too hot"}"#),
            (r#"{"message":"cut \ud83d"}"#, "cut \u{fffd}"),
        ] {
            assert_eq!(message(body).as_deref(), Some(words), "{body}");
        }
    }

    #[test]
    fn words_in_unknown_places_are_told_as_written() {
        for body in [
            "{model} is not known",
            r#""x" is not valid"#,
            "{'message': 'too hot'}",
            r#"{"id":"i",,"message":"too hot"}"#,
            r#"{"message":"too hot but c"#,
            r#"{"msg":"too hot"}"#,
            "value must be </= 5",
        ] {
            let refusal = Refusal::read(body.as_bytes());
            assert_eq!(refusal.message.as_deref(), Some(body));
            assert!(!refusal.is_error_object && !refusal.has_coheres_form, "{body}");
        }
        let odd = Refusal::read(br#"{"message":"bad \q too hot"}"#);
        assert_eq!(odd.message.as_deref(), Some(r#""bad \q too hot""#));
        let escaped = Refusal::read(br#"{"mess\u0061ge":"too hot","\u0069d":"i"}"#);
        assert_eq!(escaped.message.as_deref(), Some("too hot"));
        assert_eq!(escaped.id.as_deref(), Some("i"));
        assert!(escaped.has_coheres_form);
    }

    #[test]
    fn pages_and_empty_bodies_have_no_words() {
        for body in [
            "",
            "<html>bad gateway</html>",
            "<!doctype html><p>no",
            "Sorry <b>no</b>",
            "\u{1}\u{0}\u{7}",
            "{}",
            "null",
            r#"{"id":"i"}"#,
            r#"{"message":null}"#,
            r#"{"message":{}}"#,
        ] {
            assert_eq!(message(body), None, "{body}");
        }
        assert_eq!(Refusal::read(b"\xff\xfe{\0").message, None);
        assert_eq!(Refusal::read(b"no \xff text").message, None);
        let cut = Refusal::read("too hot, caf\u{e9}".as_bytes().split_last().unwrap().1);
        assert_eq!(cut.message.as_deref(), Some("too hot, caf"));
    }

    #[test]
    fn message_and_id_are_bounded() {
        let long = "é".repeat(5_000);
        let body = format!(r#"{{"id":"{long}","message":"{long}","error_type":"{long}"}}"#);
        let refusal = Refusal::read(body.as_bytes());
        assert_eq!((refusal.id, refusal.error_type), (None, None));
        let said = refusal.message.unwrap();
        assert!(said.len() <= MAX_MESSAGE_BYTES + 3 && said.ends_with("é…"));
        let deep = [r#"{"message":"#.repeat(2_000), "}".repeat(2_000)].concat();
        assert!(message(&deep).unwrap().len() <= MAX_MESSAGE_BYTES + 3);
    }

    #[test]
    fn id_type_and_status_are_read_by_themselves() {
        let body =
            br#"{"id":7,"error":{"status":"498","message":"no","error_type":"T"},"code":99}"#;
        let refusal = Refusal::read(body);
        assert_eq!(refusal.id.as_deref(), Some("7"));
        assert_eq!(refusal.error_type.as_deref(), Some("T"));
        assert_eq!((refusal.status, refusal.has_coheres_form), (Some(498), false));
        assert!(Refusal::read(br#"{"message":{"a":1}}"#).has_coheres_form);
        assert!(!Refusal::read(b"Forbidden").has_coheres_form);
    }

    #[test]
    fn id_is_told_whole_or_not_at_all() {
        let digits = "7".repeat(MAX_NAME_BYTES);
        assert_eq!(read_id(digits.as_bytes()), Some(digits.clone()));
        assert_eq!(read_id(format!("{digits}7").as_bytes()), None);
        let quoted = format!("\"{digits}\"");
        assert_eq!(read_id(quoted.as_bytes()), Some(digits.clone()));
        assert_eq!(read_id(format!("\"{digits}7\"").as_bytes()), None);
        assert_eq!(read_id(b"\" \""), None);
        assert_eq!(bound_text("too hot").as_deref(), Some("too hot"));
        assert!(bound_text(&"a".repeat(MAX_MESSAGE_BYTES + 1)).unwrap().ends_with("a…"));
    }

    #[test]
    fn words_are_looked_for_in_five_objects() {
        let nest = |objects: usize| {
            let body = [r#"{"message":"#.repeat(objects), "\"no\"".into(), "}".repeat(objects)];
            message(&body.concat())
        };
        assert_eq!(nest(5).as_deref(), Some("no"));
        assert_eq!(nest(6).as_deref(), Some(r#"{"message":"no"}"#));
    }

    #[test]
    fn whole_answer_is_no_error_object() {
        let is_error = |body: &str| Refusal::read(body.as_bytes()).is_error_object;
        assert!(is_error(r#"{"id":"i","message":"no"}"#));
        assert!(is_error(r#"{"error":{"message":"no"}}"#));
        for other in [
            r#"{"id":"i","message":{"role":"assistant","content":[]}}"#,
            r#"{"unexpected":true}"#,
            r#""no""#,
            "no",
        ] {
            assert!(!is_error(other), "{other}");
        }
    }
}
