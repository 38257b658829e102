//! Where settings come from: the process environment, or a list in a test.

/// A source of named values.
pub trait Vars {
    /// Returns every name and value, in no particular order.
    fn all_vars(&self) -> Vec<(String, String)>;
}

/// The environment of this process; the only place that reads it.
pub struct Environment;

impl Vars for Environment {
    #[expect(clippy::disallowed_methods, reason = "environment variables have their home here")]
    fn all_vars(&self) -> Vec<(String, String)> {
        // A value that is not UTF-8 is kept, visibly damaged, so that its setting is reported as bad.
        std::env::vars_os()
            .map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            })
            .collect()
    }
}

impl<const N: usize> Vars for [(&str, &str); N] {
    fn all_vars(&self) -> Vec<(String, String)> {
        self.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }
}
