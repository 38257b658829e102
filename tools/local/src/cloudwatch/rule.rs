//! The rule of a composite alarm: `ALARM("one") OR NOT (OK("two") AND TRUE)`.

use super::State;
use anyhow::{Context, bail, ensure};

/// A rule, read.
#[derive(Clone, Debug, PartialEq)]
pub enum AlarmRule {
    /// The named alarm is in this state.
    IsIn(State, String),
    Constant(bool),
    Not(Box<AlarmRule>),
    And(Box<AlarmRule>, Box<AlarmRule>),
    Or(Box<AlarmRule>, Box<AlarmRule>),
}

impl AlarmRule {
    pub(super) fn parse(text: &str) -> anyhow::Result<AlarmRule> {
        let tokens = split_tokens(text)?;
        let mut reader = RuleReader { tokens: &tokens };
        let rule = reader.read_or()?;
        ensure!(reader.tokens.is_empty(), "{:?} is left over in the rule", reader.tokens);
        Ok(rule)
    }

    /// Returns the alarms that the rule names, in its order.
    pub fn members(&self) -> Vec<&str> {
        match self {
            AlarmRule::IsIn(_, alarm) => vec![alarm],
            AlarmRule::Constant(_) => Vec::new(),
            AlarmRule::Not(inner) => inner.members(),
            AlarmRule::And(one, other) | AlarmRule::Or(one, other) => {
                [one.members(), other.members()].concat()
            }
        }
    }

    pub(super) fn holds(&self, state_of: &impl Fn(&str) -> State) -> bool {
        match self {
            AlarmRule::IsIn(state, alarm) => state_of(alarm) == *state,
            AlarmRule::Constant(value) => *value,
            AlarmRule::Not(inner) => !inner.holds(state_of),
            AlarmRule::And(one, other) => one.holds(state_of) && other.holds(state_of),
            AlarmRule::Or(one, other) => one.holds(state_of) || other.holds(state_of),
        }
    }
}

/// Splits a rule into words, quoted names and parentheses.
fn split_tokens(text: &str) -> anyhow::Result<Vec<String>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => 1,
            '"' => rest[1..].find('"').context("a name has no end in the rule")? + 2,
            _ => rest.find(|c: char| c.is_whitespace() || "()\"".contains(c)).unwrap_or(rest.len()),
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct RuleReader<'a> {
    tokens: &'a [String],
}

impl RuleReader<'_> {
    fn read_or(&mut self) -> anyhow::Result<AlarmRule> {
        let mut rule = self.read_and()?;
        while self.take("OR") {
            rule = AlarmRule::Or(Box::new(rule), Box::new(self.read_and()?));
        }
        Ok(rule)
    }

    fn read_and(&mut self) -> anyhow::Result<AlarmRule> {
        let mut rule = self.read_one()?;
        while self.take("AND") {
            rule = AlarmRule::And(Box::new(rule), Box::new(self.read_one()?));
        }
        Ok(rule)
    }

    fn read_one(&mut self) -> anyhow::Result<AlarmRule> {
        let state = match self.next()? {
            "NOT" => return Ok(AlarmRule::Not(Box::new(self.read_one()?))),
            "TRUE" => return Ok(AlarmRule::Constant(true)),
            "FALSE" => return Ok(AlarmRule::Constant(false)),
            "(" => {
                let rule = self.read_or()?;
                ensure!(self.take(")"), "a parenthesis is not closed in the rule");
                return Ok(rule);
            }
            "ALARM" => State::Alarm,
            "OK" => State::Ok,
            "INSUFFICIENT_DATA" => State::InsufficientData,
            other => bail!("{other} is unknown in a rule"),
        };
        ensure!(self.take("("), "a state is followed by an alarm in parentheses");
        let alarm = self.next()?.trim_matches('"').to_owned();
        ensure!(self.take(")"), "a state is followed by an alarm in parentheses");
        ensure!(!alarm.is_empty() && alarm != "(" && alarm != ")", "a state lacks its alarm");
        Ok(AlarmRule::IsIn(state, alarm))
    }

    fn take(&mut self, token: &str) -> bool {
        let is_next = self.tokens.first().is_some_and(|next| next == token);
        if is_next {
            self.tokens = &self.tokens[1..];
        }
        is_next
    }

    fn next(&mut self) -> anyhow::Result<&str> {
        let (first, rest) = self.tokens.split_first().context("the rule ends too early")?;
        self.tokens = rest;
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let state_of = |alarm: &str| match alarm {
            "on" => State::Alarm,
            "off" => State::Ok,
            _ => State::InsufficientData,
        };
        AlarmRule::parse(text).unwrap().holds(&state_of)
    }

    #[test]
    fn rule_is_read_as_cloudwatch_does() {
        for (text, expected) in [
            ("ALARM(on)", true),
            ("ALARM(\"off\")", false),
            ("OK(off) AND NOT ALARM(off)", true),
            ("INSUFFICIENT_DATA(\"new one\")", true),
            ("ALARM(on) OR ALARM(off) AND FALSE", true),
            ("(ALARM(on) OR ALARM(off)) AND FALSE", false),
            ("NOT (ALARM(on)\n  AND OK(off))", false),
            ("TRUE", true),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn members_of_a_rule_are_found() {
        let rule = AlarmRule::parse("(ALARM(\"a\") AND ALARM(b)) OR NOT OK(c)").unwrap();
        assert_eq!(rule.members(), ["a", "b", "c"]);
    }

    #[test]
    fn broken_rule_is_an_error() {
        for text in ["", "ALARM", "ALARM()", "ALARM(a", "ALARM(a) ALARM(b)", "a OR b", "ALARM(\"a)"]
        {
            assert!(AlarmRule::parse(text).is_err(), "{text}");
        }
    }
}
