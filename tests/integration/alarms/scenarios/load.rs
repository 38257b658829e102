//! Limits, latency, fallbacks and retries: what an outage brings along.

use super::{GOOD, Happening, Scenario};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = of_latency();
    all.extend([
        Scenario::new("RateLimitedOften")
            .fires("eleven limited requests in one minute", |time| {
                time.pass_with(1, &[(GOOD, 60), (Happening::Limited, 11)]);
                time.pass(15);
            })
            .stays_quiet("ten in each minute of an hour", |time| {
                time.pass_with(60, &[(GOOD, 60), (Happening::Limited, 10)]);
            }),
        Scenario::new("ManyFallbacks")
            .fires("three of twenty requests are answered by another model", |time| {
                time.pass_with(1, &[(GOOD, 17), (Happening::Fallback, 3)]);
                time.pass(15);
            })
            .stays_quiet("two of twenty are", |time| {
                time.pass_with(1, &[(GOOD, 18), (Happening::Fallback, 2)]);
                time.pass(30);
            }),
        Scenario::new("RetryBudgetOftenEmpty")
            .fires("five requests that are not tried again, among a thousand", |time| {
                time.pass_with(1, &[(GOOD, 1_000), (Happening::RetryBudgetEmpty, 5)]);
                time.pass(15);
            })
            .stays_quiet("four of them", |time| {
                time.pass_with(1, &[(GOOD, 1_000), (Happening::RetryBudgetEmpty, 4)]);
                time.pass(30);
            }),
    ]);
    all
}

fn of_latency() -> Vec<Scenario> {
    vec![
        Scenario::new("SlowFirstEvents")
            .fires("streams that begin after 10.1 s, in two times of five minutes", |time| {
                time.pass_with(10, &[(Happening::LateStream, 8)]);
                time.pass(10);
            })
            .stays_quiet(
                "streams that begin after 9.9 s; and later ones in a single time",
                |time| {
                    time.pass_with(30, &[(Happening::AlmostLateStream, 10)]);
                    time.pass(30);
                    time.pass_with(1, &[(Happening::LateStream, 20)]);
                    time.pass(30);
                },
            ),
        Scenario::new("SlowAnswers")
            .fires("whole answers that take 110 ms for each token", |time| {
                time.pass_with(10, &[(Happening::SlowAnswer, 8)]);
                time.pass(10);
            })
            .stays_quiet("whole answers of ten seconds, which are long", |time| {
                time.pass_with(30, &[(Happening::LongAnswer, 10)]);
                time.pass(10);
            }),
    ]
}
