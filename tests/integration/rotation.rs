//! Rotation of the key: every scenario of the function's four steps, and a rotation under load.

mod under_load;

use gateway_tests::rotation::{ALL, Bench, CURRENT, NEXT, STEPS};

#[tokio::test]
async fn every_scenario_of_a_rotation_ends_as_it_should() {
    let bench = Bench::on_stand_in(&[]).await;
    for (sentence, play) in ALL {
        println!("{sentence}");
        play(&bench).await;
    }
}

#[tokio::test]
async fn a_trial_key_becomes_current_where_the_operator_allows_it() {
    let bench = Bench::on_stand_in(&[("GATEWAY_ALLOW_TRIAL_KEY", "on")]).await;
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.unwrap();
    let key = secret.key("trial", Some(true));
    secret.put(&key, NEXT).await;
    let token = secret.begin().await;
    secret.steps(&STEPS, &token).await;
    secret.assert_rotated(&token, &key, &before).await;
}
