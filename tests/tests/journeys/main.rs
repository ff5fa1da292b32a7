//! Whole journeys over real processes. Each test has a server of its own; nothing is asserted about times.
//!
//! `cargo test -p symbolon-tests` runs them. What a machine can't play is named as `SKIPPED` (with `--nocapture`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in tests a surprise ends the test"
)]

mod activation;
mod administration;
mod approvals;
mod attackers;
mod attestation;
mod audit;
mod backup;
mod biometrics;
mod browser;
mod challenges;
mod clock;
mod console;
mod desktop;
mod doctor;
mod document;
mod faults;
mod import;
mod input;
mod journey;
mod keys;
mod lockout;
mod mail;
mod moving;
mod nodes;
mod offline;
mod openid;
mod people;
mod pin;
mod push;
mod race;
mod receipt;
mod revocations;
mod secrets;
mod self_service;
mod states;
mod temporary;
mod webhooks;
