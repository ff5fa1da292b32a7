//! What an account says to its server: the confirmation of its activation, and a contact now and then.

use serde::Serialize;
use serde::de::DeserializeOwned;
use symbolon_core::activation::online::phone::{confirm, confirmation};
use symbolon_core::activation::online::{ConfirmReply, SessionId};
use symbolon_core::contact::{Answer, ContactReply, ContactRequest, Question};
use symbolon_core::otp::Code;
use symbolon_core::signed::{PublicKey, Signature, Signed, SigningInput};
use symbolon_core::vault::Online;

use super::Account;
use crate::Error;
use crate::network::{Patience, Trust, exchange};
use crate::store::ClockState;

impl Account {
    /// Confirms the activation with a code of now.
    pub(super) async fn send_confirmation(&self, session: SessionId, code: &Code) -> Result<(), Error> {
        let header = self.header();
        let input = confirmation(self.online()?.identity.hash(), header.serial, session.clone(), code)?;
        let signature = self.sign(&input).await?;
        let message = confirm(session, input, &signature);
        let reply: ConfirmReply = self.ask("/v1/device/activation/confirm", &message, Patience::ACTIVATION).await?;
        if reply.serial == header.serial { Ok(()) } else { Err(Error::Protocol("it confirmed another token")) }
    }

    /// Asks for the time and the policy, and writes down what is known then of the server's clock and its policy; answers
    /// with what the server is known by then.
    pub(super) async fn send_question(&self, patience: Patience) -> Result<(Answer, Online), Error> {
        let (header, online) = (self.header(), self.online()?);
        let environment = &self.soft_token.parts().environment;
        let mut nonce = [0; 16];
        environment.rng().fill_bytes(&mut nonce);
        let keys = online.keys.as_ref().map(|heard| heard.version);
        let question = Question { aud: online.identity.hash(), serial: header.serial, nonce: nonce.into(), keys };
        let request = ContactRequest { serial: header.serial, question: self.sign_object(&question).await? };

        let known = self.clock()?.policy_version;
        let asked = environment.now();
        let reply: ContactReply = self.ask("/v1/device/contact", &request, patience).await?;
        let answered = environment.now();
        let (answer, signer): (Answer, _) = self.read_answer(&reply.answer)?;
        if answer.aud != header.serial || answer.nonce != question.nonce {
            return Err(Error::Protocol("its answer is not to this question"));
        }
        // The server looked at its clock about half-way.
        let here = asked.checked_add(answered.duration_since(asked) / 2).unwrap_or(answered);
        let heard = ClockState::after_contact(answer.time, here, answer.policy_version, answer.policy.clone());
        self.files.change_clock(|clock| clock.hear(heard, known)).await?;
        let online = online.after_contact(signer, answer.keys.as_ref());
        Ok((answer, online))
    }

    /// Asks the server for its time and policy, which takes the device's key and no PIN; answers with the account as it is
    /// then. A newer policy counts at the gates before the vault from now on, and the vault learns it when it is next opened.
    ///
    /// # Errors
    /// Those of the network; [`Error::NotActive`]; [`Error::Offline`] for one that was activated without a network.
    pub async fn contact(&self) -> Result<Self, Error> {
        self.send_question(Patience::ACTIVATION).await.map_err(|error| self.as_active(error))?;
        self.reread()
    }

    /// Reads what the server of this account has signed; answers with the key that did.
    pub(super) fn read_answer<T: Signed>(&self, jws: &str) -> Result<(T, &PublicKey), Error> {
        self.online()?.read_signed(jws).map_err(|_| Error::Protocol("its answer is not signed by its key"))
    }

    pub(super) async fn sign<T: Signed>(&self, input: &SigningInput<T>) -> Result<Signature, Error> {
        let label = self.keys()?.device();
        self.hardware().sign(&label, input.as_bytes()).await.map_err(Error::of_keys(self.header().serial))
    }

    /// Signs an object with the device's key.
    pub(super) async fn sign_object<T: Signed>(&self, object: &T) -> Result<String, Error> {
        let input = SigningInput::new(object).map_err(|_| Error::Protocol("a message has no JSON form"))?;
        let signature = self.sign(&input).await?;
        Ok(input.attach(&signature))
    }

    /// Asks what only an active token is answered.
    pub(super) async fn ask_as_active<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        question: &Q,
        patience: Patience,
    ) -> Result<A, Error> {
        self.ask(path, question, patience).await.map_err(|error| self.as_active(error))
    }

    /// What a refusal means to an account that was active.
    pub(super) fn as_active(&self, error: Error) -> Error {
        match error {
            Error::ActivationRefused => Error::NotActive(self.header.serial),
            error => error,
        }
    }

    pub(super) async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        question: &Q,
        patience: Patience,
    ) -> Result<A, Error> {
        let online = self.online()?;
        let trust = online.tls.clone().map_or(Trust::PublicAuthorities, Trust::Authority);
        exchange(&*self.soft_token.parts().network, &online.address, &trust, path, question, patience).await
    }
}
