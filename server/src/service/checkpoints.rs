//! Checkpoints of the audit: where its chain ends, signed by the identity key. Kept outside of the database, they show when
//! its end was cut off, or when whoever can write to it has made the whole chain anew.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::encoding::Bytes;
use symbolon_core::signed::{self, PublicKey, Signed, SignedError};

use super::{Service, ServiceError};
use crate::storage::{Snapshot, StorageError};

/// The last entry of the audit at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The entry's number.
    pub sequence: u64,
    /// Its hash, which covers every entry before it.
    pub hash: Bytes<32>,
    /// When the checkpoint was made.
    pub time: Timestamp,
}

impl Signed for Checkpoint {
    const TYP: &'static str = "symbolon-audit-checkpoint+jws";
}

/// A checkpoint with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SignedCheckpoint {
    /// The number of the entry that was the last.
    pub sequence: u64,
    /// A compact JWS (RFC 7515), to be kept elsewhere.
    pub checkpoint: String,
}

/// Reads a file of checkpoints, one a line, as they are written: each was signed by one of the identity keys.
///
/// # Errors
/// [`ServiceError::Invalid`] when there is none in it, or one that this server has not signed.
pub fn read<'k>(
    file: &str,
    keys: impl Iterator<Item = &'k PublicKey> + Clone,
) -> Result<Vec<Checkpoint>, ServiceError> {
    let lines = file.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
    let checkpoints: Vec<Checkpoint> = lines
        .map(|(place, line)| {
            let by_any = keys.clone().map(|key| signed::verify(line, key));
            let read = by_any.reduce(|earlier, later| earlier.or(later)).unwrap_or(Err(SignedError::Signature));
            read.map_err(|error| {
                let message = format!("line {}: not a checkpoint that this server signed: {error}", place + 1);
                ServiceError::invalid("checkpoint", message)
            })
        })
        .collect::<Result<_, _>>()?;
    if checkpoints.is_empty() {
        return Err(ServiceError::invalid("checkpoint", "there is none in the file"));
    }
    Ok(checkpoints)
}

impl Service {
    /// A checkpoint of now; `None` when nothing is in the audit yet.
    ///
    /// # Errors
    /// The store's.
    pub fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, ServiceError> {
        let read = |snapshot: &dyn Snapshot| {
            Ok::<_, ServiceError>((snapshot.audit_head()?, self.keyring.identities(snapshot)?))
        };
        let (head, identities) = self.store.read(read)?;
        let Some(head) = head else { return Ok(None) };
        let checkpoint = Checkpoint { sequence: head.sequence, hash: head.hash.into(), time: self.clock.now() };
        let signed = identities.key().sign_object(&checkpoint);
        let signed = signed.map_err(|error| ServiceError::from(StorageError::Failed(error.to_string())))?;
        Ok(Some(SignedCheckpoint { sequence: head.sequence, checkpoint: signed }))
    }
}
