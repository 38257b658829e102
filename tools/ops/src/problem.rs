//! What AWS says, in words that tell what to do.

use anyhow::anyhow;
use aws_credential_types::provider::error::CredentialsError;
use shared::secrets::secrets_manager::StoreError;
use shared::telemetry::redact;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Wrong usage that clap cannot tell, for it lies in the environment or in the time of day. Ends with the exit
/// code of wrong usage.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Usage {}

/// Explains why a call of AWS failed. No request is quoted: it may hold a secret.
pub fn explain(error: &StoreError, limit: Duration) -> String {
    match error {
        StoreError::Refused { code, message, .. } => {
            explain_refusal(code.as_deref().unwrap_or_default(), message.as_deref())
        }
        StoreError::TimedOut => explain_silence(limit),
        StoreError::NotSent { cause, .. } => explain_unsent(cause.as_ref()),
        StoreError::Unreadable => NOT_AWS.to_string(),
        StoreError::Unusable(problem) => problem.clone(),
    }
}

/// Explains that nobody has answered within this time.
pub fn explain_silence(limit: Duration) -> String {
    format!(
        "no answer within {} s; it may have been done all the same: look, then try again, or wait longer by \
         --timeout-secs",
        limit.as_secs()
    )
}

/// Explains a refusal in AWS's own words, without what they may quote.
pub fn explain_refusal(code: &str, message: Option<&str>) -> String {
    if code.is_empty() {
        return NOT_AWS.to_string();
    }
    let code = redact::redact_id(code);
    of_code(code, message.map(redact::redact_words).as_deref())
}

fn explain_unsent(cause: &(dyn Error + Send + Sync + 'static)) -> String {
    format!("{}; {CHECK_NETWORK}", chain(cause))
}

/// What to do where a connection fails.
pub const CHECK_NETWORK: &str = "check the region, AWS_ENDPOINT_URL and the network";
/// Where somebody else has answered.
const NOT_AWS: &str = "what came is no answer of AWS; check AWS_ENDPOINT_URL and HTTPS_PROXY";
/// Where credentials may come from.
const NO_CREDENTIALS: &str = "there are no AWS credentials; set AWS_ACCESS_KEY_ID and its siblings, \
                              or a profile by AWS_PROFILE";
/// A machine's own credentials, which are looked for where nothing else is set.
const LAST_RESORT: &str = "IMDS";

/// Explains why there are no credentials, in the words of whoever should have given them. Wrong usage is where nobody
/// was named that could give any.
pub fn explain_credentials(error: &CredentialsError, profile: Option<&str>) -> anyhow::Error {
    if let CredentialsError::CredentialsNotLoaded(_) = error {
        return Usage(NO_CREDENTIALS.to_string()).into();
    }
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    let mut said: Vec<String> = causes.map(|cause| in_one_line(&cause.to_string())).collect();
    // Each may begin by repeating the one before it.
    said.dedup_by(|later, earlier| earlier.contains(later.as_str()));
    let said = match said.is_empty() {
        true => error.to_string(),
        false => said.join(": "),
    };
    if said.contains(LAST_RESORT) {
        return Usage(format!("{NO_CREDENTIALS}; this machine has none of its own: {said}")).into();
    }
    let profile = profile.map(|name| format!(" --profile {name}")).unwrap_or_default();
    anyhow!("AWS gives no credentials: {said}; sign in again, such as by: aws sso login{profile}")
}

/// Returns what an error and its causes say, each up to where it begins to quote.
///
/// The SDK's own words may quote a whole request, with the secret in it, and a secret may hold any sign that
/// would seem to end the quotation.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let mut said: Vec<String> = causes
        .map(|cause| {
            let words = cause.to_string();
            words.split(['`', '"', '{', '(', '[']).next().unwrap_or_default().trim().to_string()
        })
        .filter(|words| !words.is_empty())
        .collect();
    said.dedup();
    redact::redact_words(&said.join(": "))
}

/// Most characters of what somebody else says.
const MAX_SAID_CHARS: usize = 500;

/// Returns words without line breaks and control characters, and not at length.
fn in_one_line(words: &str) -> String {
    let words: Vec<_> = words.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(MAX_SAID_CHARS).collect()
}

fn of_code(code: &str, message: Option<&str>) -> String {
    let said = message.unwrap_or("without a message").trim_end_matches('.');
    let advice = match code {
        _ if said.contains(WRONG_TIME) => "the clock of this machine is wrong: set it",
        "ResourceNotFoundException" => {
            "check name, account and region; --stack NAME finds all names in the stack's outputs"
        }
        "AccessDeniedException" | "AccessDenied" | "AuthorizationError" => {
            "the credentials in use may not do this: ask for the rights of docs/operator-policy.json"
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "OptInRequired" => {
            "the credentials are not of this account or endpoint, or the account has not switched this region \
             on: check AWS_ACCESS_KEY_ID or AWS_PROFILE, and the region"
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            "sign in again, such as by: aws sso login, or set the new AWS_… variables"
        }
        "NotFoundException" => {
            "check account and region; the stack's output DefaultUsagePlanId tells --usage-plan"
        }
        "TooManyRequestsException"
        | "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServiceError"
        | "InternalServiceErrorException"
        | "ServiceException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => "try again in a minute",
        _ => return format!("AWS says {code}: {said}"),
    };
    format!("AWS says {code}: {said}; {advice}")
}

/// How AWS begins to say that a request was signed at another time than now.
const WRONG_TIME: &str = "Signature expired";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_of_aws_comes_with_advice() {
        assert_eq!(
            of_code("ExpiredTokenException", Some("it has expired.")),
            "AWS says ExpiredTokenException: it has expired; sign in again, such as by: aws sso login, or set the new AWS_… variables"
        );
        assert_eq!(
            of_code("LimitExceededException", Some("too many")),
            "AWS says LimitExceededException: too many"
        );
    }

    #[test]
    fn error_of_the_sdk_loses_what_it_quotes() {
        let quoting =
            "failed to apply endpoint `x` to request `Request { \"SecretString\":\"a`} hidden\" }`";
        let error =
            anyhow::anyhow!("Connection refused (os error 111)").context(quoting).context("other");
        let told = chain(error.as_ref());
        assert_eq!(told, "other: failed to apply endpoint: Connection refused");
    }
}
