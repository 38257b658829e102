//! What Cohere offers: its list of models, and whether it answers the key as a trial key.
//!
//! Asked for by `ops`, which may not read the key. Of Cohere's words only ids and marks are passed on.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use serde::{Deserialize, Serialize};
use shared::cohere::client::Cohere;
use shared::cohere::ping::{is_trial_answer, ping_body};
use shared::endpoint::Endpoint;
use shared::transport::{Transport, TransportError};
use std::time::Duration;

/// Models of one answer, and most answers that are asked for.
const PAGE: usize = 1_000;
const MOST_PAGES: usize = 5;
/// Longest id that is passed on.
const MAX_ID_BYTES: usize = 128;

/// Asks Cohere. Scope: environment.
pub(crate) struct ModelList {
    transport: Transport,
    base_url: String,
    /// Chatted with for the headers of a trial key.
    light_model: String,
    /// Time of one call.
    limit: Duration,
}

/// A model that Cohere lists.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ListedModel {
    id: String,
    is_deprecated: bool,
}

/// What was found out, or why nothing was.
#[derive(Debug, Default, Serialize)]
pub struct Offered {
    pub(crate) models: Vec<ListedModel>,
    is_trial: bool,
    pub(crate) problem: Option<String>,
}

#[derive(Deserialize)]
struct ListPage {
    models: Vec<PageModel>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct PageModel {
    name: String,
    #[serde(default)]
    is_deprecated: bool,
}

struct CohereAnswer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl ModelList {
    pub(crate) fn new(
        transport: Transport,
        base_url: &str,
        light_model: &str,
        limit: Duration,
    ) -> Self {
        let base_url = base_url.trim_end_matches('/').to_string();
        Self { transport, base_url, light_model: light_model.to_string(), limit }
    }

    /// Lists the models, and chats one token.
    pub(crate) async fn ask(&self, cohere: &Cohere) -> Offered {
        match self.try_ask(cohere).await {
            Ok(offered) => offered,
            Err(problem) => Offered { problem: Some(problem), ..Offered::default() },
        }
    }

    async fn try_ask(&self, cohere: &Cohere) -> Result<Offered, String> {
        let key = cohere.read_key().await.map_err(|error| error.code.as_str().to_string())?;
        let authorization = &key.value.authorization;
        let (mut models, mut token) = (Vec::new(), String::new());
        for _ in 0..MOST_PAGES {
            let path = format!("/v1/models?page_size={PAGE}{token}");
            let answer = self.send(Method::GET, &path, Bytes::new(), authorization).await?;
            let page = read_page(&answer)?;
            models.extend(page.models.into_iter().filter_map(describe_model));
            match page.next_page_token.filter(|token| is_plain(token)) {
                Some(next) => token = format!("&page_token={next}"),
                None => break,
            }
        }
        let ping = ping_body(&self.light_model);
        let chat = self.send(Method::POST, Endpoint::Chat.path(), ping, authorization).await?;
        let is_trial = is_trial_answer(chat.status, &chat.headers, &chat.body);
        Ok(Offered { models, is_trial, problem: None })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        authorization: &HeaderValue,
    ) -> Result<CohereAnswer, String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, authorization.clone())
            .body(body)
            .map_err(|_| "the address cannot be called".to_string())?;
        let exchange = async {
            let mut answer = self.transport.send(request).await?;
            let (status, headers) = (answer.status, std::mem::take(&mut answer.headers));
            Ok(CohereAnswer { status, headers, body: answer.collect().await? })
        };
        match tokio::time::timeout(self.limit, exchange).await {
            Ok(answer) => answer.map_err(|error: TransportError| error.to_string()),
            Err(_) => Err(format!("no answer within {} ms", self.limit.as_millis())),
        }
    }
}

fn read_page(answer: &CohereAnswer) -> Result<ListPage, String> {
    if answer.status != 200 {
        return Err(format!("Cohere answers with status {}", answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(|_| "what came is no list of models".to_string())
}

/// Returns a model whose id is fit to be passed on.
fn describe_model(model: PageModel) -> Option<ListedModel> {
    let PageModel { name, is_deprecated } = model;
    is_plain(&name).then_some(ListedModel { id: name, is_deprecated })
}

fn is_plain(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/=".contains(&byte);
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(is_fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> CohereAnswer {
        CohereAnswer { status, headers: HeaderMap::new(), body: body.to_string().into() }
    }

    #[test]
    fn only_plain_ids_are_passed_on() {
        let body = r#"{"models":[{"name":"embed-v4.0"},{"name":"two words"},{"name":"old","is_deprecated":true}]}"#;
        let page = read_page(&answer(200, body)).ok().unwrap();
        let models: Vec<_> = page.models.into_iter().filter_map(describe_model).collect();
        let listed = |id: &str, is_deprecated| ListedModel { id: id.to_string(), is_deprecated };
        assert_eq!(models, [listed("embed-v4.0", false), listed("old", true)]);
    }

    #[test]
    fn other_answers_are_told_without_their_words() {
        assert_eq!(
            read_page(&answer(401, "MARK")).err().unwrap(),
            "Cohere answers with status 401"
        );
        assert_eq!(
            read_page(&answer(200, "MARK")).err().unwrap(),
            "what came is no list of models"
        );
    }
}
