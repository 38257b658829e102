//! The probe: each look ends in one line and in metrics that are all written, and tells Cohere's faults from ours.

mod cohere;
mod front_door;

use gateway_tests::gateway::Running;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Waits for nothing that a test need not wait for.
const SETTINGS: [(&str, &str); 4] = [
    ("GATEWAY_HEALTH_TIMEOUT_MS", "400"),
    ("GATEWAY_HEALTH_CACHE_SECS", "0"),
    ("GATEWAY_KEY_REFRESH_MS", "0"),
    ("GATEWAY_PROBE_TIMEOUT_MS", "5000"),
];

/// What one look has written.
struct Look {
    /// The line `probe_ended`.
    line: Value,
    /// The outcomes that are 1, of all that are written.
    ones: Vec<String>,
}

const FLAGS: [&str; 8] = [
    "FrontDoorFailed",
    "FrontDoorOk",
    "ProbeBilling",
    "ProbeDegraded",
    "ProbeKeyMissing",
    "ProbeKeyRefused",
    "ProbeOk",
    "ProbeUnreachable",
];

/// Lets the probe look, and reads what it writes of that.
async fn look(running: &Running) -> Look {
    let before = running.read_lines().len();
    let seen = running.gateway.invoke("probe", r#"{"detail-type":"Scheduled Event"}"#).await;
    let seen: Value = serde_json::from_slice(&seen.expect("an answer")).unwrap();
    for _ in 0..500 {
        let lines = running.read_lines().split_off(before);
        if let Some(look) = read_look(&lines) {
            assert_eq!(seen["cohere"], look.line["cohere"]);
            assert_eq!(seen["front_door"], look.line["front_door"]);
            return look;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no whole look in {:#?}", running.read_lines().split_off(before));
}

/// Reads a look whose metrics are all there.
fn read_look(lines: &[String]) -> Option<Look> {
    let lines = lines.iter().filter_map(|line| line.strip_prefix("probe: "));
    let lines: Vec<Value> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut flags = BTreeMap::new();
    for line in &lines {
        for name in FLAGS {
            if let Some(value) = line[name].as_f64() {
                assert!(value == 0.0 || value == 1.0, "{line}");
                assert_eq!(line["Service"], "cohere-gateway-local", "{line}");
                assert!(flags.insert(name, value).is_none(), "{name} is written twice");
            }
        }
    }
    if flags.len() < FLAGS.len() {
        return None;
    }
    let ones = flags.into_iter().filter(|(_, value)| *value == 1.0);
    let ones = ones.map(|(name, _)| name.to_string()).collect();
    let line = lines.into_iter().find(|line| line["event"] == "probe_ended")?;
    Some(Look { line, ones })
}
