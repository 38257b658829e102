//! What a release is like, and Cohere's weather meanwhile: shares and factors that the simulation draws from.

/// Something wrong with a new version; nothing is by default.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub name: &'static str,
    /// Share of requests that fail, beside those that fail anyway.
    pub errors: f64,
    /// How many times as long Cohere's answers take.
    pub slowness: f64,
    /// Milliseconds that the gateway adds to each request.
    pub added_ms: f64,
    /// Share of requests that end in 429.
    pub throttled: f64,
    /// Every invocation dies.
    pub crashes: bool,
    /// Answers lack a header.
    pub loses_header: bool,
    /// Streams end in an error.
    pub breaks_streams: bool,
}

pub const HEALTHY: Fault = Fault {
    name: "healthy",
    errors: 0.0,
    slowness: 1.0,
    added_ms: 0.0,
    throttled: 0.0,
    crashes: false,
    loses_header: false,
    breaks_streams: false,
};

/// What is wrong with new versions of chat.
pub const FAULTS: [Fault; 8] = [
    Fault { name: "fails 10 of 100 requests more", errors: 0.1, ..HEALTHY },
    Fault { name: "fails a quarter of its requests", errors: 0.25, ..HEALTHY },
    Fault { name: "first events come four times as late", slowness: 4.0, ..HEALTHY },
    Fault { name: "adds 100 ms to each request", added_ms: 100.0, ..HEALTHY },
    Fault { name: "is throttled on half of its requests", throttled: 0.5, ..HEALTHY },
    Fault { name: "crashes at its start", crashes: true, ..HEALTHY },
    Fault { name: "loses a header", loses_header: true, ..HEALTHY },
    Fault { name: "breaks streams", breaks_streams: true, ..HEALTHY },
];

/// What Cohere does to both versions, from one minute of a rollout until before another.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub name: &'static str,
    pub from: u64,
    pub until: u64,
    pub errors: f64,
    pub slowness: f64,
    pub throttled: f64,
}

pub const CALM: Weather =
    Weather { name: "calm", from: 0, until: 0, errors: 0.0, slowness: 1.0, throttled: 0.0 };

pub const WEATHERS: [Weather; 3] = [
    Weather {
        name: "healthy, while Cohere fails half of all for two minutes",
        from: 4,
        until: 6,
        errors: 0.5,
        ..CALM
    },
    Weather {
        name: "healthy, while Cohere takes four times as long for three minutes",
        from: 4,
        until: 7,
        slowness: 4.0,
        ..CALM
    },
    Weather {
        name: "healthy, while Cohere throttles a fifth of all throughout",
        from: 0,
        until: 99,
        throttled: 0.2,
        ..CALM
    },
];

impl Weather {
    /// Returns the weather of a minute.
    pub fn at(self, minute: u64) -> Weather {
        if (self.from..self.until).contains(&minute) { self } else { CALM }
    }
}
