//! Activation: the act that puts the two halves of a token in place.

pub mod offline;
pub mod online;
mod parts;
mod password;
mod ticket;

pub use password::{ActivationPassword, OfflinePassword, Password, PasswordError};
pub use ticket::{ServerAddress, ServerAddressError, Ticket, TicketError, TicketWithoutCode};
