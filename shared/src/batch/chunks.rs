//! The chunks of an answer that is put together: large pieces by reference, small ones gathered.
//!
//! Each chunk is a write to the caller, so that thousands of small ones would cost more than a copy.

use bytes::{Bytes, BytesMut};

/// Size from which a piece is passed on instead of copied, and at which what was gathered goes.
const LARGE: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct ChunkWriter {
    chunks: Vec<Bytes>,
    gathered: BytesMut,
}

impl ChunkWriter {
    pub(super) fn write_text(&mut self, text: &[u8]) {
        self.gathered.extend_from_slice(text);
    }

    pub(super) fn write_piece(&mut self, piece: &Bytes) {
        if piece.len() >= LARGE {
            self.flush_gathered();
            return self.chunks.push(piece.clone());
        }
        if self.gathered.len() + piece.len() > self.gathered.capacity() {
            // A full block goes as it is: growing it would copy it.
            self.flush_gathered();
            self.gathered.reserve(LARGE + piece.len());
        }
        self.write_text(piece);
    }

    /// Writes a JSON array of elements.
    pub(super) fn write_list(&mut self, elements: &[Bytes]) {
        self.write_text(b"[");
        for (position, element) in elements.iter().enumerate() {
            self.write_separator(position);
            self.write_text(element);
        }
        self.write_text(b"]");
    }

    /// Writes the comma before every element but the first.
    pub(super) fn write_separator(&mut self, position: usize) {
        if position > 0 {
            self.write_text(b",");
        }
    }

    fn flush_gathered(&mut self) {
        if !self.gathered.is_empty() {
            self.chunks.push(self.gathered.split().freeze());
        }
    }

    pub(super) fn into_chunks(mut self) -> Vec<Bytes> {
        self.flush_gathered();
        self.chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_gathered_and_large_ones_are_not_copied() {
        let large = Bytes::from(vec![b'l'; LARGE]);
        let small = Bytes::from(vec![b's'; LARGE / 4]);
        let mut writer = ChunkWriter::default();
        writer.write_text(b"[");
        writer.write_piece(&large);
        for _ in 0..40 {
            writer.write_text(b",");
            writer.write_piece(&small);
        }
        let pieces = writer.into_chunks();
        assert!(pieces.len() <= 2 + 40 / 3, "{}", pieces.len());
        assert_eq!(pieces[1].as_ptr(), large.as_ptr());
        let expected =
            [b"[".to_vec(), large.to_vec(), [b",", &small[..]].concat().repeat(40)].concat();
        assert_eq!(pieces.concat(), expected);
    }
}
