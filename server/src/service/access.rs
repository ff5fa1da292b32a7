//! Access tokens of phones: got by a signed assertion, they open what waits for one token, and nothing else.
//!
//! Nothing is kept of an access token: it is sealed for this server, and names the token, its device's key and its end.

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use symbolon_core::access::{AccessReply, AccessRequest, Assertion};
use symbolon_core::frame::{FrameReader, FrameWriter};
use symbolon_core::serial::SerialNumber;

use super::activation::ActivationError;
use super::keyring::Place;
use super::{Service, audit};
use crate::storage::{Snapshot, Token, TokenState};

/// How long an access token counts.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

impl Service {
    /// Exchanges an assertion, signed by a token's device key, for an access token.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] for tokens that are not here or not active, signatures that do not fit and assertions
    /// that are used or expired: alike.
    pub async fn grant_access(&self, request: &AccessRequest) -> Result<AccessReply, ActivationError> {
        let now = self.clock.now();
        let (token, assertion) = self.store.read(|snapshot| {
            audit::check_clock(snapshot, now)?;
            let ((token, _), assertion): (_, Assertion) =
                self.read_signed(snapshot, request.serial, &request.assertion)?;
            self.check_addressee(snapshot, token.id, &assertion.aud, None)?;
            Ok::<_, ActivationError>((token, assertion))
        })?;
        let fits = assertion.iss == token.serial && assertion.sub == token.serial && assertion.is_live(now.as_second());
        let expires_at = Timestamp::from_second(assertion.exp).unwrap_or(Timestamp::MAX);
        let id = token.id;
        let taken = fits
            && self
                .store
                .write(move |transaction| transaction.accept_assertion(id, assertion.jti.as_slice(), expires_at, now))
                .await?;
        if !taken {
            return Err(ActivationError::Refused);
        }
        let sealed = self.keyring.seal(Place::AccessToken, access(&token, now + LIFETIME).as_bytes());
        let expires_in = u32::try_from(LIFETIME.as_secs()).unwrap_or(u32::MAX);
        Ok(AccessReply { access_token: BASE64URL_NOPAD.encode(&sealed), expires_in })
    }

    /// The token that an access token opens.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] when it opens none, or none any more.
    pub fn accessed(&self, access_token: &str) -> Result<Token, ActivationError> {
        let now = self.clock.now();
        let sealed = BASE64URL_NOPAD.decode(access_token.as_bytes()).map_err(|_| ActivationError::Refused)?;
        let opened = self.keyring.open_sealed(Place::AccessToken, &sealed).map_err(|_| ActivationError::Refused)?;
        let (serial, expires_at) = read_access(opened.expose()).ok_or(ActivationError::Refused)?;
        let token = self.store.read(|snapshot: &dyn Snapshot| snapshot.token_by_serial(serial))?;
        token
            .filter(|token| token.state == TokenState::Active && now < expires_at)
            // One that was activated anew has another device.
            .filter(|token| access(token, expires_at).as_bytes() == opened.expose())
            .ok_or(ActivationError::Refused)
    }
}

/// What is sealed into an access token.
fn access(token: &Token, expires_at: Timestamp) -> FrameWriter {
    let device = token.device.as_ref().map(|device| device.key.hash());
    FrameWriter::default()
        .field(token.serial.digits().as_bytes())
        .number(expires_at.as_millisecond().unsigned_abs())
        .field(device.as_ref().map_or(&[], |hash| hash.as_slice()))
}

fn read_access(opened: &[u8]) -> Option<(SerialNumber, Timestamp)> {
    let mut reader = FrameReader::new(opened);
    let serial = std::str::from_utf8(reader.field().ok()?).ok()?.parse().ok()?;
    let expires_at = Timestamp::from_millisecond(reader.number().ok()?.try_into().ok()?).ok()?;
    Some((serial, expires_at))
}
