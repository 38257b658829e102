//! The web pages that may call the gateway.

use super::reader::Reader;
use super::setting::{Form, of_form, settings};

const ORIGINS: Form = Form {
    documented: "`https://host`, several with commas, or `none`",
    required: "an origin such as https://app.example.com or http://localhost:3000 is required, in small letters and without a path, several with commas, or none; * is not taken",
    takes: |value| parse_origins(value).is_some(),
};

const NONE: &str = "none";

settings! {
    /// Origins of the web pages that may call the gateway from a browser. Each is named: any page at all could use
    /// a token that it gets hold of.
    GATEWAY_CORS_ORIGINS = of_form(&ORIGINS, NONE);
}

/// The web pages that may call the gateway.
#[derive(Clone, Debug)]
pub struct CorsConfig {
    /// `GATEWAY_CORS_ORIGINS`
    pub origins: Vec<String>,
}

impl CorsConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        let origins = parse_origins(&reader.read_text(&GATEWAY_CORS_ORIGINS));
        Self { origins: origins.unwrap_or_default() }
    }
}

/// Reads origins as browsers write them: scheme, host in small letters, and a port that is not the scheme's own.
fn parse_origins(value: &str) -> Option<Vec<String>> {
    if value == NONE {
        return Some(Vec::new());
    }
    let mut origins = Vec::new();
    for origin in value.split(',') {
        let host = origin.strip_prefix("https://").or(origin.strip_prefix("http://"))?;
        let (name, port) = host.split_once(':').unwrap_or((host, "1"));
        let is_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) || port.parse::<u16>().is_err() {
            return None;
        }
        origins.push(origin.to_string());
    }
    Some(origins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_named_one_by_one() {
        assert_eq!(parse_origins("none"), Some(vec![]));
        let two = "https://app.example.com,http://localhost:3000";
        let expected = ["https://app.example.com", "http://localhost:3000"];
        assert_eq!(parse_origins(two).unwrap(), expected);
        for bad in [
            "",
            "*",
            "https://*.example.com",
            "app.example.com",
            "https://",
            "null",
            "https://app.example.com/",
            "https://App.example.com",
            "https://a.example, https://b.example",
            "https://a.example,",
            "https://a.example:",
            "https://a.example:99999",
            "none,https://a.example",
        ] {
            assert_eq!(parse_origins(bad), None, "{bad}");
        }
    }
}
