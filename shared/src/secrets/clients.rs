//! The list of clients inside its secret:
//! `{"clients": [{"name", "token_sha256": [1 or 2], "models"?, "usage_plan_key"?, "not_after"?}]}`.
//!
//! Tokens are random 256-bit strings, so a plain SHA-256 suffices; the token itself is stored nowhere.
//! A list is taken whole or not at all: a misspelt field could be a restriction that then fails to
//! restrict. The limits keep an authorizer's answer within what API Gateway takes.

#[cfg(test)]
mod tests;

use crate::clock::parse_iso8601;
use crate::secrets::source::Secret;
use crate::secrets::token::{hash_token, parse_hash};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use subtle::ConstantTimeEq;

/// Most tokens of a client: the current one, and the one it replaces.
pub const MAX_TOKENS: usize = 2;
/// Most characters of a client's models, joined by commas: they travel as one text with each request.
const MAX_MODELS_CHARS: usize = 2_048;

/// The list as it is written, for whoever edits it.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct ClientList {
    pub clients: Vec<Client>,
    /// Whatever else stands beside the list is kept.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// One client of the gateway.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    pub name: String,
    /// Hexadecimal, the oldest first.
    pub token_sha256: Vec<String>,
    /// Models it may use; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Value of its own API key, by which API Gateway counts its requests; absent means the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_plan_key: Option<String>,
    /// When its tokens die.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Expiry>,
}

/// A time, as text such as `2027-01-31T00:00:00Z` or in seconds since 1970.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Expiry {
    Text(String),
    Seconds(u64),
}

impl Expiry {
    /// Returns the seconds since 1970; `None` where the text is no time.
    pub fn seconds(&self) -> Option<u64> {
        match self {
            Expiry::Text(text) => parse_iso8601(text).map(|time| time.as_secs()),
            Expiry::Seconds(seconds) => Some(*seconds),
        }
    }
}

impl Client {
    /// Tells whether its tokens are dead; so are those of an expiry that cannot be read.
    pub fn is_expired(&self, now_secs: u64) -> bool {
        let Some(end) = &self.not_after else { return false };
        match end.seconds() {
            Some(end) => now_secs >= end,
            None => true,
        }
    }

    /// Says what is wrong with one client, apart from the others.
    fn find_problem(&self) -> Option<&'static str> {
        // It appears in logs and in the context of each request.
        if !is_id(&self.name, "._-") {
            return Some("name must have 1 to 128 letters, digits, '.', '_' or '-'");
        }
        if !(1..=MAX_TOKENS).contains(&self.token_sha256.len()) {
            return Some("token_sha256 must hold 1 or 2 hashes");
        }
        if self.token_sha256.iter().any(|hex| parse_hash(hex).is_none()) {
            return Some("token_sha256 must hold 64 hexadecimal digits each");
        }
        if let Some(models) = &self.models {
            if models.is_empty() || !models.iter().all(|model| is_id(model, "._-:/")) {
                return Some(
                    "models must be ids of models, at least one; without the field all are allowed",
                );
            }
            if models.iter().map(|model| model.len() + 1).sum::<usize>() > MAX_MODELS_CHARS {
                return Some("models must have at most 2047 characters, joined by commas");
            }
        }
        // What API Gateway takes as the value of an API key.
        if let Some(key) = &self.usage_plan_key
            && (key.len() < 20 || !is_id(key, "._-"))
        {
            return Some("usage_plan_key must have 20 to 128 letters, digits, '.', '_' or '-'");
        }
        if let Some(end) = &self.not_after
            && end.seconds().is_none()
        {
            return Some(
                "not_after must be a time such as 2027-01-31T00:00:00Z, or seconds since 1970",
            );
        }
        None
    }
}

impl ClientList {
    /// Reads the secret's text.
    ///
    /// # Errors
    /// What is wrong, without quoting the secret.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let list: Self = serde_json::from_str(secret.expose()).map_err(|error| {
            let what = match error.is_data() {
                true => "a field is unknown, missing, doubled or of another kind",
                false => "it is no JSON",
            };
            format!(
                "it is no list of clients: {what}, at line {} column {}",
                error.line(),
                error.column()
            )
        })?;
        list.check()?;
        Ok(list)
    }

    /// Checks the whole list.
    ///
    /// # Errors
    /// The first problem, with the place of the client but none of its values.
    pub fn check(&self) -> Result<(), String> {
        let (mut names, mut hashes) = (HashMap::new(), HashMap::new());
        for (index, client) in self.clients.iter().enumerate() {
            if let Some(problem) = client.find_problem() {
                return Err(format!("clients[{index}]: {problem}"));
            }
            if let Some(first) = names.insert(&client.name, index) {
                return Err(format!("clients[{index}]: name is also that of clients[{first}]"));
            }
            for hex in &client.token_sha256 {
                if let Some(first) = hashes.insert(hex.to_ascii_lowercase(), index) {
                    return Err(format!(
                        "clients[{index}]: a hash stands in clients[{first}] already"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// All clients, to be found by their tokens.
#[derive(Debug)]
pub struct Clients(Vec<(Client, Vec<[u8; 32]>)>);

impl Clients {
    /// Reads the secret's text.
    ///
    /// # Errors
    /// What is wrong, without quoting the secret.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let clients = ClientList::parse(secret)?.clients.into_iter().map(|client| {
            let hashes = client.token_sha256.iter().filter_map(|hex| parse_hash(hex)).collect();
            (client, hashes)
        });
        Ok(Self(clients.collect()))
    }

    /// Finds the client of a token, expired or not; compares with all of them, in constant time.
    pub fn find(&self, token: &str) -> Option<&Client> {
        let hash = hash_token(token);
        let mut found = None;
        for (client, hashes) in &self.0 {
            for known in hashes {
                if bool::from(hash.ct_eq(known)) {
                    found = Some(client);
                }
            }
        }
        found
    }
}

/// Tells whether a text has 1 to 128 letters, digits and `marks`.
fn is_id(text: &str, marks: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}
