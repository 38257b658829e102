//! For every alarm one time in which it must fire, and one near miss in which nothing may.

mod aws;
mod cohere;
mod key;
mod load;

use super::happening::Happening;
use super::timeline::Timeline;
use shared::endpoint::Endpoint;

type Play = Box<dyn Fn(&mut Timeline)>;

/// What an alarm fires on, and what it stays quiet on.
pub struct Scenario {
    /// An alarm of a metric, which tells by itself or by the composite alarm that it is a member of.
    pub alarm: String,
    pub fires: &'static str,
    pub fire: Play,
    pub quiet: &'static str,
    pub stay_quiet: Play,
    /// What fires in the near miss by right.
    pub beside: &'static [&'static str],
}

impl Scenario {
    fn new(alarm: impl Into<String>) -> Self {
        Scenario {
            alarm: alarm.into(),
            fires: "",
            fire: Box::new(|_| {}),
            quiet: "",
            stay_quiet: Box::new(|_| {}),
            beside: &[],
        }
    }

    fn fires(mut self, on: &'static str, play: impl Fn(&mut Timeline) + 'static) -> Self {
        (self.fires, self.fire) = (on, Box::new(play));
        self
    }

    fn stays_quiet(mut self, on: &'static str, play: impl Fn(&mut Timeline) + 'static) -> Self {
        (self.quiet, self.stay_quiet) = (on, Box::new(play));
        self
    }

    fn beside(mut self, alarms: &'static [&'static str]) -> Self {
        self.beside = alarms;
        self
    }
}

/// A request that goes well, and one that Cohere fails.
const GOOD: Happening = Happening::Good(Endpoint::Chat);
const FAILED: Happening = Happening::Failed(Endpoint::Chat);

pub fn all_scenarios() -> Vec<Scenario> {
    [cohere::scenarios(), key::scenarios(), aws::scenarios(), load::scenarios()]
        .into_iter()
        .flatten()
        .collect()
}

/// Returns `PassThrough` of `pass-through`.
pub fn capitalize(folder: &str) -> String {
    folder.split('-').map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}

/// The name of an alarm of a function: `…Chat`.
fn name_for(beginning: &str, endpoint: Endpoint) -> String {
    format!("{beginning}{}", capitalize(endpoint.name()))
}
