//! A service that refuses, is overloaded, never answers, cannot be reached, or is somebody else.

use super::{COMMANDS, Run, STACK, prepare, read_problem, run_each};
use gateway_tests::stub::{Seen, Step, Stub, write_answer};

/// How a service fails, and words that tell an operator what to do.
struct Failure {
    name: &'static str,
    /// Codes of services that answer in XML and in JSON; none where no service of AWS answers.
    codes: Option<(u16, &'static str, &'static str)>,
    told: &'static [&'static str],
}

const FAILURES: [Failure; 6] = [
    Failure {
        name: "no permission",
        codes: Some((403, "AccessDenied", "AccessDeniedException")),
        told: &["AWS says AccessDenied", "ask for the rights of docs/operator-policy.json"],
    },
    Failure {
        name: "expired credentials",
        codes: Some((403, "ExpiredToken", "ExpiredTokenException")),
        told: &["AWS says ExpiredToken", "sign in again, such as by: aws sso login"],
    },
    Failure {
        name: "throttled",
        codes: Some((400, "Throttling", "ThrottlingException")),
        told: &["AWS says Throttling", "try again in a minute"],
    },
    Failure {
        name: "silent",
        codes: None,
        told: &["no answer within 1 s", "wait longer by --timeout-secs"],
    },
    Failure {
        name: "foreign",
        codes: None,
        told: &["what came is no answer of AWS; check AWS_ENDPOINT_URL and HTTPS_PROXY"],
    },
    Failure {
        name: "unreachable",
        codes: None,
        told: &["check the region, AWS_ENDPOINT_URL and the network"],
    },
];

/// What is said of each service.
const TOLD_OF: [(&str, &[&str]); 7] = [
    ("CODEDEPLOY", &["cannot list the deployments of CodeDeploy: CodeDeploy: "]),
    ("SSM", &["cannot read the record of releases: Systems Manager: "]),
    ("CLOUDFORMATION", &["cannot read the stack cohere-gateway-dev: CloudFormation: "]),
    ("SECRETS_MANAGER", &["the secret: ", "the versions of the secret: "]),
    ("API_GATEWAY", &["API Gateway: "]),
    (
        "LAMBDA",
        &["the function probe cannot be asked: Lambda: ", "cannot read the alias live of it-"],
    ),
    ("CLOUDWATCH_LOGS", &["the logs cannot be searched: CloudWatch Logs: "]),
];

/// Starts what stands in a service's place; the address of one that cannot be reached has nobody.
async fn start_failing(failure: &'static Failure) -> (Stub, String) {
    let stub = Stub::start().await;
    stub.answer_others(move |seen| answer(failure, seen));
    let url = match failure.name {
        "unreachable" => "http://127.0.0.1:1".to_string(),
        _ => stub.url.clone(),
    };
    (stub, url)
}

fn answer(failure: &Failure, seen: &Seen) -> Vec<Step> {
    let Some((status, in_xml, in_json)) = failure.codes else {
        let page = b"<html><body>502 Bad Gateway</body></html>";
        return match failure.name {
            "silent" => vec![Step::Hang],
            _ => write_answer(502, &[("content-type", "text/html")], page),
        };
    };
    if seen.body.starts_with(b"Action=") {
        let text = format!(
            "<ErrorResponse><Error><Code>{in_xml}</Code><Message>not today</Message></Error></ErrorResponse>"
        );
        return write_answer(status, &[("content-type", "text/xml")], text.as_bytes());
    }
    let text = format!("{{\"__type\":\"{in_json}\",\"message\":\"not today\"}}");
    write_answer(status, &[("content-type", "application/x-amz-json-1.1")], text.as_bytes())
}

#[tokio::test]
async fn every_command_explains_each_failure_of_each_service() {
    let deployment = prepare("failures-services").await;
    let (mut runs, mut stubs) = (Vec::new(), Vec::new());
    for failure in &FAILURES {
        let (stub, url) = start_failing(failure).await;
        stubs.push(stub);
        for command in &COMMANDS {
            for service in command.services {
                let mut arguments = [command.arguments, &["--stack", STACK]].concat();
                if failure.name == "silent" {
                    arguments.extend(["--timeout-secs", "1"]);
                }
                let variable = format!("AWS_ENDPOINT_URL_{service}");
                let variables = vec![(variable, url.clone())];
                runs.push(Run { arguments, variables, about: (*service, failure) });
            }
        }
    }
    let count = runs.len();
    let mut odd = Vec::new();
    for (done, run) in run_each(&deployment, runs).await {
        let (service, failure) = run.about;
        let command = run.arguments.join(" ");
        let problem = read_problem(&done, 1);
        let (_, beginnings) = TOLD_OF.iter().find(|(name, _)| *name == service).unwrap();
        let is_told = failure.told.iter().all(|words| problem.contains(words));
        let is_named = beginnings.iter().any(|words| problem.contains(words));
        if !is_told || !is_named || problem.contains('\n') {
            odd.push(format!("{} of {service}: ops {command}: {problem}", failure.name));
        }
    }
    assert!(odd.is_empty(), "{} of {count}:\n{}", odd.len(), odd.join("\n"));
    assert!(count > 150, "{count}");
}
