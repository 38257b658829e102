//! Which endpoint a path and a method are.

use super::*;
use http::Method;

fn find(method: Method, path: &str) -> (Endpoint, Option<String>) {
    let mut incoming = Incoming::new("{}", "id", 0);
    (incoming.method, incoming.path) = (method, path.to_string());
    find_endpoint(&incoming)
}

#[test]
fn endpoint_is_known_by_its_path_and_method() {
    for endpoint in Endpoint::PASSED_THROUGH {
        assert_eq!(find(endpoint.method(), endpoint.path()), (endpoint, None));
        assert_eq!(find(Method::DELETE, endpoint.path()).0, Endpoint::Unserved);
        let below = find(endpoint.method(), &format!("{}/m", endpoint.path()));
        match endpoint {
            Endpoint::Models => assert_eq!(below, (Endpoint::Models, Some("m".into()))),
            _ => assert_eq!(below, (Endpoint::Unserved, None), "{endpoint:?}"),
        }
    }
    for path in ["/v1/generate", "/v1/", "", "/v1/chat/", "/v1//chat", "/V1/chat", "/v2/chat"] {
        assert_eq!(find(Method::POST, path), (Endpoint::Unserved, None), "{path}");
    }
}
