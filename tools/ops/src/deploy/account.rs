//! What STS and Lambda tell of an account, and of one function.

use crate::aws::Session;
use crate::signed_call::{Call, LAMBDA, STS, send, send_for_json};
use anyhow::Context;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Who makes the calls.
pub struct Caller {
    pub account: String,
    pub arn: String,
}

/// How many environments may run at once, in all and of what no function has reserved.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    pub limit: u64,
    pub unreserved: u64,
}

/// What one version of a function is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionVersion {
    pub version: String,
    pub description: String,
    pub code_sha256: String,
    pub memory_mb: u64,
    pub timeout_secs: u64,
    pub variables: BTreeMap<String, String>,
}

/// Where an alias leads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alias {
    pub version: String,
    /// Other versions, with their part of the requests.
    pub shared_with: BTreeMap<String, f64>,
}

impl Alias {
    /// Whether all requests meet this version.
    pub fn is_wholly_at(&self, version: &str) -> bool {
        self.version == version && self.shared_with.is_empty()
    }

    /// Names the other versions.
    pub fn tell_others(&self) -> String {
        self.shared_with.keys().cloned().collect::<Vec<_>>().join(", ")
    }
}

/// Asks whose credentials these are.
pub async fn ask_caller(session: &Session) -> anyhow::Result<Caller> {
    let text = query(session, &STS, "Action=GetCallerIdentity&Version=2011-06-15").await?;
    let document =
        roxmltree::Document::parse(&text).context("STS: what came is no answer of it")?;
    Ok(Caller { account: find_text(&document, "Account"), arn: find_text(&document, "Arn") })
}

/// Asks how much may run at once.
pub async fn ask_quota(session: &Session) -> anyhow::Result<Quota> {
    let answer = get(session, "/2016-08-19/account-settings/").await;
    let answer = answer.context("cannot read the account's quota")?;
    let limits = &answer["AccountLimit"];
    let number = |name: &str| limits[name].as_u64();
    Ok(Quota {
        limit: number("ConcurrentExecutions").context("Lambda told no quota")?,
        unreserved: number("UnreservedConcurrentExecutions").context("Lambda told no quota")?,
    })
}

/// Asks what a function has reserved; nothing is 0.
pub async fn ask_reserve(session: &Session, function: &str) -> anyhow::Result<u64> {
    let path = format!("/2019-09-30/functions/{function}/concurrency");
    let answer = get(session, &path).await?;
    Ok(answer["ReservedConcurrentExecutions"].as_u64().unwrap_or_default())
}

/// Asks what a function is behind an alias or at a version, or, without one, as it would be published (`$LATEST`).
pub async fn ask_version(
    session: &Session,
    function: &str,
    qualifier: Option<&str>,
) -> anyhow::Result<FunctionVersion> {
    let mut path = format!("/2015-03-31/functions/{function}/configuration");
    if let Some(qualifier) = qualifier {
        path += &format!("?Qualifier={qualifier}");
    }
    let answer = get(session, &path).await;
    let answer = answer.with_context(|| format!("cannot read the function {function}"))?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_string();
    let mut variables = BTreeMap::new();
    for (name, value) in answer["Environment"]["Variables"].as_object().into_iter().flatten() {
        variables.insert(name.clone(), cloudformation::plain_text(value));
    }
    Ok(FunctionVersion {
        version: text("Version"),
        description: text("Description"),
        code_sha256: text("CodeSha256"),
        memory_mb: answer["MemorySize"].as_u64().unwrap_or_default(),
        timeout_secs: answer["Timeout"].as_u64().unwrap_or_default(),
        variables,
    })
}

/// Asks where an alias of a function leads.
pub async fn ask_alias(session: &Session, function: &str, alias: &str) -> anyhow::Result<Alias> {
    let answer = get(session, &format!("/2015-03-31/functions/{function}/aliases/{alias}")).await;
    let answer = answer.with_context(|| format!("cannot read the alias {alias} of {function}"))?;
    let weights = answer["RoutingConfig"]["AdditionalVersionWeights"].as_object();
    let weights = weights.into_iter().flatten();
    Ok(Alias {
        version: answer["FunctionVersion"].as_str().unwrap_or_default().to_string(),
        shared_with: weights
            .map(|(version, part)| (version.clone(), part.as_f64().unwrap_or_default()))
            .collect(),
    })
}

/// Leads an alias to one version, and to no other.
pub async fn move_alias(
    session: &Session,
    function: &str,
    alias: &str,
    version: &str,
) -> anyhow::Result<()> {
    // An empty object takes the weights away; one that is left out would keep them.
    let routing = json!({ "AdditionalVersionWeights": {} });
    let update = json!({ "FunctionVersion": version, "RoutingConfig": routing });
    let call = Call {
        method: Method::PUT,
        path: format!("/2015-03-31/functions/{function}/aliases/{alias}"),
        headers: vec![("content-type", "application/json".to_string())],
        body: update.to_string(),
    };
    send_for_json(session, &LAMBDA, call).await?;
    Ok(())
}

async fn get(session: &Session, path: &str) -> anyhow::Result<Value> {
    let call = Call {
        method: Method::GET,
        path: path.to_string(),
        headers: Vec::new(),
        body: String::new(),
    };
    send_for_json(session, &LAMBDA, call).await
}

/// Makes a call of a service that is asked by a form and answers in XML.
pub async fn query(
    session: &Session,
    service: &crate::signed_call::Service,
    form: &str,
) -> anyhow::Result<String> {
    let headers = vec![("content-type", "application/x-www-form-urlencoded".to_string())];
    let call =
        Call { method: Method::POST, path: "/".to_string(), headers, body: form.to_string() };
    let text = send(session, service, call).await?;
    String::from_utf8(text.to_vec()).context("what came is no answer of AWS")
}

/// Returns the text of the first element of this name.
fn find_text(document: &roxmltree::Document, name: &str) -> String {
    let mut nodes = document.descendants();
    let node = nodes.find(|node| node.has_tag_name(name));
    node.and_then(|node| node.text()).unwrap_or_default().to_string()
}
