//! A certificate authority of this test process, and the certificates that it has signed.

use super::Protocol;
use rcgen::{CertificateParams, Issuer, KeyPair};
use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsAcceptor;

/// What a server shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    Good,
    Expired,
    /// Of another host.
    OtherName,
    /// Signed by nobody who is trusted.
    Untrusted,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, in hexadecimal digits as functions read it.
    certificate: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let digits = certificate.der().iter().map(|byte| format!("{byte:02x}"));
        Self { certificate: digits.collect(), issuer: Issuer::new(params, key) }
    }

    /// Returns the one that the functions of this process's tests trust.
    fn trusted() -> &'static Self {
        static TRUSTED: OnceLock<Authority> = OnceLock::new();
        TRUSTED.get_or_init(Self::new)
    }
}

/// Returns the value of `GATEWAY_TEST_CA` with which functions trust the stubs of this process.
pub fn trusted_certificate() -> &'static str {
    &Authority::trusted().certificate
}

/// Makes the server's side of TLS, which offers this protocol, and HTTP/1.1 in any case.
pub(super) fn make_acceptor(protocol: Protocol, certificate: Certificate) -> TlsAcceptor {
    let name = if certificate == Certificate::OtherName { "cohere.invalid" } else { "localhost" };
    let mut params = CertificateParams::new(vec![name.to_string()]).expect("a name");
    if certificate == Certificate::Expired {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let stranger = Authority::new();
    let authority = match certificate {
        Certificate::Untrusted => &stranger,
        Certificate::Good | Certificate::Expired | Certificate::OtherName => Authority::trusted(),
    };
    let signed = params.signed_by(&key, &authority.issuer).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![signed.der().clone()], key)
        .expect("a certificate and its key");
    config.alpn_protocols = match protocol {
        Protocol::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Protocol::Plain | Protocol::Http1 => vec![b"http/1.1".to_vec()],
    };
    TlsAcceptor::from(Arc::new(config))
}
