use super::*;
use crate::endpoint::Endpoint;
use crate::error::Code;
use crate::lock::lock_anyway;
use crate::wire::stream::{DONE, KEEP_ALIVE};

/// Builds a stream that is still opening.
fn opening_stream(pending: PendingStream, total: Duration) -> Box<StreamingAnswer> {
    let second = Duration::from_secs(1);
    let times = StreamTimes { first_event: second, idle: second, total, keep_alive: second };
    let deadline = Deadline::new(now(), total, None, total);
    let mut answer = StreamingAnswer::new(
        StreamStyle {
            form: StreamGrammar::Chat,
            framing: Framing::Events,
            failed_ending: FailedEnding::Loud,
        },
        times,
        deadline,
        RequestLog::new(Endpoint::Chat, Box::leak(Box::default())),
    );
    answer.phase = StreamPhase::Opening(pending);
    answer.is_keep_alive_due = true;
    Box::new(answer)
}

async fn read_body(stream: Box<StreamingAnswer>) -> String {
    let body = stream.into_response().into_body().collect().await;
    let body = body.unwrap_or_else(|never| match never {});
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_stream_is_an_ending_that_says_nothing() {
    let pending = Box::pin(async { panic!("with a piece of a prompt") });
    let body = read_body(opening_stream(pending, Duration::from_secs(9))).await;
    let (keep_alive, ending) = body.split_at(KEEP_ALIVE.len());
    assert_eq!(keep_alive.as_bytes(), &KEEP_ALIVE[..]);
    assert!(ending.contains("\"error\":\"internal error\""), "{ending}");
    assert!(ending.ends_with("data: [DONE]\n\n"), "{ending}");
    assert!(!body.contains("prompt"));
}

#[tokio::test(start_paused = true)]
async fn unread_stream_ends_at_its_deadline() {
    let pending = Box::pin(std::future::pending());
    let slot = AnswerSlot::new(opening_stream(pending, Duration::from_secs(9)));
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(lock_anyway(&slot.answer).as_ref().unwrap().ended_at.is_none());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut answer = slot.take_answer().unwrap();
    assert!(answer.ended_at.is_some() && answer.log.is_written());
    let ending = answer.next_chunk().await.unwrap();
    assert!(ending.starts_with(b"event: message-end\n") && ending.ends_with(DONE));
    assert_eq!(answer.next_chunk().await, None);
}

#[tokio::test(start_paused = true)]
async fn late_failure_ends_the_stream_after_comments() {
    let late = async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let error = GatewayError::new(Code::RateLimited, "slow down");
        (RequestRecord::new(Endpoint::Chat), Err(error))
    };
    let body = read_body(opening_stream(Box::pin(late), Duration::from_secs(9))).await;
    assert!(body.starts_with(": ka\n: ka\n: ka\nevent: message-end\n"), "{body}");
    assert!(body.contains("\"error\":\"slow down\""), "{body}");
}
