//! Approvals: the server asks, the phone shows exactly what was asked, and the person confirms, reports a concern or
//! cancels.
//!
//! [`Request`] is signed by the server's identity key and [`Answer`] by the device's; a [`Receipt`] holds both, and the
//! server's [`Statement`] of whose device that is. [`mutual`] ties the page to the phone, and [`offline`] is for a phone
//! that has no network: the same transaction in a QR, and a code typed back.

mod answer;
pub mod mutual;
pub mod offline;
mod receipt;
mod request;
mod transaction;

#[cfg(test)]
mod tests;

pub use answer::{Answer, AnswerError, Decision, Factor, Opened, RequestHash, request_hash};
pub use mutual::{MutualPrompt, MutualQuestion, MutualValue};
pub use receipt::{JudgedAttestation, Proof, Receipt, ReceiptError, Statement};
pub use request::{ChallengeId, Request};
pub use transaction::{Context, Detail, Details, DetailsError, Transaction};
