use crate::{Counts, EMBED, QUESTION, TEXTS, Target, expect_fox};
use anyhow::{Context, ensure};
use futures::StreamExt;
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatRequest, ChatStreamEvent};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};

const CHAT_V1: &str = "command-r-08-2024"; // v1's chat refuses newer models

pub async fn run(gateway: &Target, counts: &mut Counts) {
    counts.report("genai", "chat", chat(gateway).await);
    counts.report("genai", "stream", stream(gateway).await);
    counts.report("genai", "embed", embed(gateway).await);
}

fn target(Target { url, token }: &Target, model: &str) -> ServiceTarget {
    // genai is pointed with:
    let endpoint = Endpoint::from_owned(format!("{url}/v1/"));
    let auth = AuthData::from_single(token.as_str());
    ServiceTarget { endpoint, auth, model: ModelIden::new(AdapterKind::Cohere, model) }
}

fn ask() -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user(QUESTION)])
}

async fn chat(gateway: &Target) -> anyhow::Result<()> {
    let answer = Client::new()?.exec_chat(target(gateway, CHAT_V1), ask(), None).await?;
    expect_fox(answer.first_text().context("a text")?)
}

async fn stream(gateway: &Target) -> anyhow::Result<()> {
    let target = target(gateway, CHAT_V1);
    let mut answer = Client::new()?.exec_chat_stream(target, ask(), None).await?;
    let mut text = String::new();
    while let Some(event) = answer.stream.next().await {
        if let ChatStreamEvent::Chunk(chunk) = event? {
            text.push_str(&chunk.content);
        }
    }
    expect_fox(&text)
}

async fn embed(gateway: &Target) -> anyhow::Result<()> {
    let texts = TEXTS.map(str::to_owned).to_vec();
    let answer = Client::new()?.embed_batch(target(gateway, EMBED), texts, None).await?;
    ensure!(answer.embeddings.len() == 2, "{} embeddings", answer.embeddings.len());
    Ok(())
}
