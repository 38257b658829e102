//! Lines of the running gateway: it is asked as a pipeline and as a stranger would ask it.

use super::check::Verdict;
use super::facts::{Facts, GatewayAnswer};

pub fn health_is_good(facts: &Facts) -> Result<Verdict, String> {
    let answer = facts.health.as_ref()?;
    if answer.status == 429 {
        let told = "429: others use up the rate of the open route";
        return Ok(Verdict::warning(told, facts.command("ops checklist")));
    }
    judge_health(answer, facts)
}

pub fn front_door_is_open(facts: &Facts) -> Result<Verdict, String> {
    let answer = facts.front_door.as_ref()?;
    if matches!(answer.status, 401 | 403) {
        let told = format!("{} {} to the synthetic client", answer.status, answer.word);
        return Ok(Verdict::fail(told, facts.deploy.clone()));
    }
    judge_health(answer, facts)
}

fn judge_health(answer: &GatewayAnswer, facts: &Facts) -> Result<Verdict, String> {
    let GatewayAnswer { status, word, cohere } = answer;
    if *status == 200 && !cohere.is_empty() {
        let told = format!("200, Cohere is {cohere}");
        return Ok(match cohere.as_str() {
            "healthy" => Verdict::pass(told),
            _ => Verdict::warning(told, facts.command("ops models")),
        });
    }
    if word == "key_missing" {
        let stage = facts.command("ops key stage") + " < key.txt";
        return Ok(Verdict::fail(format!("{status}, the gateway has no Cohere key"), stage));
    }
    if *status == 503 && !cohere.is_empty() {
        let told = format!("503, Cohere is {cohere}");
        return Ok(Verdict::fail(told, facts.command("ops key status")));
    }
    Ok(Verdict::fail(format!("{status} {word}"), facts.deploy.clone()))
}

pub fn stranger_is_refused(facts: &Facts) -> Result<Verdict, String> {
    let answer = facts.closed_door.as_ref()?;
    let told = format!("{} {}", answer.status, answer.word);
    Ok(match answer.status {
        401 => Verdict::pass(told),
        _ => Verdict::fail(format!("{told} without a token"), facts.deploy.clone()),
    })
}

pub fn cohere_reports_nothing(facts: &Facts) -> Result<Verdict, String> {
    let indicator = facts.status_page.as_ref()?;
    Ok(match indicator.as_str() {
        "none" => Verdict::pass("no incident"),
        other => {
            let told = format!("incident: {other}");
            Verdict::warning(told, "curl -s https://status.cohere.com/api/v2/summary.json")
        }
    })
}
