//! One running stack: every part is started in order, and all are stopped together.

mod credential;
mod versions;

use crate::api_gateway::{ApiGateway, UsagePlans, control_router};
use crate::aws_account::{ACCOUNT, REGION};
use crate::build::Build;
use crate::code_deploy::{self, CodeDeploy};
use crate::cohere_sandbox::{CohereSandbox, Key};
use crate::console::{self, Console, Watcher};
use crate::invoke_api::invoke_router;
use crate::lambda::{FIRST_VERSION, Function, Launch, Limits};
use crate::output::Output;
use crate::secrets_manager::{self, SecretsManager};
use crate::template::{self, ReferenceValues, Template};
use crate::{LOCAL_TOKEN, build, loopback};
use anyhow::{Context, anyhow, bail, ensure};
use bytes::Bytes;
use credential::Credential;
use futures_util::future::join_all;
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::config::is_loopback;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use uuid::Uuid;

/// Name of the CloudFormation stack that this run stands for.
pub const STACK_NAME: &str = "cohere-gateway-local";
pub(crate) const DEFAULT_PORT: u16 = 8080;
/// How long an environment that has just answered may take to be free again, where no further one may start.
const RESERVE_WAIT: Duration = Duration::from_millis(50);

/// What to start; the default is what `cargo run` starts.
pub struct Options {
    /// `None` takes 8080 or the next free port, 0 any free one.
    pub port: Option<u16>,
    pub upstream: Upstream,
    /// The token of the only client.
    pub token: String,
    /// `GATEWAY_*` variables for every function, over the template's.
    pub settings: Vec<(String, String)>,
    /// Parameters of the template, over their defaults.
    pub parameters: Vec<(String, String)>,
    /// Which binaries are used; they are built already.
    pub build: Build,
    /// How many environments, and so processes, one function may have.
    pub max_environments: usize,
    /// How long a request waits for an environment where a function may have no further one.
    pub busy_wait: Duration,
    /// How long API Gateway caches what the authorizer answered; `None` takes the template's time.
    pub authorizer_cache_ttl: Option<Duration>,
    pub output: Output,
    /// Whether browsers find the console at `/`.
    pub console: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            port: None,
            upstream: Upstream::Sandbox,
            token: LOCAL_TOKEN.to_owned(),
            settings: Vec::new(),
            parameters: Vec::new(),
            build: Build::Debug,
            max_environments: 32,
            busy_wait: Duration::from_secs(10),
            authorizer_cache_ttl: None,
            output: Output::Terminal,
            console: true,
        }
    }
}

/// The Cohere API behind the gateway.
pub enum Upstream {
    /// The built-in one.
    Sandbox,
    Url {
        url: String,
        key: String,
    },
}

/// A running stack; dropping it ends every child process.
pub struct Stack {
    pub url: String,
    pub upstream_url: String,
    pub token: String,
    /// The sandbox, where that is the upstream.
    pub sandbox: Option<CohereSandbox>,
    pub secrets: SecretsManager,
    pub usage_plans: Arc<UsagePlans>,
    pub code_deploy: CodeDeploy,
    /// Variables with which AWS's own tools, `ops` and the documents' commands reach this run's secrets, API keys
    /// and sandbox.
    pub aws: Vec<(String, String)>,
    functions: BTreeMap<String, Arc<Function>>,
    stop: watch::Sender<bool>,
}

/// Starts everything; returns once each function has read its configuration and asks for work.
pub async fn start_stack(options: Options) -> anyhow::Result<Stack> {
    let watcher = Watcher::default();
    let output = match options.console {
        true => Output::Watched(Box::new(options.output), watcher.line_handler()),
        false => options.output,
    };
    let (listener, address) = bind_api_port(options.port).await?;
    let stop = watch::Sender::new(false);
    let (upstream_url, key, sandbox) = start_upstream(options.upstream, &stop).await?;
    let mut names = reference_values(&upstream_url);
    let origins = options.settings.iter().find(|(name, _)| name == "GATEWAY_CORS_ORIGINS");
    // API Gateway's own answers are readable where those of the functions are.
    names.extend(origins.map(|(_, value)| ("CorsOrigins".to_owned(), value.clone())));
    names.extend(options.parameters);
    let origins = names.get("CorsOrigins").cloned().unwrap_or_default();
    let origins: Vec<_> = origins.split(',').map(str::to_owned).collect();
    let mut template = Template::parse(template::TEXT, names).context("in template.yaml")?;
    if let Some(time) = options.authorizer_cache_ttl {
        template.authorizer.cache_ttl = time;
    }
    ensure!(
        template.authorizer.expression.is_match(&format!("Bearer {}", options.token)),
        "the token must be cgw_ and 20 to 120 letters, digits, - or _"
    );
    let credential = Credential::new_random();
    let secrets = new_secrets(&credential, &key, &options.token);
    let (secrets_listener, secrets_address) = loopback::bind_port(0).await?;
    let usage_plans = Arc::new(UsagePlans::new(template.usage_plans.clone(), &template.api_keys));
    let control = control_router(usage_plans.clone(), &credential.access_key);
    let secrets_url = format!("http://{secrets_address}");
    let mut aws = credential.tool_variables(&secrets_url);
    if sandbox.is_some() {
        aws.push(("SANDBOX_URL".to_owned(), upstream_url.clone()));
    }
    let mut variables = credential.function_variables();
    for service in ["CODEDEPLOY", "LAMBDA", "SECRETS_MANAGER"] {
        variables.push((format!("AWS_ENDPOINT_URL_{service}"), secrets_url.clone()));
    }
    let url = format!("http://{address}");
    variables.push(("GATEWAY_PROBE_URL".to_owned(), url.clone()));
    // Nothing is rolled out yet, and no page of elsewhere is read beside a sandbox or a stub.
    variables.push(("GATEWAY_ROLLOUT_RELEASE".to_owned(), String::new()));
    variables.push(("GATEWAY_ROLLOUT_DRIVER".to_owned(), "driver".to_owned()));
    if is_on_this_machine(&upstream_url) {
        variables.push(("GATEWAY_STATUS_URL".to_owned(), upstream_url.clone()));
    }
    variables.extend(std::env::var("RUST_LOG").ok().map(|value| ("RUST_LOG".to_owned(), value)));
    variables.extend(options.settings);
    let directory = build::binary_directory(options.build);
    let mut functions = BTreeMap::new();
    for function in &template.functions {
        let launch = Launch {
            version: FIRST_VERSION,
            function: function.clone(),
            binary: find_binary(&directory, &function.name)?,
            stack: STACK_NAME.to_owned(),
            variables: variables.clone(),
            output: output.clone(),
        };
        let limits = match function.reserved_concurrency {
            Some(environments) => Limits { environments, wait: RESERVE_WAIT },
            None => Limits { environments: options.max_environments, wait: options.busy_wait },
        };
        let running = Arc::new(Function::new(launch, limits, stop.subscribe()));
        functions.insert(function.name.clone(), running);
    }
    for rotation in &template.rotations {
        let function =
            functions.get(&rotation.function).context("a rotation's function is missing")?;
        secrets.rotate_with(&rotation.secret_id, function.clone());
    }
    let invoke = invoke_router(functions.clone(), &credential.access_key);
    let code_deploy = CodeDeploy::new(&credential.access_key);
    // Its calls go to the same path as those of Secrets Manager.
    let code_deploy_layer =
        axum::middleware::from_fn_with_state(code_deploy.clone(), code_deploy::answer_or_pass);
    tokio::spawn(loopback::serve_until_stopped(
        secrets_listener,
        secrets.to_router().merge(control).merge(invoke).layer(code_deploy_layer),
        stop.subscribe(),
    ));
    let api_gateway = ApiGateway::new(&template, &functions, usage_plans.clone(), output)?;
    let token = options.token;
    let stack = Stack {
        url,
        upstream_url,
        token,
        sandbox,
        secrets,
        usage_plans,
        code_deploy,
        aws,
        functions,
        stop,
    };
    stack.warm_up_functions().await?;
    let mut router = api_gateway.into_router();
    if options.console {
        let (functions, sandbox) = (stack.functions.clone(), stack.sandbox.clone());
        let console = Console::new(watcher, functions, sandbox, &stack.token);
        router = router.layer(axum::middleware::from_fn_with_state(
            Arc::new(console),
            console::answer_or_pass,
        ));
    }
    tokio::spawn(loopback::serve_pages_until_stopped(
        listener,
        router,
        origins,
        stack.stop.subscribe(),
    ));
    Ok(stack)
}

impl Stack {
    /// Starts one environment of each function, so that a bad setting is reported at once.
    async fn warm_up_functions(&self) -> anyhow::Result<()> {
        let outcomes = join_all(self.functions.values().map(|function| function.warm_up())).await;
        let mut failed = Vec::new();
        for (function, outcome) in self.functions.values().zip(outcomes) {
            if let Err(problem) = outcome {
                failed.push((function.name(), problem));
            }
        }
        // They share their settings: what one of them says is enough to correct it.
        let Some((name, why)) = failed.first() else { return Ok(()) };
        let others: Vec<_> = failed[1..].iter().map(|(name, _)| *name).collect();
        let others = if others.is_empty() {
            String::new()
        } else {
            format!(" (nor did {})", others.join(", "))
        };
        self.stop().await;
        bail!("{name} did not start{others}: {why}")
    }

    /// Sends a raw event to a function, as the Lambda API's Invoke does; the bytes of a streamed
    /// answer begin with its prelude and the NUL bytes.
    pub async fn invoke(&self, function: &str, event: impl Into<Bytes>) -> anyhow::Result<Bytes> {
        match self.find_function(function)?.invoke(event.into()).await {
            Ok(payload) => {
                payload.read_to_end().await.map_err(|_| anyhow::anyhow!("the answer broke off"))
            }
            Err(failure) => bail!("{failure}"),
        }
    }

    /// Process ids of a function's environments, oldest first.
    pub fn process_ids(&self, function: &str) -> Vec<u32> {
        self.functions.get(function).map(|function| function.process_ids()).unwrap_or_default()
    }

    /// How many environments of a function were started so far.
    pub fn started_count(&self, function: &str) -> usize {
        self.functions.get(function).map(|function| function.started_count()).unwrap_or_default()
    }

    /// How many invocations a function got so far.
    pub fn invoked_count(&self, function: &str) -> usize {
        self.functions.get(function).map(|function| function.invoked_count()).unwrap_or_default()
    }

    /// Kills every environment of a function and waits until they are gone.
    pub async fn kill(&self, function: &str) {
        if let Some(function) = self.functions.get(function) {
            function.kill_environments().await;
        }
    }

    /// Ends every child process and waits until they are gone, whoever else holds the stack.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        join_all(self.functions.values().map(|function| function.wait_until_stopped())).await;
    }

    fn find_function(&self, name: &str) -> anyhow::Result<&Arc<Function>> {
        self.functions.get(name).with_context(|| format!("there is no function {name}"))
    }
}

/// Binds the port that the options name, or the first free one from the default on.
async fn bind_api_port(port: Option<u16>) -> anyhow::Result<(TcpListener, SocketAddr)> {
    if let Some(port) = port {
        return loopback::bind_port(port).await.map_err(|problem| match problem.kind() {
            ErrorKind::AddrInUse => anyhow!(
                "port {port} is taken by another program: choose another with --port, \
                 or leave --port out to get the first free one from {DEFAULT_PORT} on"
            ),
            _ => anyhow!("port {port} cannot be used ({problem}): choose another with --port"),
        });
    }
    for port in DEFAULT_PORT..DEFAULT_PORT + 100 {
        if let Ok(bound) = loopback::bind_port(port).await {
            return Ok(bound);
        }
    }
    bail!("no port from {DEFAULT_PORT} on is free")
}

async fn start_upstream(
    upstream: Upstream,
    stop: &watch::Sender<bool>,
) -> anyhow::Result<(String, String, Option<CohereSandbox>)> {
    match upstream {
        Upstream::Url { url, key } => Ok((url, key, None)),
        Upstream::Sandbox => {
            let key = format!("sandbox-{}", random_hex());
            let sandbox = CohereSandbox::new([Key { value: key.clone(), trial: false }]);
            let (listener, address) = loopback::bind_port(0).await?;
            tokio::spawn(loopback::serve_until_stopped(
                listener,
                sandbox.to_router(),
                stop.subscribe(),
            ));
            Ok((format!("http://{address}"), key, Some(sandbox)))
        }
    }
}

/// The secrets of a new run: Cohere's key, the one local client, and an empty one, as after a deployment.
fn new_secrets(credential: &Credential, key: &str, token: &str) -> SecretsManager {
    let secrets = SecretsManager::new(&credential.access_key);
    secrets.put(secrets_manager::API_KEY, &json!({"CO_API_KEY": key}).to_string());
    let hash: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    let clients = json!({"clients": [{"name": "local", "token_sha256": [hash]}]});
    secrets.put(secrets_manager::CLIENTS, &clients.to_string());
    secrets.create(secrets_manager::SYNTHETIC_CLIENT);
    secrets
}

fn is_on_this_machine(url: &str) -> bool {
    let uri: Option<http::Uri> = url.parse().ok();
    uri.and_then(|uri| uri.host().map(is_loopback)).unwrap_or_default()
}

fn find_binary(directory: &Path, function: &str) -> anyhow::Result<PathBuf> {
    let binary = directory.join(function);
    ensure!(binary.is_file(), "{} is missing: the functions are not built", binary.display());
    Ok(binary)
}

/// Values of the template's references in this run.
fn reference_values(upstream_url: &str) -> ReferenceValues {
    let mut names = ReferenceValues::new();
    for (name, value) in [
        ("AWS::StackName", STACK_NAME.to_owned()),
        ("AWS::Region", REGION.to_owned()),
        ("AWS::AccountId", ACCOUNT.to_owned()),
        ("UpstreamUrl", upstream_url.to_owned()),
    ] {
        names.insert(name.to_owned(), value);
    }
    for secret in secrets_manager::SECRETS {
        names.insert(secret.to_owned(), secrets_manager::secret_arn(secret));
    }
    names
}

/// 32 random hexadecimal digits.
fn random_hex() -> String {
    Uuid::new_v4().simple().to_string()
}
