//! The start of every binary: telemetry, settings, the app once per environment, the event loop.
//!
//! One thread serves: a function of 256 MB has a fraction of a processor. A bad setting ends the
//! process with one line that lists every problem, which Lambda shows as a failed start.

mod tcp_nodelay;

use crate::app::App;
use crate::config::Config;
use crate::config::vars::Environment;
use crate::edge::cors::WebPage;
use crate::edge::request::Incoming;
use crate::edge::response::Body;
use crate::telemetry;
use crate::telemetry::invocation::{InvocationIds, within_invocation};
use futures_util::FutureExt;
use http::{Method, Response};
use http_body_util::BodyDataStream;
use lambda_runtime::{
    Diagnostic, Error, LambdaEvent, MetadataPrelude, Runtime, StreamResponse, service_fn,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::future::Future;
use std::process::ExitCode;
use tower::util::MapRequestLayer;

/// Serves HTTP requests of API Gateway in streaming mode.
///
/// `function` is `env!("CARGO_CRATE_NAME")`: it names the crate whose events are logged in full.
pub fn serve_http<H, F>(function: &'static str, handler: H) -> ExitCode
where
    H: Fn(&'static App, Incoming) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    run_to_end(function, async move {
        let app = App::start(Config::from_vars(&Environment)?).await?;
        let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
            let LambdaEvent { payload, context } = event;
            let incoming = Incoming::new(payload.get(), &context.request_id, context.deadline);
            let ids = InvocationIds::new(&incoming.request_id, context.xray_trace_id.as_deref());
            let answer = answer_any_page(app, incoming, handler.clone());
            within_invocation(ids, answer.map(into_stream))
        });
        let runtime = Runtime::new(service);
        runtime.layer(MapRequestLayer::new(tcp_nodelay::switch_off_delay)).run_concurrent().await
    })
}

/// Answers a request, whichever web page it may come from.
async fn answer_any_page<H, F>(app: &'static App, incoming: Incoming, handler: H) -> Response<Body>
where
    H: Fn(&'static App, Incoming) -> F,
    F: Future<Output = Response<Body>>,
{
    let page = WebPage::of_request(&incoming.headers, &app.config.cors);
    let mut response = match incoming.method {
        Method::OPTIONS => page.answer_preflight(),
        // Boxed: what waits for it is moved about until it is first polled, and this is large.
        _ => Box::pin(handler(app, incoming)).await,
    };
    page.add_headers(response.headers_mut());
    response
}

/// Turns an answer into the form that the Runtime API streams: a head in JSON, then the body.
fn into_stream(answer: Response<Body>) -> Result<StreamResponse<BodyDataStream<Body>>, Diagnostic> {
    let (head, body) = answer.into_parts();
    let (status_code, headers) = (head.status, head.headers);
    let metadata_prelude = MetadataPrelude { status_code, headers, cookies: Vec::new() };
    Ok(StreamResponse { metadata_prelude, stream: BodyDataStream::new(body) })
}

/// Serves plain events: `start` builds what the handler needs, once per environment.
///
/// An error of the handler fails the invocation, for whoever invoked the function to see.
/// `function` is `env!("CARGO_CRATE_NAME")`: it names the crate whose events are logged in full.
pub fn serve_events<S, SF, T, H, F, I, O, E>(
    function: &'static str,
    start: S,
    handler: H,
) -> ExitCode
where
    S: FnOnce(Environment) -> SF + Send + 'static,
    SF: Future<Output = Result<&'static T, Error>> + Send + 'static,
    T: Sync + 'static,
    H: Fn(&'static T, I) -> F + Clone + Send + 'static,
    F: Future<Output = Result<O, E>> + Send + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: std::error::Error + Send + 'static,
{
    run_to_end(function, async move {
        let state = start(Environment).await?;
        let service = service_fn(move |event: LambdaEvent<I>| {
            let LambdaEvent { payload, context } = event;
            let ids = InvocationIds::new(&context.request_id, context.xray_trace_id.as_deref());
            let answer = handler(state, payload);
            within_invocation(ids, async move { answer.await.map_err(describe_error) })
        });
        lambda_runtime::run_concurrent(service).await
    })
}

/// What the Runtime API, and through it the invoker, is told of an error.
fn describe_error<E: std::error::Error>(error: E) -> Diagnostic {
    let kind = std::any::type_name::<E>().rsplit("::").next().unwrap_or_default();
    Diagnostic { error_type: kind.to_string(), error_message: error.to_string() }
}

/// Runs a function's process: logging first, then `main`, whose error is a failed start.
///
/// `main` is a task: the runtime looks for input and output once more whenever a future that it blocks on
/// is woken, and never for a task.
fn run_to_end<F>(function: &'static str, main: F) -> ExitCode
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    telemetry::init::start_logging(function, &Environment);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail_start(&error.into()),
    };
    match runtime.block_on(runtime.spawn(main)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail_start(&error),
        // The hook has told where; what a panic says may quote a request.
        Err(_) => fail_start(&"a panic".into()),
    }
}

fn fail_start(error: &Error) -> ExitCode {
    tracing::error!(event = "start_failed", error = %error, "the function cannot start");
    ExitCode::FAILURE
}
