//! Cohere fails, or the probe says so.

use super::{FAILED, GOOD, Happening, Scenario};
use crate::alarms::timeline::Timeline;

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = of_the_probe();
    all.extend(of_requests());
    all.extend(of_the_objective());
    all
}

fn of_the_probe() -> Vec<Scenario> {
    vec![
        Scenario::new("CohereUnreachable")
            .fires("three looks of the probe that cannot reach Cohere", |time| {
                find(time, Happening::LookUnreachable, 3);
            })
            .stays_quiet("two looks that cannot, a good one, two again", |time| {
                find(time, Happening::LookUnreachable, 2);
                find(time, Happening::LookOk, 1);
                find(time, Happening::LookUnreachable, 2);
                find(time, Happening::LookOk, 2);
            }),
        Scenario::new("ProbeSilent")
            .fires("a probe that looks no more", |time| {
                find(time, Happening::LookOk, 3);
                time.probe_finds(None);
                time.pass_looks(8);
            })
            .stays_quiet("four looks that are missing", |time| {
                find(time, Happening::LookOk, 3);
                time.probe_finds(None);
                time.pass_looks(4);
                find(time, Happening::LookOk, 2);
            }),
        Scenario::new("FrontDoorFailing")
            .fires("three looks at an emptied list of clients", |time| {
                find(time, Happening::LookDoorFailed, 3);
            })
            .stays_quiet("two of them", |time| {
                find(time, Happening::LookDoorFailed, 2);
                find(time, Happening::LookOk, 2);
            }),
    ]
}

fn of_requests() -> Vec<Scenario> {
    vec![
        Scenario::new("HighErrorRate")
            .fires("5.1 % of the requests of five minutes fail", |time| {
                time.pass_with(4, &[(GOOD, 190), (FAILED, 10)]);
                time.pass_with(1, &[(GOOD, 189), (FAILED, 11)]);
            })
            .stays_quiet("4.9 % of them do, after six good hours", |time| {
                time.pass_with(360, &[(GOOD, 30)]);
                time.pass_with(4, &[(GOOD, 190), (FAILED, 10)]);
                time.pass_with(1, &[(GOOD, 191), (FAILED, 9)]);
                time.pass_with(10, &[(GOOD, 30)]);
            }),
        Scenario::new("EveryRequestFails")
            .fires("five requests in a quarter of an hour, which all fail", |time| {
                for _ in 0..5 {
                    time.write(FAILED, 1);
                    time.pass(3);
                }
            })
            .stays_quiet(
                "one failed request of five; and four that fail, where there are no others",
                |time| {
                    time.pass_with(1, &[(GOOD, 4), (FAILED, 1)]);
                    time.pass(20);
                    time.pass_with(1, &[(FAILED, 4)]);
                    time.pass(20);
                },
            )
            .beside(&["FastBurnShort"]),
    ]
}

fn of_the_objective() -> Vec<Scenario> {
    let four_percent = |time: &mut Timeline| time.pass_with(360, &[(GOOD, 24), (FAILED, 1)]);
    vec![
        Scenario::new("FastBurnLong")
            .fires("4 % of the requests of six hours fail", four_percent)
            .stays_quiet("2.9 % of them do", |time| {
                time.pass_with(360, &[(GOOD, 33), (FAILED, 1)]);
            })
            .beside(&["SlowBurn"]),
        Scenario::new("FastBurnShort")
            .fires("4 % of the requests of six hours fail, the last half hour's too", four_percent)
            .stays_quiet("nine failures in a quiet night, which tell nobody", |time| {
                for _ in 0..9 {
                    time.pass_with(1, &[(GOOD, 21), (FAILED, 1)]);
                    time.pass(39);
                }
            })
            .beside(&["FastBurnShort"]),
        Scenario::new("SlowBurn")
            .fires("1 % of the requests of three days fail", |time| pass_days(time, 100))
            .stays_quiet("0.4 % of them do", |time| pass_days(time, 250)),
    ]
}

/// Three days of forty requests in each hour, one of so many of which fails.
fn pass_days(time: &mut Timeline, one_of: usize) {
    let mut sent = 0;
    for _ in 0..72 {
        for _ in 0..40 {
            sent += 1;
            time.write(if sent % one_of == 0 { FAILED } else { GOOD }, 1);
        }
        time.pass(60);
    }
}

/// Lets the probe find something for so many looks.
pub(super) fn find(time: &mut Timeline, look: Happening, looks: u64) {
    time.probe_finds(Some(look));
    time.pass_looks(looks);
}
