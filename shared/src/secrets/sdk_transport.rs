//! The gateway's HTTP client in the place of the AWS SDK's own, which would bring a second library of TLS.

use crate::config::is_loopback;
use crate::transport::Transport;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use std::net::IpAddr;

/// Lends the gateway's HTTP client to a client of AWS that is made elsewhere.
pub fn http_client(transport: &Transport) -> impl HttpClient + 'static {
    SdkTransport(transport.clone())
}

/// Tells whether nobody on the way can read what is sent: encrypted, or on this machine.
///
/// The link-local addresses are where AWS itself has the credentials of its machines.
fn is_private(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("http://") else { return true };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Ok(authority) = authority.parse::<http::uri::Authority>() else { return false };
    let host = authority.host();
    let is_link_local = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.segments()[..2] == [0xfd00, 0xec2],
        Err(_) => false,
    };
    is_loopback(host) || is_link_local
}

/// The gateway's HTTP client in the clothes of the SDK's.
#[derive(Clone, Debug)]
struct SdkTransport(Transport);

impl HttpClient for SdkTransport {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for SdkTransport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !is_private(request.uri()) {
            let problem = "http:// to another machine is refused: what is sent would be readable";
            return HttpConnectorFuture::ready(Err(ConnectorError::user(problem.into())));
        }
        let transport = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let request =
                request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
            let response =
                transport.send(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            let mut answer = http::Response::new(());
            *answer.status_mut() = http::StatusCode::from_u16(response.status).unwrap_or_default();
            *answer.headers_mut() = response.headers.clone();
            let body =
                response.collect().await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(answer.map(|()| SdkBody::from(body)))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for fine in [
            "https://x/y",
            "http://localhost:1/",
            "http://127.0.0.1",
            "http://[::1]:1/x",
            "http://169.254.170.2/v2",
            "http://[fd00:ec2::254]/latest",
        ] {
            assert!(is_private(fine), "{fine}");
        }
        for bad in [
            "http://x/",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://[fd00::1]/",
            "http://localhost@example.com/",
            "http://",
        ] {
            assert!(!is_private(bad), "{bad}");
        }
    }
}
