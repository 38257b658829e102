//! What every command writes: for people as the snapshots show, for programs one object of one shape.

use gateway_tests::deployment::Deployment;
use gateway_tests::ops::Done;
use gateway_tests::source_files::ROOT;
use local::secrets_manager::API_KEY;
use serde_json::Value;

const STACK: &str = "cohere-gateway-dev";
/// Around the table of shapes.
const START: &str = "<!-- json:start -->\n";
const END: &str = "<!-- json:end -->\n";
/// Columns that a table may have.
const WIDTH: usize = 80;

/// Takes out what differs from run to run.
fn settle(text: &str) -> String {
    let mut settled = Vec::new();
    for word in text.split_inclusive([' ', '\n', ',', '"']) {
        let bare = word.trim_end_matches([' ', '\n', ',', '"', '.', ')', ';', ':']);
        let rest = &word[bare.len()..];
        let is_id = bare.len() == 36 && bare.matches('-').count() == 4;
        let is_time = bare.len() >= 20 && bare.contains('T') && bare.ends_with('Z');
        let is_clock = bare.len() == 8 && bare.matches(':').count() == 2;
        let is_hash = bare.len() == 8 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        let shown = match bare {
            _ if is_id => "VERSION",
            _ if is_time => "TIME",
            _ if is_clock => "CLOCK",
            _ if is_hash => "HASH",
            _ if bare.starts_with("cgw_") => "TOKEN",
            other => other,
        };
        settled.push(format!("{shown}{rest}"));
    }
    settled.concat()
}

fn row(fields: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    fields.iter().map(|(name, value)| (*name, value.to_string())).collect()
}

/// A gateway that was deployed, with a client of each kind.
async fn prepare(name: &str) -> Deployment {
    let deployment = Deployment::prepare(name).await;
    deployment.deploy(&["--parameter", "ProbeSchedule=5"]).await.data();
    deployment
}

async fn run(deployment: &Deployment, arguments: &[&str]) -> Done {
    deployment.run_ops_with(arguments, &[]).await
}

/// The shape of a value: its keys, and the first element of its lists.
fn write_shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_string(),
        Value::Bool(_) => "bool".to_string(),
        Value::Number(_) => "number".to_string(),
        Value::String(_) => "text".to_string(),
        Value::Array(items) => format!("[{}]", items.first().map(write_shape).unwrap_or_default()),
        Value::Object(fields) if is_map(fields) => {
            let shape = fields.values().next().map(write_shape).unwrap_or_default();
            format!("{{NAME: {shape}}}")
        }
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| format!("{name}: {}", write_shape(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Whether the keys are names of things, which all have one shape.
fn is_map(fields: &serde_json::Map<String, Value>) -> bool {
    let mut shapes = fields.values().map(write_shape);
    let first = shapes.next().unwrap_or_default();
    first.starts_with('{') && fields.len() > 2 && shapes.all(|shape| shape == first)
}

#[tokio::test]
async fn commands_write_what_the_snapshots_show() {
    let deployment = prepare("output-snapshots").await;
    let day = |day: &str, client: &str, model: &str, micro: &str| {
        let used = [("micro", micro), ("input", "1200"), ("output", "300"), ("requests", "4")];
        row(&[&[("day", day), ("client", client), ("model", model)][..], &used].concat())
    };
    deployment.account.state().operations.found = vec![
        day("2026-11-25 00:00:00.000", "search", "command-a-03-2025", "120000000"),
        day("2026-11-26 00:00:00.000", "search", "embed-v4.0", "2500000"),
        day("2026-11-26 00:00:00.000", "local", "command-a-03-2025", "40000"),
    ];
    let models = "command-a-03-2025,command-r-plus-08-2024,embed-v4.0,rerank-v3.5";
    let mut written = String::new();
    for arguments in [
        &["clients", "add", "search", "--models", models, "--not-after", "2999-12-31"][..],
        &["clients", "list"],
        &["clients", "list", "--last-use", "--stack", STACK],
        &["clients", "set", "search", "--models", "embed-v4"],
        &["clients", "set", "search", "--all-models", "--no-end"],
        &["clients", "rotate", "search"],
        &["clients", "rotate", "search", "--finish"],
        &["clients", "revoke", "search"],
        &["clients", "revoke", "local"],
        &["clients", "revoke", "local", "--yes"],
        &["key", "rotate", "--stack", STACK],
        &["models", "--stack", STACK],
        &["cost", "--stack", STACK],
        &["cost", "--stack", STACK, "--by", "day"],
        &["checklist"],
        &["checklist", "--stack", "cohere-gateway-prod", "--region", "nowhere"],
        &["checklist", "--stack", STACK],
    ] {
        written += &show(&deployment, arguments).await;
    }
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("commands", written);
    });
}

/// Runs a command and writes what it says, as the snapshots have it.
async fn show(deployment: &Deployment, arguments: &[&str]) -> String {
    let done = run(deployment, arguments).await;
    for line in done.stdout.lines().filter(|line| !line.contains('→')) {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    assert!(!done.stdout.contains('\x1b') && !done.stderr.contains('\x1b'), "{done:?}");
    let mut written = format!("$ ops {}\n{}", arguments.join(" "), settle(&done.stdout));
    let words = settle(&done.stderr);
    for line in words.lines() {
        written += &format!("  | {line}\n");
    }
    written + &format!("  = {}\n\n", done.code)
}

#[tokio::test]
async fn delivery_commands_write_what_the_snapshot_shows() {
    let deployment = prepare("output-delivery").await;
    deployment.write_code("chat", "changed");
    deployment.deploy(&[]).await.data();
    for release in &mut deployment.account.state().releases {
        let mut object: Value = serde_json::from_str(release).unwrap();
        object["time"] = "2026-11-26T12:00:00.000Z".into();
        *release = object.to_string();
    }
    let follow = ["rollout", "--stack", STACK, "--every-secs", "0"];
    let mut written = show(&deployment, &["releases", "--stack", STACK]).await;
    written += &show(&deployment, &["rollback", "--stack", STACK]).await;
    deployment.account.state().begin_rollout(&["ChatFunction", "EmbedFunction"]);
    written += &show(&deployment, &["rollout", "--stack", STACK, "--once"]).await;
    deployment.account.plan(|_| {});
    deployment.account.plan(|state| state.succeed("EmbedFunction"));
    deployment.account.plan(|state| {
        state.operations.raised.insert("ChatGateLatency".into());
        state.take_back("ChatFunction", "Activated alarms: <it-ChatGateLatency>");
    });
    written += &show(&deployment, &follow).await;
    written += &show(&deployment, &follow).await;
    let back = ["rollback", "--stack", STACK, "--yes", "--every-secs", "0"];
    written += &show(&deployment, &back).await;
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    written += &show(&deployment, &[&back[..], &["--to", "1"]].concat()).await;
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("delivery", written);
    });
}

#[tokio::test]
async fn json_of_every_command_has_its_documented_shape() {
    let deployment = prepare("output-json").await;
    let rows = [("day", "2026-11-26"), ("client", "local"), ("model", "m"), ("micro", "1")];
    deployment.account.state().operations.found = vec![row(&rows)];
    deployment.write_code("chat", "changed");
    let mut table = String::from("| command | `data` |\n|---|---|\n");
    deployment.running.gateway.secrets.put_under(API_KEY, "fake-next", "NEXT");
    for arguments in [
        &["clients", "add", "search"][..],
        &["clients", "list"],
        &["clients", "set", "search", "--models", "embed-v4.0"],
        &["clients", "rotate", "search"],
        &["clients", "rotate", "search", "--finish"],
        &["clients", "reattach"],
        &["clients", "revoke", "search"],
        &["key", "status"],
        &["deploy", "--environment", "dev", "--yes", "--wait-secs", "20"],
        &["releases", "--stack", STACK],
        &["rollout", "--stack", STACK, "--once"],
        &["rollback", "--stack", STACK, "--yes", "--every-secs", "0", "--to", "1"],
        &["rollback", "--stack", STACK, "--yes"],
        &["models", "--stack", STACK],
        &["cost", "--stack", STACK],
        &["checklist", "--stack", STACK],
        &["completions", "bash"],
        &["config-docs"],
        &["metrics-docs"],
    ] {
        if arguments[0] == "rollout" {
            deployment.account.state().begin_rollout(&["ChatFunction"]);
        }
        let done = run(&deployment, &[arguments, &["--json"]].concat()).await;
        let object: Value =
            serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
        assert_eq!((object["schema"].as_u64(), done.stdout.lines().count()), (Some(1), 1));
        let name = arguments.iter().take_while(|word| !word.starts_with("--"));
        let name = name.copied().collect::<Vec<_>>().join(" ");
        assert!(name.starts_with(object["command"].as_str().unwrap()), "{name}: {object}");
        let command = object["command"].as_str().unwrap();
        let row = format!("| `{command}` | `{}` |\n", write_shape(&object["data"]));
        if !table.contains(&row) {
            table += &row;
        }
    }
    compare_page(&table);
}

/// Compares the table of shapes in `docs/ops.md`, or rewrites it where `UPDATE_DOCS` is set.
fn compare_page(table: &str) {
    let path = format!("{ROOT}/docs/ops.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(START).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let fresh = format!("{before}{START}{table}{END}{after}");
    page_check::check_page(&path, &fresh);
}

#[tokio::test]
async fn failure_is_an_object_too() {
    let deployment = prepare("output-failures").await;
    for (arguments, code, outcome) in [
        (&["clients", "revoke", "nobody", "--json"][..], 1, "failed"),
        (&["checklist", "--json"], 2, "usage"),
        (&["clients", "add", "--json"], 2, "usage"),
        (&["no-such-command", "--json"], 2, "usage"),
    ] {
        let done = run(&deployment, arguments).await;
        let object: Value =
            serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
        assert_eq!((done.code, object["outcome"].as_str()), (code, Some(outcome)), "{object}");
        assert!(object["data"].is_null() && object["error"].is_string(), "{object}");
        assert!(done.stderr.starts_with("error: "), "{done:?}");
    }
}

#[tokio::test]
async fn completions_know_every_command() {
    let deployment = prepare("output-completions").await;
    for shell in ["bash", "zsh", "fish"] {
        let done = run(&deployment, &["completions", shell]).await;
        for word in ["checklist", "clients", "models", "--stack", "reattach", "rollback", "--abort"]
        {
            let word = word.trim_start_matches("--");
            assert!(done.data().contains(word), "{shell}: {word}");
        }
    }
}
