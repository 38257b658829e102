//! The pieces of an answer that is put together from parts: large ones by reference, small ones gathered.
//!
//! Each piece is a write to the caller, so that thousands of small ones would cost more than a copy.

use bytes::{Bytes, BytesMut};

/// Size from which a piece is passed on instead of copied, and at which what was gathered goes.
const LARGE: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct ChunkWriter {
    pieces: Vec<Bytes>,
    gathered: BytesMut,
}

impl ChunkWriter {
    pub(super) fn text(&mut self, text: &[u8]) {
        self.gathered.extend_from_slice(text);
    }

    pub(super) fn piece(&mut self, piece: &Bytes) {
        if piece.len() >= LARGE {
            self.flush();
            return self.pieces.push(piece.clone());
        }
        if self.gathered.len() + piece.len() > self.gathered.capacity() {
            // A full block goes as it is: growing it would copy it.
            self.flush();
            self.gathered.reserve(LARGE + piece.len());
        }
        self.text(piece);
    }

    fn flush(&mut self) {
        if !self.gathered.is_empty() {
            self.pieces.push(self.gathered.split().freeze());
        }
    }

    pub(super) fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.pieces
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
        writer.text(b"[");
        writer.piece(&large);
        for _ in 0..40 {
            writer.text(b",");
            writer.piece(&small);
        }
        let pieces = writer.finish();
        assert!(pieces.len() <= 2 + 40 / 3, "{}", pieces.len());
        assert_eq!(pieces[1].as_ptr(), large.as_ptr());
        let expected = [b"[".to_vec(), large.to_vec(), [b",", &small[..]].concat().repeat(40)].concat();
        assert_eq!(pieces.concat(), expected);
    }
}
