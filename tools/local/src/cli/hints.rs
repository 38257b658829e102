//! What `cargo run` prints once the stack is up: its address, and commands to copy.

use crate::Stack;

/// The whole text, ready to print.
pub fn startup_text(stack: &Stack, unused_key: bool) -> String {
    let Stack { url, upstream_url, token, .. } = stack;
    let upstream = match stack.sandbox {
        Some(_) => format!("the built-in sandbox at {upstream_url}: no key, no network, no cost"),
        None => upstream_url.clone(),
    };
    let mut text = format!(
        "\n  cohere-gateway is up (Ctrl-C stops it)\n\n\
         \x20 url     {url}\n\
         \x20 page    {url}/ in a browser: what happens, live, and faults at a click\n\
         \x20 token   {token}\n\
         \x20 cohere  {upstream}\n\n"
    );
    let hello = r#""messages":[{"role":"user","content":"Hello"}]"#;
    let lines = [
        ("chat", post_command(stack, "/v2/chat", &format!("{{{hello}}}"))),
        (
            "stream",
            post_command(stack, "/v2/chat", &format!(r#"{{"stream":true,{hello}}}"#))
                .replace("-sS", "-sSN"),
        ),
        (
            "embed",
            post_command(
                stack,
                "/v2/embed",
                r#"{"model":"embed-v4.0","input_type":"search_query","texts":["a red fox"]}"#,
            ),
        ),
        (
            "rerank",
            post_command(
                stack,
                "/v2/rerank",
                r#"{"query":"red fox","documents":["a blue whale","a fox that is red"]}"#,
            ),
        ),
        ("health", format!("curl -sS {url}/api/health")),
        ("check", format!("curl -fsS {url}/api/health/check -H 'Authorization: Bearer {token}'")),
        ("python", format!(r#"cohere.ClientV2("{token}", base_url="{url}")"#)),
    ];
    for (label, line) in lines {
        text += &format!("  {label:<7} {line}\n");
    }
    let aws: String = stack.aws.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    text += &format!(
        "\n  keys and clients, from another terminal:\n\
         \x20 export{aws}\n\
         \x20 cargo run -q -p ops -- --help\n\
         \n  and one look of the probe, which AWS would take every few minutes:\n\
         \x20 curl -sS --aws-sigv4 aws:amz:us-east-1:lambda --user $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY \\\n\
         \x20   -X POST $AWS_ENDPOINT_URL/2015-03-31/functions/probe/invocations\n"
    );
    if stack.sandbox.is_some() {
        text += &format!(
            "\n  a next key that the sandbox accepts, and a fault of its next call:\n\
             \x20 curl -sS -X PUT {upstream_url}/_sandbox/keys/my-next-key\n\
             \x20 curl -sS -X PUT {upstream_url}/_sandbox/faults --json '[\"status=503\"]'\n"
        );
    }
    if unused_key {
        text += "\n  CO_API_KEY is set but not used. For the real API: \
                 cargo run -- --upstream https://api.cohere.com\n";
    }
    text + "\n"
}

/// A `curl` line that posts `json` to `path` with the local token.
fn post_command(stack: &Stack, path: &str, json: &str) -> String {
    let Stack { url, token, .. } = stack;
    format!("curl -sS {url}{path} -H 'Authorization: Bearer {token}' --json '{json}'")
}
