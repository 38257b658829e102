//! A budget that bounds how many extra calls all requests of an environment may make together.
//!
//! Retries multiply an outage: three attempts are three times the load on an upstream that is already
//! failing. Each extra call is therefore paid from tokens that only successes refill, so that
//! upstream calls ≤ requests + 10 + successes / 5, whatever the requests do by themselves. A split request
//! counts as one here: each round of its parts' retries is one extra call (`rounds.rs`).

/// Tokens of a full budget, which is also its start.
const FULL: u32 = 50;
const COST: u32 = 5;
/// An attempt that timed out has held its connection for long.
const COST_AFTER_TIMEOUT: u32 = 10;
const REFUND: u32 = 1;

/// Scope: environment.
#[derive(Debug)]
pub struct RetryBudget {
    tokens: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { tokens: FULL }
    }
}

impl RetryBudget {
    /// Charges one extra call; `false` where the budget does not hold its price.
    #[must_use]
    pub fn charge_retry(&mut self, after_timeout: bool) -> bool {
        let cost = if after_timeout { COST_AFTER_TIMEOUT } else { COST };
        let Some(left) = self.tokens.checked_sub(cost) else { return false };
        self.tokens = left;
        true
    }

    /// Records a success.
    pub fn record_success(&mut self) {
        self.tokens = (self.tokens + REFUND).min(FULL);
    }

    /// Returns the tokens left.
    pub fn tokens_left(&self) -> u32 {
        self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn full_budget_pays_ten_retries_or_five_after_timeouts() {
        for (after_timeout, paid) in [(false, 10), (true, 5)] {
            let mut budget = RetryBudget::default();
            assert_eq!((0..100).filter(|_| budget.charge_retry(after_timeout)).count(), paid);
        }
    }

    #[test]
    fn five_successes_refill_one_retry() {
        let mut budget = RetryBudget::default();
        budget.record_success();
        assert_eq!(budget.tokens_left(), FULL);
        while budget.charge_retry(false) {}
        for _ in 0..4 {
            budget.record_success();
            assert!(!budget.charge_retry(false));
        }
        budget.record_success();
        assert!(budget.charge_retry(false));
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Pay { after_timeout: bool },
        Success,
    }

    proptest! {
        #[test]
        fn extra_calls_stay_within_the_budget(
            events in prop::collection::vec(
                prop_oneof![
                    any::<bool>().prop_map(|after_timeout| Event::Pay { after_timeout }),
                    Just(Event::Success),
                ],
                0..400,
            )
        ) {
            let mut budget = RetryBudget::default();
            let (mut extra_calls, mut successes) = (0, 0);
            for event in events {
                let before = budget.tokens_left();
                let expected = match event {
                    Event::Success => {
                        successes += 1;
                        budget.record_success();
                        (before + 1).min(50)
                    }
                    Event::Pay { after_timeout } => {
                        let price = if after_timeout { 10 } else { 5 };
                        let paid = budget.charge_retry(after_timeout);
                        prop_assert_eq!(paid, before >= price);
                        extra_calls += u32::from(paid);
                        if paid { before - price } else { before }
                    }
                };
                prop_assert_eq!(budget.tokens_left(), expected);
                prop_assert!(extra_calls <= 10 + successes / 5);
            }
        }
    }
}
