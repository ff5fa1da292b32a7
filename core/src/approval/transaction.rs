//! What an approval is about: the facts of a transaction, and where the question comes from. Both are shown to the person
//! as they are, so both are bounded and plain text.

use serde::{Deserialize, Serialize};

use crate::frame::FrameWriter;
use crate::text::Text;

/// The facts that the person approves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// One sentence, such as `Pay 120.00 EUR to Ana Gómez`: 1 to 200 characters.
    pub summary: Text<200>,
    /// The details, in the order in which they are shown.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
}

/// A named fact, such as `Amount`: `120.00 EUR`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// What it is: 1 to 50 characters.
    pub name: Text<50>,
    /// The fact: 1 to 200 characters.
    pub value: Text<200>,
}

/// At most [`Details::MAX`] details, no two of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "Vec<Detail>", try_from = "Vec<Detail>")]
pub struct Details(Vec<Detail>);

/// A list that is none of details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DetailsError {
    /// More than the phone can be asked to show.
    #[error("there are at most {} details", Details::MAX)]
    TooMany,
    /// The person could not tell them apart.
    #[error("two details have the same name")]
    Repeated,
}

impl Details {
    /// The most details that a transaction has.
    pub const MAX: usize = 25;

    /// The details, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Detail] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<Detail>> for Details {
    type Error = DetailsError;

    fn try_from(details: Vec<Detail>) -> Result<Self, DetailsError> {
        if details.len() > Self::MAX {
            return Err(DetailsError::TooMany);
        }
        let mut names = std::collections::BTreeSet::new();
        if details.iter().all(|detail| names.insert(detail.name.as_str())) {
            Ok(Self(details))
        } else {
            Err(DetailsError::Repeated)
        }
    }
}

impl From<Details> for Vec<Detail> {
    fn from(details: Details) -> Self {
        details.0
    }
}

impl Transaction {
    /// The transaction as length-prefixed fields, for hashing: the summary, then name and value of each detail.
    #[must_use]
    pub fn frame(&self) -> FrameWriter {
        let frame = FrameWriter::default().field(self.summary.as_str().as_bytes());
        self.details.as_slice().iter().fold(frame, |frame, detail| {
            frame.field(detail.name.as_str().as_bytes()).field(detail.value.as_str().as_bytes())
        })
    }
}

/// Where a question comes from, in the words of the application that asks. The phone shows it as that application's claim:
/// only the application's name in the request is the administrator's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// What the person is signing in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Text<100>>,
    /// The network address of the browser or device that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Text<100>>,
    /// Where that is, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Text<100>>,
    /// The browser or device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Text<300>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value) -> Result<Transaction, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_could_mislead_a_person_is_refused() {
        let detail = serde_json::json!({"name": "To", "value": "Ana"});
        assert!(read(serde_json::json!({"summary": "Pay 1 EUR", "details": [detail]})).is_ok());
        assert!(read(serde_json::json!({"summary": "Pay 1 EUR"})).is_ok());
        for (transaction, why) in [
            (serde_json::json!({"summary": "Pay\u{202e}RUE 1"}), "invisible"),
            (serde_json::json!({"summary": "Pay\u{200b}"}), "invisible"),
            (serde_json::json!({"summary": "Pay\nTo: Ana"}), "line breaks"),
            (serde_json::json!({"summary": ""}), "empty"),
            (serde_json::json!({"summary": "x".repeat(201)}), "200"),
            (serde_json::json!({"summary": "Pay", "details": [detail, detail]}), "same name"),
            (serde_json::json!({"summary": "Pay", "details": [{"name": "To", "value": "x".repeat(201)}]}), "200"),
            (serde_json::json!({"summary": "Pay", "extra": 1}), "unknown field"),
        ] {
            let refusal = read(transaction.clone()).unwrap_err();
            assert!(refusal.contains(why), "{transaction}: {refusal}");
        }
        let details: Vec<_> = (0..26).map(|n| serde_json::json!({"name": n.to_string(), "value": "x"})).collect();
        assert!(read(serde_json::json!({"summary": "Pay", "details": details})).unwrap_err().contains("25"));
    }

    #[test]
    fn what_is_hashed_tells_transactions_apart() {
        let one = read(serde_json::json!({"summary": "a", "details": [{"name": "b", "value": "c"}]})).unwrap();
        let two = read(serde_json::json!({"summary": "a", "details": [{"name": "bc", "value": "x"}]})).unwrap();
        assert_ne!(one.frame().as_bytes(), two.frame().as_bytes());
    }
}
