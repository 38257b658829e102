//! The side that faces API Gateway: what comes in, who it is, what goes out.

pub mod cors;
mod event;
pub mod header_value;
pub mod identity;
pub mod request;
pub mod response;
pub mod unserved;
