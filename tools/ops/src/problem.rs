//! What AWS says, in words that tell what to do.

use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Explains why a call of AWS failed. No request is quoted: it may hold a secret.
pub fn explain<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let advice = |what: &str, advice: &str| format!("{what}; {advice}");
    match error {
        SdkError::ServiceError(refused) => {
            let code = refused.err().code().unwrap_or("an unknown error");
            let said = refused.err().message().unwrap_or("without a message").trim_end_matches('.');
            of_code(code, said)
        }
        SdkError::TimeoutError(_) => {
            advice("no answer in time", "nothing may have changed: look, then try again")
        }
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => {
            let detail = DisplayErrorContext(error).to_string();
            let detail = detail.split(" (").next().unwrap_or_default();
            match detail.contains("credential") || format!("{error:?}").contains("CredentialsNotLoaded") {
                true => advice(
                    "there are no AWS credentials",
                    "set AWS_ACCESS_KEY_ID and its siblings, or a profile by AWS_PROFILE",
                ),
                false => advice(detail, "check the region, AWS_ENDPOINT_URL and the network"),
            }
        }
        _ => "what came is no answer of AWS; check AWS_ENDPOINT_URL".to_string(),
    }
}

fn of_code(code: &str, said: &str) -> String {
    let advice = match code {
        "ResourceNotFoundException" => {
            "check name, account and region; on AWS the stack's outputs tell the name, for --secret"
        }
        "AccessDeniedException" => "the credentials in use may not do this: ask for that right",
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException" => {
            "the credentials are not of this account or endpoint: check AWS_ACCESS_KEY_ID or AWS_PROFILE"
        }
        "ExpiredTokenException" => "sign in again",
        "ThrottlingException" | "InternalServiceError" | "InternalServiceErrorException" => {
            "try again in a minute"
        }
        _ => return format!("AWS says {code}: {said}"),
    };
    format!("AWS says {code}: {said}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_refuses_is_told_with_what_to_do() {
        assert_eq!(
            of_code("ExpiredTokenException", "it has expired"),
            "AWS says ExpiredTokenException: it has expired; sign in again"
        );
        assert_eq!(
            of_code("LimitExceededException", "too many"),
            "AWS says LimitExceededException: too many"
        );
    }
}
