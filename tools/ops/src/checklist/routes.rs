//! Lines of the API: every route streams, through the alias, to Cohere's own address.

use super::check::Verdict;
use super::facts::Facts;

pub const LOG_GROUP: &str = "AWS::Logs::LogGroup";
/// Where Cohere is.
const COHERE: &str = "https://api.cohere.com";

/// The integration of a route.
#[derive(Clone, Debug, Default)]
pub struct Integration {
    pub transfer_mode: String,
    pub uri: String,
}

pub fn all_stream(facts: &Facts) -> Result<Verdict, String> {
    let routes = facts.routes.as_ref()?;
    let mut wrong = Vec::new();
    for (route, integration) in routes {
        let Integration { transfer_mode, uri } = integration.as_ref()?;
        let streams = transfer_mode == "STREAM" && uri.contains("response-streaming-invocations");
        if !streams {
            wrong.push(format!("{route} answers whole"));
        } else if !uri.contains(":live/") {
            wrong.push(format!("{route} goes past the alias live"));
        }
    }
    if routes.is_empty() {
        wrong.push("the API has no routes".to_string());
    }
    if wrong.is_empty() {
        return Ok(Verdict::pass(format!("{} routes, all through the alias live", routes.len())));
    }
    Ok(Verdict::fail(wrong.join(", "), facts.deploy.clone()))
}

pub fn lead_to_cohere(facts: &Facts) -> Result<Verdict, String> {
    let mut others = Vec::new();
    for (resource, function) in &facts.functions {
        let url = function.live.as_ref()?.variables.get("GATEWAY_UPSTREAM_URL");
        let is_other = url.is_some_and(|url| url.trim_end_matches('/') != COHERE);
        if is_other {
            others.push(resource.as_str());
        }
    }
    facts.resources.as_ref()?;
    if others.is_empty() {
        return Ok(Verdict::pass(COHERE));
    }
    let told = format!("another address in {}", others.join(", "));
    Ok(Verdict::fail(told, facts.deploy_with(&format!("UpstreamUrl={COHERE}"))))
}

pub fn logs_end(facts: &Facts) -> Result<Verdict, String> {
    let groups = facts.log_groups.as_ref()?;
    let endless: Vec<_> =
        groups.iter().filter(|(_, days)| days.is_none()).map(|(name, _)| name.as_str()).collect();
    let expected = facts.resources.as_ref()?.values().filter(|known| known.kind == LOG_GROUP);
    let names: Vec<_> = expected.map(|known| known.physical.as_str()).collect();
    if names.is_empty() {
        return Ok(Verdict::fail("the stack has no log groups", facts.deploy.clone()));
    }
    // No function may make one, so that its lines are lost, and with them its metrics.
    let lost: Vec<_> = names.into_iter().filter(|name| !groups.contains_key(*name)).collect();
    if let Some(first) = lost.first() {
        let told = format!("somebody has deleted {}", lost.join(", "));
        return Ok(Verdict::fail(
            told,
            format!("aws logs create-log-group --log-group-name {first}"),
        ));
    }
    if endless.is_empty() {
        let days = groups.values().flatten().max().copied().unwrap_or_default();
        return Ok(Verdict::pass(format!("{} groups, {days} days at most", groups.len())));
    }
    let told = format!("kept for ever: {}", endless.join(", "));
    let name = endless.first().copied().unwrap_or_default();
    Ok(Verdict::fail(
        told,
        format!("aws logs put-retention-policy --log-group-name {name} --retention-in-days 30"),
    ))
}
