//! Self-service: users who look after their own tokens in a browser. They sign in by a mailed link or by the organisation's
//! OpenID provider, and one of their tokens confirms that it is them, by a code or by an approval.
//!
//! Whoever reads a mailbox must not get a second factor out of it: the sign-in alone lets its user disable a lost token
//! and add the very first one. Any further token, or the unlock code of a forgotten PIN, takes a token that is there, or the
//! help desk.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use symbolon_core::approval::Context;
use symbolon_core::otp::Code;
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::{Name, Text};
use symbolon_core::vault::UnlockCode;
use zeroize::Zeroizing;

use super::audit::{AuditEntry, AuditFilter, Entry, LOOKED_THROUGH};
use super::challenges::{ChallengeKind, ChallengeView, NewChallenge};
use super::mail::Occasion;
use super::sessions::Pass;
use super::tokens::{NewToken, SessionProof, State, TokenAction, TokenView, TokenWithTicket, UnlockLeave};
use super::users::UserChanges;
use super::verification::{Subject, Verdict};
use super::{Actor, Service, ServiceError, applications, audit, tokens, users};
use crate::storage::{
    ChallengeStatus, Language, Snapshot, StorageError, Token, TokenState, Transaction, User, Visit, VisitLink,
};

/// A link can be used for so long.
const LINK_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// Nobody is signed in for longer.
const LONGEST: SignedDuration = SignedDuration::from_mins(30);
/// So much of what happened of late is shown.
const SHOWN: u32 = 20;

/// A user who is signed in.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The name.
    pub user: Name,
    /// The token that has confirmed that it is the user, while it is active.
    pub confirmed_by: Option<SerialNumber>,
    /// The language that the user has chosen.
    pub language: Option<Language>,
}

impl Visitor {
    /// Whether a token has confirmed that it is the user.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed_by.is_some()
    }
}

/// Something that happened to a user of late.
#[derive(Debug, Clone)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What, as the audit names it.
    pub action: String,
    /// To which token.
    pub token: Option<String>,
}

/// Why somebody is not signed in. The texts are for that person.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// It was used, has expired, or never was one.
    #[error("This link was used before, or has expired. Ask for a new one.")]
    Link,
    /// Another browser asked for it.
    #[error("Open this link in the browser in which you asked for it, or ask for a new one here.")]
    Browser,
    /// Whom the OpenID provider has named is no user here who may sign in.
    #[error("Your organisation's sign-in has named nobody who is known here. Ask the help desk.")]
    Unknown,
    /// The service could not do its part.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<StorageError> for VisitError {
    fn from(error: StorageError) -> Self {
        Self::Service(error.into())
    }
}

impl Service {
    /// Mails a user a link that signs in, in the browser that has `browser`. Whether there is such a user, with an
    /// address, is not told: either way one write is made.
    ///
    /// # Errors
    /// The store's.
    pub async fn ask_for_visit(&self, user: Name, browser: &Pass) -> Result<(), ServiceError> {
        let now = self.clock.now();
        let link = Pass::generate();
        let (hash, browser) = (link.hash(), browser.hash());
        let Some(address) = self.identity.address.clone() else { return Ok(()) };
        let mailed = Zeroizing::new(format!("{}#{}", address.join("/me/link"), *link.text()));
        let service = self.clone();
        self.store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let user = transaction.user_by_name(&user)?.filter(|user| user.enabled && user.email.is_some());
                let Some(user) = user.filter(|_| service.mail.is_some()) else {
                    return Ok(transaction.count_stray_guess()?);
                };
                let expires_at = now + LINK_LIFETIME;
                transaction.insert_visit_link(&VisitLink { hash, user: user.id, browser, expires_at })?;
                service.tell(transaction, &user, Occasion::SignIn { link: mailed, expires_at }, now).map(drop)
            })
            .await
    }

    /// Uses a mailed link; answers what the browser is known by from then on. All links of the user end.
    ///
    /// # Errors
    /// [`VisitError`].
    pub async fn begin_visit(&self, link: &Pass, browser: Option<&Pass>) -> Result<Pass, VisitError> {
        let now = self.clock.now();
        let pass = Pass::generate();
        let (link, visit, browser) = (link.hash(), pass.hash(), browser.map(Pass::hash));
        self.store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let link =
                    transaction.visit_link(&link)?.filter(|link| now < link.expires_at).ok_or(VisitError::Link)?;
                let user = transaction.user(link.user)?.filter(|user| user.enabled).ok_or(VisitError::Link)?;
                if browser != Some(link.browser) {
                    return Err(VisitError::Browser);
                }
                transaction.delete_visit_links(user.id)?;
                begin(transaction, user, visit, "link", now)
            })
            .await?;
        Ok(pass)
    }

    /// Who is signed in with this pass, if somebody is.
    ///
    /// # Errors
    /// The store's.
    pub fn visitor(&self, pass: &Pass) -> Result<Option<Visitor>, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| {
            let visit = snapshot.visit(&pass.hash())?;
            let Some(visit) = visit.filter(|visit| now < visit.created_at + LONGEST) else { return Ok(None) };
            let Some(user) = snapshot.user(visit.user)?.filter(|user| user.enabled) else { return Ok(None) };
            let token = visit.confirmed_by.map(|token| snapshot.token(token)).transpose()?.flatten();
            // One that is lost or taken back says nothing any more.
            let token = token.filter(|token| token.state == TokenState::Active && token.user == user.id);
            let confirmed_by = token.map(|token| token.serial);
            Ok(Some(Visitor { user: user.name, confirmed_by, language: user.language }))
        })
    }

    /// Ends a visit.
    ///
    /// # Errors
    /// The store's.
    pub async fn end_visit(&self, pass: &Pass) -> Result<(), ServiceError> {
        let hash = pass.hash();
        self.store.write(move |transaction| Ok(transaction.delete_visit(&hash)?)).await
    }

    /// Confirms a visit by a code of one of the user's tokens; whether the code counted.
    ///
    /// # Errors
    /// The store's.
    pub async fn confirm_visit(&self, pass: &Pass, visitor: &Visitor, code: Code) -> Result<bool, ServiceError> {
        let subject = Subject::Holder(visitor.user.clone());
        let verdict = self.verify(Actor::User(visitor.user.clone()), subject, code).await?;
        let Verdict::Accepted { token, .. } = verdict else { return Ok(false) };
        let hash = pass.hash();
        self.store
            .write(move |transaction| {
                let Some(token) = transaction.token_by_serial(token)? else { return Ok(false) };
                transaction.confirm_visit(&hash, token.id)?;
                Ok(true)
            })
            .await
    }

    /// Asks the user's phones to confirm a visit. The phone always asks for the value that the page shows: else whoever
    /// reads the mailbox would only need one tired thumb.
    ///
    /// # Errors
    /// As [`Service::create_challenge`].
    pub async fn ask_to_confirm_visit(
        &self,
        pass: &Pass,
        visitor: &Visitor,
        context: Context,
    ) -> Result<ChallengeView, ServiceError> {
        let now = self.clock.now();
        let own = self.store.write(move |transaction| applications::own(transaction, now)).await?;
        let new = NewChallenge {
            user: visitor.user.clone(),
            kind: ChallengeKind::Approval,
            transaction: None,
            context: Some(context),
            mutual_challenge: true,
        };
        let challenge = self.create_challenge(&own, new, None).await?;
        let (hash, id) = (pass.hash(), challenge.id.clone());
        self.store.write(move |transaction| transaction.set_visit_challenge(&hash, &id)).await?;
        Ok(challenge)
    }

    /// What became of the approval that is to confirm a visit, once it has ended or `wait` has passed; once it is confirmed
    /// the visit is.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] when none was asked for.
    pub async fn visit_approval(&self, pass: &Pass, wait: Duration) -> Result<ChallengeStatus, ServiceError> {
        let hash = pass.hash();
        let none = || ServiceError::Refused("no phone was asked: ask it first".into());
        let visit = self.store.read(|snapshot| snapshot.visit(&hash))?;
        let id = visit.and_then(|visit| visit.challenge).ok_or_else(none)?;
        let asked = self.store.read(|snapshot| snapshot.challenge(&id))?.ok_or_else(none)?;
        let status = self.challenge(asked.application, id, wait).await?.status;
        if status == ChallengeStatus::Confirmed {
            let confirm = move |transaction: &dyn Transaction| {
                let Some(visit) = transaction.visit(&hash)? else { return Ok(()) };
                let challenge = visit.challenge.map(|id| transaction.challenge(&id)).transpose()?.flatten();
                let token = challenge.filter(|challenge| challenge.user == visit.user).and_then(|one| one.token);
                token.map_or(Ok(()), |token| transaction.confirm_visit(&hash, token))
            };
            self.store.write(confirm).await?;
        }
        Ok(status)
    }

    /// The code for the challenge that the visitor's locked phone shows. Another token must have confirmed the visit: one
    /// that vouched for itself would open to whoever has the phone and saw a code.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] says what is needed; else as [`Service::unlock_pin`].
    pub async fn unlock_own_pin(
        &self,
        visitor: &Visitor,
        serial: Text<64>,
        challenge: Text<64>,
    ) -> Result<UnlockCode, ServiceError> {
        let token = self.own_token(visitor, &serial)?;
        let user = self.store.read(|snapshot| users::find(snapshot, &visitor.user))?;
        let proof = match visitor.confirmed_by {
            Some(by) if by != token.serial => SessionProof::Token,
            _ => SessionProof::MailedLink,
        };
        let leave = UnlockLeave::of_session(Actor::User(visitor.user.clone()), user.id, proof);
        let leave = leave.ok_or_else(|| {
            let told = "an unlock code needs another token of yours: confirm with it first, or ask the help desk";
            ServiceError::Refused(told.into())
        })?;
        self.unlock_pin(leave, serial, challenge).await
    }

    /// Gives a visitor a ticket: for the very first token, or for a further one once a token has confirmed the visit. A
    /// token that was never activated is taken before another is added.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] says what is needed.
    pub async fn add_own_token(&self, visitor: &Visitor, label: Option<Name>) -> Result<TokenWithTicket, ServiceError> {
        let now = self.clock.now();
        let (name, confirmed) = (visitor.user.clone(), visitor.is_confirmed());
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let user = users::find(transaction, &name)?;
                let tokens = transaction.tokens_of(user.id)?;
                if !confirmed && tokens.iter().any(was_activated) {
                    let told = "another token needs a code or an approval of one that you have: confirm first, or ask the help desk";
                    return Err(ServiceError::Refused(told.into()));
                }
                let actor = Actor::User(name);
                let unused = tokens.into_iter().find(|token| !was_activated(token));
                let issued = match unused {
                    Some(mut token) => {
                        let ticket = service.issue_ticket(transaction, &mut token, &user, &[], now)?;
                        Entry::new("token.ticket_issued").user(&user.name).token(token.serial).append(
                            transaction,
                            &actor,
                            now,
                        )?;
                        let token = tokens::view(transaction, token, &user, now)?;
                        TokenWithTicket { token, ticket, mailed_to: None }
                    }
                    None => {
                        let new = NewToken { label, ..NewToken::default() };
                        service.hand_out_unmailed(transaction, &actor, &user, new, now)?
                    }
                };
                service.tell(transaction, &user, Occasion::TokenAdded { serial: issued.token.serial }, now)?;
                Ok(issued)
            })
            .await
    }

    /// The visitor's token with this serial number; nobody sees others'.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub fn own_token(&self, visitor: &Visitor, serial: &Text<64>) -> Result<TokenView, ServiceError> {
        let token = self.token(serial).ok().filter(|token| token.user == visitor.user);
        token.ok_or_else(|| ServiceError::not_found("token", serial))
    }

    /// Disables a token that its owner has lost.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::State`].
    pub async fn disable_own_token(&self, visitor: &Visitor, serial: Text<64>) -> Result<(), ServiceError> {
        self.own_token(visitor, &serial)?;
        let actor = Actor::User(visitor.user.clone());
        self.act_on_token(actor, serial, TokenAction::Disable).await.map(drop)
    }

    /// Writes to a visitor in another language from now on, on pages and in mails; `None` for whatever is usual.
    ///
    /// # Errors
    /// The store's.
    pub async fn choose_language(&self, visitor: &Visitor, language: Option<Language>) -> Result<(), ServiceError> {
        let changes = UserChanges { language: Some(language), ..UserChanges::default() };
        self.edit_user(Actor::User(visitor.user.clone()), visitor.user.clone(), changes).await.map(drop)
    }

    /// Writes down that a user says that something was not theirs.
    ///
    /// # Errors
    /// The store's.
    pub async fn report_concern(&self, visitor: &Visitor, text: Text<500>) -> Result<(), ServiceError> {
        let (now, name) = (self.clock.now(), visitor.user.clone());
        self.store
            .write(move |transaction| {
                let entry = Entry::new("user.concern").user(&name).detail("text", text.as_str());
                entry.append(transaction, &Actor::User(name), now)
            })
            .await
    }

    /// What happened to a user of late, the newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn recently(&self, user: Name) -> Result<Vec<Happened>, ServiceError> {
        self.store.read_much(move |snapshot| recently(snapshot, user)).await
    }

    /// Gives out a new ticket for one that has expired, by mail to the address of its owner. Whether there is such a token
    /// is not told: either way one write is made.
    ///
    /// # Errors
    /// The store's.
    pub async fn renew_ticket(&self, serial: Text<64>) -> Result<(), ServiceError> {
        let now = self.clock.now();
        let service = self.clone();
        self.store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let expired = expired(transaction, &serial, now)?.filter(|(_, user)| user.email.is_some());
                let Some((mut token, user)) = expired.filter(|_| service.mail.is_some()) else {
                    return Ok(transaction.count_stray_guess()?);
                };
                let ticket = service.issue_ticket(transaction, &mut token, &user, &[], now)?;
                service.mail_ticket(transaction, &user, token.serial, &ticket, now)?;
                let entry = Entry::new("token.ticket_renewed").user(&user.name).token(token.serial);
                entry.append(transaction, &Actor::Server, now)
            })
            .await
    }
}

/// Signs a user in, by a mailed link or otherwise.
pub(super) fn begin(
    transaction: &dyn Transaction,
    user: User,
    hash: [u8; 32],
    by: &str,
    now: Timestamp,
) -> Result<(), VisitError> {
    transaction.sweep_visits(now, now - LONGEST)?;
    let visit = Visit { hash, user: user.id, confirmed_by: None, challenge: None, created_at: now };
    transaction.insert_visit(&visit)?;
    let entry = Entry::new("user.signed_in").user(&user.name).detail("by", by);
    Ok(entry.append(transaction, &Actor::User(user.name), now)?)
}

/// Whether somebody has held it.
fn was_activated(token: &Token) -> bool {
    token.activated_at.is_some() || token.maker_serial.is_some()
}

fn expired(snapshot: &dyn Snapshot, serial: &Text<64>, now: Timestamp) -> Result<Option<(Token, User)>, ServiceError> {
    let Some(token) = tokens::by_any_serial(snapshot, serial)? else { return Ok(None) };
    let Some(user) = snapshot.user(token.user)?.filter(|user| user.enabled) else { return Ok(None) };
    let state = tokens::view(snapshot, token.clone(), &user, now)?.state;
    // A further one that its owner was shown at `/me` was never mailed: it must not reach the mailbox this way.
    let mailed = snapshot.ticket(token.id)?.is_some_and(|ticket| ticket.mailed);
    let is_first = !snapshot.tokens_of(user.id)?.iter().any(was_activated);
    let may_be_mailed = state == State::Expired && (mailed || (is_first && !was_activated(&token)));
    Ok(may_be_mailed.then_some((token, user)))
}

fn recently(snapshot: &dyn Snapshot, user: Name) -> Result<Vec<Happened>, ServiceError> {
    let end = snapshot.audit_head()?.map_or(1, |head| head.sequence + 1);
    let filter = AuditFilter { user: Some(user), ..AuditFilter::default() };
    let found = snapshot.find_entries(&filter.parts(), end.saturating_sub(LOOKED_THROUGH), end, SHOWN)?;
    let told = found.iter().map(|stored| {
        let entry: AuditEntry =
            serde_json::from_str(&stored.entry).map_err(|_| StorageError::Damaged("audit entry"))?;
        Ok(Happened { at: entry.time, action: entry.action, token: entry.token.map(|serial| serial.to_string()) })
    });
    told.collect()
}
