//! Vectors whose nearness follows what texts share: hashed words, word pairs and letter triples.
//!
//! Every feature is added to three places of the vector, with signs; the sum gets unit length and a
//! weak background. The background is the same for all texts of one space, so that no vector is
//! mostly zeros (the one-bit types would mean nothing), and differs a little by input type, so
//! that a query and a document are near but never equal. Different seeds are different spaces.
//! Only three places, because 96 texts must take few milliseconds in a debug build.

use crate::cohere_sandbox::digest::mix_bits;
use crate::cohere_sandbox::text::{is_common, split_words};

const WORD: f32 = 1.0;
const COMMON_WORD: f32 = 0.15;
const PAIR: f32 = 0.4;
const TRIPLE: f32 = 0.3;
/// Length of the background beside the features' length of 1.
const BACKGROUND: f32 = 0.25;
/// Share of the background that depends on the input type.
const TINT: f32 = 0.4;

pub(super) struct VectorSpace {
    seed: u64,
    background: Vec<f32>,
}

impl VectorSpace {
    /// A space of vectors with a background tinted by `tint` (an input type).
    pub(super) fn new(name: &str, dimension: usize, tint: &str) -> Self {
        let seed = hash_bytes(name.as_bytes(), 0);
        let tint = hash_bytes(tint.as_bytes(), seed);
        let mut background = Vec::with_capacity(dimension);
        for index in 0..dimension {
            background.push(noise_at(seed, index) + TINT * noise_at(tint, index));
        }
        scale_to_length(&mut background, BACKGROUND);
        Self { seed, background }
    }

    /// A space without a background: texts that share nothing are at right angles.
    pub(super) fn without_background(name: &str, dimension: usize) -> Self {
        Self { seed: hash_bytes(name.as_bytes(), 0), background: vec![0.0; dimension] }
    }

    /// The vector of these parts, texts or the bytes of images, of unit length.
    pub(super) fn vector_of<'a>(&self, parts: impl IntoIterator<Item = Part<'a>>) -> Vec<f32> {
        let mut vector = vec![0.0; self.background.len()];
        for part in parts {
            match part {
                Part::Text(text) => self.add_text(&mut vector, text),
                Part::Image(bytes) => bytes.chunks(64).for_each(|chunk| {
                    self.add_feature(&mut vector, hash_bytes(chunk, self.seed), WORD)
                }),
            }
        }
        scale_to_length(&mut vector, 1.0);
        for (value, background) in vector.iter_mut().zip(&self.background) {
            *value += background;
        }
        scale_to_length(&mut vector, 1.0);
        vector
    }

    fn add_text(&self, vector: &mut [f32], text: &str) {
        let lower = text.to_lowercase();
        let mut previous = None;
        for word in split_words(&lower) {
            let feature = hash_bytes(word.as_bytes(), self.seed);
            self.add_feature(vector, feature, if is_common(word) { COMMON_WORD } else { WORD });
            if let Some(previous) = previous {
                self.add_feature(vector, mix_bits(previous ^ feature.rotate_left(17)), PAIR);
            }
            if !is_common(word) {
                for triple in word.as_bytes().windows(3) {
                    self.add_feature(vector, hash_bytes(triple, !self.seed), TRIPLE);
                }
            }
            previous = Some(feature);
        }
        if previous.is_none() {
            self.add_feature(vector, hash_bytes(text.as_bytes(), self.seed), WORD);
        }
    }

    /// Adds a feature on three places, each with a sign.
    fn add_feature(&self, vector: &mut [f32], feature: u64, weight: f32) {
        for shift in [0, 20, 40] {
            let bits = feature >> shift;
            let place = (bits & 0x7_ffff) as usize % vector.len();
            vector[place] += if bits & 0x8_0000 == 0 { weight } else { -weight };
        }
    }
}

/// What a vector is made from.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Image(&'a [u8]),
}

/// The cosine of two vectors of unit length.
pub(super) fn cosine_similarity(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

fn scale_to_length(vector: &mut [f32], length: f32) {
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm > 0.0 {
        let factor = length / norm;
        vector.iter_mut().for_each(|value| *value *= factor);
    }
}

fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    // The FNV-1a hash, then mixed, because its high bits are weak.
    let mut state = seed ^ 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix_bits(state)
}

/// A number from -1 to 1 that follows from seed and index.
fn noise_at(seed: u64, index: usize) -> f32 {
    let bits =
        mix_bits(seed.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 40;
    bits as f32 / (1 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearness(tints: [&str; 2], texts: [&str; 2]) -> f32 {
        let vector = |index: usize| {
            VectorSpace::new("embed", 1024, tints[index]).vector_of([Part::Text(texts[index])])
        };
        cosine_similarity(&vector(0), &vector(1))
    }

    #[test]
    fn shared_words_make_texts_near() {
        let near =
            nearness(["q", "q"], ["The capital of France is Paris", "Paris, the French capital"]);
        let far =
            nearness(["q", "q"], ["The capital of France is Paris", "Bread needs flour and yeast"]);
        assert!(near > 0.35 && far < 0.2, "near {near}, far {far}");
    }

    #[test]
    fn query_is_near_its_document() {
        let same = nearness(["search_query", "search_document"], ["hello world", "hello world"]);
        assert!(same > 0.97 && same < 0.9999, "{same}");
    }

    #[test]
    fn other_spaces_share_nothing() {
        let vector = |name| VectorSpace::new(name, 1024, "").vector_of([Part::Text("hello world")]);
        assert!(cosine_similarity(&vector("one"), &vector("two")).abs() < 0.2);
    }

    #[test]
    fn vectors_have_unit_length_and_few_zeros() {
        for text in ["hello", "...", "漢字", ""] {
            let vector = VectorSpace::new("embed", 256, "").vector_of([Part::Text(text)]);
            assert!((cosine_similarity(&vector, &vector) - 1.0).abs() < 1e-4, "{text}");
            assert!(vector.iter().filter(|value| **value == 0.0).count() < 10, "{text}");
        }
    }
}
