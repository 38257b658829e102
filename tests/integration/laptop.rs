//! The program that `cargo run` starts: what it prints, and what a web page of elsewhere could send to it,
//! which is refused before anything is spent.

use gateway_tests::gateway::{self, read_answer};
use gateway_tests::stub::write_json;
use http::Method;
use local::LOCAL_TOKEN;
use local::build::{Build, binary_directory};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

/// The program looks with Cargo whether all is built, and Cargo waits for builds of other tests.
const START_LIMIT: Duration = Duration::from_secs(120);
const BODY: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test]
async fn foreign_page_spends_no_key() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    for (name, value, status) in [
        ("host", "evil.example", 421),
        ("host", "evil.example:8080", 421),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
    ] {
        let answer = read_answer(running.post("/v2/chat").header(name, value).body(BODY)).await;
        let said = answer.json();
        assert_eq!((answer.status, said["code"].as_str()), (status, Some("invalid_request")));
        assert!(answer.body.starts_with(b"{\"id\":\"") && said["message"].is_string(), "{said}");
        let health = running.request_without_token(Method::GET, "/api/health").header(name, value);
        assert_eq!(read_answer(health).await.status, status, "{name}: {value}");
    }
    assert_eq!(stub.seen().len(), 0);
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    let local = running.post("/v2/chat").header("origin", "http://localhost:3000").body(BODY);
    assert_eq!(read_answer(local).await.status, 200);
}

#[tokio::test]
async fn foreign_page_reaches_no_secret_either() {
    let running = gateway::start(local::Upstream::Sandbox, &[]).await;
    let (_, secrets) = &running.gateway.aws[0];
    for url in [secrets, &running.gateway.upstream_url] {
        let request = reqwest::Client::builder().no_proxy().build().unwrap().post(url);
        assert_eq!(read_answer(request.header("host", "evil.example")).await.status, 421, "{url}");
    }
}

#[tokio::test]
async fn console_is_for_browsers_and_keeps_a_key_to_itself() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let get = |accept: &str| {
        running.request_without_token(Method::GET, "/").header("accept", accept.to_owned())
    };
    let page = read_answer(get("text/html,*/*;q=0.8")).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = String::from_utf8_lossy(&page.body);
    // Whoever can read this page could otherwise spend the key before which it stands.
    assert!(!text.contains(&running.gateway.token), "{text}");
    for part in [" style=\"", " onclick", "<style", "<script>"] {
        assert!(!text.contains(part), "{part}");
    }
    let own = running.gateway.url.clone();
    let switch = running.request_without_token(Method::POST, "/_console/fault");
    let switch = switch.header("origin", own).header("x-gateway-console", "1").body("all-down");
    assert_eq!(read_answer(switch).await.status, 409, "a real Cohere has no faults to set");
    for accept in ["*/*", "application/json"] {
        let answer = read_answer(get(accept)).await;
        assert!(answer.status == 404 && answer.json()["message"].is_string(), "{answer:?}");
    }
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn console_shows_a_fault_that_was_set_elsewhere() {
    let running = gateway::start(local::Upstream::Sandbox, &[]).await;
    let sandbox = running.gateway.sandbox.as_ref().unwrap();
    for (fault, shown) in [
        ("status=503", "\"switch\":\"all-down\""),
        ("status=503 model=embed-v4.0", "\"switch\":null"),
    ] {
        sandbox.set_weather(fault.parse().unwrap(), 1.0);
        let asked = running.request_without_token(Method::GET, "/_console/events");
        let mut events = asked.send().await.unwrap();
        let mut seen = Vec::new();
        let read = async {
            while !String::from_utf8_lossy(&seen).contains(shown) {
                seen.extend_from_slice(&events.chunk().await.unwrap().unwrap());
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), read).await;
        assert!(found.is_ok(), "{fault} is not shown");
    }
}

#[tokio::test]
async fn log_as_json_is_every_line_and_nothing_else() {
    let lines = print_a_request(&["--log", "json"], "\"request_ended\"").await;
    for line in &lines {
        let read: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(read.is_object(), "{line}");
    }
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("\"KeyAgeDays\"") && has("\"_aws\":{"), "{lines:#?}");
}

#[tokio::test]
async fn log_for_a_person_names_the_function_and_no_metric() {
    let lines = print_a_request(&[], "chat  200").await;
    let written = lines.last().unwrap();
    assert!(written.contains("chat  200  command-a") && written.ends_with(" ms"), "{written}");
    let text = lines.join("\n");
    assert!(!text.contains("_aws") && !text.contains("\x1b["), "{text}");
    assert!(text.contains("gateway  401  POST /v2/chat  UNAUTHORIZED"), "{text}");
    assert!(lines.iter().all(|line| !line.contains("curl") || line.len() <= 80), "{text}");
}

/// Starts the program, chats once and returns what it prints on standard output, up to a line with `last`.
async fn print_a_request(arguments: &[&str], last: &str) -> Vec<String> {
    let build = || local::build::build_for_serving(Build::Debug);
    tokio::task::spawn_blocking(build).await.expect("the build").expect("all it builds");
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let mut program = Command::new(binary_directory(Build::Debug).join("cohere-gateway"));
    program.args(["--port", &port]).args(arguments).env_remove("CO_API_KEY").kill_on_drop(true);
    program.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().expect("the program");
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut printed, mut hints) = (BufReader::new(stdout).lines(), BufReader::new(stderr).lines());
    // The commands to copy are the sign that it listens: on standard error where the rest is a program's.
    let mut lines = match arguments.is_empty() {
        true => read_to(&mut printed, "Authorization", START_LIMIT).await,
        false => {
            read_to(&mut hints, "Authorization", START_LIMIT).await;
            Vec::new()
        }
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let chat = client.post(format!("http://127.0.0.1:{port}/v2/chat")).body(BODY);
    assert_eq!(read_answer(chat.try_clone().unwrap()).await.status, 401);
    let answer = read_answer(chat.bearer_auth(LOCAL_TOKEN)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    if !lines.iter().any(|line: &String| line.contains(last)) {
        lines.extend(read_to(&mut printed, last, Duration::from_secs(10)).await);
    }
    lines
}

/// Reads lines up to one with this text, for at most this long.
async fn read_to<R: AsyncRead + Unpin>(
    from: &mut tokio::io::Lines<BufReader<R>>,
    text: &str,
    limit: Duration,
) -> Vec<String> {
    let mut lines = Vec::new();
    let read = async {
        while let Ok(Some(line)) = from.next_line().await {
            lines.push(line);
            if lines.last().is_some_and(|line| line.contains(text)) {
                return true;
            }
        }
        false
    };
    let found = tokio::time::timeout(limit, read).await;
    assert_eq!(found, Ok(true), "no line with {text} in {lines:#?}");
    lines
}
