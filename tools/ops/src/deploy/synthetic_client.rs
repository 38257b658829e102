//! The client that checks the gateway: a token in a secret of its own, its hash in the list, its key in a plan.
//!
//! Whatever of these is there already stays, except a token that is not in the list: somebody has revoked it, perhaps
//! because it leaked, so that another one takes its place. The token is never shown. Deployments that make the client
//! at the same time agree on one token and one key.

use crate::api_keys::{ApiKeys, NewKey};
use crate::aws::Session;
use crate::client_list::{edit_in, read_from};
use crate::output::{mask, say};
use crate::store::{Replaced, Store};
use crate::token::Token;
use anyhow::{Context, ensure};
use shared::edge::identity::SYNTHETIC_CLIENT;
use shared::secrets::clients::{Client, ClientList};
use shared::secrets::token::{hash_token_as_hex, is_token};

/// How often a token is listed because another deployment has made one meanwhile.
const ROUNDS: usize = 3;

/// Where its parts are, by the stack's outputs.
pub struct Places<'a> {
    pub secret: &'a str,
    pub clients: &'a str,
    pub plan: &'a str,
}

/// The client as it is now.
pub struct SyntheticClient {
    pub token: String,
    /// Whether the list has been changed, which environments that run already notice later.
    pub is_changed: bool,
}

/// The token that the secret holds.
struct HeldToken {
    version: String,
    token: String,
}

/// Makes what is missing of the client.
pub async fn ensure_client(
    session: &Session,
    places: &Places<'_>,
) -> anyhow::Result<SyntheticClient> {
    let secret = Store::with_session(session, places.secret);
    let clients = Store::with_session(session, places.clients);
    let keys = ApiKeys::new(session);
    let listed = read_from(&clients).await?;
    let listed = find(&listed).cloned().unwrap_or_default();
    let held = read_token(&secret).await?;
    let is_listed = held.as_ref().is_some_and(|held| has_token(&listed, &held.token));
    let has_key = match &listed.usage_plan_key {
        Some(key) => keys.is_in_plan(SYNTHETIC_CLIENT, key, places.plan).await?,
        None => false,
    };
    let token = match held {
        Some(held) if is_listed && has_key => {
            return Ok(SyntheticClient { token: held.token, is_changed: false });
        }
        Some(held) if is_listed => held.token,
        held => make_token(&secret, held).await?,
    };
    let old_key = listed.usage_plan_key.as_deref();
    let (key, made) = match old_key {
        Some(key) if has_key => (key.to_string(), None),
        _ => find_or_make_key(&keys, places.plan).await?,
    };
    let edited = list_client(&secret, &clients, token, &key, old_key).await;
    let is_used = edited.as_ref().is_ok_and(|(_, used)| *used == key);
    if let Some(made) = made.filter(|_| !is_used) {
        keys.take_back(&made).await?;
    }
    let (token, _) = edited.context("cannot put the synthetic client into the list")?;
    if let Some(old) = old_key.filter(|_| is_used && !has_key) {
        // Of a plan that is gone.
        keys.delete(SYNTHETIC_CLIENT, old).await?;
    }
    Ok(SyntheticClient { token, is_changed: true })
}

/// Reads the token alone; `None` where the secret has no value yet.
pub async fn read_token_of(secret: &Store) -> anyhow::Result<Option<String>> {
    Ok(read_token(secret).await?.map(|held| held.token))
}

/// Reads the token; `None` where the secret has no value yet.
async fn read_token(secret: &Store) -> anyhow::Result<Option<HeldToken>> {
    let version = secret.current().await.context("the synthetic client's token")?;
    let Some(version) = version else { return Ok(None) };
    let token = version.text.expose().trim().to_string();
    mask(&token);
    ensure!(
        is_token(&token),
        "the secret of the synthetic client holds no token of this gateway: is it another secret? \
         Put the one that is meant into ExistingSyntheticClientSecretArn, or its last token back as its value"
    );
    Ok(Some(HeldToken { version: version.id, token }))
}

/// Puts a new token in the place of the one that was read, and returns the one that is there then.
async fn make_token(secret: &Store, held: Option<HeldToken>) -> anyhow::Result<String> {
    if held.is_some() {
        say(
            "the synthetic client's token is not in the list of clients, as after its revocation: made another",
        );
    }
    let token = Token::random()?;
    let read = held.as_ref().map(|held| held.version.as_str());
    if secret.replace_current(read, token.expose()).await? == Replaced::Yes {
        return Ok(token.expose().to_string());
    }
    let held = read_token(secret).await?;
    held.map(|held| held.token).context("the synthetic client's token is gone: deploy again")
}

/// Returns the key that is in the plan already, or else a new one, told apart.
async fn find_or_make_key(
    keys: &ApiKeys<'_>,
    plan: &str,
) -> anyhow::Result<(String, Option<NewKey>)> {
    if let Some(key) = keys.find_in_plan(SYNTHETIC_CLIENT, plan).await? {
        return Ok((key, None));
    }
    let made = keys.create(SYNTHETIC_CLIENT, plan).await?;
    Ok((made.value.clone(), Some(made)))
}

/// Puts the client into the list; returns token and key that are there in the end.
async fn list_client(
    secret: &Store,
    clients: &Store,
    mut token: String,
    key: &str,
    old_key: Option<&str>,
) -> anyhow::Result<(String, String)> {
    for _ in 0..ROUNDS {
        let hash = hash_token_as_hex(&token);
        let used = edit_in(clients, |list| Ok(put_client(list, &hash, key, old_key))).await?;
        let held = read_token(secret).await?.map(|held| held.token);
        if held.as_ref() == Some(&token) {
            return Ok((token, used));
        }
        token = held.context("the synthetic client's token is gone: deploy again")?;
    }
    anyhow::bail!("other deployments make tokens for the synthetic client meanwhile: deploy again")
}

fn find(list: &ClientList) -> Option<&Client> {
    list.clients.iter().find(|client| client.name == SYNTHETIC_CLIENT)
}

fn has_token(client: &Client, token: &str) -> bool {
    let hash = hash_token_as_hex(token);
    client.token_sha256.iter().any(|listed| listed.eq_ignore_ascii_case(&hash))
}

/// Puts the one token and the key of the client into the list; returns the key that is there then: another than the
/// old one is that of a deployment that was faster, and stays.
fn put_client(list: &mut ClientList, hash: &str, key: &str, old_key: Option<&str>) -> String {
    let listed = find(list).and_then(|client| client.usage_plan_key.clone());
    let key = match listed {
        Some(listed) if Some(listed.as_str()) != old_key => listed,
        _ => key.to_string(),
    };
    let client = Client {
        name: SYNTHETIC_CLIENT.to_string(),
        token_sha256: vec![hash.to_string()],
        usage_plan_key: Some(key.clone()),
        ..Client::default()
    };
    match list.clients.iter_mut().find(|other| other.name == SYNTHETIC_CLIENT) {
        Some(known) => *known = client,
        None => list.clients.push(client),
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_a_faster_deployment_stays_in_the_list() {
        let mut list = ClientList::default();
        assert_eq!(put_client(&mut list, "a", "first", None), "first");
        assert_eq!(put_client(&mut list, "b", "second", None), "first", "it was not there before");
        assert_eq!(put_client(&mut list, "c", "second", Some("first")), "second");
        let client = find(&list).unwrap();
        assert_eq!((list.clients.len(), client.token_sha256[0].as_str()), (1, "c"));
        assert_eq!(client.usage_plan_key.as_deref(), Some("second"));
    }
}
