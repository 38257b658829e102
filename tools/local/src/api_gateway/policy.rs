//! Evaluation of the policy an authorizer returns: a deny wins, nothing is allowed by default.

use serde::Deserialize;

const ACTION: &str = "execute-api:Invoke";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    #[serde(deserialize_with = "one_or_many")]
    statement: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: Effect,
    #[serde(deserialize_with = "one_or_many")]
    action: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    resource: Vec<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
enum Effect {
    Allow,
    Deny,
}

/// Whether a method may be invoked.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement names it.
    Unmentioned,
}

impl Policy {
    /// Every resource that a statement names.
    pub fn named_resources(&self) -> impl Iterator<Item = &str> {
        self.statement.iter().flat_map(|statement| statement.resource.iter().map(String::as_str))
    }

    pub fn evaluate(&self, method_arn: &str) -> Verdict {
        let mut verdict = Verdict::Unmentioned;
        for statement in &self.statement {
            if !statement.is_about(method_arn) {
                continue;
            }
            match statement.effect {
                Effect::Deny => return Verdict::Denied,
                Effect::Allow => verdict = Verdict::Allowed,
            }
        }
        verdict
    }
}

impl Statement {
    /// Whether it names the invocation of this method. Actions have no case, resources have.
    fn is_about(&self, method_arn: &str) -> bool {
        let action = ACTION.to_lowercase();
        self.action.iter().any(|pattern| matches_pattern(&pattern.to_lowercase(), &action))
            && self.resource.iter().any(|pattern| matches_pattern(pattern, method_arn))
    }
}

/// Whether a text matches a pattern with `*` (any run) and `?` (any one byte).
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    // Ends: each round moves on in the text, or moves the end of the last star's match on.
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        One(T),
        Many(Vec<T>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CHAT: &str = "arn:aws:execute-api:us-east-1:123456789012:local/live/POST/v2/chat";

    fn evaluate(statements: serde_json::Value) -> Verdict {
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        serde_json::from_value::<Policy>(policy).unwrap().evaluate(CHAT)
    }

    fn statement(effect: &str, resource: &str) -> serde_json::Value {
        json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource})
    }

    #[test]
    fn stage_allow_covers_every_method() {
        let stage = "arn:aws:execute-api:us-east-1:123456789012:local/live/*";
        assert_eq!(evaluate(json!([statement("Allow", stage)])), Verdict::Allowed);
        assert_eq!(evaluate(json!(statement("Allow", "*"))), Verdict::Allowed);
        assert_eq!(
            evaluate(json!([statement("Allow", &format!("{stage}/embed"))])),
            Verdict::Unmentioned
        );
    }

    #[test]
    fn deny_wins_over_any_allow() {
        let both = [statement("Allow", "*"), statement("Deny", "arn:*/POST/v2/chat")];
        assert_eq!(evaluate(json!(both)), Verdict::Denied);
        let elsewhere = [statement("Allow", "*"), statement("Deny", "arn:*/POST/v2/embed")];
        assert_eq!(evaluate(json!(elsewhere)), Verdict::Allowed);
    }

    #[test]
    fn unmentioned_method_is_not_allowed() {
        assert_eq!(evaluate(json!([])), Verdict::Unmentioned);
        let action = "execute-api:ManageConnections";
        let other = json!([{"Effect": "Allow", "Action": action, "Resource": "*"}]);
        assert_eq!(evaluate(other), Verdict::Unmentioned);
        let actions = ["s3:*", "execute-api:*"];
        let lists = json!([{"Effect": "Allow", "Action": actions, "Resource": ["x", CHAT]}]);
        assert_eq!(evaluate(lists), Verdict::Allowed);
    }

    #[test]
    fn wildcards_match_runs_and_single_bytes() {
        for (pattern, text) in [
            ("*", ""),
            ("a*", "a"),
            ("a*c", "abc"),
            ("a*b*c", "a-b-b-c"),
            ("a?c", "abc"),
            ("**", "x"),
        ] {
            assert!(matches_pattern(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("a", "ab"), ("a?", "a"), ("a*d", "abc"), ("?", ""), ("*b", "ba")]
        {
            assert!(!matches_pattern(pattern, text), "{pattern} {text}");
        }
    }
}
