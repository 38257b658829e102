//! Identifiers that follow from the request alone, so that equal requests get equal answers.
//!
//! Not cryptographic: two multiply-and-rotate lanes over eight bytes at a time, quick enough for
//! bodies of many megabytes in a debug build.

use crate::cohere_sandbox::received::ReceivedRequest;

const LANES: [(u64, u64); 2] = [
    (0x9e37_79b9_7f4a_7c15, 0xff51_afd7_ed55_8ccd),
    (0xc2b2_ae3d_27d4_eb4f, 0x8764_4d2d_67cd_9d35),
];

/// The digest of a request's method, path and body.
pub(super) fn digest_request(request: &ReceivedRequest) -> u128 {
    digest_bytes(request.body.as_ref())
        ^ digest_bytes(request.method.as_bytes())
        ^ digest_bytes(request.path.as_bytes()).rotate_left(7)
}

/// The digest of these bytes.
pub(super) fn digest_bytes(bytes: &[u8]) -> u128 {
    let mut state = LANES.map(|(seed, _)| seed ^ bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for word in words.by_ref() {
        mix_word(&mut state, u64::from_le_bytes(word.try_into().expect("eight bytes")));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    mix_word(&mut state, u64::from_le_bytes(last));
    let [high, low] = state.map(mix_bits);
    u128::from(high) << 64 | u128::from(low)
}

/// Spreads a number's bits over 64.
pub(super) fn mix_bits(mut state: u64) -> u64 {
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^= state >> 33;
    state = state.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ state >> 33
}

fn mix_word(state: &mut [u64; 2], word: u64) {
    for (lane, (seed, factor)) in state.iter_mut().zip(LANES) {
        *lane = (*lane ^ word ^ seed).wrapping_mul(factor).rotate_left(29);
    }
}

/// A digest in the form of a random (version 4) UUID.
pub(super) fn to_uuid(digest: u128) -> String {
    uuid::Builder::from_random_bytes(digest.to_be_bytes()).into_uuid().to_string()
}

/// A digest as 32 hexadecimal digits.
pub(super) fn to_hex(digest: u128) -> String {
    format!("{digest:032x}")
}

/// `length` characters of `[a-z0-9]`.
pub(super) fn to_letters(digest: u128, length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut remaining = digest;
    let mut letters = String::new();
    for _ in 0..length {
        letters.push(char::from(ALPHABET[(remaining % 36) as usize]));
        remaining /= 36;
    }
    letters
}
