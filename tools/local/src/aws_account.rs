//! The AWS region, account and API that ARNs and credentials on this machine name.

use http::HeaderMap;

/// Region of every ARN and credential here.
pub const REGION: &str = "us-east-1";
/// An account that exists in AWS's documentation only.
pub const ACCOUNT: &str = "123456789012";
/// Id of the API in ARNs and host names.
pub const API: &str = "local";

/// Whether a request names this access key. The signature itself is not verified: nobody else knows the key.
pub fn is_signed_with(headers: &HeaderMap, access_key: &str) -> bool {
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    let credential = authorization.and_then(|value| value.split_once("Credential="));
    credential.and_then(|(_, credential)| credential.split('/').next()) == Some(access_key)
}
