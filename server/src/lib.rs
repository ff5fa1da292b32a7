//! The verification server: it activates tokens, verifies codes and administers both.
//!
//! `commands` is what the binary does; `listener` takes in requests; `api` speaks HTTP and decides nothing; `console` are
//! the pages; `service` holds the rules and knows neither HTTP nor SQL; `storage` keeps what the services decide; `notify`
//! sends what they have written to the outbox. Nothing points back. `openid` asks the organisation's provider who somebody
//! is. `attestation` judges what phones' hardware states, as a function of its input.

pub mod api;
pub mod attestation;
mod audit_csv;
mod checkpoints;
pub mod commands;
pub mod config;
pub mod console;
mod listener;
mod metrics;
mod notify;
mod openid;
mod replaced;
mod revocations;
pub mod service;
pub mod storage;
mod texts;
mod tls;
