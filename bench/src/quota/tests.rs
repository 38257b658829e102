use super::*;

const PER_MINUTE: u32 = 2_000;
const KINDS: [Kind; 2] = [Kind::Window, Kind::Bucket];

fn play_crowd(kind: Kind, bulk: usize, singles: usize, seed: u64) -> Played {
    play(Scene { kind, per_minute: PER_MINUTE, bulk, singles, parts: None, minutes: 20, seed })
}

#[test]
fn one_environment_uses_its_quota_and_is_hardly_refused() {
    for (kind, seed) in KINDS.into_iter().flat_map(|kind| (0..5).map(move |seed| (kind, seed))) {
        let played = play_crowd(kind, 1, 0, seed);
        assert!(played.used(PER_MINUTE, 0) >= 0.9, "{kind:?} {seed}: {:?}", played.minutes);
        assert!(played.refused(0) <= 0.02, "{kind:?} {seed}: {:?}", played.minutes);
    }
}

#[test]
fn several_environments_collide_once_and_share() {
    for (kind, bulk) in KINDS.into_iter().flat_map(|kind| [2, 3, 4].map(|bulk| (kind, bulk))) {
        let played = (0..5).map(|seed| play_crowd(kind, bulk, 0, seed)).collect::<Vec<_>>();
        for played in &played {
            assert!(played.used(PER_MINUTE, 0) >= 0.85, "{kind:?} {bulk}: {:?}", played.minutes);
            let [calls, refused] = [
                played.minutes.iter().map(|minute| minute.calls).sum::<u32>(),
                played.minutes.iter().map(|minute| minute.refused).sum(),
            ];
            let most = 16.0 * bulk as f64 + 0.05 * f64::from(calls);
            // Four find their shares a few calls later.
            assert!(
                bulk > 3 || f64::from(refused) <= most,
                "{kind:?} {bulk}: {:?}",
                played.minutes
            );
        }
        let refused = played.iter().map(|played| played.refused(2)).sum::<f64>() / 5.0;
        assert!(refused <= 0.05, "{kind:?} {bulk}: {refused}");
    }
}

#[test]
fn query_a_second_beside_a_full_load_is_hardly_refused() {
    for kind in KINDS {
        let played = play_crowd(kind, 1, 1, 1);
        let first: u32 = played.minutes[..5].iter().map(|minute| minute.singles_refused).sum();
        assert_eq!(first, 0, "{kind:?}: {:?}", played.minutes);
        let all: u32 = played.minutes.iter().map(|minute| minute.singles_refused).sum();
        assert!(all <= 12, "{kind:?}: {all} of 1 200");
        assert!(
            played.single_wait_p95 <= Duration::from_millis(100),
            "{:?}",
            played.single_wait_p95
        );
    }
}

#[test]
fn larger_contract_is_found() {
    let scene = Scene {
        kind: Kind::Bucket,
        per_minute: 10_000,
        bulk: 1,
        singles: 0,
        parts: None,
        minutes: 20,
        seed: 1,
    };
    let played = play(scene);
    assert!(played.used(10_000, 15) >= 0.7, "{:?}", played.minutes);
}

#[test]
fn same_seed_is_the_same_play() {
    let [one, other] = [7, 7].map(|seed| format!("{:?}", play_crowd(Kind::Window, 3, 1, seed)));
    assert_eq!(one, other);
}

#[test]
fn full_requests_of_several_environments_are_done_in_their_time() {
    for (kind, bulk, most) in KINDS.map(|kind| [(kind, 2, 120), (kind, 3, 330)]).concat() {
        for seed in 0..5 {
            let parts = Some(20);
            let minutes = 10;
            let scene =
                Scene { kind, per_minute: PER_MINUTE, bulk, singles: 0, parts, minutes, seed };
            let drained = play(scene).drained.expect("all are served");
            assert!(drained.as_secs() <= most, "{kind:?} {bulk}: {drained:?}");
        }
    }
}
