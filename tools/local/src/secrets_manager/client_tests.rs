//! The functions' own client of Secrets Manager, over a socket.

use super::*;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use shared::config::HttpConfig;
use shared::secrets::sdk_transport::http_client;
use shared::secrets::secrets_manager::{
    CURRENT, NEXT, PENDING, SecretsManager as Client, StoreError,
};
use shared::secrets::source::Secret;
use shared::transport::Transport;
use std::time::Duration;

const FIRST: &str = "11111111-1111-4111-8111-111111111111";
const SECOND: &str = "22222222-2222-4222-8222-222222222222";
const ACCESS_KEY: &str = "RUNKEY";

/// Starts the stand-in with an empty secret, and a client of it.
async fn start() -> (SecretsManager, Client) {
    let store = SecretsManager::new(ACCESS_KEY);
    store.create(API_KEY);
    let (listener, address) = crate::loopback::bind_port(0).await.unwrap();
    let router = store.to_router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = connect(&format!("http://{address}"), API_KEY);
    (store, client)
}

fn connect(url: &str, id: &str) -> Client {
    let http = HttpConfig {
        upstream_url: String::new(),
        connect_timeout: Duration::from_secs(5),
        pool_idle: Duration::from_secs(30),
        max_answer_bytes: 1 << 20,
    };
    let transport = Transport::with_proxy(&http, &Default::default()).unwrap();
    let credentials = Credentials::new(ACCESS_KEY, "fake-secret", None, None, "tests");
    let times = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(1));
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&transport))
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .timeout_config(times.build())
        .endpoint_url(url);
    Client::from_config(&config.build(), id)
}

/// Returns the text under a label.
async fn read(client: &Client, label: &str) -> Option<String> {
    let version = client.find_version(label, None).await.unwrap()?;
    Some(version.text.expose().to_string())
}

#[tokio::test]
async fn client_reads_what_it_puts_and_moves() {
    let (_store, client) = start().await;
    assert_eq!(client.secret_id(), API_KEY);
    assert_eq!(read(&client, CURRENT).await, None);
    let put = async |id, text| client.put_version(id, &Secret::new(text), NEXT).await.unwrap();
    let mut first = put(FIRST, "fake-one").await;
    first.sort();
    assert_eq!(first, [CURRENT, NEXT], "the first value is current, whatever its label");
    assert_eq!(put(SECOND, "fake-two").await, [NEXT]);
    assert_eq!(read(&client, NEXT).await.as_deref(), Some("fake-two"));
    client.move_label(CURRENT, Some(FIRST), Some(SECOND)).await.unwrap();
    let current = client.read_version(CURRENT, Some(SECOND)).await.unwrap();
    assert_eq!((current.id.as_str(), current.text.expose()), (SECOND, "fake-two"));
    assert!(current.created.unwrap() > Duration::from_secs(1_700_000_000));
    let labels = client.read_labels().await.unwrap();
    assert!(labels[SECOND].iter().any(|label| label == CURRENT), "{labels:?}");
    assert_eq!(labels[FIRST], ["AWSPREVIOUS"]);
    client.move_label("AWSPREVIOUS", Some(FIRST), None).await.unwrap();
    let listed = client.list_versions().await.unwrap();
    let ids: Vec<_> = listed.iter().map(|version| version.id.as_str()).collect();
    assert_eq!(ids, [SECOND], "versions with a label only");
}

#[tokio::test]
async fn client_starts_a_rotation() {
    let (store, client) = start().await;
    store.put(API_KEY, "fake-one");
    store.begin_rotation(API_KEY, SECOND);
    assert_eq!(read(&client, PENDING).await, None, "a version without a value yet");
    let description = client.describe_secret().await.unwrap();
    assert_eq!((description.labels.len(), description.last_rotated), (2, None));
    let refusal = client.start_rotation(FIRST).await.unwrap_err();
    assert!(refusal.code().is_some(), "no function rotates it: {refusal}");
}

#[tokio::test]
async fn client_tells_why_a_call_failed() {
    let (store, client) = start().await;
    store.put(API_KEY, "fake-one");
    for (behaviour, code) in [
        (Behaviour::Denying, Some("AccessDeniedException")),
        (Behaviour::Throttling, Some("ThrottlingException")),
        (Behaviour::Garbled, None),
        (Behaviour::Slow(Duration::from_secs(5)), None),
    ] {
        store.behave(behaviour);
        let error = client.find_version(CURRENT, None).await.unwrap_err();
        assert_eq!(error.code(), code, "{behaviour:?}: {error}");
        let (shown, debugged) = (error.to_string(), format!("{error:?}"));
        assert_eq!(debugged, format!("StoreError({shown})"));
        match behaviour {
            Behaviour::Garbled => assert_eq!(shown, "its answer cannot be read"),
            Behaviour::Slow(_) => assert_eq!(shown, "not reached in time"),
            _ => assert!(shown.starts_with("refused, "), "{shown}"),
        }
    }
    let nobody = connect("http://127.0.0.1:9", API_KEY);
    let error = nobody.find_version(CURRENT, None).await.unwrap_err();
    assert!(matches!(error, StoreError::NotSent { .. }), "{error}");
    assert!(error.to_string().starts_with("not reached: "), "{error}");
    let far = connect("http://192.0.2.1", API_KEY);
    let error = far.find_version(CURRENT, None).await.unwrap_err();
    assert!(error.to_string().contains("to another machine is refused"), "{error}");
}
