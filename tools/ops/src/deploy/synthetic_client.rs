//! The client that checks the gateway: a token in a secret of its own, its hash in the list, its key in a plan.
//!
//! Whatever of these is there already stays. The token is never shown.

use crate::api_keys::ApiKeys;
use crate::aws::Session;
use crate::client_list::{edit_in, read_from};
use crate::output::mask;
use crate::store::Store;
use crate::token::Token;
use anyhow::{Context, ensure};
use shared::secrets::clients::{Client, ClientList};
use shared::secrets::secrets_manager::CURRENT;
use shared::secrets::token::{hash_token_as_hex, is_token};

/// Its name in the list and in logs.
pub const NAME: &str = "synthetic";

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

/// Makes what is missing of the client.
pub async fn ensure_client(
    session: &Session,
    places: &Places<'_>,
) -> anyhow::Result<SyntheticClient> {
    let token = ensure_token(&Store::with_session(session, places.secret)).await?;
    let hash = hash_token_as_hex(&token);
    let clients = Store::with_session(session, places.clients);
    let keys = ApiKeys::new(session);
    let listed = read_from(&clients).await?;
    let old_key = find(&listed).and_then(|client| client.usage_plan_key.clone());
    let has_key = match &old_key {
        Some(key) => keys.is_in_plan(NAME, key, places.plan).await?,
        None => false,
    };
    if has_key && find(&listed).is_some_and(|client| client.token_sha256.contains(&hash)) {
        return Ok(SyntheticClient { token, is_changed: false });
    }
    let made = match has_key {
        true => None,
        false => Some(keys.create(NAME, places.plan).await?),
    };
    let key = made.as_ref().map(|made| made.value.clone()).or_else(|| old_key.clone());
    let edited = edit_in(&clients, |list| {
        put_client(list, &hash, key.as_deref());
        Ok(())
    });
    if let Err(problem) = edited.await {
        if let Some(made) = made {
            keys.take_back(&made).await?;
        }
        return Err(problem.context("cannot put the synthetic client into the list"));
    }
    if let (Some(_), Some(old)) = (made, old_key) {
        // Of a plan that is gone.
        keys.delete(NAME, &old).await?;
    }
    Ok(SyntheticClient { token, is_changed: true })
}

/// Reads the token, or makes the first one.
async fn ensure_token(store: &Store) -> anyhow::Result<String> {
    if let Some(version) = store.current().await.context("the synthetic client's token")? {
        let token = version.text.expose().trim().to_string();
        mask(&token);
        ensure!(
            is_token(&token),
            "the secret of the synthetic client holds no token of this gateway: delete its value, or put one"
        );
        return Ok(token);
    }
    let token = Token::random()?;
    store.put(token.expose(), CURRENT).await?;
    Ok(token.expose().to_string())
}

fn find(list: &ClientList) -> Option<&Client> {
    list.clients.iter().find(|client| client.name == NAME)
}

/// Puts the one token and the key of the client into the list.
fn put_client(list: &mut ClientList, hash: &str, key: Option<&str>) {
    let client = Client {
        name: NAME.to_string(),
        token_sha256: vec![hash.to_string()],
        usage_plan_key: key.map(str::to_string),
        ..Client::default()
    };
    match list.clients.iter_mut().find(|other| other.name == NAME) {
        Some(known) => *known = client,
        None => list.clients.push(client),
    }
}
