//! `GetAlias` and `UpdateAlias`, of the one alias that there is.

use super::address::find_function;
use super::{InvokeApi, Refusal};
use crate::lambda::{ALIAS, Function, Routing};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is changed of an alias; what is left out stays as it is.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateRequest {
    function_version: Option<String>,
    routing_config: Option<RoutingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoutingConfig {
    #[serde(default)]
    additional_version_weights: BTreeMap<String, f64>,
}

pub(super) async fn read_alias(
    State(api): State<InvokeApi>,
    Path((name, alias)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    api.check_credential(&headers)?;
    let function = find_owner(&api, &name, &alias)?;
    Ok(write_alias(&function))
}

pub(super) async fn update_alias(
    State(api): State<InvokeApi>,
    Path((name, alias)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    api.check_credential(&headers)?;
    let function = find_owner(&api, &name, &alias)?;
    let invalid = |problem: &str| {
        Refusal::new(StatusCode::BAD_REQUEST, "InvalidParameterValueException", problem)
    };
    let update: UpdateRequest =
        serde_json::from_slice(&body).map_err(|_| invalid("these are no parameters of it"))?;
    let routing = update.apply_to(function.routing()).map_err(invalid)?;
    function.set_routing(routing).map_err(|problem| invalid(&problem.to_string()))?;
    Ok(write_alias(&function))
}

impl UpdateRequest {
    fn apply_to(self, mut routing: Routing) -> Result<Routing, &'static str> {
        if let Some(version) = self.function_version {
            routing.version = version.parse().map_err(|_| "FunctionVersion is no number")?;
        }
        let Some(RoutingConfig { additional_version_weights }) = self.routing_config else {
            return Ok(routing);
        };
        routing.additional = None;
        if additional_version_weights.len() > 1 {
            return Err("an alias has one additional version at most");
        }
        for (version, weight) in additional_version_weights {
            let version = version.parse().map_err(|_| "an additional version is no number")?;
            routing = routing.with_share(version, weight);
        }
        Ok(routing)
    }
}

fn find_owner(api: &InvokeApi, name: &str, alias: &str) -> Result<Arc<Function>, Refusal> {
    let (function, _) = find_function(&api.functions, name, None)?;
    if alias == ALIAS {
        return Ok(function);
    }
    let message = format!("Alias not found: {}:{alias}", function.arn());
    Err(Refusal::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message))
}

fn write_alias(function: &Function) -> Response {
    let Routing { version, additional } = function.routing();
    let mut alias = json!({
        "AliasArn": function.arn(),
        "Name": ALIAS,
        "FunctionVersion": version.to_string(),
        "Description": "",
    });
    if let Some(additional) = additional {
        let mut weights = Value::default();
        weights[additional.version.to_string()] = additional.weight.into();
        alias["RoutingConfig"] = json!({ "AdditionalVersionWeights": weights });
    }
    ([("content-type", "application/json")], alias.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(update: Value, routing: Routing) -> Result<Routing, &'static str> {
        serde_json::from_value::<UpdateRequest>(update).unwrap().apply_to(routing)
    }

    #[test]
    fn what_an_update_leaves_out_stays() {
        let before = Routing::to(1).with_share(2, 0.1);
        assert_eq!(apply(json!({}), before), Ok(before));
        let moved = apply(json!({ "FunctionVersion": "3" }), before).unwrap();
        assert_eq!(moved, Routing::to(3).with_share(2, 0.1));
        let none = json!({ "RoutingConfig": { "AdditionalVersionWeights": {} } });
        assert_eq!(apply(none, before), Ok(Routing::to(1)));
        let other = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "4": 0.5 } } });
        assert_eq!(apply(other, before), Ok(Routing::to(1).with_share(4, 0.5)));
        let two =
            json!({ "RoutingConfig": { "AdditionalVersionWeights": { "4": 0.5, "5": 0.1 } } });
        assert!(
            apply(two, before).is_err()
                && apply(json!({ "FunctionVersion": "x" }), before).is_err()
        );
    }
}
