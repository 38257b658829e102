use crate::{CHAT, Counts, EMBED, QUESTION, TEXTS, Target, expect_fox};
use anyhow::ensure;
use futures::StreamExt;
use rig_core::completion::CompletionRequest;
use rig_core::providers::cohere::{ChatRoute, Cohere, CohereConfig};

pub async fn run(gateway: &Target, counts: &mut Counts) {
    for (route, suffix) in [(ChatRoute::Compatibility, ""), (ChatRoute::Native, "_native")] {
        let chat = chat(&connect(gateway), route).await;
        counts.report("rig-core", &format!("chat{suffix}"), chat);
        let stream = stream(&connect(gateway), route).await;
        counts.report("rig-core", &format!("stream{suffix}"), stream);
    }
    counts.report("rig-core", "embed", embed(&connect(gateway)).await);
}

fn connect(Target { url, token }: &Target) -> Cohere {
    // rig-core is pointed with:
    CohereConfig::new(token.as_str()).with_base_url(url).client()
}

async fn chat(client: &Cohere, route: ChatRoute) -> anyhow::Result<()> {
    let mut model = client.completion(CHAT);
    model.wire = model.wire.with_route(route);
    expect_fox(&model.call(CompletionRequest::new(QUESTION)).await?.text())
}

async fn stream(client: &Cohere, route: ChatRoute) -> anyhow::Result<()> {
    let mut model = client.completion(CHAT);
    model.wire = model.wire.with_route(route);
    let mut stream = model.stream(CompletionRequest::new(QUESTION))?;
    let mut events = 0;
    while let Some(event) = stream.next().await {
        event?;
        events += 1;
    }
    ensure!(events > 2, "{events} events");
    Ok(())
}

async fn embed(client: &Cohere) -> anyhow::Result<()> {
    let texts = TEXTS.map(str::to_owned).to_vec();
    let answer = client.embedding(EMBED, None).call(texts).await?;
    ensure!(answer.embeddings.len() == 2, "{} embeddings", answer.embeddings.len());
    Ok(())
}
