//! The six embedding types, all derived from the same vector of floats.
//!
//! `int8` spreads the vector over -127..=127 by its largest number, `uint8` is that plus 128;
//! `ubinary` packs the signs, eight to a byte, first one highest, and `binary` is that minus 128;
//! `base64` holds the floats themselves, little-endian.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmbeddingType {
    Float,
    Int8,
    Uint8,
    Binary,
    Ubinary,
    Base64,
}

impl EmbeddingType {
    pub(super) const ALL: [Self; 6] =
        [Self::Float, Self::Int8, Self::Uint8, Self::Binary, Self::Ubinary, Self::Base64];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Binary => "binary",
            Self::Ubinary => "ubinary",
            Self::Base64 => "base64",
        }
    }

    /// Appends one vector as JSON.
    pub(super) fn write_vector(self, vector: &[f32], out: &mut String) {
        match self {
            Self::Float => write_list(vector.iter().copied(), out, write_float),
            Self::Int8 => write_list(eight_bits(vector), out, write_whole),
            Self::Uint8 => {
                write_list(eight_bits(vector).map(|number| number + 128), out, write_whole)
            }
            Self::Binary => {
                write_list(sign_bytes(vector).map(|byte| i32::from(byte) - 128), out, write_whole)
            }
            Self::Ubinary => write_list(sign_bytes(vector).map(i32::from), out, write_whole),
            Self::Base64 => {
                let bytes: Vec<u8> =
                    vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                out.push('"');
                STANDARD.encode_string(bytes, out);
                out.push('"');
            }
        }
    }
}

fn write_list<T>(numbers: impl Iterator<Item = T>, out: &mut String, write: fn(T, &mut String)) {
    let mut separator = '[';
    for number in numbers {
        out.push(separator);
        write(number, out);
        separator = ',';
    }
    out.push(']');
}

/// The shortest text that reads back as the same float; an exponent only below a millionth.
pub(in crate::cohere_sandbox) fn write_float(number: f32, out: &mut String) {
    let tiny = number != 0.0 && number.abs() < 1e-6;
    let written = if tiny { write!(out, "{number:e}") } else { write!(out, "{number}") };
    written.expect("writing to a String succeeds");
}

fn write_whole(number: i32, out: &mut String) {
    write!(out, "{number}").expect("writing to a String succeeds");
}

fn eight_bits(vector: &[f32]) -> impl Iterator<Item = i32> {
    let largest =
        vector.iter().fold(f32::MIN_POSITIVE, |largest, number| largest.max(number.abs()));
    vector.iter().map(move |number| (number / largest * 127.0).round() as i32)
}

fn sign_bytes(vector: &[f32]) -> impl Iterator<Item = u8> {
    vector
        .chunks(8)
        .map(|eight| eight.iter().fold(0, |byte, number| byte << 1 | u8::from(*number > 0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: [f32; 8] = [0.5, -0.25, 0.000_052_154_064, -0.000_000_25, 1.0, -1.0, 0.0, 0.125];

    fn written_vector(kind: EmbeddingType) -> String {
        let mut out = String::new();
        kind.write_vector(&VECTOR, &mut out);
        out
    }

    #[test]
    fn floats_are_written_as_at_cohere() {
        assert_eq!(
            written_vector(EmbeddingType::Float),
            "[0.5,-0.25,0.000052154064,-2.5e-7,1,-1,0,0.125]"
        );
    }

    #[test]
    fn embedding_types_derive_from_floats() {
        assert_eq!(written_vector(EmbeddingType::Int8), "[64,-32,0,0,127,-127,0,16]");
        assert_eq!(written_vector(EmbeddingType::Uint8), "[192,96,128,128,255,1,128,144]");
        assert_eq!(written_vector(EmbeddingType::Ubinary), "[169]");
        assert_eq!(written_vector(EmbeddingType::Binary), "[41]");
        let encoded = written_vector(EmbeddingType::Base64);
        let bytes = STANDARD.decode(encoded.trim_matches('"')).unwrap();
        let floats: Vec<f32> =
            bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!(floats, VECTOR);
    }
}
