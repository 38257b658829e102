use super::*;

const PER_MINUTE: u32 = 2_000;
const KINDS: [Kind; 2] = [Kind::Window, Kind::Bucket];

fn play_crowd(kind: Kind, bulk: usize, singles: usize, seed: u64) -> Played {
    play(Scene { kind, per_minute: PER_MINUTE, bulk, singles, minutes: 20, seed })
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
    for (kind, bulk) in KINDS.into_iter().flat_map(|kind| [2, 3, 4, 5].map(|bulk| (kind, bulk))) {
        let played = (0..5).map(|seed| play_crowd(kind, bulk, 0, seed)).collect::<Vec<_>>();
        for played in &played {
            assert!(played.most_refused_in_a_row <= 16, "{kind:?} {bulk}");
            assert!(played.used(PER_MINUTE, 0) >= 0.85, "{kind:?} {bulk}: {:?}", played.minutes);
        }
        let refused = played.iter().map(|played| played.refused(1)).sum::<f64>() / 5.0;
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
    let scene =
        Scene { kind: Kind::Bucket, per_minute: 10_000, bulk: 1, singles: 0, minutes: 20, seed: 1 };
    let played = play(scene);
    assert!(played.used(10_000, 15) >= 0.7, "{:?}", played.minutes);
}

#[test]
fn same_seed_is_the_same_play() {
    let [one, other] = [7, 7].map(|seed| format!("{:?}", play_crowd(Kind::Window, 3, 1, seed)));
    assert_eq!(one, other);
}
