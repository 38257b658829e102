//! Settings of the rates at which models are called.

use super::reader::Reader;
use super::setting::{Form, number, of_form, settings};
use crate::endpoint::Endpoint;
use std::time::Duration;

/// `embed=10000,command-a-03-2025=0`, or `published`.
const RATES: Form = Form {
    documented: "`name=units,…`, or `published`",
    required: "name=units is required, several with commas, or published; a name is chat, embed, rerank or a model's, and units are a whole number from 0 to 100000000",
    takes: |value| parse_rates(value).is_some(),
};

/// What an operator writes where nothing but Cohere's published limits is known.
const PUBLISHED: &str = "published";
const MAX_UNITS: u32 = 100_000_000;

settings! {
    /// Units a minute that an environment spends at most, by endpoint (`chat`, `embed`, `rerank`) or by model:
    /// inputs of embed, calls of chat and rerank. 0 is without a limit. What is not named starts at Cohere's
    /// published limit and is learnt from there ([quota](quota.md)).
    GATEWAY_RATES = of_form(&RATES, PUBLISHED);
    /// The minute of the rates. Shorter ones are for tests.
    GATEWAY_RATE_WINDOW_MS = number(100, 60_000, "60000");
    /// Cohere's `priority` of the parts of a split request, where the caller names none and the model is known to
    /// take one: 0 is the highest and sends none.
    GATEWAY_BULK_PRIORITY = number(0, 999, "1");
}

/// The rates at which models are called.
#[derive(Clone, Debug)]
pub struct RatesConfig {
    /// `GATEWAY_RATES`
    rates: Vec<(String, u32)>,
    /// `GATEWAY_RATE_WINDOW_MS`
    pub window: Duration,
    /// `GATEWAY_BULK_PRIORITY`
    pub bulk_priority: u32,
}

impl RatesConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        Self {
            rates: parse_rates(&reader.read_text(&GATEWAY_RATES)).unwrap_or_default(),
            window: reader.read_millis(&GATEWAY_RATE_WINDOW_MS),
            bulk_priority: reader.read_count(&GATEWAY_BULK_PRIORITY) as u32,
        }
    }

    /// Returns what the operator has set for a model, else for its endpoint; 0 is without a limit.
    pub fn find_rate(&self, endpoint: Endpoint, model: &str) -> Option<u32> {
        let find = |name: &str| self.rates.iter().find(|(named, _)| named == name);
        let (_, units) = find(model).or_else(|| find(endpoint.name()))?;
        Some(*units)
    }
}

/// Reads `name=units,…`; `published` is nothing, and a name stands once.
fn parse_rates(value: &str) -> Option<Vec<(String, u32)>> {
    if value == PUBLISHED {
        return Some(Vec::new());
    }
    let mut rates: Vec<(String, u32)> = Vec::new();
    for pair in value.split(',') {
        let (name, units) = pair.split_once('=')?;
        let (name, units) = (name.trim(), units.trim().parse().ok()?);
        if name.is_empty() || units > MAX_UNITS || rates.iter().any(|(named, _)| named == name) {
            return None;
        }
        rates.push((name.to_string(), units));
    }
    Some(rates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn rate_of_a_model_goes_before_its_endpoints() {
        let vars = [
            ("GATEWAY_SECRET_ID", "key"),
            ("GATEWAY_RATES", "embed=10000, embed-v4.0 = 50,rerank=0"),
        ];
        let rates = Config::from_vars(&vars).unwrap().rates;
        assert_eq!(rates.find_rate(Endpoint::Embed, "embed-v4.0"), Some(50));
        assert_eq!(rates.find_rate(Endpoint::Embed, "another"), Some(10_000));
        assert_eq!(rates.find_rate(Endpoint::Rerank, "rerank-v3.5"), Some(0));
        assert_eq!(rates.find_rate(Endpoint::Chat, "command-a-03-2025"), None);
    }

    #[test]
    fn rates_are_names_with_whole_numbers_each_once() {
        assert_eq!(parse_rates(PUBLISHED), Some(vec![]));
        for bad in ["", "a", "a=", "=1", "a=1.5", "a=-1", "a=1,a=2", "a=100000001", "a=1,"] {
            assert_eq!(parse_rates(bad), None, "{bad}");
        }
    }
}
