//! The line of a verdict, and the metrics that CloudWatch makes of it.

use crate::Refusal;
use crate::response::AuthorizerResponse;
use shared::telemetry::event_line::{EventLine, Level};
use shared::telemetry::invocation::InvocationIds;
use shared::telemetry::metrics::Metric;
use shared::telemetry::redact::redact_id;

/// What a question of API Gateway came to.
pub(crate) struct VerdictLine {
    /// The question is a rollout's own, which alerts do not count.
    pub(crate) is_marked: bool,
}

impl VerdictLine {
    /// Writes the line.
    pub(crate) fn write(&self, judged: &Result<AuthorizerResponse, Refusal>) {
        let (mut line, metric) = match judged {
            Ok(allowed) => {
                let mut line = EventLine::new(Level::Info, "caller_allowed", "allowed");
                line.add("client", redact_id(allowed.client()));
                (line, Metric::AuthorizerAllowed)
            }
            Err(Refusal::Denied { reason, client }) => {
                let mut line = EventLine::new(Level::Info, "caller_denied", "denied");
                line.add("reason", *reason);
                line.add("client", client.as_deref().map(redact_id));
                (line, Metric::AuthorizerDenied)
            }
            Err(Refusal::NotJudged(failure)) => {
                let mut line = EventLine::new(Level::Error, "caller_not_judged", "not judged");
                line.add("reason", failure.0);
                (line, Metric::AuthorizerFailed)
            }
        };
        line.add_invocation(InvocationIds::current().as_ref());
        if !self.is_marked {
            line.count(metric, 1);
        }
        let by_version = [
            (Metric::AuthorizerAllowed, Metric::GateAllowed),
            (Metric::AuthorizerDenied, Metric::GateDenied),
            (Metric::AuthorizerFailed, Metric::GateFailed),
        ];
        for (verdict, by_version) in by_version {
            line.count_if(by_version, verdict == metric);
        }
        line.write();
    }
}
