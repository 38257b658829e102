//! Which function and version a call of Lambda's API is about.

use super::{Functions, Refusal};
use crate::lambda::{Function, Qualifier};
use http::StatusCode;
use std::sync::Arc;

/// Finds a function by its folder, or by the name or ARN under which it is deployed; a qualifier may stand behind
/// that or in the query.
pub(super) fn find_function(
    functions: &Functions,
    name: &str,
    query: Option<&str>,
) -> Result<(Arc<Function>, Qualifier), Refusal> {
    let (plain, qualifier) = split_name(name);
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let asked = pairs.find(|(key, _)| key == "Qualifier").map(|(_, value)| value.into_owned());
    let qualifier = match (qualifier, &asked) {
        (Some(one), Some(other)) if one != other => {
            let message = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                message,
            ));
        }
        (one, other) => one.or(other.as_deref()).unwrap_or_default(),
    };
    let function = match functions.get(plain) {
        Some(function) => Some(function),
        None => functions.values().find(|function| function.deployed_name() == plain),
    };
    match (function, Qualifier::parse(qualifier)) {
        (Some(function), Some(qualifier)) => Ok((function.clone(), qualifier)),
        _ => Err(not_found(name)),
    }
}

/// The plain name and the qualifier of a name or an ARN.
fn split_name(name: &str) -> (&str, Option<&str>) {
    let name = match name.split_once("function:") {
        Some((_, name)) => name,
        None => name,
    };
    match name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (name, None),
    }
}

pub(super) fn not_found(name: &str) -> Refusal {
    let message = format!("Function not found: {name}");
    Refusal::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_split_in_every_form_of_aws() {
        for (name, plain, qualifier) in [
            ("chat", "chat", None),
            ("a-Function:live", "a-Function", Some("live")),
            ("arn:aws:lambda:eu-west-1:123456789012:function:a-Function", "a-Function", None),
            ("arn:aws:lambda:eu-west-1:123456789012:function:a:12", "a", Some("12")),
            ("123456789012:function:a:live", "a", Some("live")),
        ] {
            assert_eq!(split_name(name), (plain, qualifier), "{name}");
        }
    }
}
