//! Approvals: what the server asks this account, and the person's decision.
//!
//! Seeing what is asked needs the device's key and no PIN. A decision needs the vault open: it is signed by the device's
//! key, and proves by a factor key that the PIN or biometrics opened it.

use std::time::Duration;

use symbolon_core::access::{AnswerReply, AnswerRequest, RequestsReply, RequestsRequest, Wait, digest};
use symbolon_core::approval::offline::OfflineRequest;
use symbolon_core::approval::{Answer, Decision, MutualValue, Request, request_hash};
use symbolon_core::encoding::Bytes;
use symbolon_core::keys::sha256;
use symbolon_core::otp::{Code, Period, TimeStep, TypedChallenge, details_challenge, respond_question, respond_typed};
use symbolon_core::policy::PolicyVersion;
use symbolon_core::signed::KeyHash;
use symbolon_core::vault::Noted;

use super::{Account, Session, ShownCode};
use crate::Error;
use crate::network::Patience;

/// Something that the server asks, whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    jws: String,
    request: Request,
    /// The hash of the identity key that signed it.
    identity: KeyHash,
}

impl Pending {
    /// What is asked: all that may be shown.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }
}

impl Account {
    /// What the server asks this account, newest first; waits for at most `wait`, up to 50 seconds, until there is
    /// something. A newer policy, of which the server tells at this occasion, is learnt as by [`Account::contact`].
    ///
    /// # Errors
    /// [`Error::UnsecureDevice`]; those of the network; [`Error::NotActive`]; [`Error::Offline`] for one that was activated
    /// without a network.
    pub async fn requests(&self, wait: Duration) -> Result<Vec<Pending>, Error> {
        self.pass_gate().await?;
        let (pending, version) = self.news(None, wait).await?;
        if version.is_some_and(|version| version > self.policy_version()) {
            // Only what is signed counts.
            self.contact().await?;
        }
        let now = self.server_time()?;
        Ok(pending.into_iter().filter(|pending| now < pending.request.expires_at).collect())
    }

    /// What the server asks, and the version of the policy that it says it has. Waits until that is something, or something
    /// else than what is `known`.
    pub(crate) async fn news(
        &self,
        known: Option<&[Pending]>,
        wait: Duration,
    ) -> Result<(Vec<Pending>, Option<PolicyVersion>), Error> {
        let known = known.map(|known| digest(known.iter().map(|pending| pending.jws.as_str())));
        let wait = Wait::nearest(wait);
        let reply = match self.fetch(known.clone(), wait).await {
            // It may be the access token alone that counts no more, since the server was set up anew; or the time, since a
            // clock was set; or the server wants to know first whether this device has heard of its new key.
            Err(Error::ActivationRefused | Error::ServerKeyChanged) => {
                self.forget_access();
                self.contact().await?;
                self.fetch(known, wait).await
            }
            other => other,
        };
        let reply = reply.map_err(|error| self.as_active(error))?;
        let pending = reply.requests.into_iter().map(|jws| self.read_request(jws)).collect::<Result<Vec<_>, _>>()?;
        Ok((pending, reply.policy_version))
    }

    async fn fetch(&self, known: Option<Bytes<32>>, wait: Wait) -> Result<RequestsReply, Error> {
        let access_token = self.access().await?.to_string();
        let question = RequestsRequest { access_token, wait, known };
        self.ask("/v1/device/requests", &question, Patience::ACTIVATION.with(wait.duration())).await
    }

    /// Checks that the server of this account signed a request, for this token.
    fn read_request(&self, jws: String) -> Result<Pending, Error> {
        let read = self.online()?.read_signed::<Request>(&jws);
        let (request, signer) = read.map_err(|_| Error::Protocol("what it asks is not signed by its key"))?;
        if request.aud != self.header.serial {
            return Err(Error::Protocol("what it asks is for another token"));
        }
        Ok(Pending { identity: signer.hash(), jws, request })
    }
}

impl Session {
    /// Sends the person's decision, with the value of the mutual challenge where there is one; answers with what became
    /// of it, in the words of the API (`confirmed`, `concern`, `cancelled`, `mutual_challenge_failed`, …).
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason; [`Error::UnsecureDevice`], [`Error::PinMustBeSet`]; those of the
    /// network: then the same decision can be sent again, and counts once.
    pub async fn answer(
        &self,
        pending: &Pending,
        decision: Decision,
        mutual_challenge: Option<MutualValue>,
    ) -> Result<String, Error> {
        self.check_policy()?;
        // The vault is open, so the header is proven: only now is it sure whose signature the request has.
        let account = &self.account;
        let Pending { jws, request, identity } = account.read_request(pending.jws.clone())?;
        let header = self.vault.header();
        let asks = request.mutual_challenge.is_some();
        let mutual_challenge = mutual_challenge.filter(|_| asks && decision == Decision::Confirm);
        if asks && decision == Decision::Confirm && mutual_challenge.is_none() {
            return Err(Error::MutualChallengeNeeded);
        }
        let answer = Answer {
            aud: identity,
            serial: header.serial,
            request: request_hash(&jws),
            decision,
            mutual_challenge,
            time: self.time()?,
            opened: self.vault.opened(),
            signals: account.soft_token.parts().platform.integrity.signals(),
            factor: None,
        };
        let answer = match self.vault.factor() {
            Some(factor) => {
                let label = account.keys()?.device();
                let device = account.hardware().public_key(&label).await;
                answer.proven_by(factor, &device.map_err(Error::of_keys(header.serial))?)
            }
            None => answer,
        };
        let answer = account.sign_object(&answer).await?;
        // Before it is sent: whatever comes then, it was decided.
        self.note(Noted::decided(&request, decision, None, self.time()?)).await;
        let label = account.keys()?.device();
        let assertion = account.hardware().assert(&label, sha256(answer.as_bytes())).await;
        let assertion = assertion
            .map_err(Error::of_keys(header.serial))?
            .map(|bytes| Bytes::new(bytes).map_err(|_| Error::Protocol("the assertion is too long")))
            .transpose()?;
        let message = AnswerRequest { serial: header.serial, answer, assertion };
        let parts = account.soft_token.parts();
        if parts.is_watched() {
            // Before the server rings its bell, so that whoever hears it knows whose answer it was.
            parts.answered().insert(request.id.clone());
        }
        let reply = account.ask("/v1/device/answer", &message, Patience::ACTIVATION).await;
        let reply: AnswerReply = reply.inspect_err(|_| {
            parts.answered().remove(&request.id);
        })?;
        if parts.is_watched() {
            parts.stir();
        }
        self.note(Noted::decided(&request, decision, Some(&reply.status), self.time()?)).await;
        Ok(reply.status)
    }

    /// The response to digits that a page shows (OCRA, RFC 6287).
    ///
    /// # Errors
    /// [`Error::UnsecureDevice`], [`Error::PinMustBeSet`]; [`Error::Storage`].
    pub fn respond(&self, challenge: &TypedChallenge) -> Result<ShownCode, Error> {
        self.response(|step| respond_typed(self.vault.challenge_response_key(), challenge, step))
    }

    /// The signature over details that the person types: 1 to 10 values, in the page's order.
    ///
    /// # Errors
    /// [`Error::Details`] names a value that does not fit; else as [`Session::respond`].
    pub fn sign_details(&self, values: &[&str]) -> Result<ShownCode, Error> {
        self.respond(&details_challenge(values)?)
    }

    /// The code that approves what a QR holds, which the person has seen.
    ///
    /// # Errors
    /// [`Error::OtherToken`] and [`Error::TooLate`]; else as [`Session::respond`].
    pub async fn approve_offline(&self, request: &OfflineRequest) -> Result<ShownCode, Error> {
        let serial = self.vault.header().serial;
        if !request.serials.contains(&serial) {
            return Err(Error::OtherToken(serial));
        }
        if self.time()? >= request.expires_at {
            return Err(Error::TooLate);
        }
        let question = request.question(serial);
        let shown = self.response(|step| respond_question(self.vault.challenge_response_key(), question, step))?;
        self.note(Noted::approved_offline(request, self.time()?)).await;
        Ok(shown)
    }

    /// A response at the time step of now, by the server's clock as far as it is known.
    fn response(&self, respond: impl FnOnce(TimeStep) -> Code) -> Result<ShownCode, Error> {
        self.check_policy()?;
        let here = self.now();
        let there = self.account.clock()?.corrected(here);
        let step = TimeStep::at(there, Period::STANDARD);
        Ok(ShownCode::new(respond(step), step, Period::STANDARD, here, there))
    }
}
