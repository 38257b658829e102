//! Settings of the two secrets: the Cohere key and the list of clients.

use super::reader::Reader;
use super::setting::{MAX_MS, Setting, number, required_text, settings};
use std::time::Duration;

settings! {
    /// Name or ARN of the secret with the Cohere key. Required but for the authorizer.
    GATEWAY_SECRET_ID = required_text();
    /// How long the Cohere key in memory is fresh.
    GATEWAY_SECRET_TTL_SECS = number(1, 86_400, "300");
    /// Name or ARN of the secret with the clients. Required by the authorizer.
    GATEWAY_CLIENTS_SECRET_ID = required_text();
    /// How long the authorizer's list of clients is fresh.
    GATEWAY_CLIENTS_TTL_SECS = number(1, 3_600, "60");
    /// Time to read a secret; the list of clients is tried twice within it.
    GATEWAY_SECRET_TIMEOUT_MS = number(1, MAX_MS, "2000");
    /// Shortest time between two reads of the secret that a refused key forces.
    GATEWAY_KEY_REFRESH_MS = number(0, MAX_MS, "30000");
}

/// Settings of one secret.
#[derive(Clone, Debug)]
pub struct SecretConfig {
    /// Of the key `GATEWAY_SECRET_ID`, of the clients `GATEWAY_CLIENTS_SECRET_ID`.
    pub id: String,
    /// `GATEWAY_SECRET_TIMEOUT_MS`
    pub timeout: Duration,
    /// Where its store is, unless where the region says: `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    pub store_url: Option<String>,
    /// How often it is tried within that time, at least once.
    pub tries: u32,
    /// Of the key `GATEWAY_SECRET_TTL_SECS`, of the clients `GATEWAY_CLIENTS_TTL_SECS`.
    pub ttl: Duration,
    /// Shortest time between two forced reads: `GATEWAY_KEY_REFRESH_MS`.
    pub forced_read: Duration,
}

impl SecretConfig {
    pub(super) fn read_of_key(reader: &mut Reader) -> Self {
        Self::read_from(reader, &GATEWAY_SECRET_ID, &GATEWAY_SECRET_TTL_SECS, 1)
    }

    pub(super) fn read_of_clients(reader: &mut Reader) -> Self {
        // A read that fails here fails a caller's request, so that one lost packet must not do it.
        Self::read_from(reader, &GATEWAY_CLIENTS_SECRET_ID, &GATEWAY_CLIENTS_TTL_SECS, 2)
    }

    /// Reads those of another secret, which is read anew whenever it is used.
    pub(super) fn read_of(reader: &mut Reader, id: &Setting) -> Self {
        Self::read_from(reader, id, &GATEWAY_SECRET_TTL_SECS, 1)
    }

    fn read_from(reader: &mut Reader, id: &Setting, ttl: &Setting, tries: u32) -> Self {
        Self {
            id: reader.read_text(id),
            timeout: reader.read_millis(&GATEWAY_SECRET_TIMEOUT_MS),
            store_url: reader.read_secrets_url(),
            tries,
            ttl: reader.read_secs(ttl),
            forced_read: reader.read_millis(&GATEWAY_KEY_REFRESH_MS),
        }
    }
}

/// Reads the name of the secret with the Cohere key alone.
pub(super) fn read_key_id(reader: &mut Reader) -> String {
    reader.read_text(&GATEWAY_SECRET_ID)
}
