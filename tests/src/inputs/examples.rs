//! Good examples of each input: from the vectors of the protocol, from simulated hardware, and of others where they lie.

use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use symbolon_core::keys::sha256;
use symbolon_core::policy::Policy;
use symbolon_core::signed::SigningKey;

use crate::hardware::{AndroidMaker, AppleClaim, AppleMaker, Claim, describe};

/// Those of a folder of `SYMBOLON_TESTDATA`; none where it is not on this machine.
fn of_others(folder: &str, extension: &str) -> Vec<Vec<u8>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/testdata");
    let mut folders = vec![std::env::var_os("SYMBOLON_TESTDATA").map_or_else(beside, PathBuf::from).join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|has| has == extension) {
                found.push(path);
            }
        }
    }
    // Directories have no order of their own.
    found.sort();
    found.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Every text in the vectors.
fn vectors() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/vectors");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut values: Vec<Value> =
        files.iter().map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect();
    let mut texts = Vec::new();
    while let Some(value) = values.pop() {
        match value {
            Value::String(text) => texts.push(text),
            Value::Array(list) => values.extend(list),
            Value::Object(map) => {
                // A message or a receipt is an object of its own.
                texts.push(Value::Object(map.clone()).to_string());
                values.extend(map.into_iter().map(|(_, value)| value));
            }
            _ => {}
        }
    }
    texts
}

/// The texts in the vectors that begin so.
pub(super) fn texts(beginning: &str) -> Vec<Vec<u8>> {
    let fits = |text: &String| text.trim_start().starts_with(beginning);
    vectors().into_iter().filter(fits).map(String::into_bytes).collect()
}

/// The objects in the vectors that have all these members.
fn objects(members: &[&str]) -> Vec<Vec<u8>> {
    let fits = |text: &Vec<u8>| {
        let value: Value = serde_json::from_slice(text).unwrap_or_default();
        members.iter().all(|member| value.get(member).is_some())
    };
    texts("{").into_iter().filter(fits).collect()
}

pub(super) fn key_attestations() -> Vec<Vec<u8>> {
    let (maker, key) = (AndroidMaker::new(), SigningKey::generate(&mut rand_core::OsRng).public_key());
    let claims = [
        Claim::default(),
        Claim { is_of_factory: true, ..Claim::default() },
        Claim { has_root_of_trust: false, ..Claim::default() },
    ];
    let mut examples: Vec<Vec<u8>> = claims.iter().map(|claim| maker.attest(&key, claim)).collect();
    for folder in ["android-keyattestation", "google-android-key-attestation"] {
        for pem in of_others(folder, "pem") {
            let text = String::from_utf8(pem).unwrap();
            let parts = text.split("-----BEGIN CERTIFICATE-----").skip(1);
            let base64 =
                parts.filter_map(|part| Some(part.split_once("-----")?.0.split_whitespace().collect::<String>()));
            examples.push(base64.filter_map(|base64| BASE64.decode(base64.as_bytes()).ok()).flatten().collect());
        }
    }
    examples
}

pub(super) fn key_descriptions() -> Vec<Vec<u8>> {
    vec![describe(&Claim::default()), describe(&Claim { has_root_of_trust: false, package: None, ..Claim::default() })]
}

/// What a line of a flat document of App Attest holds.
fn lines(name: &str) -> Vec<Vec<u8>> {
    let documents = of_others("apple-appattest", "yaml").into_iter().map(|text| String::from_utf8(text).unwrap());
    let found = documents.flat_map(|text| {
        let values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.filter_map(|value| BASE64.decode(value.trim_matches('\'').as_bytes()).ok()).collect::<Vec<_>>()
    });
    found.collect()
}

pub(super) fn app_attests() -> Vec<Vec<u8>> {
    let mut examples = vec![AppleMaker::new().attest(&[5; 32], &AppleClaim::default()).0];
    examples.extend(lines("attestationBase64"));
    examples
}

pub(super) fn assertions() -> Vec<Vec<u8>> {
    let attested = AppleMaker::new().attest(&[5; 32], &AppleClaim::default()).1;
    let mut examples = vec![attested.assert("TEAM123456.org.example.app", &sha256(b"client data"), 3)];
    examples.extend(lines("assertionBase64"));
    examples
}

pub(super) fn revocation_lists() -> Vec<Vec<u8>> {
    let list = json!({"entries": {
        "0badc0de": {"status": "REVOKED", "reason": "KEY_COMPROMISE"},
        "6681152659205225093": {"status": "SUSPENDED", "expires": "2040-01-01", "comment": "x"},
    }});
    let mut examples = vec![list.to_string().into_bytes()];
    examples.extend(of_others("google-android-key-attestation", "json"));
    examples
}

pub(super) fn typed() -> Vec<Vec<u8>> {
    let texts = [
        "12345-67890",
        "1234 5678",
        "1234-5678-9012-3456",
        "symbolon.example:8443",
        "0-4821-9043",
        "ABCD-EFGH-JKMN-PQRS",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(super) fn messages() -> Vec<Vec<u8>> {
    let messages =
        ["ke1", "ke2", "ke3", "sealed", "confirmation", "description", "policy_version", "question", "assertion"];
    messages.iter().flat_map(|member| objects(&[member])).collect()
}

/// The payloads of all signed objects.
pub(super) fn payloads() -> Vec<Vec<u8>> {
    let payload = |jws: Vec<u8>| BASE64URL_NOPAD.decode(jws.split(|byte| *byte == b'.').nth(1)?).ok();
    let mut payloads: Vec<Vec<u8>> = texts("eyJ").into_iter().filter_map(payload).collect();
    payloads.extend(objects(&["aud"]));
    payloads
}

pub(super) fn receipts() -> Vec<Vec<u8>> {
    objects(&["statement", "identity_key", "device_key", "version"])
}

pub(super) fn policies() -> Vec<Vec<u8>> {
    let policy = serde_json::to_vec(&Policy::default()).unwrap();
    let mut examples = vec![policy, b"android_apps=org.example.app/00".to_vec(), b"lockout_time=900".to_vec()];
    examples.push(b"email_activation_methods=online,classic".to_vec());
    examples.push(b"oldest_patch_level=2026-08".to_vec());
    examples.extend(objects(&["pin_tries"]));
    examples
}

pub(super) fn vaults() -> Vec<Vec<u8>> {
    let files = texts("01000").into_iter().filter_map(|text| HEXLOWER.decode(&text).ok());
    files.filter(|file| file.len() > 100).collect()
}

pub(super) fn csv() -> Vec<Vec<u8>> {
    let lines = "user,serial,secret_hex,type,algorithm,digits,period_or_counter\n\
                 alice,GAKT00000001,3132333435363738393031323334353637383930,totp,sha1,6,30\n\
                 \"O'Hara, bob\",\"X\"\"1\",3132333435363738393031323334353637383930,hotp,sha256,8,7\n";
    vec![lines.as_bytes().to_vec(), [b"\xef\xbb\xbf", lines.as_bytes()].concat()]
}

pub(super) fn otpauth() -> Vec<Vec<u8>> {
    let lines = "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example&digits=6&period=30\n\
                 otpauth://hotp/bob?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA256&counter=3\n";
    vec![lines.as_bytes().to_vec()]
}

pub(super) fn pskc() -> Vec<Vec<u8>> {
    let container = r#"<?xml version="1.0"?><KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">
<KeyPackage><DeviceInfo><SerialNo>9876</SerialNo></DeviceInfo><Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp">
<AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters><Data>
<Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret><TimeInterval><PlainValue>30</PlainValue></TimeInterval>
</Data><UserId>CN=alice,O=Example</UserId></Key></KeyPackage></KeyContainer>"#;
    let mut examples = vec![container.as_bytes().to_vec()];
    for extension in ["pskc", "xml", "pskcxml"] {
        examples.extend(of_others("pskc", extension));
    }
    examples
}

pub(super) fn users() -> Vec<Vec<u8>> {
    vec![b"name,email,group\nalice,alice@example.org,staff\n\"bob, jr.\",,\n".to_vec()]
}
