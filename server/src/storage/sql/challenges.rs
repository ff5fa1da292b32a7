//! Challenges.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use symbolon_core::approval::{ChallengeId, Decision, RequestHash};
use symbolon_core::otp::TimeStep;

use super::row::{Columns, millis};
use super::{Open, Row, named_params, params};
use crate::storage::{
    ApplicationId, ApprovalOrigin, Challenge, ChallengeEnd, ChallengeStatus, Challenges, Idempotent, StorageError,
    StoredRequest, TokenId, UserId, WriteChallenges,
};

type Result<T> = std::result::Result<T, StorageError>;

/// What a restored database does not go on with.
pub(super) const UNFINISHED: &[&str] =
    &["DELETE FROM challenge WHERE status = 'pending'", "DELETE FROM idempotency", "DELETE FROM assertion"];

const DAMAGED: StorageError = StorageError::Damaged("challenge");

/// So many old rows of each kind are dropped at a time, so that nobody waits long for it.
const SWEPT: u32 = 100;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, application_id, user_id, question, origin, status, wrong_codes, created_at, expires_at, ended_at,
             token_id, factors, receipt FROM challenge ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<Challenge> {
    let mut columns = Columns::of(row);
    Ok(Challenge {
        id: bytes(columns.next()?)?,
        application: ApplicationId(columns.next()?),
        user: UserId(columns.next()?),
        question: from_json(columns.text()?)?,
        origin: columns.text()?.to_owned(),
        status: status_from(columns.text()?)?,
        wrong_codes: columns.next()?,
        created_at: columns.time()?,
        expires_at: columns.time()?,
        ended_at: columns.optional_time()?,
        token: columns.next::<Option<i64>>()?.map(TokenId),
        factors: columns.next::<Option<String>>()?.map_or(Ok(Vec::new()), |factors| from_json(&factors))?,
        receipt: columns.next()?,
    })
}

fn read_request(row: &Row<'_>) -> Result<StoredRequest> {
    let mut columns = Columns::of(row);
    Ok(StoredRequest {
        challenge: bytes(columns.next()?)?,
        token: TokenId(columns.next()?),
        hash: RequestHash::new(columns.next::<Vec<u8>>()?).map_err(|_| DAMAGED)?,
        request: columns.next()?,
        decision: match columns.next::<Option<String>>()?.as_deref() {
            None => None,
            Some(name) => Some(decision_from(name)?),
        },
    })
}

fn bytes(bytes: Vec<u8>) -> Result<ChallengeId> {
    ChallengeId::new(bytes).map_err(|_| DAMAGED)
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| DAMAGED)
}

fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| DAMAGED)
}

fn status_from(name: &str) -> Result<ChallengeStatus> {
    ChallengeStatus::ALL.into_iter().find(|status| status.name() == name).ok_or(DAMAGED)
}

fn decision_from(name: &str) -> Result<Decision> {
    [Decision::Confirm, Decision::Concern, Decision::Cancel]
        .into_iter()
        .find(|decision| decision.name() == name)
        .ok_or(DAMAGED)
}

impl Challenges for Open<'_> {
    fn challenge(&self, id: &ChallengeId) -> Result<Option<Challenge>> {
        self.one(select!("WHERE id = ?"), [id.as_slice()], read)
    }

    fn pending_challenges(&self, user: UserId, now: Timestamp) -> Result<Vec<Challenge>> {
        self.many(
            select!("WHERE user_id = ? AND status = 'pending' AND expires_at > ? ORDER BY created_at, id"),
            params![user.0, millis(now)],
            read,
        )
    }

    fn all_pending_challenges(&self, now: Timestamp) -> Result<Vec<Challenge>> {
        self.many(
            select!("WHERE status = 'pending' AND expires_at > ? ORDER BY created_at, id"),
            params![millis(now)],
            read,
        )
    }

    fn pending_requests(&self, token: TokenId, now: Timestamp) -> Result<Vec<StoredRequest>> {
        // Few challenges of a user are pending, and a token was asked much in its time: in this order, which SQLite keeps.
        self.many(
            "SELECT challenge_id, request.token_id, hash, request, decision FROM challenge CROSS JOIN request
             WHERE user_id = (SELECT user_id FROM token WHERE token.id = ?1) AND status = 'pending' AND expires_at > ?2
             AND challenge_id = challenge.id AND request.token_id = ?1 ORDER BY created_at DESC, challenge.id",
            params![token.0, millis(now)],
            read_request,
        )
    }

    fn request(&self, token: TokenId, hash: &RequestHash) -> Result<Option<StoredRequest>> {
        self.one(
            "SELECT challenge_id, token_id, hash, request, decision FROM request WHERE token_id = ? AND hash = ?",
            params![token.0, hash.as_slice()],
            read_request,
        )
    }

    fn approval_origin(
        &self,
        user: UserId,
        application: ApplicationId,
        address: &str,
    ) -> Result<Option<ApprovalOrigin>> {
        self.one(
            "SELECT confirmed_at, pauses, paused_until FROM origin
             WHERE user_id = ? AND application_id = ? AND address = ?",
            params![user.0, application.0, address],
            |row| {
                let mut columns = Columns::of(row);
                Ok(ApprovalOrigin {
                    user,
                    application,
                    address: address.to_owned(),
                    confirmed_at: columns.optional_time()?,
                    pauses: columns.next()?,
                    paused_until: columns.optional_time()?,
                })
            },
        )
    }

    fn idempotent(&self, application: ApplicationId, key: &str) -> Result<Option<Idempotent>> {
        self.one(
            "SELECT request, sealed_response, expires_at FROM idempotency WHERE application_id = ? AND key = ?",
            params![application.0, key],
            |row| {
                let mut columns = Columns::of(row);
                Ok(Idempotent {
                    application,
                    key: key.to_owned(),
                    request: columns.next()?,
                    response: columns.next()?,
                    expires_at: columns.time()?,
                })
            },
        )
    }
}

impl WriteChallenges for Open<'_> {
    fn insert_challenge(&self, challenge: &Challenge) -> Result<()> {
        self.write(
            "INSERT INTO challenge (id, application_id, user_id, question, origin, status, created_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                challenge.id.as_slice(),
                challenge.application.0,
                challenge.user.0,
                to_json(&challenge.question)?,
                challenge.origin,
                challenge.status.name(),
                millis(challenge.created_at),
                millis(challenge.expires_at),
            ],
        )
    }

    fn insert_request(&self, request: &StoredRequest) -> Result<()> {
        self.write(
            "INSERT INTO request (challenge_id, token_id, hash, request) VALUES (?, ?, ?, ?)",
            params![request.challenge.as_slice(), request.token.0, request.hash.as_slice(), request.request],
        )
    }

    fn end_challenge(&self, id: &ChallengeId, end: &ChallengeEnd) -> Result<bool> {
        let ended = self.execute(
            "UPDATE challenge SET status = :status, ended_at = :ended_at, token_id = :token, factors = :factors,
             receipt = :receipt WHERE id = :id AND status = 'pending'",
            named_params! {
                ":status": end.status.name(),
                ":ended_at": millis(end.ended_at),
                ":token": end.token.map(|token| token.0),
                ":factors": to_json(&end.factors)?,
                ":receipt": end.receipt,
                ":id": id.as_slice(),
            },
        )?;
        Ok(ended == 1)
    }

    fn count_wrong_code(&self, id: &ChallengeId) -> Result<()> {
        self.write("UPDATE challenge SET wrong_codes = wrong_codes + 1 WHERE id = ?", [id.as_slice()])
    }

    fn set_decision(&self, challenge: &ChallengeId, token: TokenId, decision: Decision) -> Result<()> {
        self.write(
            "UPDATE request SET decision = ? WHERE challenge_id = ? AND token_id = ?",
            params![decision.name(), challenge.as_slice(), token.0],
        )
    }

    fn accept_signature(&self, token: TokenId, step: TimeStep) -> Result<bool> {
        let taken = self.execute(
            "UPDATE token SET signed_step = ?1 WHERE id = ?2 AND (signed_step IS NULL OR signed_step < ?1)",
            params![step.number(), token.0],
        )?;
        Ok(taken == 1)
    }

    fn put_approval_origin(&self, origin: &ApprovalOrigin) -> Result<()> {
        self.write(
            "INSERT INTO origin (user_id, application_id, address, confirmed_at, pauses, paused_until)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, application_id, address) DO UPDATE
             SET confirmed_at = excluded.confirmed_at, pauses = excluded.pauses, paused_until = excluded.paused_until",
            params![
                origin.user.0,
                origin.application.0,
                origin.address,
                origin.confirmed_at.map(millis),
                origin.pauses,
                origin.paused_until.map(millis),
            ],
        )
    }

    fn clear_pauses(&self, user: UserId) -> Result<()> {
        self.write("UPDATE origin SET pauses = 0, paused_until = NULL WHERE user_id = ?", [user.0])
    }

    fn put_idempotent(&self, idempotent: &Idempotent) -> Result<()> {
        self.write(
            "INSERT INTO idempotency (application_id, key, request, sealed_response, expires_at)
             VALUES (?, ?, ?, ?, ?) ON CONFLICT (application_id, key) DO UPDATE SET request = excluded.request,
             sealed_response = excluded.sealed_response, expires_at = excluded.expires_at",
            params![
                idempotent.application.0,
                idempotent.key,
                idempotent.request,
                idempotent.response,
                millis(idempotent.expires_at),
            ],
        )
    }

    fn accept_assertion(&self, token: TokenId, jti: &[u8], expires_at: Timestamp, now: Timestamp) -> Result<bool> {
        self.write(
            "DELETE FROM assertion WHERE (token_id, jti) IN
             (SELECT token_id, jti FROM assertion WHERE expires_at < ? LIMIT ?)",
            params![millis(now), SWEPT],
        )?;
        let taken = self.execute(
            "INSERT INTO assertion (token_id, jti, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            params![token.0, jti, millis(expires_at)],
        )?;
        Ok(taken == 1)
    }

    fn sweep_challenges(&self, ended: Timestamp, known: Timestamp, now: Timestamp) -> Result<()> {
        self.write(
            "DELETE FROM challenge WHERE id IN (SELECT id FROM challenge WHERE expires_at < ? LIMIT ?)",
            params![millis(ended), SWEPT],
        )?;
        self.write(
            "DELETE FROM origin WHERE (user_id, application_id, address) IN
             (SELECT user_id, application_id, address FROM origin WHERE COALESCE(paused_until, confirmed_at, 0) < ? LIMIT ?)",
            params![millis(known), SWEPT],
        )?;
        self.write(
            "DELETE FROM idempotency WHERE (application_id, key) IN
             (SELECT application_id, key FROM idempotency WHERE expires_at < ? LIMIT ?)",
            params![millis(now), SWEPT],
        )
    }
}
