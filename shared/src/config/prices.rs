//! The operator's own prices, in place of the catalogue's.

use super::reader::Reader;
use super::setting::{Form, is_digits, of_form, settings};

/// `a=unit:dollars+unit:dollars,b=…`, or `none`.
const PRICES: Form = Form {
    documented: "`model=unit:dollars+unit:dollars,…`, or `none`",
    required: "model=unit:dollars, further units with +, further models with commas, or none is \
               required; dollars for a million units, with at most six digits after the point",
    takes: |value| parse_prices(value).is_some(),
};

settings! {
    /// Contract prices in US dollars for a million of a billed unit; of a model that stands here, all of its units. Example: `command-a-03-2025=input_tokens:2+output_tokens:8,rerank-v3.5=search_units:1500`.
    GATEWAY_PRICES = of_form(&PRICES, "none");
}

/// Highest price of a million units, in dollars: one unit costs a thousand.
const MAX_USD: u64 = 1_000_000_000;

/// What one unit of a bill costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitPrice {
    /// The unit's name in Cohere's `billed_units`.
    pub unit: String,
    /// In millionths of a US dollar for a million units.
    pub micro_usd_per_million: u64,
}

/// The operator's own prices.
#[derive(Clone, Debug, Default)]
pub struct PricesConfig {
    /// `GATEWAY_PRICES`: by model.
    models: Vec<(String, Vec<UnitPrice>)>,
}

impl PricesConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        Self { models: parse_prices(&reader.read_text(&GATEWAY_PRICES)).unwrap_or_default() }
    }

    /// Returns the models that have prices here, and their prices.
    pub fn into_models(self) -> Vec<(String, Vec<UnitPrice>)> {
        self.models
    }
}

fn parse_prices(value: &str) -> Option<Vec<(String, Vec<UnitPrice>)>> {
    if value == "none" {
        return Some(Vec::new());
    }
    let mut models: Vec<(String, Vec<UnitPrice>)> = Vec::new();
    for model in value.split(',') {
        let (id, prices) = model.split_once('=')?;
        let id = id.trim();
        let prices = prices.split('+').map(parse_unit_price).collect::<Option<Vec<_>>>()?;
        let is_new = models.iter().all(|(known, _)| known != id);
        if id.is_empty() || !is_new || has_unit_twice(&prices) {
            return None;
        }
        models.push((id.to_string(), prices));
    }
    Some(models)
}

fn has_unit_twice(prices: &[UnitPrice]) -> bool {
    prices
        .iter()
        .enumerate()
        .any(|(number, price)| prices[..number].iter().any(|earlier| earlier.unit == price.unit))
}

fn parse_unit_price(price: &str) -> Option<UnitPrice> {
    let (unit, dollars) = price.split_once(':')?;
    let unit = unit.trim();
    let is_name = !unit.is_empty() && unit.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let micro_usd_per_million = parse_dollars(dollars.trim())?;
    if !is_name {
        return None;
    }
    Some(UnitPrice { unit: unit.to_string(), micro_usd_per_million })
}

/// Reads dollars with up to six digits after the point, as millionths of one.
fn parse_dollars(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    if whole > MAX_USD {
        return None;
    }
    let millionths: u64 = format!("{fraction:0<6}").parse().ok()?;
    Some(whole * 1_000_000 + millionths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_to_the_millionth_of_a_dollar() {
        let price = |unit: &str, micro_usd_per_million| UnitPrice {
            unit: unit.to_string(),
            micro_usd_per_million,
        };
        assert_eq!(
            parse_prices("a=input_tokens:2.5+output_tokens:0.0375, b = search_units:2000"),
            Some(vec![
                (
                    "a".to_string(),
                    vec![price("input_tokens", 2_500_000), price("output_tokens", 37_500)]
                ),
                ("b".to_string(), vec![price("search_units", 2_000_000_000)]),
            ])
        );
        assert_eq!(parse_prices("none"), Some(vec![]));
    }

    #[test]
    fn other_forms_are_no_prices() {
        for bad in [
            "",
            "a",
            "a=",
            "=input_tokens:1",
            "a=input_tokens",
            "a=input_tokens:",
            "a=input_tokens:x",
            "a=input_tokens:-1",
            "a=input_tokens:1e3",
            "a=input_tokens:1.",
            "a=input_tokens:.5",
            "a=input_tokens:0.0000001",
            "a=input_tokens:2000000000",
            "a=Input Tokens:1",
            "a=input_tokens:1+input_tokens:2",
            "a=input_tokens:1,a=input_tokens:2",
            "a=input_tokens:1,",
        ] {
            assert_eq!(parse_prices(bad), None, "{bad}");
        }
    }
}
