//! Refuses what only a web page of elsewhere sends: it must not spend the key of whoever looks at it.
//!
//! A page may have its own name led to 127.0.0.1 and is then of the same origin as these servers; its
//! requests still bear that name in `Host`. A name without a dot is nobody's on the internet, and what
//! containers call each other by. Without that it may send some requests from its own origin,
//! which browsers name in `Origin` and `Sec-Fetch-Site`.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use std::sync::Arc;
use uuid::Uuid;

/// The addresses of this machine that are served, at any port.
const ADDRESSES: [&str; 2] = ["127.0.0.1", "[::1]"];

/// Passes a request on unless it bears the mark of a foreign page.
pub(super) async fn refuse_foreign_page(
    State(served): State<Arc<[String]>>,
    request: Request,
    next: Next,
) -> Response {
    match find_problem(request.uri(), request.headers(), &served) {
        Some((status, message)) => {
            let id = Uuid::new_v4().to_string();
            // In the order of every other error; neither text has anything to escape.
            let body = format!(r#"{{"id":"{id}","message":"{message}","code":"invalid_request"}}"#);
            (status, [("content-type", "application/json")], body).into_response()
        }
        None => next.run(request).await,
    }
}

/// Returns what is wrong with a request; pages of the `served` origins may come from anywhere.
fn find_problem(
    uri: &Uri,
    headers: &HeaderMap,
    served: &[String],
) -> Option<(StatusCode, &'static str)> {
    let mut hosts = headers.get_all("host").iter().map(|host| host.as_bytes());
    let named = hosts.next().is_some_and(is_served) && hosts.all(is_served);
    let is_meant = uri.authority().is_none_or(|authority| is_served(authority.as_str().as_bytes()));
    if !named || !is_meant {
        let message = "Host: only localhost, 127.0.0.1, [::1] and names without a dot are served";
        return Some((StatusCode::MISDIRECTED_REQUEST, message));
    }
    let mut origins = headers.get_all("origin").iter();
    if let (Some(origin), None) = (origins.next(), origins.next())
        && served.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
    {
        return None;
    }
    let is_from_here =
        headers.get_all("origin").iter().all(|origin| is_local_origin(origin.as_bytes()));
    let is_cross_site = headers.get_all("sec-fetch-site").iter().any(|site| site == "cross-site");
    if !is_from_here || is_cross_site {
        let message = "Origin: pages of other machines are not served here";
        return Some((StatusCode::FORBIDDEN, message));
    }
    None
}

/// Tells whether a host, with a port or without, is this machine's or has no dot.
fn is_served(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let is_address = ADDRESSES.iter().any(|address| match host.strip_prefix(address) {
        Some(port) => port.is_empty() || is_port(port),
        None => false,
    });
    is_address || is_name_without_dot(host)
}

fn is_name_without_dot(host: &str) -> bool {
    let name_end = host.find(':').unwrap_or(host.len());
    let (name, port) = host.split_at(name_end);
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    // A number is an address in another form.
    let is_number = name.starts_with(|first: char| first.is_ascii_digit());
    !name.is_empty() && is_name && !is_number && (port.is_empty() || is_port(port))
}

fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// Tells whether a page was loaded from this machine; `null` stands for a page that does not say.
fn is_local_origin(origin: &[u8]) -> bool {
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    origin.split_once("://").is_some_and(|(_, host)| is_served(host.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(headers: &[(&'static str, &str)]) -> Option<u16> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers = headers.collect::<HeaderMap>();
        find_problem(&Uri::from_static("/v2/chat"), &headers, &[])
            .map(|(status, _)| status.as_u16())
    }

    #[test]
    fn addresses_here_and_names_without_a_dot_are_served() {
        for host in [
            "localhost",
            "LocalHost:8080",
            "127.0.0.1",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:80",
            "gateway",
            "my-gateway_2:8080",
        ] {
            assert_eq!(status_of(&[("host", host)]), None, "{host}");
        }
        for host in [
            "",
            ":80",
            "gateway:",
            "2130706433",
            "0x7f000001",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "127.0.0.1:",
            "127.0.0.1:80:80",
            "127.0.0.1:a",
            "[::1",
            "[::1]x",
            "user@localhost",
            "localhost evil.example",
            "0.0.0.0",
            "évil",
            "127.0.0.1é",
        ] {
            assert_eq!(status_of(&[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(status_of(&[]), Some(421));
        let mut two = HeaderMap::new();
        two.append("host", "localhost".parse().unwrap());
        two.append("host", "evil.example".parse().unwrap());
        assert!(find_problem(&Uri::from_static("/"), &two, &[]).is_some());
        let absolute = Uri::from_static("http://evil.example/v2/chat");
        let local = HeaderMap::from_iter([("host".parse().unwrap(), "localhost".parse().unwrap())]);
        assert!(find_problem(&absolute, &local, &[]).is_some());
    }

    #[test]
    fn pages_of_other_machines_are_refused() {
        let with = |name: &'static str, value: &str| {
            status_of(&[("host", "localhost:8080"), (name, value)])
        };
        for origin in ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:1"] {
            assert_eq!(with("origin", origin), None, "{origin}");
        }
        for origin in
            ["http://evil.example", "null", "", "http://", "https://localhost.evil.example"]
        {
            assert_eq!(with("origin", origin), Some(403), "{origin}");
        }
        assert_eq!(with("sec-fetch-site", "cross-site"), Some(403));
        for site in ["same-origin", "same-site", "none"] {
            assert_eq!(with("sec-fetch-site", site), None, "{site}");
        }
    }
}
