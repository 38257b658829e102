//! One rollout of chat, minute by minute: callers behind the alias, the driver beside them, and the gates above both.

use super::release::{Fault, Weather};
use super::{LIVE, NEW};
use local::cloudwatch::{CloudWatch, MetricId, SeriesId, State};
use shared::telemetry::metrics::{Dimension, Metric, NAMESPACE};
use std::time::Duration;

/// Minutes in which the live version alone serves; what they have left behind must not stop a rollout.
pub const BEFORE: u64 = 6;
/// The driver calls both versions from this minute on, and a tenth of the callers come to the new one a minute later.
pub const SHIFTED: u64 = BEFORE + 1;
/// Minutes of the canary.
pub const CANARY: u64 = 10;
/// Share of the callers that meet the new version.
pub const SHARE: f64 = 0.1;
/// Pairs of calls that the driver makes a minute.
pub const PAIRS: u64 = 10;
/// Those of them that are streams, and those that are refused before Cohere is asked.
const STREAMED_PAIRS: u64 = 4;
const REFUSED_PAIRS: u64 = 1;
/// Share of the callers' requests that are streams.
const STREAMED: f64 = 0.5;
/// First events: half of them within 0.8 s, 95 of 100 within 2.1 s.
const FIRST_EVENT_MS: (f64, f64) = (800.0, 0.6);
/// The gateway's own time: half within a millisecond.
const GATEWAY_MS: (f64, f64) = (1.0, 0.5);

/// A rollout to be tried.
#[derive(Clone, Copy, Debug)]
pub struct Rollout {
    pub fault: Fault,
    pub weather: Weather,
    /// Requests of callers a minute.
    pub rate: u64,
    /// Share of requests that fail on any version.
    pub background: f64,
}

/// What a request asks for.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Stream,
    Whole,
    /// Bad, and answered so without asking Cohere.
    Refused,
}

/// Where the values of one version go.
struct Version {
    requests: SeriesId,
    errors: SeriesId,
    throttled: SeriesId,
    latency: SeriesId,
    gateway_time: SeriesId,
    shared: [SeriesId; 2],
    driven: [SeriesId; 2],
}

impl Version {
    fn new(cloudwatch: &mut CloudWatch, version: &str) -> Self {
        let mut gate = |metric| cloudwatch.place_metric(&metric_of_chat(metric, version));
        let (requests, errors) = (gate(Metric::GateRequests), gate(Metric::GateServerError));
        let (throttled, latency) = (gate(Metric::GateRateLimited), gate(Metric::GateLatency));
        let gateway_time = gate(Metric::GateGatewayTime);
        let mut of_aws = |qualifier: &str, executed: Option<&str>| {
            ["Invocations", "Errors"]
                .map(|name| cloudwatch.place_metric(&lambda_metric(name, qualifier, executed)))
        };
        let shared = of_aws("live", Some(version));
        let driven = of_aws(version, None);
        Self { requests, errors, throttled, latency, gateway_time, shared, driven }
    }
}

/// Names a metric of chat as its lines do.
pub fn metric_of_chat(metric: Metric, version: &str) -> MetricId {
    metric_of("chat", metric, version)
}

/// Names a metric of a function as the lines about it do.
pub fn metric_of(endpoint: &str, metric: Metric, version: &str) -> MetricId {
    let value = |dimension: &Dimension| match dimension {
        Dimension::Service => local::STACK_NAME,
        Dimension::Endpoint => endpoint,
        Dimension::FunctionVersion => version,
    };
    let set = metric.dimension_sets()[0].iter();
    let dimensions = set.map(|one| (one.name().to_string(), value(one).to_string())).collect();
    MetricId { namespace: NAMESPACE.to_string(), name: metric.name().to_string(), dimensions }
}

fn lambda_metric(name: &str, qualifier: &str, executed: Option<&str>) -> MetricId {
    lambda_metric_of("Chat", name, qualifier, executed)
}

/// Names a metric that AWS Lambda publishes of a function by alias or number.
pub fn lambda_metric_of(
    function: &str,
    name: &str,
    qualifier: &str,
    executed: Option<&str>,
) -> MetricId {
    let function = format!("{}-{function}Function", local::STACK_NAME);
    let mut dimensions = vec![("Resource".to_string(), format!("{function}:{qualifier}"))];
    dimensions.push(("FunctionName".to_string(), function));
    dimensions.extend(executed.map(|version| ("ExecutedVersion".to_string(), version.to_string())));
    let dimensions = dimensions.into_iter().collect();
    MetricId { namespace: "AWS/Lambda".to_string(), name: name.to_string(), dimensions }
}

/// Draws what happens in one rollout.
struct Run<'a> {
    rollout: &'a Rollout,
    random: fastrand::Rng,
    cloudwatch: CloudWatch,
    at: Duration,
    weather: Weather,
}

/// Plays a rollout; returns the minute of the canary in which a gate stopped it.
pub fn play(gates: &CloudWatch, rollout: &Rollout, seed: u64) -> Option<u64> {
    let random = fastrand::Rng::with_seed(seed);
    let (at, weather) = (Duration::ZERO, rollout.weather);
    let mut run = Run { rollout, random, cloudwatch: gates.clone(), at, weather };
    let new = Version::new(&mut run.cloudwatch, NEW);
    let live = Version::new(&mut run.cloudwatch, LIVE);
    let pairs = run.cloudwatch.place_metric(&metric_of_chat(Metric::GateMismatch, NEW));
    for minute in 0..SHIFTED + CANARY {
        run.at = Duration::from_secs(minute * 60);
        run.weather = rollout.weather.at((minute + 1).saturating_sub(SHIFTED));
        run.serve_callers(minute, &new, &live);
        if minute >= BEFORE {
            run.drive(&new, &live, pairs);
        }
        run.cloudwatch.advance_to(Duration::from_secs((minute + 1) * 60));
        // CodeDeploy looks from the beginning on.
        if minute >= BEFORE && find_alarm(&run.cloudwatch).is_some() {
            return Some((minute + 1).saturating_sub(SHIFTED));
        }
    }
    None
}

/// Returns the first alarm that is in ALARM.
pub fn find_alarm(cloudwatch: &CloudWatch) -> Option<String> {
    let mut names = cloudwatch.alarms().map(|alarm| alarm.name.clone());
    names.find(|name| cloudwatch.state(name) == State::Alarm)
}

impl Run<'_> {
    fn serve_callers(&mut self, minute: u64, new: &Version, live: &Version) {
        for _ in 0..self.rollout.rate {
            let is_new = minute >= SHIFTED && self.random.f64() < SHARE;
            let version = if is_new { new } else { live };
            let kind = if self.random.f64() < STREAMED { Kind::Stream } else { Kind::Whole };
            self.serve(version, is_new, kind, version.shared);
        }
    }

    fn drive(&mut self, new: &Version, live: &Version, pairs: SeriesId) {
        for number in 0..PAIRS {
            let kind = match number {
                0..STREAMED_PAIRS => Kind::Stream,
                number if number < PAIRS - REFUSED_PAIRS => Kind::Whole,
                _ => Kind::Refused,
            };
            self.serve(new, true, kind, new.driven);
            self.serve(live, false, kind, live.driven);
            let fault = self.rollout.fault;
            // An answer of 500 or 429 may be Cohere's weather: the driver repeats it and counts no mismatch.
            let differs = fault.crashes
                || fault.loses_header
                || (fault.breaks_streams && kind == Kind::Stream);
            self.cloudwatch.record_value(self.at, pairs, f64::from(u8::from(differs)));
        }
    }

    /// Lets a version serve one request, and writes what the version and AWS write of it.
    fn serve(&mut self, version: &Version, is_new: bool, kind: Kind, aws: [SeriesId; 2]) {
        let fault = if is_new { self.rollout.fault } else { super::release::HEALTHY };
        let [invocations, crashes] = aws;
        self.record(invocations, 1.0);
        self.record(crashes, f64::from(u8::from(fault.crashes)));
        if fault.crashes {
            return;
        }
        let asks = kind != Kind::Refused;
        let failing = self.rollout.background + fault.errors + self.weather.errors;
        let is_throttled = asks && self.random.f64() < fault.throttled + self.weather.throttled;
        let is_broken = fault.breaks_streams && kind == Kind::Stream;
        let is_error = is_broken || (asks && !is_throttled && self.random.f64() < failing);
        self.record(version.requests, 1.0);
        self.record(version.errors, f64::from(u8::from(is_error)));
        self.record(version.throttled, f64::from(u8::from(is_throttled)));
        if kind == Kind::Stream && !is_error && !is_throttled {
            let time = self.draw(FIRST_EVENT_MS) * fault.slowness * self.weather.slowness;
            self.record(version.latency, time);
        }
        let time = self.draw(GATEWAY_MS) + fault.added_ms;
        self.record(version.gateway_time, time);
    }

    fn record(&mut self, series: SeriesId, value: f64) {
        self.cloudwatch.record_value(self.at, series, value);
    }

    /// Draws a time whose logarithm is spread normally: half are below the first number.
    fn draw(&mut self, (median, deviation): (f64, f64)) -> f64 {
        let (first, second) = (1.0 - self.random.f64(), self.random.f64());
        let normal = (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos();
        median * (deviation * normal).exp()
    }
}
