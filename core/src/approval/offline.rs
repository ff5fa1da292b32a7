//! A transaction for a phone without a network: the page shows it as a QR, the phone shows what is in it, and the person
//! types the code that the phone makes (OCRA's suite for questions). The code is over the whole of what was shown, and
//! anyone who has the token's key could make it: it is no receipt.

use std::str::FromStr;

use jiff::Timestamp;
use url::{Url, form_urlencoded};

use super::{ChallengeId, Detail, Details, Transaction};
use crate::frame::FrameWriter;
use crate::keys::sha256;
use crate::serial::SerialNumber;
use crate::text::Name;

/// What the QR of an offline approval holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineRequest {
    /// The challenge.
    pub id: ChallengeId,
    /// The organisation's name.
    pub issuer: Name,
    /// The tokens that are asked, any of which may answer: 1 to 10.
    pub serials: Vec<SerialNumber>,
    /// Until when it can be answered, in whole seconds.
    pub expires_at: Timestamp,
    /// What is to be approved.
    pub transaction: Transaction,
}

/// Why there is no such QR, or a text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfflineRequestError {
    /// Something else than the text of such a QR.
    #[error("this is not the QR of an approval; its text starts with symbolon://approve?")]
    Form,
    /// Made for a later version of this app.
    #[error("this QR needs a newer version of the app")]
    Version,
    /// A part that is missing, there twice, or not what it should be.
    #[error("the QR is damaged: “{0}”")]
    Part(&'static str),
    /// More than a camera reads with ease.
    #[error("summary and details are too long for a QR: at most {} bytes fit", OfflineRequest::MAX)]
    TooLong,
}

const START: &str = "symbolon://approve?";

impl OfflineRequest {
    /// No QR has a longer text, in bytes: at medium error correction that is version 25, of 117 modules a side.
    pub const MAX: usize = 990;

    /// The text of the QR.
    ///
    /// # Errors
    /// [`OfflineRequestError::TooLong`].
    pub fn qr(&self) -> Result<String, OfflineRequestError> {
        let serials: Vec<_> = self.serials.iter().map(|serial| serial.digits()).collect();
        let mut parts = form_urlencoded::Serializer::for_suffix(START.to_owned(), START.len());
        parts
            .append_pair("v", "1")
            .append_pair("i", &self.id.to_string())
            .append_pair("o", self.issuer.as_str())
            .append_pair("s", &serials.join("."))
            .append_pair("e", &self.expires_at.as_second().to_string())
            .append_pair("m", self.transaction.summary.as_str());
        for detail in self.transaction.details.as_slice() {
            parts.append_pair("n", detail.name.as_str()).append_pair("d", detail.value.as_str());
        }
        let text = parts.finish();
        if text.len() > Self::MAX { Err(OfflineRequestError::TooLong) } else { Ok(text) }
    }

    /// The question that OCRA asks of one of the tokens: SHA-256 over a label, challenge, issuer, serial number and
    /// transaction, each length-prefixed.
    #[must_use]
    pub fn question(&self, serial: SerialNumber) -> [u8; 32] {
        let frame = FrameWriter::default()
            .field(b"symbolon/1/offline-approval")
            .field(self.id.as_slice())
            .field(self.issuer.as_str().as_bytes())
            .field(serial.digits().as_bytes())
            .field(self.transaction.frame().as_bytes());
        sha256(frame.as_bytes())
    }
}

impl FromStr for OfflineRequest {
    type Err = OfflineRequestError;

    /// Reads the text of a QR. Unlike in a ticket, a part that this version does not know is refused: it might be
    /// something that the person should have seen.
    fn from_str(text: &str) -> Result<Self, OfflineRequestError> {
        use OfflineRequestError::{Form, Part, Version};
        let text = text.trim();
        if text.len() > Self::MAX || !text.starts_with(START) {
            return Err(Form);
        }
        let url = Url::parse(text).map_err(|_| Form)?;
        let mut pairs = form_urlencoded::parse(url.query().unwrap_or_default().as_bytes());
        let mut next = |name: &'static str| match pairs.next() {
            Some((key, value)) if key == name => Ok(Some(value.into_owned())),
            Some(_) => Err(Part(name)),
            None => Ok(None),
        };
        let mut part = |name| next(name)?.ok_or(Part(name));
        if part("v")? != "1" {
            return Err(Version);
        }
        let id = part("i")?.parse().map_err(|_| Part("i"))?;
        let issuer = part("o")?.parse().map_err(|_| Part("o"))?;
        let serials: Result<Vec<SerialNumber>, _> = part("s")?.split('.').map(str::parse).collect();
        let serials = serials.ok().filter(|serials| serials.len() <= 10).ok_or(Part("s"))?;
        let seconds = part("e")?.parse().map_err(|_| Part("e"))?;
        let expires_at = Timestamp::from_second(seconds).map_err(|_| Part("e"))?;
        let summary = part("m")?.parse().map_err(|_| Part("m"))?;
        let mut details = Vec::new();
        while let Some(name) = next("n")? {
            let value = next("d")?.ok_or(Part("d"))?.parse().map_err(|_| Part("d"))?;
            details.push(Detail { name: name.parse().map_err(|_| Part("n"))?, value });
        }
        let details = Details::try_from(details).map_err(|_| Part("n"))?;
        Ok(Self { id, issuer, serials, expires_at, transaction: Transaction { summary, details } })
    }
}
