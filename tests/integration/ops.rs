//! The real `ops` binary against the running gateway's secrets: what it does, refuses and never shows.

mod checklist;
mod clients;
mod deploy;
mod failures;
mod key;
mod login;
mod output;
mod policy;
mod preflight;
mod rollback;
mod rollout;
mod usage;
