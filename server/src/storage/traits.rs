//! What a transaction can do. Every method is one statement or a few; none decides.

use jiff::Timestamp;
use symbolon_core::activation::online::SessionId;
use symbolon_core::approval::{ChallengeId, Decision, RequestHash};
use symbolon_core::otp::TimeStep;
use symbolon_core::policy::PolicyPatch;
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Name;

use super::{
    Accept, Administrators, ApiKey, Application, ApplicationId, ApprovalOrigin, AuditHead, Challenge, ChallengeEnd,
    Email, Handshake, HeardKeys, Idempotent, LockState, LookedUp, Moves, Outbox, PushAddresses, Statistics,
    StorageError, StoredAttestation, StoredEntry, StoredPolicy, StoredRequest, TicketRecord, Token, TokenId, User,
    UserId, Visits, Webhooks, WriteAdministrators, WriteHeardKeys, WriteMoves, WriteOutbox, WritePushAddresses,
    WriteStatistics, WriteVisits, WriteWebhooks,
};

type Result<T> = std::result::Result<T, StorageError>;

/// What was answered for the only one that was asked about.
fn only<T>(answers: Vec<T>) -> Result<T> {
    answers.into_iter().next().ok_or_else(|| StorageError::Failed("no answer".into()))
}

/// A trait that is all of some traits, and that whatever has them all has.
macro_rules! all_of {
    ($(#[$doc:meta])* $name:ident: $($part:ident),+) => {
        $(#[$doc])*
        pub trait $name: $($part +)* {}

        impl<T: $($part +)*> $name for T {}
    };
}

/// Named values of the installation itself: its keys (sealed), its address.
pub trait Meta {
    /// The value, if it was set.
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>>;
}

/// Users, read.
pub trait Users {
    /// The user with this name.
    fn user_by_name(&self, name: &Name) -> Result<Option<User>>;
    /// The users with these names, each in its place.
    fn users_by_names(&self, names: &[&Name]) -> Result<Vec<Option<User>>>;
    /// The user of this row.
    fn user(&self, id: UserId) -> Result<Option<User>>;
    /// The users with this address, whatever the case.
    fn users_by_email(&self, email: &Email) -> Result<Vec<User>>;
    /// Users whose name or address has a word that begins with `search`, whatever the case, by name, after `after`, at
    /// most `limit`. Of an address only what stands before the `@` has words.
    fn users(&self, search: Option<&str>, after: Option<&Name>, limit: u32) -> Result<Vec<User>>;
    /// The groups that users are in, by name, each with the number of its users.
    fn groups(&self) -> Result<Vec<(Name, u64)>>;
}

/// Tokens, read.
pub trait Tokens {
    /// The token with this serial number.
    fn token_by_serial(&self, serial: SerialNumber) -> Result<Option<Token>>;
    /// The token with this serial number of its maker.
    fn token_by_maker_serial(&self, serial: &str) -> Result<Option<Token>>;
    /// Whether there are tokens with these serial numbers, each in its place.
    fn are_serials(&self, serials: &[SerialNumber]) -> Result<Vec<bool>>;
    /// The same for serial numbers of their makers.
    fn are_maker_serials(&self, serials: &[&str]) -> Result<Vec<bool>>;
    /// The token of this row.
    fn token(&self, id: TokenId) -> Result<Option<Token>>;
    /// All tokens of a user, oldest first.
    fn tokens_of(&self, user: UserId) -> Result<Vec<Token>>;
    /// How many tokens these users have, each in its place.
    fn token_counts(&self, users: &[UserId]) -> Result<Vec<u64>>;
}

/// Tickets and handshakes, read.
pub trait Activations {
    /// The ticket of a token.
    fn ticket(&self, token: TokenId) -> Result<Option<TicketRecord>>;
    /// The tokens with a ticket that lives at `now` and is for a phone with a network.
    fn online_tickets(&self, now: Timestamp) -> Result<Vec<TokenId>>;
    /// A handshake whose phone knew the password.
    fn handshake(&self, session: &SessionId) -> Result<Option<Handshake>>;
}

/// Applications, read.
pub trait Applications {
    /// The key with this hash, and whose it is.
    fn application_by_key(&self, key_hash: &[u8; 32]) -> Result<Option<(ApiKey, Application)>>;
    /// An application's keys, the newest first.
    fn api_keys(&self, application: ApplicationId) -> Result<Vec<ApiKey>>;
    /// The application with this name.
    fn application_by_name(&self, name: &Name) -> Result<Option<Application>>;
    /// All applications, by name.
    fn applications(&self) -> Result<Vec<Application>>;
}

/// Challenges, read.
pub trait Challenges {
    /// A challenge.
    fn challenge(&self, id: &ChallengeId) -> Result<Option<Challenge>>;
    /// The challenges of a user that wait for their answer at `now`, oldest first.
    fn pending_challenges(&self, user: UserId, now: Timestamp) -> Result<Vec<Challenge>>;
    /// The challenges of all users that wait for their answer at `now`.
    fn all_pending_challenges(&self, now: Timestamp) -> Result<Vec<Challenge>>;
    /// What a phone is asked at `now`, newest first.
    fn pending_requests(&self, token: TokenId, now: Timestamp) -> Result<Vec<StoredRequest>>;
    /// What a phone was asked by the request with this hash.
    fn request(&self, token: TokenId, hash: &RequestHash) -> Result<Option<StoredRequest>>;
    /// What is known of where an approval comes from.
    fn approval_origin(
        &self,
        user: UserId,
        application: ApplicationId,
        address: &str,
    ) -> Result<Option<ApprovalOrigin>>;
    /// The answer that was given to an application's request under this key.
    fn idempotent(&self, application: ApplicationId, key: &str) -> Result<Option<Idempotent>>;
}

/// Statements of devices' hardware, read.
pub trait Attestations {
    /// What the device of a token has stated.
    fn attestation(&self, token: TokenId) -> Result<Option<StoredAttestation>>;
    /// What was last made of it.
    fn verdict(&self, token: TokenId) -> Result<Option<String>>;
    /// Tokens whose devices have stated something, in order after `after`, at most `limit`.
    fn attested_tokens(&self, after: TokenId, limit: u32) -> Result<Vec<TokenId>>;
}

/// Policies, read.
pub trait Policies {
    /// What was changed for everyone, or for a group.
    fn policy(&self, group: Option<&Name>) -> Result<StoredPolicy>;
    /// What was changed for each group that has a policy of its own.
    fn group_policies(&self) -> Result<Vec<(Name, PolicyPatch)>>;
    /// The version of the latest change of any policy.
    fn policy_version(&self) -> Result<u64>;
}

/// What verifications begin with, for many at once.
pub trait LookUp {
    /// What is stored of these API keys, by their hashes, and of the users with these names.
    fn look_up(&self, key_hashes: &[[u8; 32]], names: &[Name]) -> Result<LookedUp>;
}

/// The audit, read.
pub trait Audit {
    /// The end of the chain; `None` when it is empty.
    fn audit_head(&self) -> Result<Option<AuditHead>>;
    /// Entries in order, from `sequence` on, at most `limit`.
    fn audit_entries(&self, sequence: u64, limit: u32) -> Result<Vec<StoredEntry>>;
    /// Entries from `from` on and before `before`, latest first, whose text holds all of `parts`, at most `limit`.
    fn find_entries(&self, parts: &[String; 4], from: u64, before: u64, limit: u32) -> Result<Vec<StoredEntry>>;
}

/// What a database that comes from a backup must know of itself, read.
pub trait Epochs {
    /// Tokens in the order of their rows, after `after`, at most `limit`.
    fn tokens_after(&self, after: Option<TokenId>, limit: u32) -> Result<Vec<Token>>;
    /// Whether a token waits to be confirmed since the database was restored.
    fn is_unconfirmed(&self, token: TokenId) -> Result<bool>;
    /// The tokens that wait to be confirmed.
    fn unconfirmed(&self) -> Result<Vec<TokenId>>;
}

all_of! {
    /// One consistent state of everything.
    Snapshot:
        Meta, Users, Tokens, Activations, Applications, Challenges, Attestations, Moves, Policies, LookUp, Audit,
        Epochs, Administrators, Outbox, PushAddresses, Webhooks, Visits, Statistics, HeardKeys
}

/// Values of the installation, written.
pub trait WriteMeta {
    /// Sets a value.
    fn set_meta(&self, key: &str, value: &[u8]) -> Result<()>;
}

/// Users, written.
pub trait WriteUsers {
    /// Adds users; each `id` is given anew and answered in its place.
    fn insert_users(&self, users: &[User]) -> Result<Vec<UserId>>;
    /// The same for one.
    fn insert_user(&self, user: &User) -> Result<UserId> {
        only(self.insert_users(std::slice::from_ref(user))?)
    }
    /// Writes all fields of a user.
    fn update_user(&self, user: &User) -> Result<()>;
    /// Writes a user's failures.
    fn set_user_lock(&self, id: UserId, lock: &LockState) -> Result<()>;
    /// Removes a user and the user's tokens.
    fn delete_user(&self, id: UserId) -> Result<()>;
}

/// Tokens, written.
pub trait WriteTokens {
    /// Adds tokens; each `id` is given anew and answered in its place.
    fn insert_tokens(&self, tokens: &[Token]) -> Result<Vec<TokenId>>;
    /// The same for one.
    fn insert_token(&self, token: &Token) -> Result<TokenId> {
        only(self.insert_tokens(std::slice::from_ref(token))?)
    }
    /// Writes all fields of a token.
    fn update_token(&self, token: &Token) -> Result<()>;
    /// Writes a token's failures and what was told of it.
    fn set_token_lock(&self, id: TokenId, lock: &LockState, spent: &[TimeStep]) -> Result<()>;
    /// Takes `step` for the token if it is active, has taken none as late, and neither it nor its user has been locked,
    /// failed or changed since `token` and `user` were read. The rule that a code counts once is this one conditional
    /// update. Whether it was taken.
    fn accept_step(&self, token: &Token, user: &User, step: TimeStep, drift: i64, now: Timestamp) -> Result<bool>;
    /// Takes the event `counter` under the same conditions, if the token stands at it or before; then it stands after.
    fn accept_event(&self, token: &Token, user: &User, counter: u64, now: Timestamp) -> Result<bool>;
    /// Takes one of a temporary token's codes under the same conditions, if it is not among the spent; then it is.
    fn accept_listed(&self, token: &Token, user: &User, code: u64, now: Timestamp) -> Result<bool>;
    /// Takes the steps and events of many tokens under the same conditions, of each token at most one. Whether each was
    /// taken.
    fn accept_all(&self, accepts: &[Accept<'_>]) -> Result<Vec<bool>>;
    /// Removes a token with its ticket and handshakes.
    fn delete_token(&self, id: TokenId) -> Result<()>;
}

/// Tickets and handshakes, written.
pub trait WriteActivations {
    /// Puts a ticket in the place of the token's earlier one, if there was one; handshakes of that one end.
    fn put_ticket(&self, ticket: &TicketRecord) -> Result<()>;
    /// Writes down that a token's ticket was mailed to its owner.
    fn set_ticket_mailed(&self, token: TokenId) -> Result<()>;
    /// Counts a guess at a token's ticket; `by` is one, or minus one when it is given back.
    fn count_guess(&self, token: TokenId, by: i32) -> Result<()>;
    /// Counts a guess at no ticket: the same work for a serial number that nobody activates.
    fn count_stray_guess(&self) -> Result<()>;
    /// Counts a wrong completion of an activation without a network; the one that ends the ticket erases its halves.
    fn count_try(&self, token: TokenId, ends: bool) -> Result<()>;
    /// Erases the halves of tickets that expired before `now`.
    fn sweep_tickets(&self, now: Timestamp) -> Result<()>;
    /// Ends a token's ticket, with the handshakes that have not made the token active.
    fn delete_ticket(&self, token: TokenId) -> Result<()>;
    /// Adds a handshake and drops the token's oldest beyond `keep`; false when its session exists.
    fn insert_handshake(&self, handshake: &Handshake, keep: u32) -> Result<bool>;
    /// Marks the handshake that made its token active, and drops the token's others.
    fn confirm_handshake(&self, session: &SessionId, token: TokenId, now: Timestamp) -> Result<()>;
    /// Drops handshakes that ended before `now`.
    fn sweep_handshakes(&self, now: Timestamp) -> Result<()>;
}

/// Applications, written.
pub trait WriteApplications {
    /// Adds an application; `id` is given anew and answered.
    fn insert_application(&self, application: &Application) -> Result<ApplicationId>;
    /// Gives an application a key.
    fn insert_api_key(&self, key: &ApiKey) -> Result<()>;
    /// Writes when a key ends and when it was used.
    fn update_api_key(&self, key: &ApiKey) -> Result<()>;
    /// Ends a key.
    fn delete_api_key(&self, key_hash: &[u8; 32]) -> Result<()>;
    /// Removes an application and its keys.
    fn delete_application(&self, id: ApplicationId) -> Result<()>;
}

/// Challenges, written.
pub trait WriteChallenges {
    /// Adds a challenge.
    fn insert_challenge(&self, challenge: &Challenge) -> Result<()>;
    /// Adds what one phone is asked.
    fn insert_request(&self, request: &StoredRequest) -> Result<()>;
    /// Ends a challenge that is pending; false when it is not. That an answer counts once is this conditional update.
    fn end_challenge(&self, id: &ChallengeId, end: &ChallengeEnd) -> Result<bool>;
    /// Counts a wrong code for a challenge.
    fn count_wrong_code(&self, id: &ChallengeId) -> Result<()>;
    /// Writes down what a phone decided.
    fn set_decision(&self, challenge: &ChallengeId, token: TokenId, decision: Decision) -> Result<()>;
    /// Takes `step` for a signature over typed details, if the token has signed none as late; whether it was taken.
    fn accept_signature(&self, token: TokenId, step: TimeStep) -> Result<bool>;
    /// Writes what is known of where approvals come from.
    fn put_approval_origin(&self, origin: &ApprovalOrigin) -> Result<()>;
    /// Ends the pauses of all approvals for a user.
    fn clear_pauses(&self, user: UserId) -> Result<()>;
    /// Keeps an answer for a request that may be repeated.
    fn put_idempotent(&self, idempotent: &Idempotent) -> Result<()>;
    /// Takes an assertion of a phone; false when it was taken before. Drops some of those that have expired before `now`.
    fn accept_assertion(&self, token: TokenId, jti: &[u8], expires_at: Timestamp, now: Timestamp) -> Result<bool>;
    /// Drops some of the challenges that ended before `ended`, of the origins from which nothing was confirmed or paused
    /// since `known`, and of the answers that have expired before `now`.
    fn sweep_challenges(&self, ended: Timestamp, known: Timestamp, now: Timestamp) -> Result<()>;
}

/// Statements of devices' hardware, written.
pub trait WriteAttestations {
    /// Puts a statement in the place of the token's earlier one, if there was one.
    fn put_attestation(&self, token: TokenId, stored: &StoredAttestation) -> Result<()>;
    /// Writes what is made of a statement now.
    fn set_verdict(&self, token: TokenId, verdict: &str) -> Result<()>;
    /// Writes where the counter of assertions stands.
    fn set_attestation_counter(&self, token: TokenId, counter: u32) -> Result<()>;
    /// Removes a token's statement.
    fn delete_attestation(&self, token: TokenId) -> Result<()>;
}

/// Policies, written.
pub trait WritePolicies {
    /// Writes what is changed for everyone, or for a group, under a new version, which is answered.
    fn set_policy(&self, group: Option<&Name>, patch: &PolicyPatch) -> Result<u64>;
}

/// The audit, written.
pub trait WriteAudit {
    /// Appends entries, in their order.
    fn append_entries(&self, entries: &[StoredEntry]) -> Result<()>;
    /// The same for one.
    fn append_entry(&self, entry: &StoredEntry) -> Result<()> {
        self.append_entries(std::slice::from_ref(entry))
    }
}

/// What a database that comes from a backup must know of itself, written.
pub trait WriteEpochs {
    /// Drops tickets, handshakes, open challenges and whatever else was under way.
    fn void_unfinished(&self) -> Result<()>;
    /// Lets a token wait to be confirmed, or no longer; whether that changed anything.
    fn set_unconfirmed(&self, token: TokenId, unconfirmed: bool) -> Result<bool>;
}

all_of! {
    /// A transaction that changes things. It has the database to itself: what it read has not changed when it writes.
    Transaction:
        Snapshot, WriteMeta, WriteUsers, WriteTokens, WriteActivations, WriteApplications, WriteChallenges,
        WriteAttestations, WriteMoves, WritePolicies, WriteAudit, WriteEpochs, WriteAdministrators, WriteOutbox,
        WritePushAddresses, WriteWebhooks, WriteVisits, WriteStatistics, WriteHeardKeys
}
