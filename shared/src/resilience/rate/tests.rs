use super::*;
use crate::clock::now;
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);
const PART: RateCost = RateCost { units: 96, is_bulk: true };

fn new_rate(now: Instant) -> Rate {
    Rate::new(RateLimit::Published(2_000), MINUTE, now)
}

/// Spends as much as there is room for.
fn spend_all(rate: &mut Rate, cost: RateCost, now: Instant) -> Vec<Spend> {
    std::iter::from_fn(|| rate.spend(cost, now).ok()).collect()
}

#[test]
fn idle_rate_lets_a_whole_request_go_at_once() {
    let start = now();
    let mut rate = new_rate(start);
    assert_eq!(spend_all(&mut rate, PART, start).len(), 20, "20 x 96 of 2 000");
    let wait = rate.spend(PART, start).unwrap_err();
    assert!(wait >= MINUTE && wait <= MINUTE.mul_f64(1.02), "{wait:?}");
    assert!(rate.spend(PART, start + wait).is_ok());
}

#[test]
fn parts_leave_a_tenth_while_single_requests_come() {
    let start = now();
    let mut rate = new_rate(start);
    let _ = rate.spend(RateCost::ONE, start).unwrap();
    assert_eq!(spend_all(&mut rate, PART, start).len(), 18, "of 1 800");
    assert!(rate.spend(RateCost::ONE, start).is_ok());
    let later = start + MINUTE * 2;
    assert_eq!(spend_all(&mut rate, PART, later).len(), 20, "no single one for a minute");
}

/// Lets Cohere refuse what it is sent at `at`, after a first refusal a minute before.
fn refuse_twice(rate: &mut Rate, cost: RateCost, at: Instant) -> Rests {
    let spend = rate.spend(cost, at).unwrap();
    rate.record_throttle(spend, at);
    let spend = rate.spend(cost, at + MINUTE * 2).unwrap();
    rate.record_throttle(spend, at + MINUTE * 2)
}

#[test]
fn after_a_first_throttle_parts_grow_from_one() {
    let start = now();
    let mut rate = new_rate(start);
    for spend in spend_all(&mut rate, PART, start) {
        let rests = rate.record_throttle(spend, start);
        assert_eq!(rests.of_parts, MINUTE / 3, "others have used the minute");
        assert_eq!(rests.of_singles, MINUTE / 60);
    }
    let at = start + MINUTE;
    for expected in [1, 1, 2, 3, 4, 6, 3] {
        let spends = spend_all(&mut rate, PART, at);
        assert_eq!(spends.len(), expected);
        spends.into_iter().for_each(|spend| rate.record_success(spend, at));
    }
    assert_eq!(rate.limit(), 2_000.0, "nobody else was there");
}

#[test]
fn second_throttle_lowers_the_limit_to_what_was_served() {
    let start = now();
    let mut rate = new_rate(start);
    let first = rate.spend(PART, start).unwrap();
    rate.record_throttle(first, start);
    let at = start + MINUTE;
    for _ in 0..6 {
        let spends = spend_all(&mut rate, PART, at);
        spends.into_iter().for_each(|spend| rate.record_success(spend, at));
    }
    for spend in spend_all(&mut rate, PART, at) {
        rate.record_throttle(spend, at);
    }
    assert_eq!(rate.limit(), 17.0 * 96.0 * BULK_AFTER_THROTTLE);
    assert!(rate.spend(PART, at + MINUTE / 2).is_err(), "seventeen are still in the minute");
    assert_eq!(spend_all(&mut rate, PART, at + MINUTE * 2).len(), 15, "1 469 on average");
}

#[test]
fn throttle_of_who_was_served_little_halves_the_limit() {
    let start = now();
    let mut rate = new_rate(start);
    assert_eq!(refuse_twice(&mut rate, RateCost::ONE, start).of_singles, MINUTE / 60);
    assert_eq!(rate.limit(), 1_000.0);
    let mut at = start + MINUTE * 2;
    for _ in 0..10 {
        at += MINUTE;
        let spend = rate.spend(PART, at).unwrap();
        let rests = rate.record_throttle(spend, at);
        assert!(rests.of_parts <= MINUTE * 12 / 10, "{rests:?}");
    }
    assert_eq!(rate.limit(), 100.0, "one part a minute is always tried");
}

#[test]
fn full_minutes_raise_the_limit_unless_it_is_the_operators() {
    for (limit, expected) in [
        (RateLimit::Published(2_000), 2_500.0..9_000.0),
        (RateLimit::Ceiling(2_000), 2_000.0..2_001.0),
    ] {
        let start = now();
        let mut rate = Rate::new(limit, MINUTE, start);
        let mut at = start;
        while at < start + MINUTE * 12 {
            if rate.limit() > 2_000.0 {
                assert!(at >= start + MINUTE * FIRST_HOLD, "at {:?}", at - start);
            }
            let served = spend_all(&mut rate, PART, at);
            served.into_iter().for_each(|spend| rate.record_success(spend, at));
            at += MINUTE / 60;
        }
        assert!(expected.contains(&rate.limit()), "{limit:?}: {}", rate.limit());
    }
}

#[test]
fn single_requests_show_that_there_is_more_until_a_throttle() {
    let start = now();
    let mut rate = new_rate(start);
    let single = RateCost { units: 96, is_bulk: false };
    for _ in 0..50 {
        let spend = rate.spend(single, start).unwrap();
        rate.record_success(spend, start);
    }
    assert_eq!(rate.limit(), 4_800.0);
    let spend = rate.spend(single, start).unwrap();
    rate.record_throttle(spend, start);
    let mut ceiling = Rate::new(RateLimit::Ceiling(2_000), MINUTE, start);
    assert_eq!(
        spend_all(&mut ceiling, single, start).len(),
        20,
        "the operator's is never exceeded"
    );
    let mut lowered = new_rate(start);
    refuse_twice(&mut lowered, single, start);
    let later = start + MINUTE * 2;
    assert_eq!(spend_all(&mut lowered, single, later).len(), 12, "half of 2 000 and the tenth");
}

#[test]
fn who_does_not_use_the_limit_learns_nothing_of_it() {
    let start = now();
    let mut rate = new_rate(start);
    for second in 0..3_600 {
        let at = start + MINUTE / 60 * second;
        let spend = rate.spend(RateCost { units: 20, is_bulk: false }, at).unwrap();
        rate.record_success(spend, at);
    }
    assert_eq!(rate.limit(), 2_000.0);
}

#[test]
fn estimate_is_the_time_until_the_last_part_goes() {
    for requests in 1..=4_u32 {
        let start = now();
        let mut rate = new_rate(start);
        let units = u64::from(requests) * 1_920;
        let estimate = rate.estimate_wait(units, 96, 0, start);
        let (mut left, mut at) = (20 * requests as usize, start);
        loop {
            left -= spend_all(&mut rate, PART, at).len().min(left);
            if left == 0 {
                break;
            }
            at += rate.spend(PART, at).unwrap_err();
        }
        let real = at - start;
        assert!(
            estimate.as_secs_f64() >= real.as_secs_f64() * 0.97
                && estimate.as_secs_f64() <= real.as_secs_f64() * 1.03,
            "{requests}: {estimate:?} for {real:?}"
        );
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    Part,
    Single,
    Served,
    Refused,
    Unsent,
    /// It has failed, or was cancelled on its way.
    Failed,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..20_000u64).prop_map(Step::Wait),
        Just(Step::Part),
        Just(Step::Part),
        Just(Step::Single),
        Just(Step::Served),
        Just(Step::Refused),
        Just(Step::Unsent),
        Just(Step::Failed),
    ]
}

proptest! {
    /// Whatever has become of the calls before, and however short the part was that met a 429: nobody waits for ever.
    #[test]
    fn idle_rate_lets_a_part_go_within_two_minutes(steps in prop::collection::vec(any_step(), 0..60)) {
        let mut at = now();
        let mut rate = new_rate(at);
        let mut under_way = Vec::new();
        for step in steps {
            match step {
                Step::Wait(millis) => at += Duration::from_millis(millis),
                Step::Part => under_way.extend(rate.spend(PART, at)),
                Step::Single => under_way.extend(rate.spend(RateCost::ONE, at)),
                Step::Served => if let Some(spend) = under_way.pop() { rate.record_success(spend, at) },
                Step::Refused => if let Some(spend) = under_way.pop() {
                    let _ = rate.record_throttle(spend, at);
                },
                Step::Failed => if let Some(spend) = under_way.pop() { rate.record_end(spend) },
                Step::Unsent => if let Some(spend) = under_way.pop() { rate.give_back(spend) },
            }
        }
        under_way.into_iter().for_each(|spend| rate.record_end(spend));
        prop_assert!(rate.spend(PART, at + MINUTE * 2).is_ok(), "{:?}", rate);
    }

    /// Whatever becomes of the calls, no minute has more units than the operator's ceiling, and who waits as he is
    /// told gets his turn.
    #[test]
    fn no_minute_is_over_the_ceiling(steps in prop::collection::vec(any_step(), 0..300), ceiling in 96..3_000u32) {
        let start = now();
        let mut rate = Rate::new(RateLimit::Ceiling(ceiling), MINUTE, start);
        let mut at = start;
        let mut under_way = Vec::new();
        let mut longest = Duration::ZERO;
        let mut sent: Vec<(Instant, u32)> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(millis) => at += Duration::from_millis(millis),
                Step::Part | Step::Single => {
                    let cost = if matches!(step, Step::Part) { PART } else { RateCost::ONE };
                    match rate.spend(cost, at) {
                        Ok(spend) => {
                            sent.push((at, cost.units));
                            under_way.push((spend, sent.len() - 1));
                        }
                        Err(wait) => {
                            prop_assert!(!wait.is_zero());
                            longest = longest.max(wait);
                        }
                    }
                }
                Step::Served => {
                    if let Some((spend, _)) = under_way.pop() {
                        rate.record_success(spend, at);
                    }
                }
                Step::Refused => if let Some((spend, number)) = under_way.pop() {
                    sent[number].1 = 0;
                    longest = longest.max(rate.record_throttle(spend, at).of_parts);
                },
                Step::Failed => if let Some((spend, _)) = under_way.pop() {
                    rate.record_end(spend);
                },
                Step::Unsent => if let Some((spend, number)) = under_way.pop() {
                    sent[number].1 = 0;
                    rate.give_back(spend);
                },
            }
            // Of the smallest share a part of 96 has to wait for its average.
            let fair = MINUTE.mul_f64((96.0 / (f64::from(ceiling) * SMALLEST_SHARE)).max(1.0));
            prop_assert!(longest <= fair.mul_f64(1.15), "{:?} of {:?}", longest, fair);
            prop_assert!(rate.limit() <= f64::from(ceiling) && rate.limit() >= 1.0);
            let in_minute = sent.iter().filter(|(sent_at, _)| at - *sent_at < MINUTE);
            let units: u32 = in_minute.map(|(_, units)| units).sum();
            prop_assert!(units <= ceiling, "{units} of {ceiling}");
        }
    }
}
