//! Moving this account to a new phone, from the old phone's side.
//!
//! [`Session::begin_move`] gets a ticket, which the new phone scans; [`Move::progress`] says who has used it; the person
//! types here the digits that the new phone shows, and [`Move::agree`] signs that it is the right one. The new phone's
//! account is active then, and this one gone at the server.

use std::time::Duration;

use jiff::Timestamp;
use symbolon_core::access::Wait;
use symbolon_core::moving::{
    Ask, AskRequest, Cancel, CancelRequest, ComparisonCode, Consent, ConsentRequest, DoneReply, Look, LookRequest,
    Newcomer, Offer, OfferReply, Progress, Proven, View, ViewReply,
};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{KeyHash, PublicKey};

use super::{Account, Session};
use crate::Error;
use crate::network::Patience;

/// A move that has begun. Dropping it leaves it as it is at the server, where it ends with its ticket.
#[derive(Debug)]
pub struct Move {
    account: Account,
    /// The hash of the identity key that signed the offer: the one that the new phone's ticket names.
    identity: KeyHash,
    device: PublicKey,
    offer: Offer,
}

impl Session {
    /// Asks the server for a ticket by which a new phone takes this account over. One that was asked for before ends.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason; [`Error::NotActive`]; [`Error::UnsecureDevice`],
    /// [`Error::PinMustBeSet`]; those of the network.
    pub async fn begin_move(&self) -> Result<Move, Error> {
        self.check_policy()?;
        let account = &self.account;
        let header = self.vault.header();
        let label = account.keys()?.device();
        let device = account.hardware().public_key(&label).await.map_err(Error::of_keys(header.serial))?;
        let mut nonce = [0; 16];
        account.soft_token.parts().environment.rng().fill_bytes(&mut nonce);
        let mut ask = Ask {
            aud: account.online()?.identity.hash(),
            serial: header.serial,
            nonce: nonce.into(),
            time: self.time()?,
            opened: self.vault.opened(),
            factor: None,
        };
        ask.factor = self.vault.factor().map(|factor| ask.prove(factor, &device));
        let request = AskRequest { serial: header.serial, ask: account.sign_object(&ask).await? };
        // An ask counts once: it can't be sent again when its answer was lost, but another can.
        let reply: OfferReply = account.ask_as_active("/v1/device/move/offer", &request, Patience::ONCE).await?;
        let (offer, signer): (Offer, _) = account.read_answer(&reply.offer)?;
        if offer.aud != header.serial || offer.nonce != ask.nonce {
            return Err(Error::Protocol("its answer is not to this question"));
        }
        Ok(Move { account: account.clone(), identity: signer.hash(), device, offer })
    }
}

impl Move {
    /// The link for the new phone, and the text of its QR. It is a secret.
    #[must_use]
    pub fn ticket(&self) -> &str {
        &self.offer.ticket
    }

    /// The token that the new phone will have.
    #[must_use]
    pub fn serial(&self) -> SerialNumber {
        self.offer.serial
    }

    /// Until when the new phone must have begun.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.offer.expires_at
    }

    /// How far the move is; waits for at most `wait`, up to 50 seconds, while there is nothing to do here.
    ///
    /// # Errors
    /// Those of the network; [`Error::NotActive`].
    pub async fn progress(&self, wait: Duration) -> Result<Progress, Error> {
        let account = &self.account;
        let mut nonce = [0; 16];
        account.soft_token.parts().environment.rng().fill_bytes(&mut nonce);
        let look = Look { aud: self.identity.clone(), serial: self.old(), nonce: nonce.into() };
        let wait = Wait::nearest(wait);
        let request = LookRequest { serial: self.old(), look: account.sign_object(&look).await?, wait };
        let patience = Patience::ACTIVATION.with(wait.duration());
        let reply: ViewReply = account.ask_as_active("/v1/device/move/look", &request, patience).await?;
        let (view, _): (View, _) = account.read_answer(&reply.view)?;
        if view.aud != self.old() || view.nonce != look.nonce {
            return Err(Error::Protocol("its answer is not to this question"));
        }
        match &view.progress {
            Progress::Found(newcomer) if newcomer.serial != self.serial() => {
                Err(Error::Protocol("its answer is about another token"))
            }
            _ => Ok(view.progress),
        }
    }

    /// Agrees to a new phone, if `digits` are those that it shows. That takes the open vault of the account that moves.
    ///
    /// # Errors
    /// [`Error::OtherPhone`] when they are not: then nothing is signed. Else as [`Session::begin_move`].
    pub async fn agree(&self, session: &Session, newcomer: &Newcomer, digits: ComparisonCode) -> Result<(), Error> {
        session.check_policy()?;
        let device_key = newcomer.device_key.hash();
        let right = ComparisonCode::derive(&self.identity, &self.device.hash(), &device_key, &newcomer.transcript);
        if digits != right {
            return Err(Error::OtherPhone);
        }
        let mut consent = Consent {
            aud: self.identity.clone(),
            serial: self.old(),
            to: self.serial(),
            session: newcomer.session.clone(),
            device_key,
            transcript: newcomer.transcript.clone(),
            time: session.time()?,
            opened: session.vault.opened(),
            factor: None,
        };
        consent.factor = session.vault.factor().map(|factor| consent.prove(factor, &self.device));
        let account = &self.account;
        let request = ConsentRequest { serial: self.old(), consent: account.sign_object(&consent).await? };
        let _: DoneReply = account.ask_as_active("/v1/device/move/agree", &request, Patience::ACTIVATION).await?;
        Ok(())
    }

    /// Ends the move: whoever has used the ticket has nothing.
    ///
    /// # Errors
    /// As [`Session::begin_move`].
    pub async fn cancel(&self) -> Result<(), Error> {
        let account = &self.account;
        let cancel = Cancel { aud: self.identity.clone(), serial: self.old(), to: self.serial() };
        let request = CancelRequest { serial: self.old(), cancel: account.sign_object(&cancel).await? };
        let _: DoneReply = account.ask_as_active("/v1/device/move/cancel", &request, Patience::ACTIVATION).await?;
        Ok(())
    }

    fn old(&self) -> SerialNumber {
        self.account.header.serial
    }
}
