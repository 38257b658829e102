//! What can happen to a gateway, each recorded once from running binaries.

use shared::endpoint::Endpoint;

/// One endpoint of each function; all that is passed through has one.
pub const OF_FUNCTIONS: [Endpoint; 4] =
    [Endpoint::Chat, Endpoint::Embed, Endpoint::Rerank, Endpoint::Completions];

/// Something that happens once: a request, a look of the probe, an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// A request that is answered well.
    Good(Endpoint),
    /// One that Cohere fails.
    Failed(Endpoint),
    /// One in which the function dies.
    Crash(Endpoint),
    /// One of a client whose usage plan is unknown, which API Gateway fails by itself.
    Unplanned(Endpoint),
    /// The same, on the function's route of v1.
    UnplannedV1(Endpoint),
    /// One that Lambda does not take.
    Throttled(Endpoint),
    /// One whose caller the authorizer cannot judge.
    NotJudged,
    /// One that finds the authorizer throttled.
    AuthorizerThrottled,
    /// A stranger's, without a token that is known.
    Denied,
    /// A stranger's look at the health check, beyond what it may take.
    HealthThrottled,
    /// Cohere's limit of a minute is met.
    Limited,
    /// Cohere's limit of the month is met.
    MonthUsedUp,
    /// Cohere refuses the account for payment.
    PaymentAsked,
    /// Cohere refuses the key.
    KeyRefused,
    /// Cohere refuses the old key, and takes the new one.
    KeyRenewed,
    /// Cohere has a text of the request on a list (498).
    Blocked,
    /// The caller has given 100 ms, which Cohere takes longer than.
    CallersDeadline,
    /// The caller goes away after 100 ms.
    CallerLeft,
    /// A stream whose first event takes over ten seconds.
    LateStream,
    /// A stream whose first event takes 9.9 seconds.
    AlmostLateStream,
    /// A whole answer of 60 tokens that takes 110 ms for each.
    SlowAnswer,
    /// A whole answer of 500 tokens that takes ten seconds in all.
    LongAnswer,
    /// Another model answers.
    Fallback,
    /// A request that is not tried again because too many have failed.
    RetryBudgetEmpty,
    /// A trial key serves.
    TrialKey,
    /// The answer has a bill without a known price.
    Unpriced,
    /// An answer of ten dollars.
    TenDollars,
    /// A call of a rollout's own, which fails.
    MarkedFailure,
    LookOk,
    LookDegraded,
    LookUnreachable,
    LookKeyMissing,
    LookKeyRefused,
    LookPaymentAsked,
    /// The public address does not serve the synthetic client.
    LookDoorFailed,
    RotationFailed,
    RotationStepDone,
    /// The key is read, 91 days after it was made.
    KeyOf91Days,
    /// The key is read, an hour before it is 90 days old.
    KeyOf89Days,
}
