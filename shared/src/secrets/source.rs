//! What a secret store must be able to do.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use subtle::ConstantTimeEq;

/// A text that must not be shown: debugging it prints dots, and it implements no trait that would
/// display, serialise, copy or compare it.
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Hands out the text; the caller must not let it reach a log, an error or an answer.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in a time that tells nothing but whether the lengths differ.
    pub fn is_same_as(&self, other: &Secret) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A secret as its store holds it.
#[derive(Debug)]
pub struct StoredSecret {
    pub text: Secret,
    /// The store's name of this version; not secret.
    pub version: String,
}

/// Why a secret could not be read, without its value.
pub type SourceError = String;

pub type Fetching<'a> =
    Pin<Box<dyn Future<Output = Result<StoredSecret, SourceError>> + Send + 'a>>;

/// A store that holds one secret.
pub trait SecretSource: Send + Sync {
    /// Reads the current version.
    fn fetch(&self) -> Fetching<'_>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only while a type lacks a trait: with it, two implementations would fit.
    macro_rules! assert_lacks {
        ($type:ty: $($bound:path),+) => {$({
            trait Fits<Which> {
                fn fits() {}
            }
            struct WithTrait;
            impl<T: ?Sized> Fits<()> for T {}
            impl<T: ?Sized + $bound> Fits<WithTrait> for T {}
            <$type as Fits<_>>::fits();
        })+};
    }

    #[test]
    fn secret_cannot_be_displayed_serialised_copied_or_compared() {
        assert_lacks!(Secret: fmt::Display, serde::Serialize, Clone, PartialEq, PartialOrd, std::hash::Hash);
        assert_lacks!(Secret: std::ops::Deref, AsRef<str>, Into<String>);
        assert_lacks!(StoredSecret: fmt::Display, serde::Serialize, Clone, PartialEq);
    }

    #[test]
    fn secret_is_debugged_as_dots() {
        let stored = StoredSecret { text: Secret::new("fake-hidden"), version: "v".into() };
        assert_eq!(format!("{stored:?}"), r#"StoredSecret { text: Secret(…), version: "v" }"#);
    }

    #[test]
    fn secrets_are_compared_whole() {
        let secret = Secret::new("fake-one");
        assert!(secret.is_same_as(&Secret::new("fake-one")));
        for other in ["", "fake-on", "fake-onf", "fake-one ", "Fake-one"] {
            assert!(!secret.is_same_as(&Secret::new(other)), "{other}");
        }
    }
}
