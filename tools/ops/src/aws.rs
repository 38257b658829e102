//! How an operator reaches AWS: endpoint, region, credentials, proxy and authorities of the environment.
//!
//! Everything goes over the gateway's own HTTP client: the SDK's would bring a second library of TLS.

use crate::login::{check_profile, find_region};
use crate::output::mask;
use crate::problem::{Usage, explain_credentials};
use anyhow::Context;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use shared::config::HttpConfig;
use shared::config::aws_endpoints::{ENDPOINT_URL, REQUIRED, find_endpoint_problems};
use shared::secrets::sdk_transport::http_client;
use shared::transport::{ProxySettings, Transport};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a proxy may stand, the first one that is set.
const PROXIES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// Where the name of a file with further authorities may stand.
const AUTHORITIES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];

/// A way to AWS, with the credentials that one command uses.
pub struct Session {
    pub config: SdkConfig,
    pub credentials: Credentials,
    pub region: String,
    pub transport: Transport,
    /// Time of one question.
    pub limit: Duration,
}

impl Session {
    /// Finds out all that a call needs; of AWS it asks the credentials alone, where they come from there.
    ///
    /// A region or profile that is given stands over the environment's, its credentials too.
    pub async fn open(
        region: Option<&str>,
        profile: Option<&str>,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        check_endpoints()?;
        check_profile(profile).await?;
        let transport = connect()?;
        // Of an operation with its retries: a server that never answers is asked once.
        let times = TimeoutConfig::builder()
            .operation_attempt_timeout(limit)
            .operation_timeout(limit)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client(&transport))
            .timeout_config(times);
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_string()));
        }
        if let Some(profile) = profile {
            loader = loader
                .profile_name(profile)
                .credentials_provider(of_profile(&transport, region, profile));
        }
        let config = loader.load().await;
        let region = find_region(&config, region.is_some())?;
        if let Some(url) = config.endpoint_url() {
            check_endpoint("the profile's endpoint_url", url)?;
        }
        let name = profile.map(str::to_string).or_else(|| variable("AWS_PROFILE"));
        let provider = config.credentials_provider().context("no way to find credentials")?;
        let credentials = provider.provide_credentials().await;
        let credentials =
            credentials.map_err(|error| explain_credentials(&error, name.as_deref()))?;
        mask(credentials.secret_access_key());
        mask(credentials.session_token().unwrap_or_default());
        // Asked once: a program that gives credentials may ask its user for them.
        let known = SharedCredentialsProvider::new(credentials.clone());
        let config = config.into_builder().credentials_provider(known).build();
        Ok(Self { config, credentials, region, transport, limit })
    }
}

/// Finds credentials by a profile alone: keys in the environment may be of another account.
fn of_profile(
    transport: &Transport,
    region: Option<&str>,
    profile: &str,
) -> ProfileFileCredentialsProvider {
    let region = region.map(|region| Region::new(region.to_string()));
    let reach = ProviderConfig::without_region()
        .with_region(region)
        .with_http_client(http_client(transport));
    ProfileFileCredentialsProvider::builder().configure(&reach).profile_name(profile).build()
}

/// Reads a variable that has a value.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Refuses where a key must not go. The SDK would ignore some of these and ask AWS itself.
fn check_endpoints() -> Result<(), Usage> {
    let vars: BTreeMap<_, _> = std::env::vars_os()
        .map(|(name, url)| {
            (name.to_string_lossy().into_owned(), url.to_string_lossy().into_owned())
        })
        .collect();
    let problems = find_endpoint_problems(&vars);
    if problems.is_empty() { Ok(()) } else { Err(Usage(problems.join("; "))) }
}

fn check_endpoint(name: &str, url: &str) -> Result<(), Usage> {
    let vars = BTreeMap::from([(ENDPOINT_URL.to_string(), url.to_string())]);
    if find_endpoint_problems(&vars).is_empty() {
        return Ok(());
    }
    Err(Usage(format!("{name}: {REQUIRED}")))
}

fn connect() -> anyhow::Result<Transport> {
    let http = HttpConfig {
        upstream_url: String::new(),
        connect_timeout: Duration::from_secs(5),
        pool_idle: Duration::from_secs(30),
        max_answer_bytes: 1 << 20,
    };
    let first = |names: &[&'static str]| {
        names.iter().find_map(|name| variable(name).map(|value| (*name, value)))
    };
    let (proxy_name, https_proxy) = first(&PROXIES).unzip();
    let mut proxy = ProxySettings { https_proxy, ..ProxySettings::default() };
    proxy.no_proxy = first(&EXCEPTIONS).unwrap_or_default().1;
    let bundle = first(&AUTHORITIES);
    if let Some((name, path)) = &bundle {
        proxy.authorities = std::fs::read(path)
            .map_err(|error| Usage(format!("{name}: its file cannot be read: {}", error.kind())))?;
    }
    // What is wrong with a certificate or a proxy is not told: the words might quote it.
    Transport::with_proxy(&http, &proxy).map_err(|_| {
        let names: Vec<_> = proxy_name.into_iter().chain(bundle.map(|(name, _)| name)).collect();
        Usage(format!("the network cannot be used as {} says", names.join(" and "))).into()
    })
}
