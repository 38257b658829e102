//! What Cohere bills for an answer: every unit it names, in its order, also those of tomorrow.
//!
//! Source of the names: `ApiMeta` and `Usage` of Cohere's OpenAPI document of 2026-08-20, and recorded
//! answers for `image_tokens`, `cached_tokens` and `reasoning_tokens`. Amounts are numbers on the wire,
//! whole in practice; one that is no number is kept as it came and never added.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::fmt;

/// Units known by name, so that reading them allocates nothing; each is a field of the log line.
pub const KNOWN_NAMES: [&str; 9] = [
    "input_tokens",
    "output_tokens",
    "search_units",
    "images",
    "image_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "pages",
    "classifications",
];

/// Most units without a name here that are told of one answer.
const MAX_UNKNOWN: usize = 8;
/// Longest word of a unit.
const MAX_NAME_CHARS: usize = 40;

fn describe_unit((name, amount): (&str, &Value)) -> String {
    let is_word = name.len() <= MAX_NAME_CHARS
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let name = if is_word { name } else { "(no name)" };
    match amount.is_number() {
        true => format!("{name}={amount}"),
        false => format!("{name}=(no number)"),
    }
}

/// Names and amounts, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BilledUnits(Vec<(Cow<'static, str>, Value)>);

impl BilledUnits {
    /// Reads a `billed_units` object; what is no object bills nothing.
    pub fn parse(billed_units: &[u8]) -> Self {
        serde_json::from_slice(billed_units).unwrap_or_default()
    }

    /// Reads the `usage` of a chat, or the `meta` of another answer.
    ///
    /// Cached and reasoning tokens stand beside `billed_units` there, and are units too. One odd field
    /// does not cost the others.
    pub fn parse_usage(usage: &[u8]) -> Self {
        let usage: Usage = match usage.first() {
            Some(b'{') => serde_json::from_slice(usage).unwrap_or_default(),
            _ => return Self::default(),
        };
        let mut units = usage.billed_units.map(parse_units).unwrap_or_default();
        if let Some(cached) = usage.cached_tokens.and_then(parse_number) {
            units.set_missing("cached_tokens", cached);
        }
        if let Some(tokens) = usage.tokens
            && tokens.get().starts_with('{')
            && let Ok(TokenCounts { reasoning_tokens: Some(count) }) = parse_raw(tokens)
            && let Some(reasoning) = parse_number(count)
        {
            units.set_missing("reasoning_tokens", reasoning);
        }
        units
    }

    /// Reads the `usage` of an answer in OpenAI's form, whose counts have other names.
    pub fn parse_openai_usage(usage: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct OpenAiUsage {
            prompt_tokens: Option<u64>,
            completion_tokens: Option<u64>,
        }
        let usage: OpenAiUsage = serde_json::from_slice(usage).unwrap_or_default();
        let mut units = Self::default();
        let counts =
            [("input_tokens", usage.prompt_tokens), ("output_tokens", usage.completion_tokens)];
        for (name, count) in counts {
            if let Some(count) = count {
                units.0.push((Cow::Borrowed(name), Value::from(count)));
            }
        }
        units
    }

    /// Reads what an answer that cannot be used was billed.
    pub fn find_in(answer: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Answer<'a> {
            #[serde(borrow)]
            usage: Option<&'a RawValue>,
            #[serde(borrow)]
            meta: Option<&'a RawValue>,
        }
        let answer: Answer = serde_json::from_slice(answer).unwrap_or_default();
        let usage = answer.usage.or(answer.meta).map(RawValue::get).unwrap_or_default();
        Self::parse_usage(usage.as_bytes())
    }

    /// Tells whether nothing is named, which is not the same as amounts of zero.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the amount of a unit; `None` where it was not billed.
    pub fn amount(&self, name: &str) -> Option<f64> {
        let (_, amount) = self.0.iter().find(|(known, _)| known == name)?;
        amount.as_f64()
    }

    /// Returns names and amounts, in Cohere's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, amount)| (name.as_ref(), amount))
    }

    /// Returns the units that have no name here, as `name=amount`; `None` where there are none.
    ///
    /// A name that is no word of a unit, and an amount that is no number, are not repeated: they may be any
    /// text. Of many units the first are told.
    pub fn describe_unknown(&self) -> Option<String> {
        let unknown = self.iter().filter(|(name, _)| !KNOWN_NAMES.contains(name));
        let mut described: Vec<_> = unknown.take(MAX_UNKNOWN + 1).map(describe_unit).collect();
        if described.len() > MAX_UNKNOWN {
            described[MAX_UNKNOWN] = "…".into();
        }
        Some(described.join(" ")).filter(|described| !described.is_empty())
    }

    /// Adds what another call was billed.
    pub fn add(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            match self.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, total)) => add_amount(total, amount),
                None => self.0.push((name.clone(), amount.clone())),
            }
        }
    }

    /// Sets a unit to an amount where it was not billed.
    pub fn set_missing(&mut self, name: &'static str, amount: impl Into<Number>) {
        if self.0.iter().all(|(known, _)| known != name) {
            self.0.push((Cow::Borrowed(name), Value::Number(amount.into())));
        }
    }
}

/// Adds two amounts; whole ones stay whole.
fn add_amount(total: &mut Value, amount: &Value) {
    let (Value::Number(one), Value::Number(other)) = (&*total, amount) else { return };
    let sum = match (one.as_u64(), other.as_u64()) {
        (Some(one), Some(other)) => one.checked_add(other).map(Number::from),
        _ => {
            Number::from_f64(one.as_f64().unwrap_or_default() + other.as_f64().unwrap_or_default())
        }
    };
    if let Some(sum) = sum {
        *total = Value::Number(sum);
    }
}

fn parse_raw<'a, T: Deserialize<'a>>(value: &'a RawValue) -> serde_json::Result<T> {
    serde_json::from_str(value.get())
}

fn parse_number(value: &RawValue) -> Option<Number> {
    parse_raw(value).ok()
}

fn parse_units(billed_units: &RawValue) -> BilledUnits {
    BilledUnits::parse(billed_units.get().as_bytes())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage<'a> {
    #[serde(borrow)]
    billed_units: Option<&'a RawValue>,
    #[serde(borrow)]
    tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TokenCounts<'a> {
    #[serde(borrow)]
    reasoning_tokens: Option<&'a RawValue>,
}

/// A unit's name; one that is known allocates nothing.
struct UnitName(Cow<'static, str>);

impl<'de> Deserialize<'de> for UnitName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = UnitName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a unit")
            }

            fn visit_str<E>(self, name: &str) -> Result<UnitName, E> {
                Ok(UnitName(match KNOWN_NAMES.iter().find(|known| **known == name) {
                    Some(known) => Cow::Borrowed(known),
                    None => Cow::Owned(name.to_string()),
                }))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

impl<'de> Deserialize<'de> for BilledUnits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UnitsVisitor;
        impl<'de> Visitor<'de> for UnitsVisitor {
            type Value = BilledUnits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of billed units")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<BilledUnits, M::Error> {
                let mut units = Vec::with_capacity(4);
                while let Some((UnitName(name), amount)) = map.next_entry::<_, &RawValue>()? {
                    // A number beyond all numbers is no reason to lose the others.
                    units.push((name, parse_raw(amount).unwrap_or_default()));
                }
                Ok(BilledUnits(units))
            }
        }
        deserializer.deserialize_map(UnitsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(json: &str) -> BilledUnits {
        BilledUnits::parse(json.as_bytes())
    }

    /// Returns names and amounts as they would stand in a log line.
    fn show(units: &BilledUnits) -> String {
        let shown = units.iter().map(|(name, amount)| format!("{name}={amount}"));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn units_add_by_name_in_the_first_order() {
        let mut total = units(r#"{"input_tokens":4,"image_tokens":0}"#);
        total.add(&units(r#"{"image_tokens":1.5,"input_tokens":38}"#));
        total.add(&units(r#"{"pages":2,"seconds":"many"}"#));
        assert_eq!(show(&total), r#"input_tokens=42 image_tokens=1.5 pages=2 seconds="many""#);
    }

    #[test]
    fn unknown_units_are_kept_and_described() {
        let units = units(r#"{"input_tokens":4,"audio_seconds":3.5,"moods":null}"#);
        let described = "audio_seconds=3.5 moods=(no number)";
        assert_eq!(units.describe_unknown().as_deref(), Some(described));
        assert_eq!(units.amount("audio_seconds"), Some(3.5));
        assert_eq!(units.amount("moods"), None);
        assert_eq!(self::units("{}").describe_unknown(), None);
    }

    #[test]
    fn units_that_are_any_text_are_neither_told_nor_many() {
        let named = units(r#"{"a prompt":1,"FAKEKEY0123":2,"moods":"a prompt"}"#);
        assert_eq!(
            named.describe_unknown().as_deref(),
            Some("(no name)=1 (no name)=2 moods=(no number)")
        );
        let many: Vec<_> =
            (0..1_000).map(|number| format!("\"u{}\":1", "_".repeat(number % 30))).collect();
        let many = units(&format!("{{{}}}", many.join(","))).describe_unknown().unwrap();
        assert!(many.len() < 400 && many.ends_with(" …"), "{many}");
    }

    #[test]
    fn number_beyond_all_costs_no_other_unit() {
        let units = units(r#"{"input_tokens":4,"zz":1e400,"output_tokens":5}"#);
        assert_eq!(
            (units.amount("input_tokens"), units.amount("output_tokens")),
            (Some(4.0), Some(5.0))
        );
        assert_eq!(units.amount("zz"), None);
    }

    #[test]
    fn unusable_answer_tells_what_it_was_billed() {
        for answer in [
            r#"{"id":"x","usage":{"billed_units":{"input_tokens":7}}}"#,
            r#"{"embeddings":[],"meta":{"billed_units":{"input_tokens":7}}}"#,
        ] {
            assert_eq!(BilledUnits::find_in(answer.as_bytes()).amount("input_tokens"), Some(7.0));
        }
        for other in ["[]", "{", r#"{"usage":7}"#] {
            assert!(BilledUnits::find_in(other.as_bytes()).is_empty(), "{other}");
        }
    }

    #[test]
    fn usage_adds_cached_and_reasoning_tokens() {
        let usage = br#"{"billed_units":{"input_tokens":5,"output_tokens":7.0},
            "tokens":{"input_tokens":9,"reasoning_tokens":3},"cached_tokens":2}"#;
        assert_eq!(
            show(&BilledUnits::parse_usage(usage)),
            "input_tokens=5 output_tokens=7.0 cached_tokens=2 reasoning_tokens=3"
        );
    }

    #[test]
    fn odd_usage_fields_cost_nothing_else() {
        let usage = br#"{"billed_units":{"images":1},"tokens":[1],"cached_tokens":"few"}"#;
        assert_eq!(show(&BilledUnits::parse_usage(usage)), "images=1");
        for odd in [&b"[]"[..], b"null", b"7", b"", br#"{"billed_units":[]}"#] {
            assert_eq!(BilledUnits::parse_usage(odd), BilledUnits::default());
        }
    }
}
