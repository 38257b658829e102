//! What a secret store must be able to do.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// A text that must not be shown; printing it shows dots.
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Hands out the text; the caller must not let it reach a log, an error or an answer.
    pub fn expose(&self) -> &str {
        &self.0
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

pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<StoredSecret, SourceError>> + Send + 'a>>;

/// A store that holds one secret.
pub trait SecretSource: Send + Sync {
    /// Reads the current version.
    fn fetch(&self) -> Fetching<'_>;
}
