//! What `cargo run` prints once the stack is up: its address, and commands to copy.

use super::shell_file::ShellFile;
use crate::Stack;
use crate::stack::DEFAULT_PORT;

/// What the command line knows beside the stack.
pub struct Notes {
    /// Whether no port was asked for.
    pub port_is_open: bool,
    /// Whether there is a key that nothing asks for.
    pub unused_key: bool,
}

/// The whole text, ready to print; no line of it is over 80 columns but for long addresses and paths.
pub fn startup_text(stack: &Stack, file: &ShellFile, notes: &Notes) -> String {
    let Stack { url, upstream_url, token, .. } = stack;
    let mut text = format!(
        "\n  cohere-gateway is up (Ctrl-C stops it)\n\n\
         \x20 page    {url}/ in a browser: all of it live, faults at a click\n\
         \x20 url     {url}\n"
    );
    if notes.port_is_open && !url.ends_with(&format!(":{DEFAULT_PORT}")) {
        text += &format!("          (port {DEFAULT_PORT} is taken; --port N takes another)\n");
    }
    text += &format!("  token   {token}\n");
    text += &match stack.sandbox {
        Some(_) => format!("  cohere  the sandbox at {upstream_url}: no key, no cost\n"),
        None => format!("  cohere  {upstream_url}\n"),
    };
    text += &format!(
        "\n  in another terminal:\n\
         \x20 source {}\n\
         \x20 curl -sS $GATEWAY_URL/v2/chat -H \"Authorization: Bearer $GATEWAY_TOKEN\" \\\n\
         \x20   --json '{{\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n\
         \x20 cargo run -q -p ops -- --help      # keys and clients\n",
        file.path().display()
    );
    if stack.sandbox.is_some() {
        text += "\n  a key that the sandbox accepts too, and a fault of its next call:\n\
                 \x20 curl -sS -X PUT $SANDBOX_URL/_sandbox/keys/my-next-key\n\
                 \x20 curl -sS -X PUT $SANDBOX_URL/_sandbox/faults --json '[\"status=503\"]'\n";
    }
    text += "\n  one look of the probe, which AWS would take every few minutes:\n\
             \x20 curl -sS --aws-sigv4 aws:amz:us-east-1:lambda \\\n\
             \x20   --user $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY -X POST \\\n\
             \x20   $AWS_ENDPOINT_URL/2015-03-31/functions/probe/invocations\n";
    if notes.unused_key {
        text += "\n  CO_API_KEY is set but not used. For the real API:\n\
                 \x20 cargo run -- --upstream https://api.cohere.com\n";
    }
    text + "\n"
}
