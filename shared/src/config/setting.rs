//! One setting: its name, the values it takes, its default and the sentence that documents it.
//!
//! A setting exists only as a row of `settings!`, beside the struct that it fills. The macro also
//! collects the rows of its file, so that no list has to be kept by hand.

/// One environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub name: &'static str,
    pub about: &'static str,
    pub accepts: Accepted,
}

/// What a value must look like, and what is used instead of an absent one.
///
/// Units are in the setting's name.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    pub kind: SettingKind,
    /// Without a default an absent variable has no value.
    pub default: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub enum SettingKind {
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number in this range.
    Number {
        min: u64,
        max: u64,
    },
    /// A text of a form of its own.
    Form(&'static Form),
}

/// A form of texts: how it is documented, how it is asked for, and what it takes.
#[derive(Debug)]
pub struct Form {
    pub documented: &'static str,
    pub required: &'static str,
    pub takes: fn(&str) -> bool,
}

pub(super) const fn text(default: &'static str) -> Accepted {
    Accepted { kind: SettingKind::Text, default: Some(default) }
}

pub(super) const fn required_text() -> Accepted {
    Accepted { kind: SettingKind::Text, default: None }
}

pub(super) const fn one_of(words: &'static [&'static str], default: &'static str) -> Accepted {
    Accepted { kind: SettingKind::OneOf(words), default: Some(default) }
}

pub(super) const fn number(min: u64, max: u64, default: &'static str) -> Accepted {
    Accepted { kind: SettingKind::Number { min, max }, default: Some(default) }
}

pub(super) const fn optional_number(min: u64, max: u64) -> Accepted {
    Accepted { kind: SettingKind::Number { min, max }, default: None }
}

pub(super) const fn of_form(form: &'static Form, default: &'static str) -> Accepted {
    Accepted { kind: SettingKind::Form(form), default: Some(default) }
}

pub(super) const fn required_of_form(form: &'static Form) -> Accepted {
    Accepted { kind: SettingKind::Form(form), default: None }
}

/// Longest time a setting may name: an invocation lasts at most 15 minutes.
pub(super) const MAX_MS: u64 = 900_000;

/// Declares the settings of a file, and `SETTINGS` with all of them.
///
/// A row is the variable's name and what it accepts; its doc comment is printed into
/// `docs/configuration.md`.
macro_rules! settings {
    ($($(#[doc = $about:literal])+ $name:ident = $accepts:expr;)+) => {
        $(
            $(#[doc = $about])+
            const $name: $crate::config::setting::Setting = $crate::config::setting::Setting {
                name: stringify!($name),
                about: concat!($($about),+).trim_ascii(),
                accepts: $accepts,
            };
        )+

        /// Every setting of this file, in the order of the documentation.
        pub(super) const SETTINGS: &[$crate::config::setting::Setting] = &[$($name),+];
    };
}
pub(super) use settings;

/// Most characters of a bad value that are shown.
const MAX_SHOWN_CHARS: usize = 100;

impl Setting {
    /// Says what is wrong with a value, and what is accepted.
    pub(super) fn find_problem(&self, value: &str) -> Option<String> {
        let required = self.accepts.kind.find_requirement(value)?;
        // A URL may name a user and a password.
        let shown = match value.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => value.to_string(),
        };
        let shown: String = shown.chars().take(MAX_SHOWN_CHARS).collect();
        Some(format!("{} is {shown:?}: {required}", self.name))
    }
}

impl SettingKind {
    /// Returns what a value does not fulfil.
    fn find_requirement(self, value: &str) -> Option<String> {
        match self {
            SettingKind::Text if value.trim().is_empty() => Some("a text is required".to_string()),
            SettingKind::Number { min, max } if !is_number_in(value, min, max) => {
                Some(format!("a whole number from {min} to {max} is required"))
            }
            SettingKind::OneOf(words) if !words.contains(&value) => {
                Some(format!("{} is required", words.join(" or ")))
            }
            SettingKind::Form(form) if !(form.takes)(value) => Some(form.required.to_string()),
            SettingKind::Text
            | SettingKind::Number { .. }
            | SettingKind::OneOf(_)
            | SettingKind::Form(_) => None,
        }
    }
}

/// Tells whether a text is a whole number, however long and without a sign.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_number_in(text: &str, min: u64, max: u64) -> bool {
    match text.parse::<u64>() {
        Ok(number) => (min..=max).contains(&number),
        Err(_) => false,
    }
}
