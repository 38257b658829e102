use crate::{Counts, QUERY, QUESTION, TEXTS, Target, expect_fox};
use anyhow::{Context, ensure};
use cohere_rust::Cohere;
use cohere_rust::api::chat::{ChatRequest, ChatStreamResponse};
use cohere_rust::api::rerank::{ReRankModel, ReRankRequest};
use cohere_rust::api::tokenize::TokenizeRequest;
use cohere_rust::api::{EmbedModel, GenerateModel, Truncate, embed::EmbedRequest};

const CLIENT: &str = "cohere-rust";

pub async fn run(gateway: &Target, sandbox: &Target, counts: &mut Counts) {
    counts.report(CLIENT, "stream", stream(&connect(gateway)).await);
    counts.report(CLIENT, "rerank", rerank(&connect(gateway)).await);
    counts.report(CLIENT, "tokens", tokenize(&connect(gateway)).await);
    let feature = "embed (own: it cannot name the `input_type` that every current model demands)";
    counts.report(CLIENT, feature, refuse_embed(&[gateway, sandbox]).await);
}

fn connect(Target { url, token }: &Target) -> Cohere {
    // cohere-rust is pointed with:
    Cohere::new(format!("{url}/v1"), token)
}

async fn stream(client: &Cohere) -> anyhow::Result<()> {
    let model = Some(GenerateModel::CommandR082024);
    let request = ChatRequest { message: QUESTION, model, ..Default::default() };
    let mut stream = client.chat(&request).await?;
    let mut text = String::new();
    while let Some(event) = stream.recv().await {
        if let ChatStreamResponse::ChatTextGeneration { text: part, .. } = event? {
            text.push_str(&part);
        }
    }
    expect_fox(&text)
}

async fn rerank(client: &Cohere) -> anyhow::Result<()> {
    let documents = &TEXTS.map(str::to_owned);
    let model = ReRankModel::EnglishV3;
    let request = ReRankRequest { query: QUERY, documents, model, ..Default::default() };
    let best = client.rerank(&request).await?.into_iter().next().context("a result")?;
    ensure!(best.index == 1, "the best is {}", best.index);
    Ok(())
}

async fn tokenize(client: &Cohere) -> anyhow::Result<()> {
    let request = TokenizeRequest { text: QUESTION, model: Some(GenerateModel::CommandR082024) };
    let answer = client.tokenize(&request).await?;
    ensure!(answer.tokens.len() > 3, "{} tokens", answer.tokens.len());
    Ok(())
}

async fn refuse_embed(targets: &[&Target]) -> anyhow::Result<()> {
    let texts = &TEXTS.map(str::to_owned);
    let request =
        EmbedRequest { model: Some(EmbedModel::EnglishV3), texts, truncate: Truncate::End };
    for target in targets {
        let refusal = connect(target).embed(&request).await.err().context("a refusal")?;
        ensure!(refusal.to_string().contains("input_type"), "{refusal}");
    }
    Ok(())
}
