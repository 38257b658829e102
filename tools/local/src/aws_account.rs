//! The AWS region, account and API that ARNs and credentials on this machine name.

/// Region of every ARN and credential here.
pub const REGION: &str = "us-east-1";
/// An account that exists in AWS's documentation only.
pub const ACCOUNT: &str = "123456789012";
/// Id of the API in ARNs and host names.
pub const API: &str = "local";
