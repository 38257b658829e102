//! What an answer is kept under: a hash of everything that changes it.
//!
//! Keys are SHA-256, so that no two requests are ever taken for one another, whatever a caller sends:
//! a wrong vector would be found only by the searches that it spoils.

use sha2::{Digest as _, Sha256};

/// The key of one kept piece: what was asked, and which piece of the answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    asked: Digest,
    piece: Digest,
}

/// A hash of something that is part of a key; hashed once, used in many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        fields.into_iter().for_each(|field| add(&mut hash, field));
        Self(hash.finalize().into())
    }

    /// Returns the key of a piece of what this digest asks for.
    pub fn piece(self, piece: Digest) -> Key {
        Key { asked: self, piece }
    }
}

/// What all pieces of a request have in common: the client, the model, and how it is asked.
#[derive(Clone, Debug)]
pub struct Base(Sha256);

impl Base {
    /// Starts with the fields that hold for the whole request, in a fixed order; absent is not empty.
    pub fn new<'a>(fields: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            match field {
                Some(bytes) => add(&mut hash, bytes),
                None => hash.update([0]),
            }
        }
        Self(hash)
    }

    /// Returns the digest of the request for one input, or for none.
    pub fn asking(&self, input: Option<&[u8]>) -> Digest {
        let mut hash = self.0.clone();
        input.into_iter().for_each(|input| add(&mut hash, input));
        Digest(hash.finalize().into())
    }
}

/// Adds a field with its length, so that no two lists of fields run together.
fn add(hash: &mut Sha256, field: &[u8]) {
    hash.update([1]);
    hash.update((field.len() as u64).to_le_bytes());
    hash.update(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_its_place_and_its_absence_make_another_key() {
        let (c, d) = (Digest::of([&b"c"[..]]), Digest::of([&b"d"[..]]));
        let keys = [
            Base::new([Some(&b"ab"[..]), None]).asking(Some(b"x")).piece(c),
            Base::new([None, Some(&b"ab"[..])]).asking(Some(b"x")).piece(c),
            Base::new([Some(&b"ab"[..]), Some(b"")]).asking(Some(b"x")).piece(c),
            Base::new([Some(&b"a"[..]), Some(b"b")]).asking(Some(b"x")).piece(c),
            Base::new([Some(&b"ab"[..]), None]).asking(Some(b"y")).piece(c),
            Base::new([Some(&b"ab"[..]), None]).asking(None).piece(c),
            Base::new([Some(&b"ab"[..]), None]).asking(Some(b"")).piece(c),
            Base::new([Some(&b"ab"[..]), None]).asking(Some(b"x")).piece(d),
            Base::new([Some(&b"ab"[..]), None]).asking(Some(b"x")).piece(Digest::of([&b"c"[..], b""])),
        ];
        for (position, key) in keys.iter().enumerate() {
            assert!(!keys[..position].contains(key), "{position}");
        }
        assert_eq!(keys[0], Base::new([Some(&b"ab"[..]), None]).asking(Some(b"x")).piece(c));
    }
}
