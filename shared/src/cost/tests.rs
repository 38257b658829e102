use super::*;
use crate::config::Config;
use proptest::prelude::*;

fn bill(model: &str, units: &str) -> Bill {
    let mut bill = Bill::default();
    bill.add(model, &BilledUnits::parse(units.as_bytes()));
    bill
}

fn price(model: &str, units: &str) -> (u64, bool) {
    let Cost { micro_usd, is_unpriced } = Prices::default().price(&bill(model, units));
    (micro_usd, is_unpriced)
}

fn own_prices(prices: &str) -> Prices {
    let vars = [("GATEWAY_SECRET_ID", "key"), ("GATEWAY_PRICES", prices)];
    Prices::new(Config::from_vars(&vars).unwrap().prices)
}

#[test]
fn list_prices_are_those_of_the_sources() {
    for (model, units, micro_usd) in [
        ("command-a-03-2025", r#"{"input_tokens":1000,"output_tokens":200}"#, 4_500),
        ("command-r7b-12-2024", r#"{"input_tokens":1000000,"output_tokens":1000000}"#, 187_500),
        ("embed-v4.0", r#"{"input_tokens":100,"image_tokens":1000,"images":1}"#, 482),
        ("rerank-v3.5", r#"{"search_units":1}"#, 2_000),
        ("rerank-v4.0-pro", r#"{"search_units":3}"#, 7_500),
        ("rerank-v5.0-pro", r#"{"input_tokens":1000}"#, 50),
        ("rerank-v5.0-fast", r#"{"text_tokens":1000}"#, 20),
        ("rerank-v5.0-fast", r#"{"text_tokens":1000,"input_tokens":1000}"#, 20),
        ("command-a-03-2025", r#"{"input_tokens":10,"cached_tokens":8,"reasoning_tokens":3}"#, 25),
    ] {
        assert_eq!(price(model, units), (micro_usd, false), "{model} {units}");
    }
}

#[test]
fn what_has_no_price_is_told_and_never_free() {
    for (model, units, micro_usd) in [
        ("command-a-plus-05-2026", r#"{"input_tokens":5,"output_tokens":7}"#, 0),
        ("a-model-of-tomorrow", r#"{"input_tokens":5}"#, 0),
        ("command-a-03-2025", r#"{"input_tokens":1000,"search_units":1}"#, 2_500),
        ("embed-english-v3.0", r#"{"images":1}"#, 0),
        ("embed-v4.0", r#"{"input_tokens":"many"}"#, 0),
        ("embed-v4.0", r#"{"input_tokens":-5}"#, 0),
        ("command-a-03-2025", "{}", 0),
    ] {
        assert_eq!(price(model, units), (micro_usd, true), "{model} {units}");
    }
    assert_eq!(price("a-model-of-tomorrow", r#"{"input_tokens":0}"#), (0, false));
}

#[test]
fn own_prices_stand_in_for_all_of_a_models_prices() {
    let prices = own_prices("command-a-03-2025=input_tokens:1.5,next=output_tokens:0");
    let priced = |model, units| {
        let cost = prices.price(&bill(model, units));
        (cost.micro_usd, cost.is_unpriced)
    };
    assert_eq!(priced("command-a-03-2025", r#"{"input_tokens":100}"#), (150, false));
    assert_eq!(priced("command-a-03-2025", r#"{"output_tokens":100}"#), (0, true));
    assert_eq!(priced("next", r#"{"output_tokens":9}"#), (0, false));
    assert_eq!(priced("rerank-v3.5", r#"{"search_units":1}"#), (2_000, false));
}

#[test]
fn each_models_units_have_its_own_price() {
    let mut both = bill("command-a-03-2025", r#"{"input_tokens":1000}"#);
    both.add("command-r-08-2024", &BilledUnits::parse(br#"{"input_tokens":1000}"#));
    assert_eq!(Prices::default().price(&both).micro_usd, 2_650);
}

proptest! {
    #[test]
    fn small_requests_add_up_to_one_large_one(amounts in proptest::collection::vec(0u64..50, 1..200)) {
        let prices = Prices::default();
        let one_by_one: u64 = amounts
            .iter()
            .map(|amount| prices.price(&bill("embed-v4.0", &format!(r#"{{"input_tokens":{amount}}}"#))).micro_usd)
            .sum();
        let total: u64 = amounts.iter().sum();
        let together = price("embed-v4.0", &format!(r#"{{"input_tokens":{total}}}"#)).0;
        prop_assert_eq!(one_by_one, together);
    }
}
