//! The Cohere key, the account, and what they cost.

use super::cohere::find;
use super::{GOOD, Happening, Scenario};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = of_the_key();
    all.extend(of_the_account());
    all.extend(of_money());
    all
}

fn of_the_key() -> Vec<Scenario> {
    vec![
        Scenario::new("KeyMissing")
            .fires("a quarter of an hour without a key", |time| {
                find(time, Happening::LookKeyMissing, 4);
            })
            .stays_quiet("a first deployment whose key comes after ten minutes", |time| {
                find(time, Happening::LookKeyMissing, 2);
                find(time, Happening::LookOk, 3);
            }),
        Scenario::new("KeyRefusedToRequests")
            .fires("one request whose key Cohere refuses", |time| {
                time.pass_with(1, &[(GOOD, 30), (Happening::KeyRefused, 1)]);
            })
            .stays_quiet(
                "401s of a rotation that the new key cures, and blocked prompts (498)",
                |time| {
                    let each = [(GOOD, 30), (Happening::KeyRenewed, 5), (Happening::Blocked, 5)];
                    time.pass_with(3, &each);
                    time.pass(15);
                },
            ),
        Scenario::new("KeyRefusedToProbe")
            .fires("one look whose key Cohere refuses", |time| {
                find(time, Happening::LookKeyRefused, 1);
            })
            .stays_quiet("looks that Cohere throttles", |time| {
                find(time, Happening::LookDegraded, 3);
            }),
        Scenario::new("TrialKeyInUse")
            .fires("one request that a trial key serves", |time| {
                time.pass_with(1, &[(Happening::TrialKey, 1)]);
            })
            .stays_quiet(
                "an hour of requests with a production key; or a trial key where it is allowed",
                |time| {
                    time.pass_with(60, &[(GOOD, 2)]);
                },
            ),
        Scenario::new("KeyTooOld")
            .fires("a key that is 91 days old", |time| {
                time.pass_with(1, &[(Happening::KeyOf91Days, 1)]);
            })
            .stays_quiet("a key an hour before its 90th day ends", |time| {
                time.pass_with(60, &[(Happening::KeyOf89Days, 1)]);
            }),
        Scenario::new("RotationFailed")
            .fires("a rotation for which nothing was staged", |time| {
                time.pass_with(1, &[(Happening::RotationFailed, 1)]);
            })
            .stays_quiet("the schedule's own test, which has nothing to do", |time| {
                time.pass_with(3, &[(Happening::RotationStepDone, 1)]);
            }),
    ]
}

fn of_the_account() -> Vec<Scenario> {
    vec![
        Scenario::new("PaymentAskedOfRequests")
            .fires("one request that Cohere refuses for payment", |time| {
                time.pass_with(1, &[(GOOD, 30), (Happening::PaymentAsked, 1)]);
            })
            .stays_quiet("ten requests over the rate of a minute", |time| {
                time.pass_with(1, &[(GOOD, 30), (Happening::Limited, 10)]);
            }),
        Scenario::new("MonthUsedUp")
            .fires("one request that meets the end of the month's quota", |time| {
                time.pass_with(1, &[(GOOD, 30), (Happening::MonthUsedUp, 1)]);
            })
            .stays_quiet("ten requests over the rate of a minute", |time| {
                time.pass_with(1, &[(GOOD, 30), (Happening::Limited, 10)]);
            }),
        Scenario::new("PaymentAskedOfProbe")
            .fires("one look that is refused for payment", |time| {
                find(time, Happening::LookPaymentAsked, 1);
            })
            .stays_quiet("looks that Cohere throttles", |time| {
                find(time, Happening::LookDegraded, 3);
            }),
    ]
}

fn of_money() -> Vec<Scenario> {
    vec![
        Scenario::new("BudgetExceeded")
            .fires("$110 within 24 hours, of $100", |time| {
                time.pass_with(11, &[(Happening::TenDollars, 1)]);
            })
            .stays_quiet("$90 in a day, and as much in the next", |time| {
                for _ in 0..2 {
                    time.pass_with(9, &[(Happening::TenDollars, 1)]);
                    time.pass(1_440);
                }
            }),
        Scenario::new("BudgetExceededTwice")
            .fires("$210 within 24 hours, of $100", |time| {
                time.pass_with(21, &[(Happening::TenDollars, 1)]);
            })
            .stays_quiet("$190 within 24 hours", |time| {
                time.pass_with(19, &[(Happening::TenDollars, 1)]);
            })
            .beside(&["BudgetExceeded"]),
        Scenario::new("UnpricedModel")
            .fires("one answer of a model without a price", |time| {
                time.pass_with(1, &[(Happening::Unpriced, 1)]);
            })
            .stays_quiet("answers of models with a price", |time| {
                time.pass_with(5, &[(GOOD, 10), (Happening::TenDollars, 1)]);
            }),
    ]
}
