//! The tables of all concerns, and `docs/configuration.md`, which is printed from them.

use super::setting::{Setting, SettingKind};
use super::{authorizer, cache, cors, fallback, health, http, limits, models, pass_through};
use super::{prices, probe, rates, resilience, rollout, rotation, secrets, service};
use super::{streams, times};

/// The concerns and their settings, in the order of the documentation.
///
/// A concern that is left out has an unused table, of which the compiler warns.
const CONCERNS: [(&str, &[Setting]); 19] = [
    ("The installation", service::SETTINGS),
    ("Connection to Cohere", http::SETTINGS),
    ("Secrets", secrets::SETTINGS),
    ("Authorizer", authorizer::SETTINGS),
    ("Rotation of the key", rotation::SETTINGS),
    ("Models", models::SETTINGS),
    ("Fallback", fallback::SETTINGS),
    ("Prices", prices::SETTINGS),
    ("Circuit breaker and refused key", resilience::SETTINGS),
    ("Rates", rates::SETTINGS),
    ("Limits", limits::SETTINGS),
    ("Cache", cache::SETTINGS),
    ("Web pages", cors::SETTINGS),
    ("Pass-through", pass_through::SETTINGS),
    ("Streams", streams::SETTINGS),
    ("Times", times::SETTINGS),
    ("Health check", health::SETTINGS),
    ("Probe", probe::SETTINGS),
    ("Rollout", rollout::SETTINGS),
];

const HEAD: &str = "\
# Configuration

Every function reads these environment variables once, at its start. A value that is out of range, or a
`GATEWAY_*` name that is not on this page, stops the start with all problems listed. AWS endpoints,
region and credentials are the AWS SDK's own variables; `RUST_LOG` sets the log level.

Some are [parameters of the stack](parameters.md). Any other reaches a deployed function by a line in `template.yaml`, under
`Environment.Variables` of that function, and then `ops deploy`. The functions that call Cohere share those of
`ChatFunction`; what stands under `Globals` reaches all.
";

/// Returns every setting.
pub fn all_settings() -> impl Iterator<Item = &'static Setting> {
    let settings = CONCERNS.iter().flat_map(|(_, settings)| settings.iter());
    // No deployed build knows it, so it is on no page.
    #[cfg(feature = "test-ca")]
    let settings = settings.chain(super::test_ca::SETTINGS);
    settings
}

/// Returns the setting of this name.
pub fn find_setting(name: &str) -> Option<&'static Setting> {
    all_settings().find(|setting| setting.name == name)
}

/// Prints the page `docs/configuration.md`.
pub fn print_markdown() -> String {
    let mut page = HEAD.to_string();
    for (concern, settings) in CONCERNS {
        page += &format!(
            "\n## {concern}\n\n| variable | accepts | default | what |\n|---|---|---|---|\n"
        );
        for setting in settings {
            page += &print_row(setting);
        }
    }
    page
}

fn print_row(setting: &Setting) -> String {
    let accepts = match setting.accepts.kind {
        SettingKind::Text => "text".to_string(),
        SettingKind::OneOf(words) => words.join(" or "),
        SettingKind::Number { min, max } => format!("{min} to {max}"),
        SettingKind::Form(form) => form.documented.to_string(),
    };
    let default = match setting.accepts.default {
        Some(default) => format!("`{default}`"),
        None => "–".to_string(),
    };
    format!("| `{}` | {accepts} | {default} | {} |\n", setting.name, setting.about)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::path::Path;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

    /// The sources of the configuration.
    fn sources() -> String {
        let folder = Path::new(ROOT).join("shared/src/config");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| !path.ends_with("docs.rs"));
        files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    #[test]
    fn page_is_printed_from_the_tables() {
        let path = Path::new(ROOT).join("docs/configuration.md");
        page_check::check_page(path, &print_markdown());
    }

    #[test]
    fn settings_have_names_of_their_own_and_defaults_they_accept() {
        let names: HashSet<_> = all_settings().map(|setting| setting.name).collect();
        assert_eq!(names.len(), all_settings().count());
        for setting in all_settings() {
            assert!(setting.name.starts_with("GATEWAY_"), "{}", setting.name);
            let default = match setting.accepts.kind {
                SettingKind::Form(_) => setting.accepts.default.unwrap_or("https://example.com"),
                _ => setting.accepts.default.unwrap_or("1000"),
            };
            assert_eq!(setting.find_problem(default), None);
        }
    }

    #[test]
    fn settings_are_read_and_named_by_the_field_they_fill() {
        let sources = sources();
        for Setting { name, .. } in all_settings() {
            let is_read = sources.contains(&format!("&{name}"));
            assert!(is_read, "{name} is declared and read nowhere");
            assert!(sources.contains(&format!("`{name}`")), "no field's doc names {name}");
        }
    }

    #[test]
    fn variables_of_the_template_are_settings() {
        let template = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
        let words = template.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let variables: HashSet<_> = words.filter(|word| word.starts_with("GATEWAY_")).collect();
        assert!(variables.len() >= 6, "only {variables:?} were found");
        for name in variables {
            assert!(find_setting(name).is_some(), "{name} of template.yaml is not a setting");
        }
    }
}
