//! The API Gateway: what a REST API does with a request before and after its function.
//!
//! In order: route, throttling, authorizer, size, function, and the answer while it is written.
//! Whatever stops a request before its answer is a [`Rejection`], answered by the template's
//! gateway responses and told in a line. Nothing is added to an answer that a function makes.

mod access_line;
mod authorizer;
mod control_plane;
mod event;
mod policy;
mod prelude;
mod rejection;
mod streamed_response;
mod throttle;
mod usage_plans;

use crate::aws_account::{ACCOUNT, API, REGION};
use crate::aws_metrics::MeasuredApi;
use crate::lambda::Function;
use crate::output::Output;
use crate::template::{self, Template};
use access_line::RefusedRequest;
use authorizer::Authorizer;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use event::ProxyRequest;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use rejection::{GatewayResponses, Rejection};
use std::collections::BTreeMap;
use std::sync::Arc;
use streamed_response::StreamedResponse;
use throttle::TokenBucket;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// Largest body a REST API takes.
const BODY_LIMIT_BYTES: usize = 10 * 1024 * 1024;
/// Largest event a function takes: the body as a JSON string, and everything around it.
const EVENT_LIMIT_BYTES: usize = 6 * 1024 * 1024;
/// How much of a too large body is read, so that the caller can finish writing and read the answer.
const DRAIN_LIMIT_BYTES: usize = 64 * 1024 * 1024;

pub use control_plane::control_router;
pub use usage_plans::UsagePlans;

pub struct ApiGateway {
    api: MeasuredApi,
    routes: Vec<Route>,
    authorizer: Authorizer,
    responses: GatewayResponses,
}

/// What is needed of a request once it has been handed on.
struct SentHead {
    method: Method,
    path: String,
    headers: HeaderMap,
}

struct Route {
    route: template::TemplateRoute,
    function: Arc<Function>,
    bucket: Option<TokenBucket>,
}

impl ApiGateway {
    /// Puts the template's routes in front of these functions.
    pub fn new(
        template: &Template,
        functions: &BTreeMap<String, Arc<Function>>,
        usage_plans: Arc<UsagePlans>,
        output: Output,
    ) -> anyhow::Result<Self> {
        let routes = template.routes.iter().map(|route| Route {
            function: functions[&route.function].clone(),
            bucket: route.throttle.map(TokenBucket::new),
            route: route.clone(),
        });
        let authorizer = &template.authorizer;
        Ok(ApiGateway {
            api: MeasuredApi {
                name: template.api_name.clone(),
                stage: template.stage.clone(),
                output,
            },
            routes: routes.collect(),
            authorizer: Authorizer::new(
                authorizer.clone(),
                functions[&authorizer.function].clone(),
                usage_plans,
            ),
            responses: GatewayResponses::new(template.responses.clone()),
        })
    }

    pub fn into_router(self) -> Router {
        Router::new().fallback(handle_request).with_state(Arc::new(self))
    }

    /// The ARN that policies name: `…/live/POST/v2/chat`.
    fn method_arn(&self, route: &template::TemplateRoute) -> String {
        format!(
            "arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/{}/{}{}",
            self.api.stage, route.method, route.path
        )
    }

    /// Finds the route of a request: a path that is named by itself is never a greedy one's, whatever its methods.
    fn find_route(&self, method: &str, path: &str) -> Option<&Route> {
        let takes_method = |route: &&Route| ["ANY", method].contains(&route.route.method.as_str());
        let mut named = self.routes.iter().filter(|route| route.route.path == path).peekable();
        if named.peek().is_some() {
            return named.find(takes_method);
        }
        let greedy = self.routes.iter().filter(|route| route.route.greedy_rest(path).is_some());
        greedy.filter(takes_method).max_by_key(|route| route.route.path.len())
    }

    /// Answers and tells of a request that gets no answer of a function.
    fn refuse(&self, rejection: &Rejection, id: &str, sent: &SentHead) -> Response {
        let SentHead { method, path, headers } = sent;
        let (method, path) = (method.as_str(), path.as_str());
        let response = self.responses.response_to(rejection, id, headers);
        let status = response.status().as_u16();
        let response_type = rejection.response_type();
        RefusedRequest { id, method, path, status, response_type }.write_line(&self.api.output);
        response
    }

    async fn answer_request(
        &self,
        id: &str,
        route: Option<&Route>,
        request: Request,
    ) -> Result<Response, Rejection> {
        let (parts, body) = request.into_parts();
        let body = read_body(body).await;
        let Some(Route { route, function, bucket }) = route else {
            // With an Authorization header API Gateway takes the request for an IAM-signed one.
            let signed = parts.headers.contains_key("authorization");
            return Err(if signed {
                Rejection::InvalidSignature
            } else {
                Rejection::MissingAuthenticationToken
            });
        };
        if let Some(bucket) = bucket
            && !bucket.try_take(Instant::now())
        {
            return Err(Rejection::Throttled);
        }
        let caller = match route.authorized {
            true => Some(self.authorizer.authorize(&parts.headers, &self.method_arn(route)).await?),
            false => None,
        };
        let request = ProxyRequest {
            id,
            stage: &self.api.stage,
            resource: &route.path,
            greedy_rest: route.greedy_rest(parts.uri.path()),
            parts: &parts,
        };
        let event = request.to_event(&body?, caller);
        if event.len() > EVENT_LIMIT_BYTES {
            return Err(Rejection::RequestTooLarge);
        }
        let deadline = Instant::now() + route.timeout;
        let payload = match timeout_at(deadline, function.invoke(event)).await {
            Ok(Ok(payload)) => payload,
            // Not started at all where every environment is busy, or died.
            Ok(Err(_)) => return Err(Rejection::IntegrationFailure),
            Err(_) => return Err(Rejection::IntegrationTimeout),
        };
        StreamedResponse::new(payload, deadline).into_response().await
    }
}

async fn handle_request(State(api_gateway): State<Arc<ApiGateway>>, request: Request) -> Response {
    let id = Uuid::new_v4().to_string();
    let sent = SentHead {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        headers: request.headers().clone(),
    };
    let route = api_gateway.find_route(sent.method.as_str(), &sent.path);
    let answer = api_gateway.answer_request(&id, route, request).await;
    let response = match answer {
        Ok(response) => response,
        Err(rejection) => api_gateway.refuse(&rejection, &id, &sent),
    };
    let measured = route.map(|Route { route, .. }| (route.method.as_str(), route.path.as_str()));
    api_gateway.api.count_request(measured, response.status().as_u16());
    response
}

/// Reads the whole body before anything is decided: API Gateway cannot stream requests.
async fn read_body(mut body: Body) -> Result<Bytes, Rejection> {
    let mut whole = BytesMut::new();
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= BODY_LIMIT_BYTES {
            whole.extend_from_slice(&data);
        } else if length > DRAIN_LIMIT_BYTES {
            break;
        }
    }
    if length <= BODY_LIMIT_BYTES { Ok(whole.freeze()) } else { Err(Rejection::RequestTooLarge) }
}
