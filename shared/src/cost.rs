//! What a request costs: the units that Cohere has billed, times their prices.
//!
//! Money is counted in whole millionths of a US dollar. What is less than one is carried on to the next
//! request of the environment, so that many small requests add up to what Cohere bills for them.

mod catalogue;

pub use catalogue::{AS_OF, CATALOGUE};

use crate::config::{PricesConfig, UnitPrice};
use crate::lock::lock_anyway;
use crate::record::{Bill, BilledUnits};
use std::sync::Mutex;

/// A price for a million units is one in these for a single unit: a millionth of a millionth of a dollar.
const PICO_PER_MICRO: u64 = 1_000_000;

/// Units that are part of another one, which is billed.
const PARTS_OF_OTHERS: [&str; 2] = ["cached_tokens", "reasoning_tokens"];
/// Units that another unit stands for where both are named.
const NAMED_TWICE: [(&str, &str); 2] =
    [("images", "image_tokens"), ("text_tokens", "input_tokens")];

/// What a request costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub micro_usd: u64,
    /// Something was billed that has no known price; it is not in the sum.
    pub is_unpriced: bool,
}

/// The prices of this installation. Scope: environment.
#[derive(Debug, Default)]
pub struct Prices {
    /// The operator's, by model; where a model is here the catalogue is not asked.
    own: Vec<(String, Vec<UnitPrice>)>,
    /// What is less than a millionth of a dollar, and was not told yet.
    carried_pico: Mutex<u64>,
}

impl Prices {
    pub fn new(config: PricesConfig) -> Self {
        Self { own: config.into_models(), carried_pico: Mutex::default() }
    }

    /// Returns what a bill comes to.
    pub fn price(&self, bill: &Bill) -> Cost {
        let (mut pico, mut is_unpriced) = (0u64, false);
        for (model, units) in bill.iter() {
            // An answer that names no units was hardly free.
            is_unpriced |= units.is_empty();
            for (unit, amount) in units.iter() {
                if is_told_by_another(unit, units) {
                    continue;
                }
                match (amount.as_f64(), self.find_price(model, unit)) {
                    (Some(0.0), _) => {}
                    (Some(amount), Some(price)) if amount > 0.0 => {
                        // Whole numbers below 2^53 are exact: nine thousand dollars.
                        pico = pico.saturating_add((amount * price as f64).round() as u64);
                    }
                    _ => is_unpriced = true,
                }
            }
        }
        Cost { micro_usd: self.carry(pico), is_unpriced }
    }

    /// Returns whole millionths of a dollar, and keeps the rest for the next request.
    fn carry(&self, pico: u64) -> u64 {
        let mut carried = lock_anyway(&self.carried_pico);
        let total = pico.saturating_add(*carried);
        *carried = total % PICO_PER_MICRO;
        total / PICO_PER_MICRO
    }

    fn find_price(&self, model: &str, unit: &str) -> Option<u64> {
        if let Some((_, prices)) = self.own.iter().find(|(known, _)| known == model) {
            let price = prices.iter().find(|price| is_priced_as(unit, &price.unit))?;
            return Some(price.micro_usd_per_million);
        }
        let (_, prices) = CATALOGUE.iter().find(|(known, _)| *known == model)?;
        let (_, price) = prices.iter().find(|(priced, _)| is_priced_as(unit, priced))?;
        Some(*price)
    }
}

/// Tells whether a unit's amount is in another unit's.
fn is_told_by_another(unit: &str, units: &BilledUnits) -> bool {
    let mut twice = NAMED_TWICE.iter();
    PARTS_OF_OTHERS.contains(&unit)
        || twice.any(|(name, other)| *name == unit && units.amount(other).is_some())
}

/// Tells whether a price is for a unit: texts of rerank are input, whatever Cohere calls them.
fn is_priced_as(unit: &str, priced: &str) -> bool {
    unit == priced || (unit == "text_tokens" && priced == "input_tokens")
}

#[cfg(test)]
mod tests;
