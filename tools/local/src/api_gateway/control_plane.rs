//! The part of API Gateway's own API that makes, finds and deletes keys, for this run's credentials only.

use super::usage_plans::{PlanError, UsagePlans};
use crate::aws_account::is_signed_with;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a request is answered from.
#[derive(Clone)]
struct ControlPlane {
    usage_plans: Arc<UsagePlans>,
    access_key: String,
}

/// A refusal: status, AWS's kind of it, and a message.
struct Refusal(StatusCode, &'static str, &'static str);

type Answer = Result<Response, Refusal>;

/// Serves the keys of these plans to requests signed with this access key.
pub fn control_router(usage_plans: Arc<UsagePlans>, access_key: &str) -> Router {
    Router::new()
        .route("/apikeys", post(create_key).get(list_keys))
        .route("/apikeys/{id}", delete(delete_key))
        .route("/usageplans/{plan}/keys", post(add_to_plan).get(list_members))
        .with_state(ControlPlane { usage_plans, access_key: access_key.to_owned() })
}

async fn create_key(State(plane): State<ControlPlane>, headers: HeaderMap, body: Bytes) -> Answer {
    plane.check_credential(&headers)?;
    let request = parse_body(&body)?;
    let name = request["name"].as_str().unwrap_or_default();
    let (id, value) = plane.usage_plans.create_key(name);
    let key = json!({ "id": id, "name": name, "value": value, "enabled": request["enabled"] });
    Ok(write_json(StatusCode::CREATED, &key))
}

async fn list_keys(
    State(plane): State<ControlPlane>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    plane.check_credential(&headers)?;
    let query = query.unwrap_or_default();
    let find = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let shows_values = find("includeValues").as_deref() == Some("true");
    let found = plane.usage_plans.find_keys(&find("nameQuery").unwrap_or_default());
    let items: Vec<_> = found
        .into_iter()
        .map(|(id, name, value)| {
            json!({ "id": id, "name": name, "value": shows_values.then_some(value) })
        })
        .collect();
    Ok(write_json(StatusCode::OK, &json!({ "item": items })))
}

async fn list_members(
    State(plane): State<ControlPlane>,
    headers: HeaderMap,
    Path(plan): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    plane.check_credential(&headers)?;
    let query = query.unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let name = pairs.find(|(key, _)| key == "name").map(|(_, name)| name.into_owned());
    let found = plane.usage_plans.find_members(&plan, &name.unwrap_or_default());
    let found = found.ok_or_else(|| not_found("Invalid Usage Plan ID specified"))?;
    let items: Vec<_> = found
        .into_iter()
        .map(|(id, name, value)| json!({ "id": id, "name": name, "value": value }))
        .collect();
    Ok(write_json(StatusCode::OK, &json!({ "item": items })))
}

async fn delete_key(
    State(plane): State<ControlPlane>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    plane.check_credential(&headers)?;
    if !plane.usage_plans.delete_key(&id) {
        return Err(not_found("Invalid API Key identifier specified"));
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn add_to_plan(
    State(plane): State<ControlPlane>,
    headers: HeaderMap,
    Path(plan): Path<String>,
    body: Bytes,
) -> Answer {
    plane.check_credential(&headers)?;
    let request = parse_body(&body)?;
    let id = request["keyId"].as_str().unwrap_or_default();
    match plane.usage_plans.add_to_plan(id, &plan) {
        Ok(()) => Ok(write_json(StatusCode::CREATED, &json!({ "id": id, "type": "API_KEY" }))),
        Err(PlanError::NoSuchPlan) => Err(not_found("Invalid Usage Plan ID specified")),
        Err(PlanError::NoSuchKey) => Err(not_found("Invalid API Key identifier specified")),
    }
}

impl ControlPlane {
    fn check_credential(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if is_signed_with(headers, &self.access_key) {
            return Ok(());
        }
        let message = "The security token included in the request is invalid.";
        Err(Refusal(StatusCode::FORBIDDEN, "UnrecognizedClientException", message))
    }
}

fn parse_body(body: &Bytes) -> Result<Value, Refusal> {
    let problem = |_| Refusal(StatusCode::BAD_REQUEST, "BadRequestException", "no JSON");
    serde_json::from_slice(body).map_err(problem)
}

fn not_found(message: &'static str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "NotFoundException", message)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, kind, message) = self;
        let mut answer = write_json(status, &json!({ "message": message }));
        answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
        answer
    }
}

fn write_json(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}
