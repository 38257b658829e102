//! Why a rotation has failed, in the words of the function's own log.

use crate::aws::Session;
use crate::options::Options;
use crate::signed_call::{LOGS, call_operation};
use serde_json::{Value, json};
use shared::clock::since_epoch;
use std::time::Duration;

/// CloudWatch shows a line some seconds after it was written.
const LOOKS: usize = 8;
const PAUSE: Duration = Duration::from_secs(1);
/// The event of a step that has failed.
const EVENT: &str = "rotation_step_failed";

/// Says why the rotation that began then has failed, or where that stands.
pub async fn find_cause(session: &Session, options: &Options, since: Duration) -> String {
    let elsewhere = "why stands in the log of the function rotate-key";
    let stack = options.find_stack(session).await.ok().flatten();
    let group = stack.and_then(|mut stack| stack.outputs.remove("RotateKeyLogGroup"));
    let Some(group) = group else { return format!("{elsewhere}, which is read here with --stack") };
    for look in 0..LOOKS {
        match read_cause(session, &group, since).await {
            Ok(Some(cause)) => return cause,
            Ok(None) => {}
            Err(problem) => return format!("{elsewhere}, which cannot be read: {problem:#}"),
        }
        if look + 1 < LOOKS {
            tokio::time::sleep(PAUSE).await;
        }
    }
    format!("{elsewhere}, where it does not stand yet")
}

async fn read_cause(
    session: &Session,
    group: &str,
    since: Duration,
) -> anyhow::Result<Option<String>> {
    let body = json!({
        "logGroupName": group,
        "startTime": since.as_millis() as u64,
        "endTime": since_epoch().as_millis() as u64,
        "filterPattern": EVENT,
    });
    let page = call_operation(session, &LOGS, "Logs_20140328.FilterLogEvents", &body).await?;
    let lines = page["events"].as_array().into_iter().flatten();
    // The last one tells how it ended; earlier tries may have failed otherwise.
    Ok(lines.filter_map(|event| describe_line(event["message"].as_str()?)).next_back())
}

/// Returns what a line says of a failed step, in the function's words.
fn describe_line(line: &str) -> Option<String> {
    let said: Value = serde_json::from_str(line.trim()).ok()?;
    if said["event"] != EVENT {
        return None;
    }
    let text = |name: &str| said[name].as_str().unwrap_or_default();
    Some(format!("{} of {}: {}", text("code"), text("step"), text("problem")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_step_is_told_by_code_and_words() {
        let line = r#"{"event":"rotation_step_failed","step":"testSecret","code":"refused_key","problem":"Cohere does not accept it"}"#;
        let told = describe_line(line).unwrap();
        assert_eq!(told, "refused_key of testSecret: Cohere does not accept it");
        assert_eq!(describe_line(r#"{"event":"rotation_step_done"}"#), None);
        assert_eq!(describe_line("REPORT RequestId"), None);
    }
}
