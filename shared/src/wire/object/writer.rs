//! Writes a request's object again, with fields of the gateway's own.

use super::{Field, RequestObject};
use crate::wire::scan;
use bytes::Bytes;
use std::ops::Range;

/// Writes an object and remembers where its fields lie, so that it need not be read again.
pub(super) struct ObjectWriter {
    text: Vec<u8>,
    fields: Vec<Field>,
}

impl ObjectWriter {
    pub(super) fn new(bytes: usize, fields: usize) -> Self {
        let mut text = Vec::with_capacity(bytes);
        text.push(b'{');
        Self { text, fields: Vec::with_capacity(fields) }
    }

    fn write_field(&mut self, key: &[u8], value: &[u8]) -> (Range<usize>, Range<usize>) {
        if !self.fields.is_empty() {
            self.text.push(b',');
        }
        let key_start = self.text.len();
        self.text.extend_from_slice(key);
        self.text.push(b':');
        let value_start = self.text.len();
        self.text.extend_from_slice(value);
        (key_start..value_start - 1, value_start..self.text.len())
    }

    pub(super) fn copy_field(&mut self, body: &Bytes, field: &Field) {
        let (key, value) = self.write_field(&body[field.key.clone()], &body[field.value.clone()]);
        self.fields.push(Field { key, value, ..field.clone() });
    }

    /// Adds a field of the gateway's own, whose name needs no escapes.
    pub(super) fn add_field(&mut self, name: &str, value: &[u8]) {
        let quoted = [b"\"", name.as_bytes(), b"\""].concat();
        let (key, value_span) = self.write_field(&quoted, value);
        let elements = scan::find_elements(value);
        self.fields.push(Field { key, unescaped: None, value: value_span, elements });
    }

    pub(super) fn into_object(mut self) -> RequestObject {
        self.text.push(b'}');
        RequestObject { body: Bytes::from(self.text), fields: self.fields }
    }
}
