//! Activation: the act that puts the two halves of a token in place.

pub mod online;
mod password;
mod ticket;

pub use password::{ActivationPassword, ActivationPasswordError};
pub use ticket::{ServerAddress, ServerAddressError, Ticket, TicketError};
