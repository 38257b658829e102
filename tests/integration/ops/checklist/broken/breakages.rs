//! Each single thing that can be broken, and the line of the checklist that finds it.

use gateway_tests::aws_account::State;
use serde_json::json;

/// What is broken, the one line that finds it, how it ends, words of its reason, and words of the command that mends it.
pub(super) struct Breakage {
    pub(super) what: &'static str,
    pub(super) id: &'static str,
    pub(super) outcome: &'static str,
    pub(super) reason: &'static str,
    pub(super) command: &'static str,
    pub(super) make: fn(&mut State),
}

const DEPLOY: &str = "ops deploy --environment dev";
/// Forty letters and digits, as a key has.
const KEY_SHAPED: &str = "fakefakefakefakefakefakefakefakefakefake";

const fn fails(
    what: &'static str,
    id: &'static str,
    reason: &'static str,
    command: &'static str,
    make: fn(&mut State),
) -> Breakage {
    Breakage { what, id, outcome: "fail", reason, command, make }
}

const fn warns(
    what: &'static str,
    id: &'static str,
    reason: &'static str,
    command: &'static str,
    make: fn(&mut State),
) -> Breakage {
    Breakage { outcome: "warning", ..fails(what, id, reason, command, make) }
}

fn latest_variables(state: &mut State, name: &str, value: &str) {
    let chat = state.functions.get_mut("ChatFunction").unwrap();
    chat.latest.variables.insert(name.into(), value.into());
    let live = chat.live - 1;
    chat.versions[live].variables.insert(name.into(), value.into());
}

pub(super) const BREAKAGES: &[Breakage] = &[
    fails("a trial key", "key.production", "trial key", "ops key stage --stack", |state| {
        state.operations.offered["is_trial"] = true.into();
    }),
    fails("a key by its name", "key.environment", "CO_API_KEY of ChatFunction", DEPLOY, |state| {
        latest_variables(state, "CO_API_KEY", "fake");
    }),
    fails("a key by its form", "key.environment", "OTHER of ChatFunction", DEPLOY, |state| {
        latest_variables(state, "OTHER", KEY_SHAPED);
    }),
    warns(
        "trial keys let in",
        "key.production",
        "would let a trial key in",
        "--parameter AllowTrialKey=off",
        |state| {
            state.parameters.insert("AllowTrialKey".into(), "on".into());
        },
    ),
    fails("a retired fallback", "models.served", "embed-english-v2.0", DEPLOY, |state| {
        let pair = "embed-v4.0=embed-english-v2.0";
        let models = state.operations.offered["models"].as_array_mut().unwrap();
        models.push(json!({ "id": "embed-english-v2.0", "is_deprecated": false }));
        latest_variables(state, "GATEWAY_FALLBACKS", pair);
    }),
    fails("a retired model", "models.served", "embed-english-v2.0", DEPLOY, |state| {
        // Cohere may list it still.
        let models = state.operations.offered["models"].as_array_mut().unwrap();
        models.push(json!({ "id": "embed-english-v2.0", "is_deprecated": false }));
        latest_variables(state, "GATEWAY_PROBE_EMBED_MODEL", "embed-english-v2.0");
    }),
    warns("a deprecated model", "models.served", "command-r (take", DEPLOY, |state| {
        latest_variables(state, "GATEWAY_CHAT_MODEL", "command-r");
    }),
    fails(
        "a model that is gone",
        "models.offered",
        "command-a-03-2025",
        "ops models --stack",
        |state| {
            let models = state.operations.offered["models"].as_array_mut().unwrap();
            models.retain(|model| model["id"] != "command-a-03-2025");
        },
    ),
    warns(
        "a fallback that is gone",
        "models.offered",
        "command-a-plus-05-2026",
        "ops models --stack",
        |state| {
            let models = state.operations.offered["models"].as_array_mut().unwrap();
            models.retain(|model| model["id"] != "command-a-plus-05-2026");
        },
    ),
    warns("a model near its end", "models.offered", "command-a-03-2025", "ops models", |state| {
        for model in state.operations.offered["models"].as_array_mut().unwrap() {
            model["is_deprecated"] = (model["id"] == "command-a-03-2025").into();
        }
    }),
    fails(
        "another upstream",
        "api.upstream",
        "ChatFunction",
        "UpstreamUrl=https://api.cohere.com",
        |state| {
            latest_variables(state, "GATEWAY_UPSTREAM_URL", "https://proxy.example.com");
        },
    ),
    fails("a buffered route", "api.streaming", "POST /v2/embed answers whole", DEPLOY, |state| {
        state.operations.whole.insert("/v2/embed");
    }),
    fails(
        "a route past the alias",
        "api.streaming",
        "GET /api/health goes past",
        DEPLOY,
        |state| {
            state.operations.past_the_alias.insert("/api/health");
        },
    ),
    fails(
        "endless logs",
        "api.logs",
        "it-ChatLogs",
        "put-retention-policy --log-group-name it-ChatLogs",
        |state| {
            state.operations.endless.insert("ChatLogs".into());
        },
    ),
    fails(
        "a deleted log group",
        "api.logs",
        "somebody has deleted it-ChatLogs",
        "aws logs create-log-group --log-group-name it-ChatLogs",
        |state| {
            state.operations.vanished.insert("ChatLogs".into());
        },
    ),
    fails("a deleted alarm", "alerts.alarms", "ProbeSilent is not in the stack", DEPLOY, |state| {
        state.operations.gone.insert("ProbeSilent".into());
    }),
    fails(
        "an alarm that tells nobody",
        "alerts.alarms",
        "ProbeSilent tells nobody",
        DEPLOY,
        |state| {
            state.operations.silent.insert("ProbeSilent".into());
        },
    ),
    fails(
        "a composite that tells nobody",
        "alerts.alarms",
        "CohereOutage tells nobody",
        DEPLOY,
        |state| {
            state.operations.silent.insert("CohereOutage".into());
        },
    ),
    fails("an alarm deleted by hand", "alerts.alarms", "ProbeSilent is gone", DEPLOY, |state| {
        state.operations.vanished.insert("ProbeSilent".into());
    }),
    fails(
        "an alarm that tells others",
        "alerts.alarms",
        "ProbeSilent tells neither of the topics",
        DEPLOY,
        |state| {
            state.operations.astray.insert("ProbeSilent".into());
        },
    ),
    fails(
        "an alarm switched off",
        "alerts.alarms",
        "ProbeSilent has its actions switched off",
        "aws cloudwatch enable-alarm-actions --alarm-names it-ProbeSilent",
        |state| {
            state.operations.switched_off.insert("ProbeSilent".into());
        },
    ),
    warns(
        "a raised alarm",
        "alerts.raised",
        "in ALARM: ProbeSilent",
        "aws cloudwatch describe-alarms",
        |state| {
            state.operations.raised.insert("ProbeSilent".into());
        },
    ),
    fails("no budget", "alerts.budget", "switched off", "--parameter DailyBudgetUsd=", |state| {
        state.parameters.insert("DailyBudgetUsd".into(), "0".into());
    }),
    fails("a deployment at once", "delivery.gradual", "it is false", DEPLOY, |state| {
        state.parameters.insert("GradualDeployment".into(), "false".into());
    }),
    fails(
        "an unconfirmed P1",
        "alerts.p1",
        "not confirmed by pager@example.com",
        "list-subscriptions-by-topic",
        |state| {
            state.operations.subscribers.insert("P1", vec![("pager@example.com", false)]);
        },
    ),
    warns(
        "one of two unconfirmed",
        "alerts.p1",
        "not confirmed by late@example.com",
        "list-subscriptions-by-topic",
        |state| {
            let told = vec![("pager@example.com", true), ("late@example.com", false)];
            state.operations.subscribers.insert("P1", told);
        },
    ),
    fails("nobody for P2", "alerts.p2", "nobody has subscribed", "--parameter P2Email=", |state| {
        state.operations.subscribers.insert("P2", Vec::new());
    }),
    fails("no topic for P1", "alerts.p1", "there is no topic", DEPLOY, |state| {
        state.operations.gone.insert("P1Topic".into());
    }),
    fails(
        "a disabled probe",
        "alerts.probe",
        "disabled",
        "aws events enable-rule --name it-ProbeRule",
        |state| {
            state.operations.rule_state = "DISABLED";
        },
    ),
    fails(
        "a probe switched off",
        "alerts.probe",
        "switched off",
        "--parameter ProbeSchedule=5",
        |state| {
            state.parameters.insert("ProbeSchedule".into(), "off".into());
        },
    ),
    warns("a deployment rolled back", "delivery.stack", "rolled back", DEPLOY, |state| {
        state.status = Some("UPDATE_ROLLBACK_COMPLETE".into());
    }),
    warns(
        "a deployment under way",
        "delivery.stack",
        "under way",
        "ops rollout --stack",
        |state| {
            state.status = Some("UPDATE_IN_PROGRESS".into());
        },
    ),
    fails(
        "a broken stack",
        "delivery.stack",
        "UPDATE_ROLLBACK_FAILED",
        "aws cloudformation continue-update-rollback --stack-name",
        |state| {
            state.status = Some("UPDATE_ROLLBACK_FAILED".into());
        },
    ),
    fails(
        "no canary",
        "delivery.gates",
        "ChatFunction goes CodeDeployDefault.LambdaAllAtOnce",
        DEPLOY,
        |state| {
            change_group(state, "deploymentConfigName", "CodeDeployDefault.LambdaAllAtOnce".into());
        },
    ),
    fails(
        "a canary without gates",
        "delivery.gates",
        "ChatFunction has no gates",
        DEPLOY,
        |state| {
            // One that is off heeds none of the alarms that it names.
            let gates = json!([{ "name": "it-ChatGateErrors" }]);
            change_group(state, "alarmConfiguration", json!({ "enabled": false, "alarms": gates }));
        },
    ),
    fails(
        "a canary without one gate",
        "delivery.gates",
        "ChatFunction lacks the gate ChatGateMismatch",
        DEPLOY,
        |state| {
            let gates = [
                "Errors",
                "Latency",
                "GatewayTime",
                "RateLimited",
                "Crashes",
                "DrivenCrashes",
                "Silent",
            ];
            let gates = gates.map(|gate| json!({ "name": format!("it-ChatGate{gate}") }));
            change_group(state, "alarmConfiguration", json!({ "enabled": true, "alarms": gates }));
        },
    ),
    fails("a canary without a way back", "delivery.gates", "does not roll back", DEPLOY, |state| {
        change_group(state, "autoRollbackConfiguration", json!({ "enabled": false }));
    }),
    fails(
        "no deployment group",
        "delivery.gates",
        "EmbedFunction has no deployment group",
        DEPLOY,
        |state| {
            state.operations.gone.insert("EmbedFunctionDeploymentGroup".into());
        },
    ),
    fails("no hook", "delivery.hooks", "RerankFunction has no hook before", DEPLOY, |state| {
        state.operations.without_hook.insert(("RerankFunction", "BeforeAllowTrafficHook"));
    }),
    fails("one hook", "delivery.hooks", "ChatFunction has no hook after", DEPLOY, |state| {
        state.operations.without_hook.insert(("ChatFunction", "AfterAllowTrafficHook"));
    }),
    fails("no hook's function", "delivery.hooks", "no PreTrafficFunction", DEPLOY, |state| {
        state.functions.remove("PreTrafficFunction");
    }),
    fails("no driver", "delivery.hooks", "there is no DriverFunction", DEPLOY, |state| {
        state.functions.remove("DriverFunction");
    }),
    fails(
        "a moved alias",
        "delivery.live",
        "ChatFunction is at 1, not 2",
        "aws lambda update-alias --function-name it-ChatFunction",
        |state| {
            let chat = state.functions.get_mut("ChatFunction").unwrap();
            chat.versions.push(chat.latest.clone());
            chat.of_stack = 2;
        },
    ),
    warns(
        "aliases that went back by hand",
        "delivery.live",
        "went back by hand: ChatFunction is at 1, not 2",
        "--at-once",
        |state| {
            let chat = state.functions.get_mut("ChatFunction").unwrap();
            chat.versions.push(chat.latest.clone());
            chat.of_stack = 2;
            let release = state.releases.last_mut().unwrap();
            *release = release.replacen('{', "{\"back_to\":1,", 1);
        },
    ),
    fails(
        "a function changed by hand",
        "delivery.live",
        "the memory of $LATEST",
        DEPLOY,
        |state| {
            state.functions.get_mut("ChatFunction").unwrap().latest.memory_mb = 1_024;
        },
    ),
    warns(
        "a rollout under way",
        "delivery.live",
        "ChatFunction shares with version 2",
        "ops rollout --stack",
        |state| {
            let chat = state.functions.get_mut("ChatFunction").unwrap();
            chat.weights.insert("2".into(), 0.1);
        },
    ),
    fails(
        "a release that failed",
        "delivery.release",
        "its smoke test was failed",
        DEPLOY,
        |state| {
            let release = state
                .releases
                .last()
                .unwrap()
                .replace("\"smoke_test\":\"ok\"", "\"smoke_test\":\"failed\"");
            state.releases.push(release);
        },
    ),
    fails("no record", "delivery.release", "no release is recorded", DEPLOY, |state| {
        state.releases.clear();
    }),
    warns(
        "an incident of Cohere",
        "gateway.status_page",
        "incident: major",
        "status.cohere.com",
        |state| {
            state.operations.indicator = "major";
        },
    ),
    fails(
        "a fresh account",
        "capacity.account",
        "10 environments",
        "request-service-quota-increase",
        |state| {
            state.quota = 10;
        },
    ),
    warns(
        "an account that others have reserved",
        "capacity.account",
        "100 unreserved",
        "request-service-quota-increase",
        |state| {
            state.reserves.insert("ChatFunction".into(), 900);
        },
    ),
    warns(
        "a small account",
        "capacity.account",
        "500 environments",
        "request-service-quota-increase",
        |state| {
            state.quota = 500;
        },
    ),
    fails(
        "a reserve of nothing",
        "capacity.reserves",
        "stops ChatFunction",
        "ChatReservedConcurrency=none",
        |state| {
            state.reserves.insert("ChatFunction".into(), 0);
        },
    ),
];

fn change_group(state: &mut State, name: &str, value: serde_json::Value) {
    state.operations.groups.insert("ChatFunction", json!({ name: value }));
}
