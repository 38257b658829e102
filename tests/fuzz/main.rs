//! A bounded mutation loop over everything that reads bytes from outside: no input may panic, none
//! may break what its target promises.
//!
//! Each test runs for `FUZZ_SECS` seconds (1 by default) from a fixed seed; `FUZZ_SEED` sets another
//! one. It tries the files of `corpus/<target>/` first, then mutations of them and of what was
//! accepted, and generated inputs. An input that fails is kept under `target/fuzz/`;
//! `FUZZ_INPUT=<path>` tries it alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod events;
mod generate;
mod json_pieces;
mod mutate;
mod questions;
mod reference;
mod requests;
mod run;
mod secrets;
mod split;
mod streams;
