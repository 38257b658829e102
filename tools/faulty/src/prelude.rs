//! The head in front of a streamed answer: JSON, and eight NUL bytes behind it.

use crate::Fault;
use bytes::{Bytes, BytesMut};
use serde_json::Value;

const SEPARATOR: [u8; 8] = [0; 8];

/// Changes an answer piece by piece: its head once that is whole, and where its body ends.
pub(crate) struct AnswerSpoiler {
    fault: Fault,
    head: Option<BytesMut>,
    /// Bytes of the body that may still pass.
    left: usize,
}

impl AnswerSpoiler {
    /// Begins an answer; one that is not streamed has no head.
    pub(crate) fn new(fault: Fault, is_streamed: bool) -> Self {
        let left = fault.kept_body_bytes.unwrap_or(usize::MAX);
        Self { fault, head: is_streamed.then(BytesMut::new), left }
    }

    /// Returns what passes of a piece; nothing, while the head is not whole.
    pub(crate) fn take_piece(&mut self, piece: Bytes) -> Bytes {
        let Some(head) = &mut self.head else { return self.cut(piece) };
        head.extend_from_slice(&piece);
        let Some(end) = head.windows(SEPARATOR.len()).position(|bytes| bytes == SEPARATOR) else {
            return Bytes::new();
        };
        let body = head.split_off(end + SEPARATOR.len()).freeze();
        let mut changed: Value = serde_json::from_slice(&head[..end]).unwrap_or_default();
        self.fault.spoil_head(&mut changed);
        self.head = None;
        let mut out = BytesMut::from(changed.to_string().as_bytes());
        out.extend_from_slice(&SEPARATOR);
        out.extend_from_slice(&self.cut(body));
        out.freeze()
    }

    /// Tells whether nothing more will pass.
    pub(crate) fn has_ended(&self) -> bool {
        self.head.is_none() && self.left == 0
    }

    fn cut(&mut self, mut piece: Bytes) -> Bytes {
        piece.truncate(self.left);
        self.left -= piece.len();
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoil(fault: &Fault, pieces: &[&[u8]]) -> (String, bool) {
        let mut spoiler = AnswerSpoiler::new(fault.clone(), true);
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&spoiler.take_piece(Bytes::copy_from_slice(piece)));
        }
        (String::from_utf8(out).unwrap(), spoiler.has_ended())
    }

    #[test]
    fn head_in_pieces_is_changed_once_it_is_whole() {
        let fault = Fault { status: Some(500), ..Fault::default() };
        let pieces: [&[u8]; 3] = [b"{\"statusCode\":200}\0\0\0", b"\0\0\0\0\0bo", b"dy"];
        assert_eq!(spoil(&fault, &pieces).0, "{\"statusCode\":500}\0\0\0\0\0\0\0\0body");
        let fault = Fault { kept_body_bytes: Some(3), ..Fault::default() };
        let (cut, has_ended) = spoil(&fault, &pieces);
        assert_eq!(cut, "{\"statusCode\":200}\0\0\0\0\0\0\0\0bod");
        assert!(has_ended);
    }
}
