//! Budgets that bound how many extra calls all requests of an environment may make together.
//!
//! Retries multiply an outage: three attempts are three times the load on an upstream that is already
//! failing. Each extra call is therefore charged, and an extra call that fails has lost its price: only
//! successes refill. The prices are the AWS SDKs' of 2026; their bucket holds 500, this one 140, because one
//! environment serves little. A split request counts as one here: each round of its retries is charged
//! once (`rounds.rs`). The price of a fallback is reserved, retries cannot take it, so that with a healthy fallback no
//! failure rate of the requested model can fail a request. Failures, throttling and transient refusals have a budget
//! each: who floods one model, or sends prompts that Cohere refuses, does not take the retries after a failure.

use crate::error::Cause;

/// Tokens of a full budget, which is also its start.
const FULL: u32 = 140;
const PRICE: u32 = 14;
/// A throttled call has cost the upstream nothing.
const PRICE_AFTER_THROTTLE: u32 = 5;
/// What a success at the first attempt adds.
const FIRST_SUCCESS: u32 = 1;

/// What an extra call was charged; its success gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge(u32);

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
    /// Charges a retry after a failure; `None` where only the price of a fallback would be left.
    #[must_use]
    pub fn charge_retry(&mut self, cause: Cause) -> Option<Charge> {
        self.charge(price_after(cause), PRICE)
    }

    /// Charges a fallback's call after a failure; `None` where the budget does not hold its price.
    #[must_use]
    pub fn charge_fallback(&mut self, cause: Cause) -> Option<Charge> {
        self.charge(price_after(cause), 0)
    }

    fn charge(&mut self, price: u32, reserve: u32) -> Option<Charge> {
        if self.tokens < price + reserve {
            return None;
        }
        self.tokens -= price;
        Some(Charge(price))
    }

    /// Records that a request's first call succeeded.
    pub fn record_first_success(&mut self) {
        self.add(FIRST_SUCCESS);
    }

    /// Refunds what a call was charged that succeeded.
    pub fn refund(&mut self, charge: Charge) {
        self.add(charge.0);
    }

    fn add(&mut self, tokens: u32) {
        self.tokens = (self.tokens + tokens).min(FULL);
    }

    /// Returns the tokens left.
    pub fn tokens_left(&self) -> u32 {
        self.tokens
    }
}

/// What a call is charged for, each from a budget of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Failure,
    Throttle,
    Transient,
}

impl From<Cause> for Kind {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Throttled | Cause::Quota => Kind::Throttle,
            Cause::Transient => Kind::Transient,
            _ => Kind::Failure,
        }
    }
}

/// What an extra call was charged, and from which budget.
#[derive(Clone, Copy, Debug)]
pub struct ExtraCharge {
    charge: Charge,
    kind: Kind,
}

/// The budgets of an environment, full at its start.
#[derive(Debug, Default)]
pub struct RetryBudgets([RetryBudget; 3]);

impl RetryBudgets {
    /// Charges a retry after a failure; `None` where its budget is empty.
    #[must_use]
    pub fn charge_retry(&mut self, cause: Cause) -> Option<ExtraCharge> {
        let kind = Kind::from(cause);
        let charge = self.0[kind as usize].charge_retry(cause)?;
        Some(ExtraCharge { charge, kind })
    }

    /// Charges a fallback's call after a failure; `None` where its budget is empty.
    #[must_use]
    pub fn charge_fallback(&mut self, cause: Cause) -> Option<ExtraCharge> {
        let kind = Kind::from(cause);
        let charge = self.0[kind as usize].charge_fallback(cause)?;
        Some(ExtraCharge { charge, kind })
    }

    /// Refunds what a call was charged that succeeded.
    pub fn refund(&mut self, extra: ExtraCharge) {
        self.0[extra.kind as usize].refund(extra.charge);
    }

    /// Records that a request's first call succeeded, which adds to all.
    pub fn record_first_success(&mut self) {
        self.0.iter_mut().for_each(RetryBudget::record_first_success);
    }
}

fn price_after(cause: Cause) -> u32 {
    match cause {
        Cause::Throttled | Cause::Quota => PRICE_AFTER_THROTTLE,
        _ => PRICE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn full_budget_pays_nine_retries_and_a_fallback() {
        let mut budget = RetryBudget::default();
        let retries = (0..100).filter(|_| budget.charge_retry(Cause::Server).is_some()).count();
        assert_eq!((retries, budget.tokens_left()), (9, PRICE));
        assert!(budget.charge_fallback(Cause::Timeout).is_some());
        assert_eq!(budget.charge_fallback(Cause::Server), None);
    }

    #[test]
    fn retries_after_throttling_cost_less() {
        let mut budget = RetryBudget::default();
        let retries = (0..100).filter(|_| budget.charge_retry(Cause::Throttled).is_some()).count();
        assert_eq!(retries, ((FULL - PRICE) / PRICE_AFTER_THROTTLE) as usize);
    }

    #[test]
    fn healthy_fallback_is_never_denied() {
        let mut budget = RetryBudget::default();
        while budget.charge_retry(Cause::Server).is_some() {}
        for _ in 0..1_000 {
            let charge = budget.charge_fallback(Cause::Server).unwrap();
            assert_eq!(budget.charge_retry(Cause::Server), None);
            budget.refund(charge);
        }
    }

    #[test]
    fn fourteen_first_successes_pay_one_retry() {
        let mut budget = RetryBudget::default();
        budget.record_first_success();
        assert_eq!(budget.tokens_left(), FULL);
        while budget.charge_retry(Cause::Server).is_some() {}
        for _ in 0..13 {
            budget.record_first_success();
            assert_eq!(budget.charge_retry(Cause::Server), None);
        }
        budget.record_first_success();
        assert!(budget.charge_retry(Cause::Server).is_some());
    }

    #[test]
    fn no_kind_takes_the_retries_of_another() {
        let kinds = [Cause::Server, Cause::Throttled, Cause::Transient];
        for emptied in kinds {
            let mut budgets = RetryBudgets::default();
            while budgets.charge_fallback(emptied).is_some() {}
            for cause in kinds {
                assert_eq!(budgets.charge_retry(cause).is_some(), cause != emptied, "{cause:?}");
            }
            for _ in 0..2 * PRICE {
                budgets.record_first_success();
            }
            let charge = budgets.charge_retry(emptied).expect("first successes refill all");
            assert!(budgets.charge_retry(Cause::Timeout).is_some() || emptied == Cause::Server);
            budgets.refund(charge);
            assert!(budgets.charge_retry(emptied).is_some());
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Retry(Cause),
        Fallback(Cause),
        LastChargeSucceeds,
        FirstSuccess,
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let cause =
            || prop_oneof![Just(Cause::Server), Just(Cause::Timeout), Just(Cause::Throttled)];
        prop_oneof![
            cause().prop_map(Event::Retry),
            cause().prop_map(Event::Fallback),
            Just(Event::LastChargeSucceeds),
            Just(Event::FirstSuccess),
        ]
    }

    proptest! {
        /// What extra calls that failed have cost is never more than the bucket and the first successes.
        #[test]
        fn failed_extra_calls_stay_within_the_budget(events in prop::collection::vec(any_event(), 0..400)) {
            let mut budget = RetryBudget::default();
            let mut lost: u32 = 0;
            let mut earned = 0;
            let mut last: Option<Charge> = None;
            for event in events {
                let charged = match event {
                    Event::Retry(cause) => budget.charge_retry(cause),
                    Event::Fallback(cause) => budget.charge_fallback(cause),
                    Event::LastChargeSucceeds => {
                        if let Some(charge) = last.take() {
                            lost -= charge.0;
                            budget.refund(charge);
                        }
                        None
                    }
                    Event::FirstSuccess => {
                        earned += FIRST_SUCCESS;
                        budget.record_first_success();
                        None
                    }
                };
                if let Some(charge) = charged {
                    lost += charge.0;
                    last = Some(charge);
                }
                prop_assert!(budget.tokens_left() <= FULL);
                prop_assert!(lost <= FULL + earned);
            }
        }
    }
}
