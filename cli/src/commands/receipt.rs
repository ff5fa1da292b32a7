//! `symbolon receipt verify`

use std::io::Read;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use symbolon_core::approval::{ChallengeId, Factor, JudgedAttestation, Receipt, Request};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::KeyHash;
use symbolon_core::text::Name;

use crate::failure::Failure;
use crate::output::{self, Format};

/// No receipt is longer, in bytes.
const LONGEST: u64 = 1024 * 1024;

#[derive(Serialize)]
struct Verified {
    valid: bool,
    id: ChallengeId,
    user: Name,
    serial: SerialNumber,
    factors: Vec<Factor>,
    time: Timestamp,
    request: Request,
    identity: KeyHash,
    identity_expected: bool,
    device_key: KeyHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    attestation: Option<JudgedAttestation>,
}

/// Checks a receipt and shows what it proves.
pub(crate) fn verify(file: &Path, identity: Option<&KeyHash>, format: Format) -> Result<(), Failure> {
    let text = read(file).map_err(|error| Failure::input(format!("{}: {error}", file.display())))?;
    let none = |error: serde_json::Error| Failure::input(format!("{} is no receipt: {error}", file.display()));
    // The whole answer of the API holds it as a member.
    let mut given: Value = serde_json::from_str(&text).map_err(none)?;
    let receipt = given.get_mut("receipt").map(Value::take).unwrap_or(given);
    let receipt: Receipt = serde_json::from_value(receipt).map_err(none)?;
    let proof = receipt.verify(identity).map_err(|error| Failure::refused(error.to_string()))?;
    if identity.is_none() {
        output::note("To check whose server it is, give the hash of its identity key with --identity.");
    }
    let verified = Verified {
        valid: true,
        id: proof.statement.id,
        user: proof.statement.user,
        serial: proof.statement.serial,
        factors: proof.statement.factors,
        time: proof.statement.time,
        request: proof.request,
        identity: receipt.identity_key.hash(),
        identity_expected: identity.is_some(),
        device_key: receipt.device_key.hash(),
        attestation: proof.statement.attestation,
    };
    format.result(&verified, |verified| {
        let what = verified.request.transaction.as_ref().map_or_else(|| "a sign-in".into(), super::respond::shown);
        let found = if verified.identity_expected {
            "The receipt is genuine."
        } else {
            "The receipt's signatures fit together. Whose server has signed it was not checked."
        };
        format!(
            "{found}\n{} confirmed with token {} on {}, for {}:\n{what}",
            verified.user, verified.serial, verified.time, verified.request.application
        )
    });
    Ok(())
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().take(LONGEST).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.take(LONGEST).read_to_string(&mut text)?;
    }
    Ok(text)
}
