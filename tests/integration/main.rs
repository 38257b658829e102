//! The running gateway, end to end: real function binaries over a real Runtime API.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alarms;
mod architecture;
mod aws_metrics;
mod bad_input;
mod batches;
mod billed_units;
mod clients;
mod contract;
mod contributing;
mod cost_page;
mod dashboard;
mod documents;
mod encodings;
mod events;
mod faults;
mod half_characters;
mod hanging_cohere;
mod headers;
mod health_check;
mod laptop;
mod leaks;
mod metrics;
mod model_names;
mod ops;
mod panics;
mod parameters;
mod probe;
mod queries;
mod recorded;
mod refusals;
mod refused_by_api_gateway;
mod refused_callers;
mod rehearsal;
mod rollout;
mod rotation;
mod runbooks;
mod schema;
mod stage_order;
mod streams;
mod test_ca;
mod unreadable_clients;
mod upstream_id;
mod usage_plans;
mod versions;
