use super::super::invocation::PayloadChunk;
use super::*;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::Semaphore;

const LIMIT: Duration = Duration::from_secs(60);

type Answered = oneshot::Receiver<Result<Payload, InvocationError>>;

fn environment() -> Environment {
    Environment::new(1, Duration::from_secs(10))
}

fn invocation(id: &str, places: &Arc<Semaphore>) -> (Invocation, Answered) {
    let (answer, answered) = oneshot::channel();
    let place = places.clone().try_acquire_owned().unwrap();
    (Invocation { id: id.to_owned(), event: Bytes::from("{}"), answer, place }, answered)
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_again_only_when_the_child_asks_for_more() {
    let (environment, places) = (environment(), Arc::new(Semaphore::new(1)));
    let (first, answered) = invocation("one", &places);
    environment.hand(first).unwrap();
    assert_eq!(environment.next(LIMIT).await.id, "one");
    let (pieces, payload) = Payload::channel(true);
    environment.answer("one").unwrap().send(Ok(payload)).unwrap();
    drop(answered);
    assert!(pieces.send(PayloadChunk::End).await.is_err(), "nobody listens any more");
    assert_eq!(places.available_permits(), 0, "the child still works");
    drop(environment.rest());
    assert_eq!(places.available_permits(), 1);
    assert!(environment.rest().is_none(), "asking twice does not free it twice");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_starts_with_work_waiting_is_not_idle() {
    let (environment, places) = (environment(), Arc::new(Semaphore::new(1)));
    let (first, _answered) = invocation("one", &places);
    environment.hand(first).unwrap();
    assert!(environment.rest().is_none());
    assert_eq!(environment.next(LIMIT).await.id, "one");
    assert!(environment.rest().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_taken_once_and_only_for_what_runs() {
    let (environment, places) = (environment(), Arc::new(Semaphore::new(1)));
    assert!(environment.answer("one").is_none());
    let (first, _answered) = invocation("one", &places);
    environment.hand(first).unwrap();
    assert!(environment.answer("one").is_none(), "not yet fetched");
    environment.next(LIMIT).await;
    assert!(environment.answer("two").is_none());
    assert!(environment.answer("one").is_some());
    assert!(environment.answer("one").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_end_answers_what_waits_and_what_runs_and_refuses_more() {
    let (environment, places) = (environment(), Arc::new(Semaphore::new(3)));
    let (running, running_answered) = invocation("one", &places);
    environment.hand(running).unwrap();
    environment.next(LIMIT).await;
    let (waiting, waiting_answered) = invocation("two", &places);
    environment.hand(waiting).unwrap();
    environment.end("gone");
    for answered in [running_answered, waiting_answered] {
        assert_eq!(
            answered.await.unwrap().unwrap_err(),
            InvocationError::Crashed("gone".to_owned())
        );
    }
    let (late, _answered) = invocation("three", &places);
    assert_eq!(environment.hand(late).unwrap_err().id, "three");
    assert_eq!(places.available_permits(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_start_is_ready_or_says_why_not() {
    let ready = environment();
    assert!(ready.rest().is_none());
    assert_eq!(ready.ready().await, Ok(()));
    let failed = environment();
    failed.end("a bad setting");
    assert_eq!(failed.ready().await, Err("a bad setting".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn time_runs_while_starting_and_while_working_but_not_while_idle() {
    let (environment, places) = (Arc::new(environment()), Arc::new(Semaphore::new(1)));
    let began = Instant::now();
    environment.overdue().await;
    assert_eq!(began.elapsed(), Duration::from_secs(10));

    environment.rest();
    let a_day = Duration::from_secs(86_400);
    assert!(
        tokio::time::timeout(a_day, environment.overdue()).await.is_err(),
        "an idle one is never late"
    );

    let late = tokio::spawn({
        let environment = environment.clone();
        async move { environment.overdue().await }
    });
    let (work, _answered) = invocation("one", &places);
    environment.hand(work).unwrap();
    let began = Instant::now();
    environment.next(LIMIT).await;
    late.await.unwrap();
    assert_eq!(began.elapsed(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_its_end_is_cut() {
    let (pieces, mut payload) = Payload::channel(true);
    pieces.send(PayloadChunk::Data(Bytes::from("a"))).await.unwrap();
    drop(pieces);
    assert_eq!(payload.chunk().await.unwrap().unwrap(), "a");
    assert!(payload.chunk().await.unwrap().is_err());

    let (pieces, payload) = Payload::channel(false);
    for piece in [
        PayloadChunk::Data(Bytes::from("a")),
        PayloadChunk::Data(Bytes::from("b")),
        PayloadChunk::End,
    ] {
        pieces.send(piece).await.unwrap();
    }
    assert_eq!(payload.collect().await.unwrap(), "ab");
}
