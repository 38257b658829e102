//! Reads an expression: words into nodes, by the usual precedence.

use super::{MathFunction, Node, Operator};
use anyhow::{Context, bail, ensure};

/// From the loosest to the tightest; within a row from left to right.
const PRECEDENCE: [&[(&str, Operator)]; 5] = [
    &[("OR", Operator::Or), ("||", Operator::Or)],
    &[("AND", Operator::And), ("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];

const SYMBOLS: [&str; 19] = [
    "||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",",
    "=",
];

#[derive(Clone, Debug, PartialEq)]
enum MathToken<'a> {
    Number(f64),
    Text(&'a str),
    /// An id, a function or `AND`.
    Word(&'a str),
    Symbol(&'a str),
}

pub(super) fn parse_node(text: &str, ids: &[&str]) -> anyhow::Result<Node> {
    let tokens = split_tokens(text).with_context(|| format!("in {text}"))?;
    let mut reader = NodeReader { tokens: &tokens, ids };
    let node = reader.read_level(0).with_context(|| format!("in {text}"))?;
    ensure!(reader.tokens.is_empty(), "{:?} is left over in {text}", reader.tokens[0]);
    Ok(node)
}

fn split_tokens(text: &str) -> anyhow::Result<Vec<MathToken<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if first == '"' || first == '\'' {
            let end = rest[1..].find(first).context("a text has no end")?;
            (MathToken::Text(&rest[1..=end]), end + 2)
        } else if first.is_ascii_digit() || first == '.' {
            let is_part = |c: char| c.is_ascii_digit() || c == '.';
            let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let number = rest[..length].parse().context("no number")?;
            (MathToken::Number(number), length)
        } else if first.is_ascii_alphabetic() {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            (MathToken::Word(&rest[..length]), length)
        } else {
            let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
            let symbol = symbol.with_context(|| format!("{first} is unknown"))?;
            (MathToken::Symbol(symbol), symbol.len())
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct NodeReader<'a> {
    tokens: &'a [MathToken<'a>],
    ids: &'a [&'a str],
}

impl<'a> NodeReader<'a> {
    fn read_level(&mut self, level: usize) -> anyhow::Result<Node> {
        let Some(operators) = PRECEDENCE.get(level) else { return self.read_power() };
        let mut node = self.read_level(level + 1)?;
        while let Some(operator) = self.take_operator(operators) {
            let other = self.read_level(level + 1)?;
            node = Node::Binary(operator, Box::new(node), Box::new(other));
        }
        Ok(node)
    }

    fn read_power(&mut self) -> anyhow::Result<Node> {
        if self.take("-") {
            return Ok(Node::Negative(Box::new(self.read_power()?)));
        }
        let base = self.read_one()?;
        if !self.take("^") {
            return Ok(base);
        }
        let exponent = self.read_one()?;
        ensure!(!self.take("^"), "which power comes first is not documented: use parentheses");
        Ok(Node::Binary(Operator::Power, Box::new(base), Box::new(exponent)))
    }

    fn read_one(&mut self) -> anyhow::Result<Node> {
        let (first, rest) = self.tokens.split_first().context("the expression ends too early")?;
        self.tokens = rest;
        match first {
            MathToken::Number(number) => Ok(Node::Number(*number)),
            MathToken::Text(text) => Ok(Node::Text((*text).to_owned())),
            MathToken::Word("REPEAT") => Ok(Node::Repeat),
            MathToken::Word(word) => self.read_word(word),
            MathToken::Symbol("(") => {
                let inner = self.read_level(0)?;
                ensure!(self.take(")"), "a parenthesis is not closed");
                Ok(inner)
            }
            MathToken::Symbol("[") => Ok(Node::List(self.read_arguments("]")?)),
            MathToken::Symbol(symbol) => bail!("{symbol} stands where a value is expected"),
        }
    }

    /// Reads an id, which begins with a small letter, or a function.
    fn read_word(&mut self, word: &str) -> anyhow::Result<Node> {
        if !self.take("(") {
            let place = self.ids.iter().position(|id| *id == word);
            return Ok(Node::Query(place.with_context(|| format!("no query has the id {word}"))?));
        }
        let function =
            MathFunction::find(word).with_context(|| format!("unknown function {word}"))?;
        let arguments = self.read_arguments(")")?;
        let expected = match function {
            MathFunction::If => 2..=3,
            MathFunction::Fill => 2..=2,
            MathFunction::Metrics => 0..=1,
            MathFunction::Search => 2..=3,
            _ => 1..=1,
        };
        let count = arguments.len();
        ensure!(expected.contains(&count), "{word} does not take {count} arguments");
        Ok(Node::Call(function, arguments))
    }

    fn read_arguments(&mut self, end: &str) -> anyhow::Result<Vec<Node>> {
        let mut arguments = Vec::new();
        if self.take(end) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.read_level(0)?);
            if self.take(end) {
                return Ok(arguments);
            }
            ensure!(self.take(","), "{end} is expected");
        }
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_next = self.tokens.first() == Some(&MathToken::Symbol(symbol));
        if is_next {
            self.tokens = &self.tokens[1..];
        }
        is_next
    }

    fn take_operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        let (MathToken::Symbol(next) | MathToken::Word(next)) = self.tokens.first()? else {
            return None;
        };
        let (_, operator) = operators.iter().find(|(text, _)| text == next)?;
        self.tokens = &self.tokens[1..];
        Some(*operator)
    }
}
