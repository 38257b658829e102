//! What is measured: names, units and dimensions, in one list.
//!
//! A metric exists only as a row of `metrics!`, so that no raw name can be written and
//! `docs/metrics.md` is printed from all of them. A metric has only the sets of dimensions that an alarm or a
//! widget reads; model, client and request are fields and never dimensions: each value of a dimension is one
//! more metric to pay.

use crate::endpoint::Endpoint;
use crate::telemetry::event_line::EventLine;
use crate::telemetry::redact;
use serde_json::Value;

/// Where CloudWatch shows the metrics.
pub const NAMESPACE: &str = "CohereGateway";

/// Bytes of a line with one metric, about.
const ONE_METRIC_BYTES: usize = 384;

/// What CloudWatch tells the values of one metric apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The stack's name.
    Service,
    Endpoint,
    /// The number of the function's published version.
    FunctionVersion,
}

impl Dimension {
    pub const ALL: [Self; 3] = [Self::Service, Self::Endpoint, Self::FunctionVersion];

    /// Returns the name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::Endpoint => "Endpoint",
            Self::FunctionVersion => "FunctionVersion",
        }
    }
}

/// Declares the metrics: a row has the unit in CloudWatch's word, the sets of dimensions under which
/// CloudWatch keeps the metric, and the fields beside its value. `docs/metrics.md` is printed from the rows.
macro_rules! metrics {
    ($($(#[doc = $about:literal])+ $name:ident: $unit:literal, $sets:expr, $fields:expr;)+) => {
        /// Everything that is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[doc = $about])+ $name,)+
        }

        impl Metric {
            pub const ALL: &[Metric] = &[$(Metric::$name),+];

            /// Returns the name in CloudWatch.
            pub fn name(self) -> &'static str {
                match self { $(Metric::$name => stringify!($name),)+ }
            }

            /// Says what is counted or measured.
            pub fn about(self) -> &'static str {
                match self { $(Metric::$name => concat!($($about),+).trim_ascii(),)+ }
            }

            /// Returns the unit, in CloudWatch's word.
            pub fn unit(self) -> &'static str {
                match self { $(Metric::$name => $unit,)+ }
            }

            /// Returns name and unit as the embedded format has them.
            pub(super) fn definition(self) -> &'static str {
                match self { $(Metric::$name => concat!(
                    "{\"Name\":\"", stringify!($name), "\",\"Unit\":\"", $unit, "\"}"
                ),)+ }
            }

            /// Returns the sets of dimensions under which CloudWatch keeps the metric.
            pub fn dimension_sets(self) -> &'static [&'static [Dimension]] {
                match self { $(Metric::$name => $sets,)+ }
            }

            /// Returns what stands beside the value where no request's line does, to be searched in the log.
            pub fn fields(self) -> &'static [&'static str] {
                match self { $(Metric::$name => $fields,)+ }
            }
        }
    };
}

use Dimension::{Endpoint as EndpointName, FunctionVersion, Service};

const BY_SERVICE: &[&[Dimension]] = &[&[Service]];
const BY_ENDPOINT: &[&[Dimension]] = &[&[Service, EndpointName]];
const BY_SERVICE_AND_ENDPOINT: &[&[Dimension]] = &[&[Service], &[Service, EndpointName]];
const BY_VERSION: &[&[Dimension]] = &[&[Service, EndpointName, FunctionVersion]];
/// The authorizer has no endpoint.
const BY_AUTHORIZER_VERSION: &[&[Dimension]] = &[&[Service, FunctionVersion]];

metrics! {
    /// Requests that have ended, in whatever way.
    Requests: "Count", BY_SERVICE_AND_ENDPOINT, &[];
    /// Requests that failed by a fault of the gateway or of Cohere: answers of 500 and above, and streams that ended in ERROR with the code of such an answer; but not at a time that the caller had set, by an option or by not reading. 0 for the others.
    ServerError: "Count", BY_SERVICE_AND_ENDPOINT, &[];
    /// Every answer of 500 and above. 0 for the others.
    Answered5xx: "Count", BY_ENDPOINT, &[];
    /// Requests that met a 429 of Cohere, or were answered 429 by the gateway in a cooldown. 0 for the others.
    RateLimited: "Count", BY_SERVICE, &[];
    /// Requests that met the end of a month's quota.
    QuotaExhausted: "Count", BY_SERVICE, &[];
    /// Requests that failed because Cohere refuses the key, which reading it anew did not mend.
    KeyRefused: "Count", BY_SERVICE, &[];
    /// Requests that failed because Cohere refuses the account for payment.
    BillingRefused: "Count", BY_SERVICE, &[];
    /// Requests that another model answered than the one asked for. 0 for the others.
    Fallback: "Count", BY_SERVICE, &[];
    /// Requests that were not tried again because the retry budget was empty.
    RetryBudgetEmpty: "Count", BY_SERVICE, &[];
    /// Requests that a trial key has served.
    TrialKey: "Count", BY_SERVICE, &[];
    /// Time to the whole answer, or to a stream's first event; of a stream without one, to its end.
    Latency: "Milliseconds", BY_ENDPOINT, &[];
    /// Time to a stream's first event.
    FirstEventLatency: "Milliseconds", BY_ENDPOINT, &[];
    /// Length of a stream, from the request to its end.
    StreamDuration: "Milliseconds", BY_ENDPOINT, &[];
    /// Of a chat that is answered whole with 50 output tokens or more: its time by output token.
    OutputTokenTime: "Milliseconds", BY_ENDPOINT, &[];
    /// Time that the gateway itself has added before the answer, or before a stream's first event: neither waiting for Cohere nor for a cooldown or a backoff.
    GatewayTime: "Milliseconds", BY_ENDPOINT, &[];
    /// Time that a request has waited in the gateway for a cooldown or a backoff, where it has.
    WaitingTime: "Milliseconds", BY_ENDPOINT, &[];
    /// Tokens that Cohere has billed as input.
    InputTokens: "Count", BY_SERVICE, &[];
    /// Tokens that Cohere has billed as output.
    OutputTokens: "Count", BY_SERVICE, &[];
    // CloudWatch has no money.
    /// What Cohere bills, in millionths of a US dollar, marked calls included.
    CostMicroUsd: "None", BY_SERVICE_AND_ENDPOINT, &[];
    /// Requests whose bill has something without a known price; `CostMicroUsd` lacks it.
    UnpricedModel: "Count", BY_SERVICE, &[];
    /// Inputs of requests that the cache was asked for.
    CacheInputs: "Count", BY_ENDPOINT, &[];
    /// Those of them that it has answered.
    CacheHits: "Count", BY_ENDPOINT, &[];
    /// Requests of one version of a function, marked calls included. A gate compares versions by this and the next ones.
    GateRequests: "Count", BY_VERSION, &[];
    /// As `ServerError`, by version.
    GateServerError: "Count", BY_VERSION, &[];
    /// As `RateLimited`, by version.
    GateRateLimited: "Count", BY_VERSION, &[];
    /// Of chat the time to a stream's first event; of embed and rerank, and of what is passed through without a stream, that of the slowest call of Cohere.
    GateLatency: "Milliseconds", BY_VERSION, &[];
    /// As `GatewayTime`, by version, without an environment's first request.
    GateGatewayTime: "Milliseconds", BY_VERSION, &[];
    /// Callers that the authorizer has let in.
    AuthorizerAllowed: "Count", BY_SERVICE, &[];
    /// Callers that the authorizer has refused.
    AuthorizerDenied: "Count", BY_SERVICE, &[];
    /// Callers of whom the authorizer could not say who they are.
    AuthorizerFailed: "Count", BY_SERVICE, &[];
    /// As `AuthorizerAllowed`, by version, marked calls included; 0 for other verdicts.
    GateAllowed: "Count", BY_AUTHORIZER_VERSION, &[];
    /// As `AuthorizerDenied`, by version; 0 for other verdicts.
    GateDenied: "Count", BY_AUTHORIZER_VERSION, &[];
    /// As `AuthorizerFailed`, by version; 0 for other verdicts.
    GateFailed: "Count", BY_AUTHORIZER_VERSION, &[];
    /// Whether the driver of a rollout has seen a new version answer otherwise than the one that was live: a line for each pair of calls, 0 where they agree. The endpoint is the function's name, `authorizer` and `health` too, and the version the new one's.
    GateMismatch: "Count", BY_VERSION, &[];
    /// A rollout has begun, as its pre-traffic hook says; endpoint and version as in `GateMismatch`.
    RolloutStarted: "Count", BY_VERSION, &[];
    /// A rollout has brought all callers to the new version, as its post-traffic hook says first of all; endpoint and version as in `GateMismatch`.
    RolloutEnded: "Count", BY_VERSION, &[];
    /// A circuit breaker has opened: calls of one model are refused for a while, or, where the model is `all`, every call, since Cohere cannot be connected to. The endpoint is that of the call.
    BreakerOpened: "Count", BY_ENDPOINT, &["Model"];
    /// An open circuit breaker has let one call through, to probe the model.
    BreakerHalfOpened: "Count", BY_ENDPOINT, &["Model"];
    /// A circuit breaker has closed: the model answers again.
    BreakerClosed: "Count", BY_ENDPOINT, &["Model"];
    /// A step of the key's rotation has failed; the log line beside it says why.
    RotationFailed: "Count", BY_SERVICE, &["Step", "Code"];
    // CloudWatch has no days.
    /// Age of the Cohere key in use, written whenever it is read.
    KeyAgeDays: "None", BY_SERVICE, &["KeyVersion"];
    /// The probe has found Cohere in order; each look writes this one and the next five, one of them as 1.
    ProbeOk: "Count", BY_SERVICE, &[];
    /// Cohere answers the probe, but is throttled, or not on the model that is asked first.
    ProbeDegraded: "Count", BY_SERVICE, &[];
    /// Cohere cannot be reached, is too slow or answers with server errors.
    ProbeUnreachable: "Count", BY_SERVICE, &[];
    /// The gateway has no Cohere key.
    ProbeKeyMissing: "Count", BY_SERVICE, &[];
    /// Cohere refuses the key, and there is no newer one.
    ProbeKeyRefused: "Count", BY_SERVICE, &[];
    /// Cohere refuses the account for payment, or its month is used up.
    ProbeBilling: "Count", BY_SERVICE, &[];
    /// The public address serves the synthetic client; both are 0 while there is no such client.
    FrontDoorOk: "Count", BY_SERVICE, &[];
    /// The public address does not serve the synthetic client, and that is no fault of Cohere's.
    FrontDoorFailed: "Count", BY_SERVICE, &[];
}

/// Writes that something happened once to a model, by a name that may be shown.
pub fn count_for_model(metric: Metric, endpoint: Endpoint, model: &str) {
    let mut line = EventLine::of_metrics(ONE_METRIC_BYTES);
    line.set_endpoint(endpoint);
    line.add("Model", redact::redact_id(model));
    line.count(metric, 1);
    line.write();
}

/// Writes that something happened once to a version of a function, by its folder and number.
pub fn count_for_function(metric: Metric, function: &str, version: &str) {
    let mut line = EventLine::of_metrics(ONE_METRIC_BYTES);
    line.set_function(function, version);
    line.count(metric, 1);
    line.write();
}

/// Writes that something happened once to the whole service; `fields` is an object of texts.
pub fn count_for_service(metric: Metric, fields: Value) {
    let mut line = start_line(metric, &fields);
    line.count(metric, 1);
    line.write();
}

/// Writes a value of the whole service; `fields` is an object of texts.
pub fn gauge_for_service(metric: Metric, value: f64, fields: Value) {
    let mut line = start_line(metric, &fields);
    line.measure(metric, value);
    line.write();
}

fn start_line(metric: Metric, fields: &Value) -> EventLine {
    let mut line = EventLine::of_metrics(ONE_METRIC_BYTES);
    for name in metric.fields() {
        debug_assert!(fields[name].is_string(), "{metric:?} has no {name}");
        line.add(name, fields[name].as_str());
    }
    line
}

/// What the page says before its table.
const PAGE_HEAD: &str = "# Metrics

Every function writes its metrics into its log, in CloudWatch's embedded format, from which CloudWatch makes
metrics in the namespace `CohereGateway`. `Service` is the stack's name, `Endpoint` one of ENDPOINTS,
`FunctionVersion` the number of the function's version. The line that carries a request's metrics is the
request's line itself ([logging](logging.md)); what Cohere billed, the model and the client are its fields, which
cost nothing and are searched with Logs Insights ([cost](cost.md)).

The event of a *marked call*, a rollout's own or the synthetic client's, has the metrics whose names begin with `Gate`, and its
cost; that of every other request has both kinds. Alerts read what is not `Gate…`, so that the gateway's own calls wake nobody
and hide nothing. Breakers and the key's age are of an environment and not of a call: whoever meets them writes them.

A function's log format must stay `Text` (or its level INFO): CloudWatch takes a line without a level of its own as INFO.

";

fn name_dimensions(set: &[Dimension]) -> String {
    set.iter().map(|dimension| dimension.name()).collect::<Vec<_>>().join(", ")
}

/// Prints the page `docs/metrics.md`.
pub fn print_markdown() -> String {
    let endpoints = Endpoint::ALL.map(|endpoint| format!("`{}`", endpoint.name())).join(", ");
    let endpoints = format!("{endpoints}, and `{}` for the others", Endpoint::Completions.name());
    let mut page = PAGE_HEAD.replace("ENDPOINTS", &endpoints);
    page += "| metric | unit | dimensions | what |\n|---|---|---|---|\n";
    for metric in Metric::ALL {
        let sets = metric.dimension_sets().iter();
        let sets: Vec<_> = sets.map(|set| name_dimensions(set)).collect();
        let (name, unit, about) = (metric.name(), metric.unit(), metric.about());
        let mut fields = metric.fields().join("`, `");
        if !fields.is_empty() {
            fields = format!(" Beside it: `{fields}`.");
        }
        page += &format!("| `{name}` | {unit} | {} | {about}{fields} |\n", sets.join("; "));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_printed_from_the_metrics() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
        page_check::check_page(path, &print_markdown());
    }
}
