use super::*;

#[tokio::test]
async fn panic_in_a_handler_says_nothing_of_itself() {
    let error = catch_panic::<()>(async { panic!("with a piece of a prompt") }).await.unwrap_err();
    assert_eq!(error, GatewayError::internal("a panic"));
    assert_eq!(error.message, "internal error");
}

/// Requests from their event to their answer, but for the network.
mod answers;

/// Requests whose calls go over a socket.
mod calls;
mod streams;
mod stub;

/// Random mixes of embed and rerank requests.
mod mixes;

/// Calls without a network.
pub(in crate::pipeline) mod scripted;
