//! What the gates read is what the real binaries write, and AWS of them.

use super::simulation::metric_of;
use super::{is_alarm, read_template};
use gateway_tests::gateway::{self, read_answer};
use http::Method;
use local::cloudwatch::{AlarmKind, CloudWatch, MetricId, QuerySource, reference_values};
use local::{Options, Upstream};
use shared::telemetry::metrics::Metric;
use std::collections::BTreeSet;
use std::time::Duration;

const CHAT: &str = r#"{"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const COMPLETIONS: &str =
    r#"{"model":"command-r7b-12-2024","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const EMBED: &str = r#"{"model":"embed-v4.0","input_type":"search_query","embedding_types":["float"],"texts":["hi"]}"#;
const RERANK: &str = r#"{"model":"rerank-v3.5","query":"hi","documents":["a","b"]}"#;
/// What only a rollout writes, and AWS of calls by a version's number.
const OF_A_ROLLOUT: [Metric; 3] =
    [Metric::GateMismatch, Metric::RolloutStarted, Metric::RolloutEnded];

/// Reads all gates, of the one version that a gateway on this machine has.
fn read_all_gates() -> CloudWatch {
    let text = read_template();
    let mut names = reference_values(&text).expect("values");
    for function in ["Chat", "Embed", "Rerank", "PassThrough", "Health", "Authorizer"] {
        names.insert(format!("Live{function}Version"), "1".to_string());
    }
    let mut resolved = cloudformation::resolve_template(&text, names).expect("a template");
    let resources = resolved["Resources"].as_object_mut().expect("resources");
    let is_gate = |name: &str| {
        (name.contains("Gate") && !name.starts_with("ApiGateway")) || name.contains("Rollout")
    };
    resources.retain(|name, resource| is_alarm(resource) && is_gate(name));
    CloudWatch::from_template(&resolved, Duration::ZERO).expect("alarms")
}

fn watched_metrics(cloudwatch: &CloudWatch) -> BTreeSet<MetricId> {
    let mut watched = BTreeSet::new();
    for alarm in cloudwatch.alarms() {
        let AlarmKind::Metric(metric_alarm) = &alarm.kind else {
            panic!("{} is composite: CodeDeploy would not see it", alarm.name)
        };
        for query in &metric_alarm.queries {
            if let QuerySource::Metric(stat) = &query.source {
                watched.insert(stat.metric.clone());
            }
        }
    }
    watched
}

#[tokio::test]
async fn gates_read_what_the_binaries_write() {
    let options =
        Options { upstream: Upstream::Sandbox, max_environments: 1, ..Options::default() };
    let running = gateway::start_with(&[], options).await;
    // The second request of an environment has the gateway's own time, which the first one pays for its start.
    for _ in 0..2 {
        for (path, body) in [
            ("/v2/chat", CHAT),
            ("/v2/embed", EMBED),
            ("/v2/rerank", RERANK),
            ("/compatibility/v1/chat/completions", COMPLETIONS),
        ] {
            assert_eq!(running.send_past_cache(path, body).await.status, 200, "{path}");
        }
    }
    let health = running.request_without_token(Method::GET, "/api/health");
    assert_eq!(read_answer(health).await.status, 200);
    let mut cloudwatch = read_all_gates();
    for line in running.stop_and_read_lines().await {
        let Some((function, line)) = line.split_once(": ") else { continue };
        cloudwatch.record_output(Duration::from_secs(30), function, line);
    }
    let written: BTreeSet<_> = cloudwatch.metrics().cloned().collect();
    let watched = watched_metrics(&cloudwatch);
    assert!(watched.len() > 30, "{watched:?}");
    let unwritten: Vec<_> =
        watched.difference(&written).filter(|one| !is_of_a_rollout(one)).collect();
    assert!(unwritten.is_empty(), "gates read what nobody writes: {unwritten:#?}");
}

fn is_of_a_rollout(metric: &MetricId) -> bool {
    let resource = metric.dimensions.get("Resource");
    let is_by_number = resource.is_some_and(|resource| resource.ends_with(":1"));
    let endpoint = metric.dimensions.get("Endpoint").map(String::as_str).unwrap_or_default();
    let steps = OF_A_ROLLOUT.map(|one| metric_of(endpoint, one, "1"));
    is_by_number || steps.contains(metric)
}
