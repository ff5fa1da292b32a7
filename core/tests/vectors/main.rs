//! The vectors of the protocol: `core/vectors/*.json`, from which another implementation can check itself.
//!
//! Each test makes its file anew from fixed inputs and compares it with the one that is checked in; and it checks by
//! hand, with the bare algorithms and `docs/protocol.md` at its side, that the two say the same. The vectors of the
//! vault are checked in `src/vault`.
//!
//! A file of a released version is never written anew: when a test here fails, the protocol has changed. Before a
//! release `SYMBOLON_WRITE_VECTORS=1 cargo test -p symbolon-core --test vectors` writes them all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic"
)]

mod activation;
mod approvals;
mod basics;
mod by_hand;
mod codes;
mod offline;
mod signed;
mod succession;
mod tickets;
