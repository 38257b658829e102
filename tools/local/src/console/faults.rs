//! The switches of the page: what the sandbox does wrong while one is on.

use crate::cohere_sandbox::Fault;

/// One button.
pub struct Switch {
    pub name: &'static str,
    pub label: &'static str,
    /// In the sandbox's own language; empty for none.
    pub line: &'static str,
    /// What to look at.
    pub watch: &'static str,
}

/// The first one is where a run begins. The model is the one that the page's chat asks for.
pub const SWITCHES: &[Switch] = &[
    Switch {
        name: "well",
        label: "All is well",
        line: "",
        watch: "An open breaker lets a probe through after a while (20 s here, a minute on AWS), and closes.",
    },
    Switch {
        name: "model-down",
        label: "503s of one model",
        line: "status=503 model=command-a-03-2025",
        watch: "The fallback answers, five failures open the breaker, FallbackRate goes into alarm.",
    },
    Switch {
        name: "all-down",
        label: "503s of all models",
        line: "status=503",
        watch: "Fallbacks fail too: callers get 502 and 503, CohereOutage goes into alarm.",
    },
    Switch {
        name: "throttled",
        label: "429s",
        line: "status=429 header=retry-after:2 model=command-a-03-2025",
        watch: "The model rests for its cooldown, the fallback answers, no breaker opens.",
    },
    Switch {
        name: "slow",
        label: "Slow",
        line: "delay_ms=3000",
        watch: "Requests take three seconds more; more environments start to carry them.",
    },
    Switch {
        name: "cut",
        label: "Cut streams",
        line: "cut_after_events=4",
        watch: "A stream that breaks still ends in a message-end with an error, never in silence.",
    },
    Switch {
        name: "bad-key",
        label: "Refused key",
        line: "status=401",
        watch: "Callers get 502 and upstream_auth, not 401; AuthFailure goes into alarm.",
    },
];

impl Switch {
    pub fn fault(&self) -> Option<Fault> {
        self.line.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_but_the_first_is_a_fault() {
        for (place, switch) in SWITCHES.iter().enumerate() {
            assert_eq!(switch.fault().is_none(), place == 0, "{}", switch.name);
        }
    }
}
