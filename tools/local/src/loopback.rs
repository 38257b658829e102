//! Listening on this machine alone: every server here is bound to 127.0.0.1.

use axum::Router;
use axum::serve::ListenerExt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Binds a port; 0 takes any free one.
pub async fn bind_port(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until told to stop, or until whoever could tell is gone.
///
/// Small writes leave at once: a streamed answer must not wait for the acknowledgement of the piece
/// before it (Nagle's algorithm against delayed acknowledgements costs 40 ms a piece).
pub async fn serve_until_stopped(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    tokio::select! {
        _ = axum::serve(listener, router) => {}
        _ = stop.changed() => {}
    }
}
