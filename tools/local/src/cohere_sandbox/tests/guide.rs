//! The text at `/` names what there is.

use super::super::fault::Fault;
use super::{sandbox, send};

/// The paths that `answer_request` knows, read out of its source.
fn list_routes() -> Vec<(String, String)> {
    let source = include_str!("../../cohere_sandbox.rs");
    let lines = source.lines().filter_map(|line| line.trim().strip_prefix("(\""));
    let routes = lines.filter(|line| line.contains("\", \"/"));
    let quoted = routes.map(|line| line.split('"').collect::<Vec<_>>());
    quoted.map(|parts| (parts[0].to_owned(), parts[2].to_owned())).collect()
}

#[tokio::test]
async fn guide_names_every_route() {
    let guide = send(&sandbox(), "GET", "/", &[], String::new()).await;
    assert_eq!((guide.status, guide.header("content-type")), (200, Some("text/plain")));
    let routes = list_routes();
    assert!(routes.len() > 10, "{routes:?}");
    for (method, path) in routes {
        let has_both =
            |line: &str| line.contains(&method) && line.split_whitespace().any(|word| word == path);
        assert!(guide.body.lines().any(has_both), "{method} {path} is not in\n{}", guide.body);
    }
}

#[tokio::test]
async fn guide_names_every_part_of_a_fault() {
    let guide = send(&sandbox(), "GET", "/", &[], String::new()).await.body;
    let told = "nonsense".parse::<Fault>().unwrap_err();
    let (_, parts) = told.split_once("known are ").unwrap();
    for part in parts.split_whitespace() {
        assert!(guide.contains(part), "{part} is not in\n{guide}");
    }
}

#[tokio::test]
async fn standing_fault_lasts_until_it_is_taken_back() {
    let sandbox = sandbox();
    let chat = async || {
        let body = r#"{"model":"command-a-03-2025","messages":[{"role":"user","content":"x"}]}"#;
        let key = [("authorization", "Bearer test-key")];
        send(&sandbox, "POST", "/v2/chat", &key, body.to_owned()).await.status
    };
    let control = async |method: &str, body: &str| {
        send(&sandbox, method, "/_sandbox/standing-fault", &[], body.to_owned()).await
    };
    assert_eq!(control("PUT", "\"status=503\"").await.status, 200);
    assert_eq!((chat().await, chat().await), (503, 503));
    assert_eq!(control("DELETE", "").await.status, 200);
    assert_eq!(chat().await, 200);
    for bad in ["status=503", "[\"status=503\"]", "\"model=x\"", "\"no such\""] {
        assert_eq!(control("PUT", bad).await.status, 400, "{bad}");
    }
    assert_eq!(chat().await, 200);
}
