//! What is kept of moves to a new phone.

use jiff::Timestamp;
use symbolon_core::activation::online::SessionId;
use symbolon_core::encoding::Bytes;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::PublicKey;

use super::{StorageError, TokenId};

/// A token that is to take the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The new token.
    pub token: TokenId,
    /// The old one. Its row may be gone.
    pub old_serial: SerialNumber,
    /// The key of the old device.
    pub old_key: PublicKey,
    /// Who has used the ticket.
    pub used: Option<Used>,
    /// Whether the old device has agreed to that one.
    pub agreed: bool,
    /// When the new token became active and the old one went.
    pub moved_at: Option<Timestamp>,
    /// Until when it can come to its end.
    pub expires_at: Timestamp,
}

/// The handshake that has used a moving ticket: the first is the only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Its name.
    pub session: SessionId,
    /// The hash over it.
    pub transcript: Bytes<32>,
}

/// Moves, read.
pub trait Moves {
    /// The move to a new token.
    fn move_to(&self, token: TokenId) -> Result<Option<Move>, StorageError>;
    /// The move of an old token.
    fn move_from(&self, serial: SerialNumber) -> Result<Option<Move>, StorageError>;
}

/// Moves, written.
pub trait WriteMoves {
    /// Writes a move, in the place of an earlier one to the same token.
    fn put_move(&self, moving: &Move) -> Result<(), StorageError>;
    /// Forgets the move to a token.
    fn delete_move(&self, token: TokenId) -> Result<(), StorageError>;
    /// Forgets the moves that came to an end before `ended`; answers the tokens of those that did not before `now`.
    fn sweep_moves(&self, ended: Timestamp, now: Timestamp) -> Result<Vec<TokenId>, StorageError>;
}
