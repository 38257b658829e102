//! An outage of one model, from its first failure to its recovery, as a caller and the log see it.
//!
//! Everything is real but Cohere: the sandbox fails every call of one model, requests go on, the fallback
//! answers, the breaker opens, and once Cohere is well again the breaker lets one request through and closes.

use crate::build::Build;
use crate::cohere_sandbox::CohereSandbox;
use crate::console::EndedRequest;
use crate::{Options, Output, Stack, start_stack};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const MODEL: &str = "command-a-03-2025";
/// Instead of a minute, so that nobody waits for one.
const OPEN_MS: &str = "4000";
const PAUSE: Duration = Duration::from_millis(250);
/// For the recovery, which the open breaker delays most.
const RECOVERY_LIMIT: Duration = Duration::from_secs(20);
const LINE_LIMIT: Duration = Duration::from_secs(5);

/// Goes through an outage and passes each line on as it happens.
pub async fn show_outage(build: Build, print: impl Fn(&str)) -> anyhow::Result<()> {
    let mut outage = Outage::start(build, print).await?;
    outage.send_request().await?;
    outage.note(&format!("Cohere answers every call of {MODEL} with 503 from here on"));
    let fault = format!("status=503 model={MODEL}").parse().map_err(anyhow::Error::msg)?;
    outage.sandbox()?.set_weather(fault, 1.0);
    for _ in 0..3 {
        outage.send_request().await?;
    }
    outage.note("Cohere is well again");
    outage.sandbox()?.clear_weather();
    let begun = Instant::now();
    while outage.send_request().await? != MODEL {
        ensure!(begun.elapsed() < RECOVERY_LIMIT, "{MODEL} has not come back");
        tokio::time::sleep(PAUSE).await;
    }
    outage.stack.stop().await;
    let Outage { requests, failed, .. } = outage;
    (outage.print)(&format!(
        "{requests} requests, {failed} failed (the breaker stays open for 4 s here, for 60 s by default)"
    ));
    Ok(())
}

struct Outage<P> {
    stack: Stack,
    client: reqwest::Client,
    /// What the functions have written and nobody has read yet.
    lines: Arc<Mutex<Vec<Value>>>,
    print: P,
    begun: Instant,
    requests: usize,
    failed: usize,
    /// The last request's line, without its times.
    last: String,
    repeats: usize,
}

impl<P: Fn(&str)> Outage<P> {
    async fn start(build: Build, print: P) -> anyhow::Result<Self> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let taken = lines.clone();
        let take = move |_: &str, line: &str| {
            if let Ok(line) = serde_json::from_str(line) {
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        };
        let options = Options {
            port: Some(0),
            settings: vec![("GATEWAY_BREAKER_OPEN_MS".to_owned(), OPEN_MS.to_owned())],
            build,
            max_environments: 1,
            output: Output::To(Arc::new(take)),
            console: false,
            ..Options::default()
        };
        // The client asks for a provider of TLS, which loopback never uses.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Outage {
            stack: start_stack(options).await?,
            client: reqwest::Client::builder().no_proxy().build()?,
            lines,
            print,
            begun: Instant::now(),
            requests: 0,
            failed: 0,
            last: String::new(),
            repeats: 0,
        })
    }

    fn sandbox(&self) -> anyhow::Result<&CohereSandbox> {
        self.stack.sandbox.as_ref().context("the stack has a sandbox")
    }

    /// Chats, prints what the functions tell of it, and returns the model that has answered.
    async fn send_request(&mut self) -> anyhow::Result<String> {
        let question =
            json!({ "model": MODEL, "messages": [{ "role": "user", "content": "Hello" }] });
        let request = self.client.post(format!("{}/v2/chat", self.stack.url));
        let answer =
            request.bearer_auth(&self.stack.token).body(question.to_string()).send().await?;
        self.requests += 1;
        self.failed += usize::from(!answer.status().is_success());
        answer.bytes().await?;
        let begun = Instant::now();
        loop {
            for line in self.take_lines() {
                match line["event"].as_str() {
                    Some("breaker_changed") => {
                        let state = line["to"].as_str().unwrap_or_default();
                        self.note(&format!("breaker of {MODEL}: {state}"));
                    }
                    Some("request_ended") => {
                        return Ok(self.print_request(&EndedRequest::read(&line)));
                    }
                    _ => {}
                }
            }
            ensure!(begun.elapsed() < LINE_LIMIT, "no line of the request");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn take_lines(&self) -> Vec<Value> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn print_request(&mut self, request: &EndedRequest) -> String {
        let calls = match request.attempts {
            Some(1) => "1 call ".to_owned(),
            attempts => format!("{} calls", attempts.unwrap_or_default()),
        };
        let place = match request.fell_back_from.as_str() {
            "" => String::new(),
            model => format!("  in place of {model}"),
        };
        let EndedRequest { status, model, .. } = request;
        let told = format!("{status}  {model:<22}  {calls}");
        if told == self.last {
            self.repeats += 1;
        } else {
            self.print_repeats();
            let took = format!("{} ms", request.duration_ms.unwrap_or_default());
            (self.print)(&format!("{}  {told}  {took:>7}{place}", self.tell_time()));
            self.last = told;
        }
        model.clone()
    }

    /// Prints what is no request.
    fn note(&mut self, text: &str) {
        self.print_repeats();
        (self.print)(&format!("{}       {text}", self.tell_time()));
    }

    fn print_repeats(&mut self) {
        if self.repeats > 0 {
            (self.print)(&format!(
                "{}       {} more like the last one",
                self.tell_time(),
                self.repeats
            ));
        }
        self.repeats = 0;
    }

    fn tell_time(&self) -> String {
        format!("{:>4.1} s", self.begun.elapsed().as_secs_f64())
    }
}
