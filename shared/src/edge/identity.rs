//! Who calls: what the authorizer has put into the request's context.

use crate::edge::event::AuthorizerContext;
use crate::error::{Code, GatewayError, Result};
use serde_json::Value;

/// A client of the gateway, as the authorizer names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub client: String,
    /// Models the client may use; `None` means all.
    models: Option<Vec<String>>,
}

/// Name of the client that checks the gateway, in the list of clients and in logs.
pub const SYNTHETIC_CLIENT: &str = "synthetic";

/// Tells whether a call is marked as the gateway's own, a rollout's or the synthetic client's: alerts do not count it.
///
/// The probe calls every few minutes. Counted, its calls would hide that every other one fails, and be most of them
/// where there are few.
pub fn is_marked(authorizer: Option<&AuthorizerContext>) -> bool {
    let Some(context) = authorizer else { return false };
    read_text(&context.gate) == Some("true") || read_text(&context.client) == Some(SYNTHETIC_CLIENT)
}

fn read_text(value: &Option<Value>) -> Option<&str> {
    value.as_ref().and_then(Value::as_str)
}

impl Identity {
    /// Reads the identity of a request.
    ///
    /// # Errors
    /// `unauthorized` where no authorizer has spoken: a function never trusts its route alone.
    pub fn from_context(authorizer: Option<&AuthorizerContext>) -> Result<Self> {
        let authorizer = authorizer.ok_or_else(unauthorized_error)?;
        let client = read_text(&authorizer.client).unwrap_or_default();
        if client.is_empty() {
            return Err(unauthorized_error());
        }
        let models = match &authorizer.models {
            None => None,
            // A restriction that cannot be read must not become none.
            Some(models) => Some(models.as_str().ok_or_else(unauthorized_error)?),
        };
        let models = models.map(|models| models.split(',').map(str::to_string).collect());
        Ok(Self::new(client, models))
    }

    /// Creates the identity of a client; `models` is what it may use, all where absent.
    pub fn new(client: &str, models: Option<Vec<String>>) -> Self {
        Self { client: client.to_string(), models }
    }

    /// Tells whether the client may use only some models.
    pub fn is_restricted(&self) -> bool {
        self.models.is_some()
    }

    /// Checks that the client may use `model`.
    ///
    /// # Errors
    /// `model_not_allowed`, naming the models that are.
    pub fn check_model(&self, model: &str) -> Result<()> {
        match &self.models {
            Some(models) if !models.iter().any(|allowed| allowed == model) => {
                let allowed = models.join(", ");
                // The model is not repeated: it may be any text.
                let message = format!("model: is not allowed for this client, only: {allowed}");
                Err(GatewayError::new(Code::ModelNotAllowed, message))
            }
            _ => Ok(()),
        }
    }
}

fn unauthorized_error() -> GatewayError {
    GatewayError::new(
        Code::Unauthorized,
        "a token of this gateway is expected, not a Cohere key; \
         this one is missing, unknown, expired or revoked",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_uses_only_its_listed_models() {
        let identity = Identity { client: "c".into(), models: Some(vec!["a".into(), "b".into()]) };
        assert_eq!(identity.check_model("b"), Ok(()));
        let error = identity.check_model("x").unwrap_err();
        assert_eq!(error.code, Code::ModelNotAllowed);
        assert_eq!(error.message, "model: is not allowed for this client, only: a, b");
        assert_eq!(Identity { client: "c".into(), models: None }.check_model("x"), Ok(()));
    }

    #[test]
    fn calls_of_the_gateway_itself_are_marked() {
        for (context, is_own) in [
            (r#"{"client":"synthetic"}"#, true),
            (r#"{"client":"c","gate":"true"}"#, true),
            (r#"{"client":"c"}"#, false),
            (r#"{"client":"c","gate":true}"#, false),
            (r#"{"client":"synthetic-data"}"#, false),
        ] {
            let context: AuthorizerContext = serde_json::from_str(context).unwrap();
            assert_eq!(is_marked(Some(&context)), is_own, "{context:?}");
        }
        assert!(!is_marked(None));
    }

    #[test]
    fn request_without_authorizer_context_is_refused() {
        assert_eq!(Identity::from_context(None).unwrap_err().code, Code::Unauthorized);
    }

    #[test]
    fn context_that_is_no_text_is_refused() {
        for context in [
            "{}",
            r#"{"client":null}"#,
            r#"{"client":7}"#,
            r#"{"client":""}"#,
            r#"{"client":["c"]}"#,
            r#"{"client":"c","models":null}"#,
            r#"{"client":"c","models":7}"#,
            r#"{"client":"c","models":["a"]}"#,
            r#"{"client":"c","models":{}}"#,
        ] {
            let context: AuthorizerContext = serde_json::from_str(context).unwrap();
            let identity = Identity::from_context(Some(&context));
            assert_eq!(identity.unwrap_err().code, Code::Unauthorized, "{context:?}");
        }
        let context = serde_json::from_str(r#"{"client":"c","principalId":7}"#).unwrap();
        assert_eq!(Identity::from_context(Some(&context)), Ok(Identity::new("c", None)));
    }
}
