//! Lambda's Runtime API for one function: it asks for an event, gets it, and posts the answer.

use crate::AnyError;
use crate::samples::Answer;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::{Request, Response, service::service_fn};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes at the start of an answer in which its status stands.
const HEAD_BYTES: usize = 2_000;

type Event = Bytes;
type Posted = Result<Answer, String>;

/// A function that waits for an event.
pub(crate) struct Question(oneshot::Sender<Event>);

struct Desk {
    questions: mpsc::UnboundedSender<Question>,
    answers: mpsc::UnboundedSender<Posted>,
    /// The answer to the event that is out, begun when the event was handed over.
    open: Mutex<Option<Answer>>,
}

pub(crate) struct RuntimeApi {
    address: String,
    questions: mpsc::UnboundedReceiver<Question>,
    answers: mpsc::UnboundedReceiver<Posted>,
}

impl RuntimeApi {
    pub(crate) async fn open() -> Result<Self, AnyError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (questions, asked) = mpsc::unbounded_channel();
        let (answers, posted) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk { questions, answers, open: Mutex::new(None) });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let desk = desk.clone();
                let service = service_fn(move |request| serve(request, desk.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { address, questions: asked, answers: posted })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the function asks for an event.
    pub(crate) async fn next_question(&mut self) -> Result<Question, AnyError> {
        tokio::select! {
            question = self.questions.recv() => question.ok_or_else(|| "the Runtime API has ended".into()),
            _ = self.answers.recv() => Err("the function has failed to start".into()),
            () = tokio::time::sleep(ANSWER_TIMEOUT) => Err("the function does not ask for an event".into()),
        }
    }

    pub(crate) async fn invoke(
        &mut self,
        question: Question,
        event: &[u8],
    ) -> Result<Answer, AnyError> {
        let _ = question.0.send(Bytes::copy_from_slice(event));
        match tokio::time::timeout(ANSWER_TIMEOUT, self.answers.recv()).await {
            Ok(Some(answer)) => Ok(answer?),
            _ => Err("the function does not answer".into()),
        }
    }
}

async fn serve(
    request: Request<Incoming>,
    desk: Arc<Desk>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    if request.uri().path().ends_with("/invocation/next") {
        return Ok(hand_out(&desk).await.unwrap_or_else(|| reply(500, Bytes::new())));
    }
    let is_answer = request.uri().path().ends_with("/response");
    let posted = read_answer(request.into_body(), &desk, is_answer).await?;
    let _ = desk.answers.send(posted);
    Ok(reply(202, Bytes::from_static(b"{\"status\":\"OK\"}")))
}

async fn hand_out(desk: &Desk) -> Option<Response<Full<Bytes>>> {
    let (handed, event) = oneshot::channel();
    desk.questions.send(Question(handed)).ok()?;
    let event = event.await.ok()?;
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).ok()? + ANSWER_TIMEOUT;
    *desk.open.lock().ok()? = Some(Answer::begin());
    let mut response = reply(200, event);
    for (name, value) in [
        ("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000".to_string()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:measured".to_string(),
        ),
    ] {
        response.headers_mut().insert(name, value.parse().ok()?);
    }
    Some(response)
}

/// Reads an answer piece by piece; one that is no success is told as an error.
async fn read_answer(
    mut body: Incoming,
    desk: &Desk,
    is_answer: bool,
) -> Result<Posted, hyper::Error> {
    let open = desk.open.lock().ok().and_then(|mut open| open.take());
    let mut answer = open.unwrap_or_else(Answer::begin);
    let mut head = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        answer.read_piece(&piece);
        head.extend_from_slice(&piece[..piece.len().min(HEAD_BYTES - head.len())]);
    }
    let answer = answer.end();
    let head = String::from_utf8_lossy(&head);
    let is_success = head.contains("\"statusCode\":200") || head.contains("\"statusCode\": 200");
    if is_answer && is_success {
        Ok(Ok(answer))
    } else {
        Ok(Err(format!("the function has answered {head:.400}")))
    }
}

fn reply(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Full::new(body)).expect("a status and headers of this program")
}
