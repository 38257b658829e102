//! Writes an event of the gateway's own as one line of JSON, its fields at the top level.
//!
//! The formatter of the logging library builds the same line through a general serializer, at several
//! times the instructions; a request's line is a tenth of what a request costs here.

use super::invocation::InvocationIds;
use std::error::Error;
use std::fmt::{self, Debug};
use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// Writes an event: timestamp, level, its own fields in their order, and where it comes from.
///
/// # Errors
/// The writer fails.
pub fn write_event(writer: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
    let metadata = event.metadata();
    writer.write_str("{\"timestamp\":\"")?;
    SystemTime.format_time(writer)?;
    write!(writer, "\",\"level\":\"{}\"", metadata.level().as_str())?;
    let mut fields = FieldWriter { writer, result: Ok(()) };
    event.record(&mut fields);
    fields.result?;
    write_ids(writer)?;
    writer.write_str(",\"target\":")?;
    write_string(writer, metadata.target())?;
    writer.write_str("}\n")
}

fn write_ids(writer: &mut Writer<'_>) -> fmt::Result {
    let Some(ids) = InvocationIds::current() else { return Ok(()) };
    let mut result = Ok(());
    ids.for_each(|name, id| {
        if result.is_ok() {
            result = write!(writer, ",\"{name}\":").and_then(|()| write_string(writer, id));
        }
    });
    result
}

/// Writes fields as they come, until one cannot be written.
struct FieldWriter<'a, 'w> {
    writer: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl FieldWriter<'_, '_> {
    fn write_field(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = write!(self.writer, ",\"{}\":", field.name());
        }
        if self.result.is_ok() {
            self.result = write(self.writer);
        }
    }
}

impl Visit for FieldWriter<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write_field(field, |writer| match value.is_finite() {
            true => write!(writer, "{value:?}"),
            false => writer.write_str("null"),
        });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write_field(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write_field(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write_field(field, |writer| write!(writer, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write_field(field, |writer| write_string(writer, value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write_field(field, |writer| write_string(writer, &value.to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write_field(field, |writer| write_string(writer, &format!("{value:?}")));
    }
}

/// Writes a text as a JSON string; most need no escapes.
pub(super) fn write_string(writer: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let needs_escapes = text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\');
    if needs_escapes {
        return writer.write_str(&serde_json::Value::from(text).to_string());
    }
    writer.write_char('"')?;
    writer.write_str(text)?;
    writer.write_char('"')
}
