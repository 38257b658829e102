//! Images as requests carry them: data URIs, and what their first bytes say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::cohere_sandbox::api_error::ApiError;

pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    pub(super) facts: ImageFacts,
}

/// What an embed answer says about an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ImageFacts {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) format: &'static str,
    pub(super) bit_depth: u32,
}

impl Image {
    /// Reads `data:image/…;base64,…`. The messages of the errors are not the API's but our own.
    pub(super) fn from_data_uri(uri: &str) -> Result<Self, ApiError> {
        let encoded = uri.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
        let (_, encoded) = encoded.ok_or_else(|| {
            ApiError::invalid_request("image must be a data URI of a base64 encoded image")
        })?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| ApiError::invalid_request("image is not valid base64"))?;
        let facts = read_facts(&bytes).ok_or_else(|| {
            ApiError::invalid_request(
                "image format not supported, must be one of: png, jpeg, webp, gif",
            )
        })?;
        Ok(Self { bytes, facts })
    }
}

fn read_facts(bytes: &[u8]) -> Option<ImageFacts> {
    let (format, (width, height, bit_depth)) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        ("png", read_png(bytes)?)
    } else if bytes.starts_with(&[0xff, 0xd8]) {
        ("jpeg", read_jpeg(bytes)?)
    } else if bytes.starts_with(b"GIF8") {
        ("gif", (read_u16_le(bytes, 6)?, read_u16_le(bytes, 8)?, 8))
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12)? == b"WEBP" {
        ("webp", read_webp(bytes)?)
    } else {
        return None;
    };
    Some(ImageFacts { width, height, format, bit_depth })
}

/// Bits of a channel times the channels of the colour type.
fn read_png(bytes: &[u8]) -> Option<(u32, u32, u32)> {
    let channels = match bytes.get(25)? {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let bits = u32::from(*bytes.get(24)?);
    Some((read_u32_be(bytes, 16)?, read_u32_be(bytes, 20)?, bits * channels))
}

/// Walks the segments to the frame header.
fn read_jpeg(bytes: &[u8]) -> Option<(u32, u32, u32)> {
    let mut at = 2;
    while *bytes.get(at)? == 0xff {
        let marker = *bytes.get(at + 1)?;
        let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if is_frame {
            let (bits, channels) = (u32::from(*bytes.get(at + 4)?), u32::from(*bytes.get(at + 9)?));
            return Some((
                read_u16_be(bytes, at + 7)?,
                read_u16_be(bytes, at + 5)?,
                bits * channels,
            ));
        }
        at += 2 + read_u16_be(bytes, at + 2)? as usize;
    }
    None
}

fn read_webp(bytes: &[u8]) -> Option<(u32, u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8X" => {
            // Width and height less one, in 24 bits each.
            let width = read_u16_le(bytes, 24)? + (u32::from(*bytes.get(26)?) << 16) + 1;
            let height = read_u16_le(bytes, 27)? + (u32::from(*bytes.get(29)?) << 16) + 1;
            Some((width, height, 24))
        }
        b"VP8L" => {
            let bits = read_u16_le(bytes, 21)? | read_u16_le(bytes, 23)? << 16;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1, 32))
        }
        _ => Some((read_u16_le(bytes, 26)? & 0x3fff, read_u16_le(bytes, 28)? & 0x3fff, 24)),
    }
}

fn read_u16_le(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn read_u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn read_u16_be(bytes: &[u8], at: usize) -> Option<u32> {
    read_u16_le(bytes, at).map(|number| number >> 8 | (number & 0xff) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_sizes_are_in_first_bytes() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x06";
        assert_eq!(
            read_facts(png),
            Some(ImageFacts { width: 3, height: 2, format: "png", bit_depth: 32 })
        );
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x02\0\x03\x03";
        assert_eq!(
            read_facts(jpeg),
            Some(ImageFacts { width: 3, height: 2, format: "jpeg", bit_depth: 24 })
        );
        let gif = b"GIF89a\x03\0\x02\0";
        assert_eq!(
            read_facts(gif),
            Some(ImageFacts { width: 3, height: 2, format: "gif", bit_depth: 8 })
        );
    }

    #[test]
    fn other_data_is_no_image() {
        for uri in [
            "https://example.com/cat.png",
            "data:image/png;base64,###",
            "data:image/png;base64,aGVsbG8=",
        ] {
            assert!(Image::from_data_uri(uri).is_err(), "{uri}");
        }
    }
}
