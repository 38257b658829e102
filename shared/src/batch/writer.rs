//! The pieces of an answer that is put together from parts: large ones by reference, small ones gathered.

use bytes::{Bytes, BytesMut};

/// From this size on, a piece is passed on instead of copied.
const BY_REFERENCE: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct Writer {
    pieces: Vec<Bytes>,
    small: BytesMut,
}

impl Writer {
    pub(super) fn text(&mut self, text: &[u8]) {
        self.small.extend_from_slice(text);
    }

    pub(super) fn piece(&mut self, piece: &Bytes) {
        if piece.len() < BY_REFERENCE {
            return self.text(piece);
        }
        self.flush();
        self.pieces.push(piece.clone());
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(self.small.split().freeze());
        }
    }

    pub(super) fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.pieces
    }
}
