//! Cohere sandbox.
