//! Who calls: what the authorizer has put into the request's context.

use crate::error::{Code, GatewayError, Result};
use lambda_http::request::RequestContext;
use serde_json::Value;

/// A client of the gateway, as the authorizer names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub client: String,
    /// Models the client may use; `None` means all.
    models: Option<Vec<String>>,
}

impl Identity {
    /// Reads the identity of a request.
    ///
    /// # Errors
    /// `unauthorized` where no authorizer has spoken: a function never trusts its route alone.
    pub fn from_context(context: Option<&RequestContext>) -> Result<Self> {
        let Some(RequestContext::ApiGatewayV1(context)) = context else {
            return Err(unauthorized_error());
        };
        let fields = &context.authorizer.fields;
        let client = fields.get("client").and_then(Value::as_str);
        let client = client.filter(|client| !client.is_empty()).ok_or_else(unauthorized_error)?;
        let models = fields.get("models").and_then(Value::as_str);
        let models = models.map(|models| models.split(',').map(str::to_string).collect());
        Ok(Self::new(client, models))
    }

    /// Creates the identity of a client; `models` is what it may use, all where absent.
    pub fn new(client: &str, models: Option<Vec<String>>) -> Self {
        Self { client: client.to_string(), models }
    }

    /// Checks that the client may use `model`.
    ///
    /// # Errors
    /// `model_not_allowed`, naming the models that are.
    pub fn check_model(&self, model: &str) -> Result<()> {
        match &self.models {
            Some(models) if !models.iter().any(|allowed| allowed == model) => {
                let allowed = models.join(", ");
                let message =
                    format!("model: {model:?} is not allowed for this client, only: {allowed}");
                Err(GatewayError::new(Code::ModelNotAllowed, message))
            }
            _ => Ok(()),
        }
    }
}

fn unauthorized_error() -> GatewayError {
    GatewayError::new(Code::Unauthorized, "a token of this gateway is expected, not a Cohere key")
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
        assert_eq!(error.message, "model: \"x\" is not allowed for this client, only: a, b");
        assert_eq!(Identity { client: "c".into(), models: None }.check_model("x"), Ok(()));
    }

    #[test]
    fn request_without_authorizer_context_is_refused() {
        assert_eq!(Identity::from_context(None).unwrap_err().code, Code::Unauthorized);
    }
}
