//! What Cohere bills for a request: each answer by the model that gave it.
//!
//! A request may be billed for answers that its caller never sees: of the requested model before the fallback
//! stood in, of sub-requests beside one that failed, of an answer that could not be used.

use super::BilledUnits;

/// Billed units by model, each model once.
#[derive(Clone, Debug, Default)]
pub struct Bill(Vec<(String, BilledUnits)>);

impl Bill {
    /// Adds what an answer of `model` was billed.
    pub fn add(&mut self, model: &str, units: &BilledUnits) {
        match self.find(model) {
            Some(known) => known.add(units),
            None => self.0.push((model.to_string(), units.clone())),
        }
    }

    /// Adds what another call was billed.
    pub fn add_all(&mut self, other: &Self) {
        other.iter().for_each(|(model, units)| self.add(model, units));
    }

    /// Sets a model's unit to an amount where it was not billed.
    pub fn set_missing(&mut self, model: &str, unit: &'static str, amount: usize) {
        if self.find(model).is_none() {
            self.0.push((model.to_string(), BilledUnits::default()));
        }
        if let Some(units) = self.find(model) {
            units.set_missing(unit, amount);
        }
    }

    /// Returns each model and its units.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BilledUnits)> {
        self.0.iter().map(|(model, units)| (model.as_str(), units))
    }

    /// Returns the amount of a unit, of all models; `None` where it was not billed.
    pub fn amount(&self, unit: &str) -> Option<f64> {
        self.iter().filter_map(|(_, units)| units.amount(unit)).reduce(|one, other| one + other)
    }

    /// Returns the units that have no name here, as `name=amount`; `None` where there are none.
    pub fn describe_unknown(&self) -> Option<String> {
        let described = self.iter().filter_map(|(_, units)| units.describe_unknown());
        described.reduce(|one, other| format!("{one} {other}"))
    }

    fn find(&mut self, model: &str) -> Option<&mut BilledUnits> {
        let (_, units) = self.0.iter_mut().find(|(known, _)| known == model)?;
        Some(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_kept_by_model_and_summed_over_all() {
        let mut bill = Bill::default();
        assert_eq!(bill.amount("input_tokens"), None);
        bill.add("a", &BilledUnits::parse(br#"{"input_tokens":4,"moods":1}"#));
        bill.add("b", &BilledUnits::parse(br#"{"input_tokens":5,"tunes":2}"#));
        let mut more = Bill::default();
        more.add("a", &BilledUnits::parse(br#"{"input_tokens":6}"#));
        bill.add_all(&more);
        bill.set_missing("b", "output_tokens", 3);
        bill.set_missing("a", "input_tokens", 99);
        bill.set_missing("c", "output_tokens", 0);
        let by_model: Vec<_> =
            bill.iter().map(|(model, units)| (model, units.amount("input_tokens"))).collect();
        assert_eq!(by_model, [("a", Some(10.0)), ("b", Some(5.0)), ("c", None)]);
        assert_eq!(
            (bill.amount("input_tokens"), bill.amount("output_tokens")),
            (Some(15.0), Some(3.0))
        );
        assert_eq!(bill.describe_unknown().as_deref(), Some("moods=1 tunes=2"));
    }
}
