//! AWS's documented examples of metric math, and what is refused.

use super::*;

/// Series in the words of the user guide: `-` is missing.
fn read_points(text: &str) -> Vec<Option<f64>> {
    text.split(' ').map(|word| word.parse().ok()).collect()
}

/// Evaluates an expression over series called `m1`, `m2` and so on.
fn evaluate(text: &str, series: &[&str]) -> anyhow::Result<Vec<Option<f64>>> {
    let ids = ["m1", "m2", "m3"];
    let expression = Expression::parse(text, &ids)?;
    let mut values: Vec<_> =
        series.iter().map(|points| Some(Value::Series(read_points(points)))).collect();
    values.resize(3, None);
    let scope = Scope {
        values: &values,
        metrics: &[],
        period: 300,
        length: read_points(series[0]).len(),
        search: &|_, _| Ok(Vec::new()),
    };
    match expression.evaluate(&scope)? {
        Value::Scalar(number) => Ok(vec![Some(number)]),
        Value::Series(points) => Ok(points),
        Value::List(_) => anyhow::bail!("a list"),
    }
}

#[test]
fn comparisons_give_what_is_documented() {
    let series = ["30 20 0 0", "20 - 20 -"];
    for (text, expected) in [
        ("m1 < m2", "0 0 1 0"),
        ("m1 >= 30", "1 0 0 0"),
        ("m1 > 15 AND m2 > 15", "1 0 0 0"),
        ("m1 == 0 || m2 == 20", "1 0 1 1"),
    ] {
        assert_eq!(evaluate(text, &series).unwrap(), read_points(expected), "{text}");
    }
}

#[test]
fn if_gives_what_is_documented() {
    let series = ["1 1 0 0 -", "30 - 0 0 30", "0 0 20 - 20"];
    for (text, expected) in [
        ("IF(m1, m2, m3)", "30 0 20 - -"),
        ("IF(m1, 5, m3)", "5 5 20 - -"),
        ("IF(m1, m2, 5)", "30 0 5 5 -"),
        ("IF(m1, m2)", "30 0 - - -"),
        ("IF(1, m2, m3)", "30 - 0 0 30"),
        ("IF(0, m2)", "- - - - -"),
    ] {
        assert_eq!(evaluate(text, &series).unwrap(), read_points(expected), "{text}");
    }
}

#[test]
fn missing_operand_is_zero_beside_another() {
    let series = ["10 - 4 -", "2 3 - -"];
    for (text, expected) in [
        ("m1 + m2", "12 3 4 -"),
        ("m1 - m2", "8 -3 4 -"),
        ("m1 / m2", "5 0 - -"),
        ("100 * m1 / m2", "500 0 - -"),
        ("-m1", "-10 - -4 -"),
        ("m1 + 1", "11 - 5 -"),
        ("FILL(m1, 0) - FILL(m2, 0)", "8 -3 4 0"),
        ("FILL(m1, REPEAT)", "10 10 4 4"),
        ("FILL(m1, m2)", "10 3 4 -"),
        ("SUM([m1, m2])", "12 3 4 -"),
        ("MAX([m1, m2])", "10 3 4 -"),
        ("MIN([m1, m2])", "2 3 4 -"),
        ("AVG([m1, m2])", "6 1.5 2 -"),
        ("TIME_SERIES(7)", "7 7 7 7"),
    ] {
        assert_eq!(evaluate(text, &series).unwrap(), read_points(expected), "{text}");
    }
}

#[test]
fn operators_bind_as_usual() {
    let series = ["100 4"];
    for (text, expected) in [
        ("3 + m1 * 2", "203 11"),
        ("(3 + m1) * 2", "206 14"),
        ("3 + 0.1 * m1 + 3 * (2 * m1 * 0.5) ^ 0.5", "43 9.4"),
        ("IF(m1 >= 20 AND m1 > 5 * 2, 100 * m1 / 200, 0)", "50 0"),
        ("-m1 ^ 2", "-10000 -16"),
        ("1 - 2 - m1", "-101 -5"),
        ("ABS(1 - m1) / PERIOD(m1)", "0.33 0.01"),
        ("m1 > 50 OR m1 < 2 AND 0", "1 0"),
    ] {
        assert_eq!(evaluate(text, &series).unwrap(), read_points(expected), "{text}");
    }
}

#[test]
fn unknown_words_are_refused() {
    for (text, told) in [
        ("SQRT(m1)", "unknown function SQRT"),
        ("m9 + 1", "no query has the id m9"),
        ("FILL(m1, LINEAR)", "no query has the id LINEAR"),
        ("IF(m1)", "IF does not take 1 arguments"),
        ("m1 +", "ends too early"),
        ("m1 m2", "left over"),
        ("2 ^ 3 ^ m1", "use parentheses"),
        ("m1 = 3", "left over"),
        ("m1 % 3", "% is unknown"),
        ("(m1", "not closed"),
    ] {
        let problem = format!("{:#}", evaluate(text, &["1"]).unwrap_err());
        assert!(problem.contains(told), "{text}: {problem}");
    }
}

#[test]
fn range_of_an_alarm_changes_no_result() {
    for text in ["MAX(m1)", "RUNNING_SUM(m1)", "m1 / SUM(m1)", "SEARCH('x', 'Sum')", "RATE(m1)"] {
        let expression = Expression::parse(text, &["m1"]).unwrap();
        assert!(expression.check_for_alarm().is_err(), "{text}");
    }
    let expression = Expression::parse("MAX([m1, FILL(m1, 0)]) > 3", &["m1"]).unwrap();
    expression.check_for_alarm().unwrap();
    assert_eq!(expression.queries(), [0, 0]);
}
