//! What a rehearsal goes through: a new version, the weather, and what a person does meanwhile.

use faulty::Fault;

/// One delivery.
#[derive(Clone)]
pub struct Scenario {
    pub name: &'static str,
    /// What happens, in a sentence.
    pub story: &'static str,
    /// The functions of the release, by their folders; the first is the one that is looked at.
    pub functions: &'static [&'static str],
    /// What is wrong with the new version of the first function.
    pub fault: Option<Fault>,
    /// What is wrong with Cohere.
    pub weather: Option<Weather>,
    pub callers_per_minute: u32,
    /// Whether the hooks are asked; without them the driver alone goes before the gates.
    pub has_hooks: bool,
    pub by_hand: ByHand,
    pub expected: Expected,
}

/// A fault that Cohere has by itself, in the words of the sandbox, and the share of calls that meet it.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub fault: &'static str,
    pub share: f64,
}

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ByHand {
    Nothing,
    /// Goes back in the middle of the rollout.
    GoesBackInTheMiddle,
    /// Goes back once all callers meet the new version.
    GoesBackAtTheEnd,
    /// Deploys a mended version as soon as the bad one is taken back.
    ShipsAFix,
    /// Empties the list of clients in the middle of the rollout.
    EmptiesTheClients,
    /// Replaces the Cohere key, and writes into the list of clients all that may stand in it, in the middle of the rollout.
    RenewsTheSecrets,
}

/// How a delivery must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// All callers meet the new version.
    Live,
    /// No caller meets the new version: the hook finds it, or a gate does while the hook calls it.
    NeverMet,
    /// A gate takes the new version back.
    TakenBack,
    /// A person has gone back.
    BackByHand,
}

impl Scenario {
    /// Tells whether the new version is a bad one.
    pub fn is_bad(&self) -> bool {
        self.fault.is_some()
    }

    /// Tells whether a good version comes in whatever weather, and nobody does anything.
    pub fn is_good(&self) -> bool {
        !self.is_bad() && self.by_hand == ByHand::Nothing
    }

    /// Tells whether every request of the callers must be served.
    pub(super) fn loses_nothing(&self) -> bool {
        !self.is_bad() && self.weather.is_none() && self.by_hand != ByHand::EmptiesTheClients
    }
}
