//! Rules of one environment, on paused time.

use super::super::invocation::PayloadChunk;
use super::*;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::Semaphore;

const LIMIT: Duration = Duration::from_secs(60);

type Answered = oneshot::Receiver<Result<Payload, InvocationError>>;

fn environment() -> Environment {
    Environment::new(1, true, Duration::from_secs(10))
}

fn invocation(id: &str, slots: &Arc<Semaphore>) -> (Invocation, Answered) {
    let (answer, answered) = oneshot::channel();
    let slot = slots.clone().try_acquire_owned().unwrap();
    let (ended, _) = oneshot::channel();
    (
        Invocation {
            id: id.to_owned(),
            arn: String::new(),
            event: Bytes::from("{}"),
            answer,
            ended,
            slot,
        },
        answered,
    )
}

#[tokio::test(start_paused = true)]
async fn slot_is_free_once_child_asks_again() {
    let (environment, slots) = (environment(), Arc::new(Semaphore::new(1)));
    let (first, answered) = invocation("one", &slots);
    environment.assign(first).unwrap();
    assert_eq!(environment.wait_for_invocation(LIMIT).await.id, "one");
    let (pieces, payload) = Payload::new_channel(true);
    environment.take_answer_sender("one").unwrap().send(Ok(payload)).unwrap();
    drop(answered);
    assert!(pieces.send(PayloadChunk::End).await.is_err(), "nobody listens any more");
    assert_eq!(slots.available_permits(), 0, "the child still works");
    drop(environment.mark_idle());
    assert_eq!(slots.available_permits(), 1);
    assert!(environment.mark_idle().is_none(), "asking twice does not free it twice");
}

#[tokio::test(start_paused = true)]
async fn started_child_with_work_is_not_idle() {
    let (environment, slots) = (environment(), Arc::new(Semaphore::new(1)));
    let (first, _answered) = invocation("one", &slots);
    environment.assign(first).unwrap();
    assert!(environment.mark_idle().is_none());
    assert_eq!(environment.wait_for_invocation(LIMIT).await.id, "one");
    assert!(environment.mark_idle().is_some());
}

#[tokio::test(start_paused = true)]
async fn answer_sender_is_taken_once_while_running() {
    let (environment, slots) = (environment(), Arc::new(Semaphore::new(1)));
    assert!(environment.take_answer_sender("one").is_none());
    let (first, _answered) = invocation("one", &slots);
    environment.assign(first).unwrap();
    assert!(environment.take_answer_sender("one").is_none(), "not yet fetched");
    environment.wait_for_invocation(LIMIT).await;
    assert!(environment.take_answer_sender("two").is_none());
    assert!(environment.take_answer_sender("one").is_some());
    assert!(environment.take_answer_sender("one").is_none());
}

#[tokio::test(start_paused = true)]
async fn ended_environment_fails_and_refuses_invocations() {
    let (environment, slots) = (environment(), Arc::new(Semaphore::new(3)));
    let (running, running_answered) = invocation("one", &slots);
    environment.assign(running).unwrap();
    environment.wait_for_invocation(LIMIT).await;
    let (waiting, waiting_answered) = invocation("two", &slots);
    environment.assign(waiting).unwrap();
    environment.mark_ended("gone");
    for answered in [running_answered, waiting_answered] {
        assert_eq!(
            answered.await.unwrap().unwrap_err(),
            InvocationError::Crashed("gone".to_owned())
        );
    }
    let (late, _answered) = invocation("three", &slots);
    assert_eq!(environment.assign(late).unwrap_err().id, "three");
    assert_eq!(slots.available_permits(), 3);
}

#[tokio::test(start_paused = true)]
async fn start_is_ready_or_says_why() {
    let ready = environment();
    assert!(ready.mark_idle().is_none());
    assert_eq!(ready.wait_until_ready().await, Ok(()));
    let failed = environment();
    failed.mark_ended("a bad setting");
    assert_eq!(failed.wait_until_ready().await, Err("a bad setting".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn deadline_runs_unless_environment_is_idle() {
    let (environment, slots) = (Arc::new(environment()), Arc::new(Semaphore::new(1)));
    let began = Instant::now();
    environment.wait_until_overdue().await;
    assert_eq!(began.elapsed(), Duration::from_secs(10));

    environment.mark_idle();
    let a_day = Duration::from_secs(86_400);
    assert!(
        tokio::time::timeout(a_day, environment.wait_until_overdue()).await.is_err(),
        "an idle one is never late"
    );

    let late = tokio::spawn({
        let environment = environment.clone();
        async move { environment.wait_until_overdue().await }
    });
    let (work, _answered) = invocation("one", &slots);
    environment.assign(work).unwrap();
    let began = Instant::now();
    environment.wait_for_invocation(LIMIT).await;
    late.await.unwrap();
    assert_eq!(began.elapsed(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn payload_without_its_end_broke_off() {
    let (pieces, mut payload) = Payload::new_channel(true);
    pieces.send(PayloadChunk::Data(Bytes::from("a"))).await.unwrap();
    drop(pieces);
    assert_eq!(payload.next_chunk().await.unwrap().unwrap(), "a");
    assert!(payload.next_chunk().await.unwrap().is_err());

    let (pieces, payload) = Payload::new_channel(false);
    for piece in [
        PayloadChunk::Data(Bytes::from("a")),
        PayloadChunk::Data(Bytes::from("b")),
        PayloadChunk::End,
    ] {
        pieces.send(piece).await.unwrap();
    }
    assert_eq!(payload.read_to_end().await.unwrap(), "ab");
}
