//! The ids of the invocation that is being worked on, for every line that is written meanwhile.

use super::redact::redact_id;
use std::sync::Arc;

/// By what a request is found in other logs and in X-Ray. Scope: invocation.
#[derive(Clone, Debug)]
pub struct InvocationIds(Arc<Ids>);

#[derive(Debug)]
struct Ids {
    /// API Gateway's id; Lambda's own where no request of API Gateway's is answered.
    request: String,
    /// X-Ray's id of the trace; none where nothing is traced.
    trace: Option<String>,
}

tokio::task_local! {
    static CURRENT: InvocationIds;
}

impl InvocationIds {
    /// Keeps the ids; `trace` is Lambda's description of it, `Root=…;Parent=…;Sampled=…`.
    pub fn new(request: &str, trace: Option<&str>) -> Self {
        let trace = trace.unwrap_or_default();
        let root = trace.split(';').find_map(|part| part.trim().strip_prefix("Root="));
        let trace = root.map(|root| redact_id(root).to_string());
        Self(Arc::new(Ids { request: redact_id(request).to_string(), trace }))
    }

    /// Returns the ids of the work around; none outside of an invocation.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Calls `write` with the name of each id's field, and the id.
    pub(super) fn for_each(&self, mut write: impl FnMut(&'static str, &str)) {
        write("request_id", &self.0.request);
        if let Some(trace) = &self.0.trace {
            write("trace_id", trace);
        }
    }
}

/// Does `work` with these ids in each of its lines.
///
/// No async function: that would hold the work twice over, and copy it.
pub fn within_invocation<T>(
    ids: InvocationIds,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    CURRENT.scope(ids, work)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(ids: Option<InvocationIds>) -> Vec<(&'static str, String)> {
        let mut shown = Vec::new();
        if let Some(ids) = ids {
            ids.for_each(|name, id| shown.push((name, id.to_string())));
        }
        shown
    }

    #[tokio::test]
    async fn ids_are_those_of_the_work_around() {
        let root = "1-5759e988-bd862e3fe1be46a994272793";
        let trace = format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1");
        let ids = InvocationIds::new("a text", Some(&trace));
        let inside = within_invocation(ids, async { show(InvocationIds::current()) }).await;
        assert_eq!(inside, [("request_id", "(no id)".into()), ("trace_id", root.into())]);
        assert_eq!(
            show(Some(InvocationIds::new("r", Some("Self=1")))),
            [("request_id", "r".into())]
        );
        assert!(InvocationIds::current().is_none());
    }
}
