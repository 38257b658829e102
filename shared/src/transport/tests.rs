//! The connection as it is in production: TLS, the protocol chosen by ALPN, and what servers do to it.
//!
//! The certificates are made here, and only a transport that is built here trusts them.

use super::*;
use crate::config::Config;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use h2::Reason;
use h2::server::SendResponse;
use rcgen::{CertificateParams, Issuer, KeyPair};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a server does with its connections.
#[derive(Clone, Copy)]
enum Behaviour {
    /// Answers all requests.
    Answer,
    /// Answers the first request of each connection, and resets the others.
    ResetAllButFirst(Reason),
    /// Resets all requests.
    ResetAll(Reason),
    /// Says goodbye on the first connection, having taken up its request; answers on others.
    GoodbyeOnce,
    /// Says goodbye on the first connection, having taken up no request; answers on others.
    LoseOnce,
    /// Closes the connection in the middle of each answer.
    CloseInTheMiddle,
    /// Never answers the handshake.
    SilentHandshake,
}

struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    roots: rustls::RootCertStore,
}

/// Makes a certificate authority, and a server's certificate that it has signed.
fn make_certificate(name: &str, is_expired: bool) -> (rustls::RootCertStore, rustls::ServerConfig) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca_params = CertificateParams::new(Vec::new()).unwrap();
    ca_params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = ca_params.self_signed(&ca_key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
    if is_expired {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let certificate = params.signed_by(&key, &Issuer::new(ca_params, ca_key)).unwrap();
    (roots, present_certificate(&certificate, &key))
}

fn present_certificate(certificate: &rcgen::Certificate, key: &KeyPair) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap()
}

impl Server {
    async fn start(protocol: &[u8], behaviour: Behaviour) -> Self {
        let (roots, config) = make_certificate("localhost", false);
        Self::start_with(roots, config, protocol, behaviour).await
    }

    async fn start_with(
        roots: rustls::RootCertStore,
        mut config: rustls::ServerConfig,
        protocol: &[u8],
        behaviour: Behaviour,
    ) -> Self {
        config.alpn_protocols = vec![protocol.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (connections, requests) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counted = (connections.clone(), requests.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let number = counted.0.fetch_add(1, Ordering::SeqCst);
                let (acceptor, requests) = (acceptor.clone(), counted.1.clone());
                tokio::spawn(serve_connection(socket, acceptor, behaviour, number, requests));
            }
        });
        Self { url, connections, requests, roots }
    }

    fn transport(&self) -> Transport {
        let vars = [("GATEWAY_SECRET_ID", "fake"), ("GATEWAY_CONNECT_TIMEOUT_MS", "500")];
        let config = Config::from_vars(&vars).unwrap();
        Transport::with_roots(&config.http, self.roots.clone()).unwrap()
    }

    fn post(&self) -> JsonRequest {
        let target = Target::parse(&self.url).unwrap();
        let body = Bytes::from_static(b"{}");
        JsonRequest { method: Method::POST, target, headers: HeaderMap::new(), body }
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }
}

async fn serve_connection(
    socket: TcpStream,
    acceptor: TlsAcceptor,
    behaviour: Behaviour,
    number: usize,
    requests: Arc<AtomicUsize>,
) {
    if matches!(behaviour, Behaviour::SilentHandshake) {
        return tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let Ok(stream) = acceptor.accept(socket).await else { return };
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") if number == 0 && matches!(behaviour, Behaviour::LoseOnce) => {
            say_goodbye(stream).await;
        }
        Some(b"h2") => serve_http2(stream, behaviour, number, &requests).await,
        _ => serve_http1(stream, &requests).await,
    }
}

async fn serve_http1(mut stream: TlsStream<TcpStream>, requests: &AtomicUsize) {
    let mut buffer = [0; 4096];
    while let Ok(read) = stream.read(&mut buffer).await {
        if read == 0 {
            return;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(answer).await.unwrap();
    }
}

/// Writes the frames of a server that goes away before it has looked at any stream.
async fn say_goodbye(mut stream: TlsStream<TcpStream>) {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut buffer = [0; 16_384];
    stream.write_all(&SETTINGS).await.unwrap();
    // Preface and settings, then headers and body.
    for _ in 0..2 {
        let _ = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut buffer)).await;
    }
    stream.write_all(&GOAWAY).await.unwrap();
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut buffer)).await;
}

async fn serve_http2(
    stream: TlsStream<TcpStream>,
    behaviour: Behaviour,
    number: usize,
    requests: &AtomicUsize,
) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut count = 0;
    while let Some(Ok((_, mut answer))) = connection.accept().await {
        requests.fetch_add(1, Ordering::SeqCst);
        count += 1;
        match behaviour {
            Behaviour::ResetAll(reason) => answer.send_reset(reason),
            Behaviour::ResetAllButFirst(reason) if count > 1 => answer.send_reset(reason),
            Behaviour::GoodbyeOnce if number == 0 => {
                connection.abrupt_shutdown(Reason::NO_ERROR);
            }
            Behaviour::CloseInTheMiddle => {
                let mut body = answer.send_response(http::Response::new(()), false).unwrap();
                let _ = body.send_data(Bytes::from_static(b"{"), false);
                let _ = tokio::time::timeout(Duration::from_millis(50), connection.accept()).await;
                return;
            }
            _ => send_answer(&mut answer),
        }
    }
}

fn send_answer(answer: &mut SendResponse<Bytes>) {
    let mut body = answer.send_response(http::Response::new(()), false).unwrap();
    body.send_data(Bytes::from_static(b"{}"), true).unwrap();
}

async fn post_once(transport: &Transport, server: &Server) -> Result<Bytes, TransportError> {
    transport.send_json(server.post()).await?.collect().await
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    for (protocol, name) in [(&b"h2"[..], "h2"), (b"http/1.1", "http/1.1")] {
        let server = Server::start(protocol, Behaviour::Answer).await;
        let answer = server.transport().send_json(server.post()).await.unwrap();
        assert_eq!((answer.status, answer.protocol), (200, name));
        assert_eq!(answer.collect().await.unwrap(), "{}");
    }
}

#[tokio::test]
async fn calls_at_once_share_one_connection() {
    let server = Server::start(b"h2", Behaviour::Answer).await;
    let transport = server.transport();
    for connections in 1..=2 {
        let posts = (0..16).map(|_| post_once(&transport, &server));
        let answers = futures_util::future::join_all(posts).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(server.counts(), (connections, connections * 16));
        transport.forget_connections(now());
    }
}

#[tokio::test]
async fn calls_do_not_wait_for_one_another_over_http1() {
    let server = Server::start(b"http/1.1", Behaviour::Answer).await;
    let transport = server.transport();
    post_once(&transport, &server).await.unwrap();
    transport.forget_connections(now());
    let posts = (0..16).map(|_| post_once(&transport, &server));
    let answers = futures_util::future::join_all(posts).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(server.counts(), (17, 17));
}

#[tokio::test]
async fn calls_go_on_when_a_connection_cannot_be_opened() {
    let server = Server::start(b"h2", Behaviour::SilentHandshake).await;
    let transport = server.transport();
    let posts = (0..4).map(|_| post_once(&transport, &server));
    let all = futures_util::future::join_all(posts);
    // The time to connect is half a second: once for the first, once more for the others together.
    let answers = tokio::time::timeout(Duration::from_secs(3), all).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Err(TransportError::Connect(_)))));
}

#[tokio::test]
async fn refused_stream_and_goodbye_are_not_processed() {
    for behaviour in [Behaviour::ResetAll(Reason::REFUSED_STREAM), Behaviour::LoseOnce] {
        let server = Server::start(b"h2", behaviour).await;
        let outcome = post_once(&server.transport(), &server).await;
        assert!(matches!(outcome, Err(TransportError::NotProcessed(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn goodbye_is_followed_by_a_new_connection() {
    let server = Server::start(b"h2", Behaviour::GoodbyeOnce).await;
    let transport = server.transport();
    // Its request had been taken up, and may have been processed.
    let outcome = post_once(&transport, &server).await;
    assert!(matches!(outcome, Err(TransportError::Broken(_))), "{outcome:?}");
    assert_eq!(post_once(&transport, &server).await.unwrap(), "{}");
    assert_eq!(server.counts().0, 2);
}

#[tokio::test]
async fn other_resets_may_have_been_processed() {
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM] {
        let server = Server::start(b"h2", Behaviour::ResetAll(reason)).await;
        let outcome = post_once(&server.transport(), &server).await;
        assert!(matches!(outcome, Err(TransportError::Broken(_))), "{reason:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn reset_of_one_request_leaves_the_connection() {
    let server = Server::start(b"h2", Behaviour::ResetAllButFirst(Reason::CANCEL)).await;
    let transport = server.transport();
    assert!(post_once(&transport, &server).await.is_ok());
    assert!(post_once(&transport, &server).await.is_err());
    assert_eq!(server.counts().0, 1);
}

#[tokio::test]
async fn server_that_wants_http1_gets_it() {
    let server = Server::start(b"h2", Behaviour::ResetAll(Reason::HTTP_1_1_REQUIRED)).await;
    let outcome = post_once(&server.transport(), &server).await;
    assert!(matches!(outcome, Err(TransportError::WantsHttp1(_))), "{outcome:?}");
    let server = Server::start(b"http/1.1", Behaviour::Answer).await;
    let answer = server.transport().send_over_http1(server.post()).await.unwrap();
    assert_eq!(answer.protocol, "http/1.1");
}

#[tokio::test]
async fn answer_cut_in_the_middle_is_broken() {
    let server = Server::start(b"h2", Behaviour::CloseInTheMiddle).await;
    let outcome = post_once(&server.transport(), &server).await;
    assert!(matches!(outcome, Err(TransportError::Broken(_))), "{outcome:?}");
}

#[tokio::test]
async fn bad_certificates_are_connection_failures() {
    let unknown = Server::start(b"h2", Behaviour::Answer).await;
    let (roots, _) = make_certificate("localhost", false);
    let (expired_roots, config) = make_certificate("localhost", true);
    let expired = Server::start_with(expired_roots, config, b"h2", Behaviour::Answer).await;
    let (other_roots, config) = make_certificate("example.com", false);
    let other_name = Server::start_with(other_roots, config, b"h2", Behaviour::Answer).await;
    for (server, roots) in [
        (&unknown, roots),
        (&expired, expired.roots.clone()),
        (&other_name, other_name.roots.clone()),
    ] {
        let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "fake")]).unwrap();
        let transport = Transport::with_roots(&config.http, roots).unwrap();
        let outcome = post_once(&transport, server).await;
        assert!(matches!(outcome, Err(TransportError::Connect(_))), "{outcome:?}");
        assert_eq!(server.requests.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn authority_of_the_surroundings_is_trusted() {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_string()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = present_certificate(&certificate, &key);
    let roots = rustls::RootCertStore::empty();
    let server = Server::start_with(roots, config, b"http/1.1", Behaviour::Answer).await;
    let pem = STANDARD.encode(certificate.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n");
    let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "fake")]).unwrap();
    let send = async |authorities: &str| {
        let authorities = authorities.as_bytes().to_vec();
        let proxy = ProxySettings { authorities, ..ProxySettings::default() };
        let transport = Transport::with_proxy(&config.http, &proxy).unwrap();
        post_once(&transport, &server).await
    };
    assert!(matches!(send("").await, Err(TransportError::Connect(_))));
    send(&pem).await.unwrap();
    let broken =
        ProxySettings { authorities: pem.replace('M', "!").into(), ..ProxySettings::default() };
    assert!(Transport::with_proxy(&config.http, &broken).is_err());
}

#[tokio::test]
async fn silent_handshake_ends_with_the_connect_timeout() {
    let server = Server::start(b"h2", Behaviour::SilentHandshake).await;
    let started = std::time::Duration::from_millis(500);
    let outcome = tokio::time::timeout(started * 4, post_once(&server.transport(), &server)).await;
    assert!(matches!(outcome, Ok(Err(TransportError::Connect(_)))), "{outcome:?}");
}
