//! All lines, in the order in which they are printed.

use super::check::Severity::{P1, P2};
use super::check::{Line, Severity};
use super::{alerts, delivery, key, models, routes, running};

/// A line that `cargo run` can answer too.
const fn both(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    judge: super::Judge,
) -> Line {
    Line { id, title, severity, is_local: true, judge }
}

/// A line of a deployed gateway.
const fn deployed(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    judge: super::Judge,
) -> Line {
    Line { id, title, severity, is_local: false, judge }
}

pub const LINES: &[Line] = &[
    both("key.present", "The Cohere key is in its secret", P1, key::is_in_its_secret),
    both("key.production", "It is a production key", P1, key::is_for_production),
    deployed("key.environment", "No function's environment has it", P1, key::is_in_no_environment),
    both("key.rotation", "It can be rotated", P2, key::can_be_rotated),
    both("key.rotated", "No rotation is half done", P2, key::is_not_half_rotated),
    both("key.age", "It is young enough", P2, key::is_young),
    deployed("models.served", "The gateway's models are served", P1, models::are_served),
    both("models.offered", "Cohere lists them", P1, models::are_offered),
    deployed("api.upstream", "Requests go to Cohere itself", P1, routes::lead_to_cohere),
    deployed("api.streaming", "Every route streams", P1, routes::all_stream),
    deployed("api.logs", "Logs end some day", P2, routes::logs_end),
    deployed("alerts.alarms", "Every alarm tells somebody", P1, alerts::all_tell_somebody),
    deployed("alerts.raised", "No alarm is raised", P2, alerts::none_is_raised),
    deployed("alerts.p1", "P1 alerts reach somebody", P1, alerts::p1_is_heard),
    deployed("alerts.p2", "P2 alerts reach somebody", P2, alerts::p2_is_heard),
    deployed("alerts.budget", "A budget is watched", P2, alerts::budget_is_watched),
    deployed("alerts.probe", "The probe looks", P1, alerts::probe_looks),
    deployed("delivery.stack", "The stack is whole", P1, delivery::stack_is_whole),
    deployed("delivery.gradual", "GradualDeployment is true", P1, delivery::is_gradual),
    deployed("delivery.gates", "Canaries have gates", P1, delivery::canaries_have_gates),
    deployed("delivery.hooks", "Hooks and driver try rollouts", P1, delivery::rollouts_are_tried),
    deployed("delivery.live", "What is live is the latest", P1, delivery::live_is_latest),
    deployed("delivery.release", "The release was tried", P2, delivery::release_was_tried),
    both("gateway.health", "The health check is well", P1, running::health_is_good),
    both("gateway.front_door", "A client is served", P1, running::front_door_is_open),
    both("gateway.closed_door", "A stranger is refused", P1, running::stranger_is_refused),
    deployed(
        "gateway.status_page",
        "Cohere reports no incident",
        P2,
        running::cohere_reports_nothing,
    ),
    deployed("capacity.account", "The account has room", P1, delivery::account_has_room),
    deployed("capacity.reserves", "No reserve stops a function", P1, delivery::reserves_let_work),
];
