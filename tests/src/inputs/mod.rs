//! Every input whose bytes somebody else chooses: what reads it, what must hold of whatever is read, and good examples to
//! begin from. `tests/inputs.rs` reads changed examples in each run of the tests; `fuzz/` looks on for as long as one likes.

mod examples;

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use symbolon_core::access::{AccessRequest, Assertion};
use symbolon_core::activation::offline::OfflineTicket;
use symbolon_core::activation::online::server::Opening;
use symbolon_core::activation::online::{
    Binding, ConfirmRequest, Confirmation, Device, FinishReply, FinishRequest, Registration, StartReply, StartRequest,
};
use symbolon_core::activation::{ServerAddress, Ticket};
use symbolon_core::approval::offline::OfflineRequest;
use symbolon_core::approval::{self, Receipt};
use symbolon_core::contact;
use symbolon_core::moving;
use symbolon_core::otp::{Code, OcraSuite};
use symbolon_core::policy::{OldestPatchLevel, PhonePolicy, PolicyPatch};
use symbolon_core::secret::SecretBytes;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{self, PublicKey, Signed, SigningKey};
use symbolon_core::vault::{SealedVault, Tries, UnlockChallenge, UnlockCode};
use symbolon_server::attestation::apple::{self, Environment};
use symbolon_server::attestation::{Platform, RevocationList, Roots, android};
use symbolon_server::service::import::{self, Credential, Format};

/// An input.
pub struct Input {
    /// What it is called.
    pub name: &'static str,
    /// Reads it, and panics when something does not hold of what was read.
    pub read: fn(&[u8]),
    /// Good ones, and such as others have made (`SYMBOLON_TESTDATA`).
    pub examples: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub static INPUTS: [Input; 20] = [
    Input { name: "android-key-attestation", read: key_attestation, examples: examples::key_attestations },
    Input { name: "android-key-description", read: key_description, examples: examples::key_descriptions },
    Input { name: "app-attest-attestation", read: app_attest, examples: examples::app_attests },
    Input { name: "app-attest-assertion", read: assertion, examples: examples::assertions },
    Input { name: "revocation-list", read: revocation_list, examples: examples::revocation_lists },
    Input { name: "ticket", read: ticket, examples: || examples::texts("symbolon://activate") },
    Input { name: "offline-ticket", read: offline_ticket, examples: || examples::texts("symbolon://offline") },
    Input { name: "offline-approval", read: offline_approval, examples: || examples::texts("symbolon://approve") },
    Input { name: "typed", read: typed, examples: examples::typed },
    Input { name: "ocra-suite", read: ocra_suite, examples: || examples::texts("OCRA-1") },
    Input { name: "message", read: message, examples: examples::messages },
    Input { name: "signed-object", read: signed_object, examples: || examples::texts("eyJ") },
    Input { name: "signed-payload", read: signed_payload, examples: examples::payloads },
    Input { name: "receipt", read: receipt, examples: examples::receipts },
    Input { name: "policy", read: policy, examples: examples::policies },
    Input { name: "vault", read: vault, examples: examples::vaults },
    Input { name: "import-csv", read: |bytes| imported(Format::Csv, bytes), examples: examples::csv },
    Input { name: "import-otpauth", read: |bytes| imported(Format::Otpauth, bytes), examples: examples::otpauth },
    Input { name: "import-pskc", read: |bytes| imported(Format::Pskc, bytes), examples: examples::pskc },
    Input { name: "import-users", read: users, examples: examples::users },
];

/// A key that no input knows.
fn stranger() -> &'static PublicKey {
    static KEY: LazyLock<PublicKey> = LazyLock::new(|| SigningKey::generate(&mut rand_core::OsRng).public_key());
    &KEY
}

fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

/// What is written is read again as the same.
#[track_caller]
fn reads_again<T: Serialize + DeserializeOwned + PartialEq>(value: &T) {
    let written = serde_json::to_vec(value).unwrap();
    assert!(serde_json::from_slice::<T>(&written).unwrap() == *value, "{}", String::from_utf8_lossy(&written));
}

fn json<T: Serialize + DeserializeOwned + PartialEq>(bytes: &[u8]) -> Option<T> {
    let read = serde_json::from_slice(bytes).ok()?;
    reads_again(&read);
    Some(read)
}

fn key_attestation(bytes: &[u8]) {
    static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::android);
    // It can be of one platform at most.
    let platform = Platform::of(bytes);
    let Ok(statement) = android::Statement::read(bytes) else { return };
    assert_eq!(platform, Ok(Platform::Android));
    for allow in [false, true] {
        let expected = android::Expected {
            roots: &ROOTS,
            revoked: None,
            time: now(),
            challenge: b"challenge",
            key: None,
            apps: &[],
            allow_software: allow,
            allow_unsecure_device: allow,
            oldest_patch_level: OldestPatchLevel::ANY,
        };
        // No real device has stated this challenge, and nobody else can.
        assert!(allow || statement.judge(&expected).is_err());
        drop(statement.judge(&expected));
    }
}

fn key_description(bytes: &[u8]) {
    let Ok(description) = android::KeyDescription::read(bytes) else { return };
    let _ = (description.security_level(), description.origin(), description.purposes());
    let _ = (description.root_of_trust(), description.os_patch_level(), description.application_id());
}

fn app_attest(bytes: &[u8]) {
    static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::apple);
    let platform = Platform::of(bytes);
    let Ok(statement) = apple::Statement::read(bytes) else { return };
    assert_eq!(platform, Ok(Platform::Ios));
    let expected = apple::Expected {
        roots: &ROOTS,
        time: now(),
        client_data_hash: &[5; 32],
        key_id: None,
        apps: &[],
        environment: Some(Environment::Production),
    };
    assert!(statement.judge(&expected).is_err());
}

fn assertion(bytes: &[u8]) {
    let Ok(assertion) = apple::Assertion::read(bytes) else { return };
    assert!(assertion.judge(stranger().to_sec1().as_slice(), &[6; 32], &[], 0).is_err());
}

fn revocation_list(bytes: &[u8]) {
    if let Ok(list) = RevocationList::read(bytes) {
        assert!(!list.is_empty() || list.find("0").is_none());
    }
}

fn ticket(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(address) = text.parse::<ServerAddress>() {
        assert_eq!(address.to_string().parse().as_ref(), Ok(&address));
    }
    if let Ok(ticket) = text.parse::<Ticket>() {
        assert!(ticket.link().parse::<Ticket>().is_ok_and(|again| again == ticket), "{text}");
    }
}

fn offline_ticket(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(ticket) = text.parse::<OfflineTicket>() {
        assert!(ticket.text().parse::<OfflineTicket>().is_ok_and(|again| again == ticket), "{text}");
    }
}

fn offline_approval(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(request) = text.parse::<OfflineRequest>()
        && let Ok(written) = request.qr()
    {
        assert_eq!(written.parse(), Ok(request));
    }
}

fn typed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(serial) = text.parse::<SerialNumber>() {
        assert_eq!(serial.to_string().parse(), Ok(serial));
        let _ = UnlockChallenge::parse(text, serial);
    }
    let _ = text.parse::<Code>();
    let _ = text.parse::<UnlockCode>();
    let _ = text.parse::<moving::ComparisonCode>();
    let _ = UnlockChallenge::parse(text, "12345-67890".parse().unwrap());
    let _ = Ticket::from_typed(text, "12345-67890", "1234567890123456");
    let _ = Ticket::from_typed("symbolon.example", "12345-67890", text);
}

fn ocra_suite(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(suite) = text.parse::<OcraSuite>() {
        assert_eq!(suite.to_string().parse(), Ok(suite));
    }
}

fn message(bytes: &[u8]) {
    if let Some(request) = json::<StartRequest>(bytes) {
        let _ = Opening::read(&request).map(drop);
    }
    json::<StartReply>(bytes);
    json::<FinishRequest>(bytes);
    json::<FinishReply>(bytes);
    json::<ConfirmRequest>(bytes);
    json::<Device>(bytes);
    json::<Registration>(bytes);
    json::<contact::ContactRequest>(bytes);
    json::<AccessRequest>(bytes);
    json::<moving::AskRequest>(bytes);
    json::<moving::ConsentRequest>(bytes);
}

fn signed_object(bytes: &[u8]) {
    fn refused<T: Signed>(text: &str) {
        assert!(signed::verify::<T>(text, stranger()).is_err(), "{text}");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    refused::<contact::Question>(text);
    refused::<Binding>(text);
    refused::<Confirmation>(text);
    refused::<Assertion>(text);
    refused::<approval::Request>(text);
    refused::<approval::Answer>(text);
    refused::<approval::Statement>(text);
    refused::<moving::Ask>(text);
}

/// What is looked at once a signature was right: whoever has a device can sign anything with its key.
fn signed_payload(bytes: &[u8]) {
    json::<contact::Question>(bytes);
    json::<contact::Answer>(bytes);
    json::<Binding>(bytes);
    json::<Confirmation>(bytes);
    json::<Assertion>(bytes);
    json::<approval::Request>(bytes);
    json::<approval::Answer>(bytes);
    json::<approval::Statement>(bytes);
    json::<moving::Ask>(bytes);
    json::<moving::Offer>(bytes);
    json::<moving::Look>(bytes);
    json::<moving::View>(bytes);
    json::<moving::Consent>(bytes);
    json::<moving::Cancel>(bytes);
}

fn receipt(bytes: &[u8]) {
    if let Some(receipt) = json::<Receipt>(bytes) {
        assert!(receipt.verify(Some(&stranger().hash())).is_err());
        let _ = receipt.verify(None);
    }
}

fn policy(bytes: &[u8]) {
    json::<PolicyPatch>(bytes);
    json::<PhonePolicy>(bytes);
    // And as a command sets it.
    if let Some((key, value)) = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once('=')) {
        let mut patch = PolicyPatch::default();
        if patch.set(key, value).is_ok() {
            reads_again(&patch);
        }
    }
}

fn vault(bytes: &[u8]) {
    if let Ok(vault) = SealedVault::parse(bytes) {
        let _ = (vault.header(), vault.pin_length(), vault.unlock_challenge());
        let _ = vault.open_with_device(&SecretBytes::take(vec![0; 32])).map(drop);
    }
    let tries = Tries::parse(bytes);
    assert_eq!(Tries::parse(&tries.to_file()), tries);
}

fn imported(format: Format, bytes: &[u8]) {
    let credential = Credential::Password(SecretBytes::from_slice(b"qwerty"));
    let credentials = [None, Some(credential).filter(|_| format == Format::Pskc)];
    for credential in &credentials {
        let _ = import::examine(format, bytes, credential.as_ref(), now());
    }
}

fn users(bytes: &[u8]) {
    let _ = import::examine_users(bytes);
}
