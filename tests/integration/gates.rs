//! The gates of a rollout: the template's own alarms, fed minute by minute with what the versions would write.

mod alone;
mod authorizer;
mod lines;
mod release;
mod simulation;
mod table;

use gateway_tests::source_files::ROOT;
use local::cloudwatch::{CloudWatch, reference_values};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The version under trial, and the one that was live before.
const NEW: &str = "8";
const LIVE: &str = "7";

fn read_template() -> String {
    std::fs::read_to_string(format!("{ROOT}/template.yaml")).expect("the template")
}

/// Gates by function and live version: to read the template takes longer than to play a rollout.
static READ: Mutex<BTreeMap<[String; 2], CloudWatch>> = Mutex::new(BTreeMap::new());

/// Returns the gates of one function, such as `Chat`, in the middle of a rollout to [`NEW`].
fn read_gates(function: &str, live: &str) -> CloudWatch {
    let mut known = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let gates = known.entry([function, live].map(str::to_string));
    gates.or_insert_with(|| make_gates(function, live)).clone()
}

fn make_gates(function: &str, live: &str) -> CloudWatch {
    let text = read_template();
    let mut names = reference_values(&text).expect("values");
    names.insert(format!("{function}Function.Version.Version"), NEW.to_string());
    names.insert(format!("Live{function}Version"), live.to_string());
    let mut resolved = cloudformation::resolve_template(&text, names).expect("a template");
    let resources = resolved["Resources"].as_object_mut().expect("resources");
    let prefixes = [format!("{function}Gate"), format!("{function}RolloutUnproven")];
    resources.retain(|name, resource| {
        is_alarm(resource) && prefixes.iter().any(|prefix| name.starts_with(prefix))
    });
    CloudWatch::from_template(&resolved, Duration::ZERO).expect("alarms")
}

fn is_alarm(resource: &Value) -> bool {
    resource["Type"] == "AWS::CloudWatch::Alarm"
}
