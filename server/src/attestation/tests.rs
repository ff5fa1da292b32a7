//! What others' phones have stated (`SYMBOLON_TESTDATA`), judged as their publishers judge it.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use jiff::Timestamp;
use serde_json::Value;
use symbolon_core::keys::sha256;
use symbolon_core::policy::OldestPatchLevel;
use x509_parser::pem::Pem;

use super::android::{self, SecurityLevel};
use super::apple;
use super::{Refusal, RevocationList, Roots, Status};

/// The folder, or nothing where it is not on this machine.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is told what was left out")]
fn folder(test: &str, name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/testdata");
    let folder = std::env::var_os("SYMBOLON_TESTDATA").map_or_else(beside, PathBuf::from).join(name);
    if !folder.is_dir() {
        eprintln!("SKIPPED {test}: there is no testdata/{name}; say where with SYMBOLON_TESTDATA");
        return None;
    }
    Some(folder)
}

fn chain(path: &Path) -> Vec<u8> {
    let text = std::fs::read(path).unwrap();
    Pem::iter_from_buffer(&text).flat_map(|pem| pem.unwrap().contents).collect()
}

fn expected<'a>(roots: &'a Roots, challenge: &'a [u8], time: Timestamp) -> android::Expected<'a> {
    android::Expected {
        roots,
        revoked: None,
        time,
        challenge,
        key: None,
        apps: &[],
        allow_software: false,
        allow_unsecure_device: true,
        oldest_patch_level: OldestPatchLevel::ANY,
    }
}

/// Long after all of them.
fn late() -> Timestamp {
    "2040-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn chains_of_real_devices_are_judged_as_their_publisher_says() {
    let Some(folder) = folder("real Android chains", "android-keyattestation") else { return };
    let roots = Roots::android();
    let mut seen = 0;
    let devices = std::fs::read_dir(folder.join("testdata")).unwrap().flatten().filter(|entry| entry.path().is_dir());
    let releases = devices.flat_map(|device| std::fs::read_dir(device.path()).unwrap().flatten());
    let files =
        releases.filter(|entry| entry.path().is_dir()).flat_map(|entry| std::fs::read_dir(entry.path()).unwrap());
    for path in files.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "pem")) {
        let json: Value = serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
        let number = |value: &Value| value.as_str().map(|text| text.parse::<u64>().unwrap());
        let created = number(&json["softwareEnforced"]["creationDateTime"]).unwrap();
        let time = Timestamp::from_millisecond(created.cast_signed()).unwrap();
        let challenge = BASE64.decode(json["attestationChallenge"].as_str().unwrap().as_bytes()).unwrap();
        let statement = android::Statement::read(&chain(&path)).unwrap();

        let what = path.display();
        let is_software = json["attestationSecurityLevel"] == "SOFTWARE";
        let judged = statement.judge(&expected(&roots, &challenge, time)).map(drop);
        match is_software {
            true => assert!(matches!(judged, Err(Refusal::SoftwareKey(_))), "{what}: {judged:?}"),
            false => assert_eq!(judged, Ok(()), "{what}"),
        }
        let lenient = android::Expected { allow_software: true, ..expected(&roots, &challenge, time) };
        let provisioning = statement.judge(&lenient).unwrap().provisioning;
        let judged = statement.judge(&android::Expected { time: late(), ..lenient }).map(drop);
        match provisioning {
            android::Provisioning::Remote => assert!(matches!(judged, Err(Refusal::Expired { .. })), "{what}"),
            _ => assert_eq!(judged, Ok(()), "{what}: a factory's certificates do not expire"),
        }
        let judged = statement.judge(&expected(&roots, b"another", time)).unwrap_err();
        assert_eq!(judged, Refusal::WrongChallenge, "{what}");

        // What the statement says, as the publisher's own parser reads it.
        let description = statement.description().unwrap();
        let root = &json["hardwareEnforced"]["rootOfTrust"];
        assert_eq!(Some(description.attestation_version), number(&json["attestationVersion"]), "{what}");
        assert_eq!(Some(description.keymint_version), number(&json["keyMintVersion"]), "{what}");
        assert_eq!(
            description.root_of_trust().map(|root| root.device_locked),
            root["deviceLocked"].as_bool(),
            "{what}"
        );
        assert_eq!(
            description.root_of_trust().map(|root| BASE64.encode(&root.verified_boot_key)),
            root["verifiedBootKey"].as_str().map(str::to_owned)
        );
        assert_eq!(description.hardware.os_patch_level, number(&json["hardwareEnforced"]["osPatchLevel"]), "{what}");
        assert_eq!(description.hardware.key_size, number(&json["hardwareEnforced"]["keySize"]), "{what}");
        let packages = &description.application_id().unwrap().packages;
        assert_eq!(
            Some(packages[0].name.as_str()),
            json["softwareEnforced"]["attestationApplicationId"]["packages"][0]["name"].as_str()
        );
        seen += 1;
    }
    assert!(seen >= 11, "{seen}");
}

#[test]
fn what_makers_shipped_in_another_form_than_der_is_read() {
    let Some(folder) = folder("chains that are not DER", "android-keyattestation") else { return };
    let locked = chain(&folder.join("testdata/invalid/malformed_rot_device_locked.pem"));
    let statement = android::Statement::read(&locked).unwrap();
    assert!(statement.description().unwrap().root_of_trust().unwrap().device_locked);
    let lone = android::Statement::read(&chain(&folder.join("testdata/allow_while_on_body.pem"))).unwrap();
    assert!(lone.description().is_some());
    let roots = Roots::android();
    assert_eq!(lone.judge(&expected(&roots, b"", late())).unwrap_err(), Refusal::UnknownRoot);
}

#[test]
fn older_chains_are_judged_by_their_signatures() {
    let Some(folder) = folder("older Android chains", "google-android-key-attestation") else { return };
    let mut roots = Roots::android();
    let read = |name: &str| android::Statement::read(&chain(&folder.join(name))).unwrap();
    let rsa = read("algorithm_RSA_SecurityLevel_TEE.pem");
    assert_eq!(rsa.judge(&expected(&roots, b"abc", late())).map(drop), Ok(()));
    assert_eq!(rsa.description().unwrap().security_level(), SecurityLevel::TrustedEnvironment);

    // It ends at a root that Google does not publish, and the names in it do not chain.
    let ec = read("algorithm_EC_SecurityLevel_StrongBox.pem");
    assert_eq!(ec.judge(&expected(&roots, b"abc", late())).unwrap_err(), Refusal::UnknownRoot);
    let text = std::fs::read_to_string(folder.join("algorithm_EC_SecurityLevel_StrongBox.pem")).unwrap();
    let (_, last) = text.trim_end().rsplit_once("-----BEGIN").unwrap();
    roots.add(&format!("-----BEGIN{last}\n"), "the chain's own").unwrap();
    assert_eq!(ec.judge(&expected(&roots, b"abc", late())).map(drop), Ok(()));
    assert_eq!(ec.description().unwrap().security_level(), SecurityLevel::StrongBox);
}

#[test]
fn the_revocation_list_is_read_as_it_is_served() {
    let Some(folder) = folder("the revocation list", "google-android-key-attestation") else { return };
    let list = RevocationList::read(&std::fs::read(folder.join("status.json")).unwrap()).unwrap();
    assert!(!list.is_empty());
    let suspended = android::Statement::read(&chain(&folder.join("suspended_cert.pem"))).unwrap();
    assert_eq!(list.find(&suspended.chain()[0].serial).unwrap().status, Status::Suspended);
    let roots = Roots::android();
    let judged = suspended.judge(&android::Expected { revoked: Some(&list), ..expected(&roots, b"", late()) });
    assert_eq!(judged.unwrap_err().name(), "suspended");
}

/// A field of one of the documents, which are flat.
fn field(document: &str, name: &str) -> String {
    let line = document.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap().trim_matches('\'').to_owned()
}

#[test]
fn statements_and_assertions_of_real_iphones_are_believed() {
    let Some(folder) = folder("App Attest", "apple-appattest") else { return };
    let roots = Roots::apple();
    let mut seen = 0;
    for path in std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let documents: Vec<&str> = text.split("\n---").collect();
        let find = |kind: &str| *documents.iter().find(|document| field(document, "type") == kind).unwrap();
        let bytes = |document: &str, name: &str| BASE64.decode(field(document, name).as_bytes()).unwrap();

        let document = find("attestation");
        let statement = apple::Statement::read(&bytes(document, "attestationBase64")).unwrap();
        let app = format!("{}.{}", field(document, "teamIdentifier"), field(document, "bundleIdentifier"));
        let apps = [app.parse().unwrap()];
        let (hash, key_id) = (sha256(&bytes(document, "clientDataBase64")), bytes(document, "keyIdBase64"));
        let expected = apple::Expected {
            roots: &roots,
            time: field(document, "timestamp").parse().unwrap(),
            client_data_hash: &hash,
            key_id: Some(&key_id),
            apps: &apps,
            environment: Some(apple::Environment::Development),
        };
        assert_eq!(statement.judge(&expected).map(drop), Ok(()), "{}", path.display());
        let name = |expected: apple::Expected<'_>| statement.judge(&expected).unwrap_err().name();
        assert_eq!(name(apple::Expected { client_data_hash: &[0; 32], ..expected }), "wrong_nonce");
        assert_eq!(name(apple::Expected { key_id: Some(&[0; 32]), ..expected }), "wrong_key_id");
        assert_eq!(name(apple::Expected { time: late(), ..expected }), "expired");
        let production = Some(apple::Environment::Production);
        assert_eq!(name(apple::Expected { environment: production, ..expected }), "wrong_environment");
        let other = ["AAAAAAAAAA.org.example".parse().unwrap()];
        assert_eq!(name(apple::Expected { apps: &other, ..expected }), "wrong_app");

        let document = find("assertion");
        let assertion = apple::Assertion::read(&bytes(document, "assertionBase64")).unwrap();
        let hash = sha256(&bytes(document, "clientDataBase64"));
        assert_eq!(assertion.counter().to_string(), field(document, "counter"));
        assert_eq!(assertion.judge(statement.point(), &hash, &apps, 0), Ok(()));
        assert_eq!(assertion.judge(statement.point(), &hash, &apps, 1).unwrap_err().name(), "wrong_counter");
        assert_eq!(assertion.judge(statement.point(), &[0; 32], &apps, 0).unwrap_err().name(), "wrong_assertion");
        seen += 1;
    }
    assert_eq!(seen, 3);
}
