//! The list of clients, as its secret holds it:
//! `{"clients": [{"name", "token_sha256": [1 or 2], "models"?, "usage_plan_key"?, "not_after"?}]}`.
//!
//! Tokens are random 256-bit strings, so a plain SHA-256 suffices; the token itself is stored nowhere.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use shared::secrets::source::Secret;
use subtle::ConstantTimeEq;

/// Most tokens of a client: the current one, and the one it replaces.
const MAX_TOKENS: usize = 2;

/// One client of the gateway.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    pub(crate) name: String,
    /// Lower-case hex.
    pub(crate) token_sha256: Vec<String>,
    /// Models it may use; absent means all.
    pub(crate) models: Option<Vec<String>>,
    /// API key of its own usage plan.
    pub(crate) usage_plan_key: Option<String>,
    /// Seconds since 1970 after which its tokens are dead.
    pub(crate) not_after: Option<u64>,
}

/// All clients, each with the bytes of its token hashes.
#[derive(Debug)]
pub(crate) struct Clients(Vec<(Client, Vec<[u8; 32]>)>);

#[derive(Deserialize)]
struct Document {
    clients: Vec<Client>,
}

impl Clients {
    /// Reads the secret's text.
    ///
    /// # Errors
    /// What is wrong, without quoting the secret.
    pub(crate) fn parse(secret: &Secret) -> Result<Self, String> {
        let document: Document = serde_json::from_str(secret.expose()).map_err(|error| {
            format!("it is no list of clients, at line {} column {}", error.line(), error.column())
        })?;
        let clients = document.clients.into_iter().enumerate().map(|(index, client)| {
            let problem = |what: &str| format!("clients[{index}]: {what}");
            if client.name.is_empty() || client.name.len() > 128 {
                return Err(problem("name must have 1 to 128 characters"));
            }
            if client.token_sha256.is_empty() || client.token_sha256.len() > MAX_TOKENS {
                return Err(problem("token_sha256 must hold 1 or 2 hashes"));
            }
            let hashes: Option<Vec<_>> = client.token_sha256.iter().map(|hex| bytes_of(hex)).collect();
            let hashes =
                hashes.ok_or_else(|| problem("token_sha256 must hold 64 hexadecimal digits each"))?;
            Ok((client, hashes))
        });
        clients.collect::<Result<_, _>>().map(Self)
    }

    /// Finds the client of a token; compares with all of them, in constant time.
    pub(crate) fn find(&self, token: &str, now_secs: u64) -> Option<&Client> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut found = None;
        for (client, hashes) in &self.0 {
            for known in hashes {
                if bool::from(hash.ct_eq(known)) {
                    found = Some(client);
                }
            }
        }
        found.filter(|client| client.not_after.is_none_or(|end| now_secs < end))
    }
}

fn bytes_of(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (position, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(position * 2..position * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(token: &str) -> String {
        Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn clients(text: &str) -> Result<Clients, String> {
        Clients::parse(&Secret::new(text))
    }

    #[test]
    fn both_tokens_of_a_client_work_and_no_other() {
        let text = serde_json::json!({ "clients": [
            { "name": "a", "token_sha256": [hash("cgw_fake_1"), hash("cgw_fake_2")] },
            { "name": "b", "token_sha256": [hash("cgw_fake_3")], "not_after": 100 },
        ]});
        let clients = clients(&text.to_string()).unwrap();
        let name = |token, now| clients.find(token, now).map(|client| client.name.as_str());
        assert_eq!(name("cgw_fake_1", 0), Some("a"));
        assert_eq!(name("cgw_fake_2", 0), Some("a"));
        assert_eq!((name("cgw_fake_3", 99), name("cgw_fake_3", 100)), (Some("b"), None));
        assert_eq!((name("cgw_fake_4", 0), name("", 0)), (None, None));
    }

    #[test]
    fn a_bad_list_is_refused_without_quoting_it() {
        let cases = [
            ("hidden", "it is no list of clients, at line 1 column 1"),
            (
                r#"{"clients":[{"name":"","token_sha256":["hidden"]}]}"#,
                "clients[0]: name must have 1 to 128 characters",
            ),
            (
                r#"{"clients":[{"name":"a","token_sha256":[]}]}"#,
                "clients[0]: token_sha256 must hold 1 or 2 hashes",
            ),
            (
                r#"{"clients":[{"name":"a","token_sha256":["hidden"]}]}"#,
                "clients[0]: token_sha256 must hold 64 hexadecimal digits each",
            ),
        ];
        for (text, problem) in cases {
            assert_eq!(clients(text).unwrap_err(), problem);
        }
        assert!(clients(r#"{"clients":[],"x":1}"#).is_ok());
    }
}
