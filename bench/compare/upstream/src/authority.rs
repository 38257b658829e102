//! The authority that signs the certificate of `localhost`.

use crate::AnyError;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Makes an authority, writes its certificate into the folder, and returns the server's side of TLS.
pub(crate) fn make_acceptor(folder: &Path) -> Result<TlsAcceptor, AnyError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "an authority of one measurement");
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    std::fs::write(folder.join("ca.pem"), certificate.pem())?;
    let mut digits = String::new();
    for byte in certificate.der().iter() {
        write!(digits, "{byte:02x}")?;
    }
    std::fs::write(folder.join("ca.hex"), digits)?;

    let server_key = KeyPair::generate()?;
    let mut server = CertificateParams::new(vec!["localhost".to_string()])?;
    server.use_authority_key_identifier_extension = true;
    let issuer = Issuer::new(params, key);
    let server = server.signed_by(&server_key, &issuer)?;
    let server_key = PrivateKeyDer::Pkcs8(server_key.serialize_der().into());
    // Named, as the driver's libraries bring another one into a common build.
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], server_key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
