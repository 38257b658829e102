//! Passes calls of Secrets Manager and API Gateway on to a running gateway's stand-ins, and notes what they ask.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

/// A listener in front of another.
pub struct Recorder {
    pub url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    /// Starts to listen in front of this address; questions about the API's routes go to the other one.
    pub async fn start(url: &str, routes: &str) -> Self {
        let [address, routes] =
            [url, routes].map(|url| url.trim_start_matches("http://").to_string());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = heads.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&address).await.expect("the stand-in listens");
                tokio::spawn(pass_on(client, server, routes.clone(), noted.clone()));
            }
        });
        Self { url, heads }
    }

    /// Returns the actions that were asked for so far, as a policy names them.
    pub fn actions(&self) -> BTreeSet<String> {
        let heads = self.heads.lock().expect("no panic");
        heads.iter().filter_map(|head| name_action(head)).collect()
    }
}

/// Returns the action of a request by the lines of its head.
fn name_action(head: &str) -> Option<String> {
    let target = head.lines().find_map(|line| line.strip_prefix("x-amz-target: secretsmanager."));
    if let Some(operation) = target {
        return Some(format!("secretsmanager:{operation}"));
    }
    // API Gateway's actions are the methods of its own API.
    let method = head.split(' ').next()?;
    head.contains("/apigateway/").then(|| format!("apigateway:{method}"))
}

async fn pass_on(
    client: TcpStream,
    server: TcpStream,
    routes: String,
    heads: Arc<Mutex<Vec<String>>>,
) {
    let (mut from_client, to_client) = client.into_split();
    let to_client = Arc::new(tokio::sync::Mutex::new(to_client));
    let mut to_server = answer_from(server, to_client.clone());
    let mut to_routes = None;
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
        // A request of these tests comes in one piece, or with its body in another.
        let text = String::from_utf8_lossy(&bytes[..read]);
        let is_of_routes = text.starts_with("GET /restapis/");
        if text.contains(" HTTP/1.1\r\n") {
            heads.lock().expect("no panic").push(text.into_owned());
        }
        if is_of_routes && to_routes.is_none() {
            let server = TcpStream::connect(&routes).await.expect("the stand-in listens");
            to_routes = Some(answer_from(server, to_client.clone()));
        }
        let to = match &mut to_routes {
            Some(to_routes) if is_of_routes => to_routes,
            _ => &mut to_server,
        };
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// Passes what a server answers on to the client, and returns the way to that server.
fn answer_from(
    server: TcpStream,
    to_client: Arc<tokio::sync::Mutex<OwnedWriteHalf>>,
) -> OwnedWriteHalf {
    let (mut from_server, to_server) = server.into_split();
    tokio::spawn(async move {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
            if to_client.lock().await.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
        let _ = to_client.lock().await.shutdown().await;
    });
    to_server
}
