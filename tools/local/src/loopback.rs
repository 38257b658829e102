//! Listening on this machine alone: every server here is bound to 127.0.0.1, and serves no web page of
//! elsewhere.

mod foreign_page;

use axum::Router;
use axum::serve::ListenerExt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Binds a port; 0 takes any free one.
pub async fn bind_port(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until `stop` changes or its sender is dropped.
///
/// `TCP_NODELAY` is set: a streamed answer must not wait for the acknowledgement of the chunk
/// before it (Nagle's algorithm together with delayed acknowledgements costs 40 ms per chunk).
pub async fn serve_until_stopped(
    listener: TcpListener,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    serve_pages_until_stopped(listener, router, Vec::new(), stop).await;
}

/// Does the same for the web pages of these origins too.
pub async fn serve_pages_until_stopped(
    listener: TcpListener,
    router: Router,
    origins: Vec<String>,
    mut stop: watch::Receiver<bool>,
) {
    let origins: Arc<[String]> = origins.into();
    let refuse = axum::middleware::from_fn_with_state(origins, foreign_page::refuse_foreign_page);
    let router = router.layer(refuse);
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    tokio::select! {
        _ = axum::serve(listener, router) => {}
        _ = stop.changed() => {}
    }
}
