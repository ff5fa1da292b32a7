//! What simulated hardware states, good and bad in one thing each: every rule has a statement that only it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in tests a surprise ends the test"
)]

use jiff::Timestamp;
use proptest::prelude::*;
use rand_core::OsRng;
use symbolon_core::keys::sha256;
use symbolon_core::policy::OldestPatchLevel;
use symbolon_core::signed::{PublicKey, SigningKey};
use symbolon_server::attestation::android::{self, AcceptedApp};
use symbolon_server::attestation::apple::{self, Environment};
use symbolon_server::attestation::{RevocationList, Root, Roots};
use symbolon_tests::hardware::{AndroidMaker, AppleClaim, AppleMaker, Claim, RsaKey};

fn time(year: i32) -> Timestamp {
    format!("{year}-06-01T00:00:00Z").parse().unwrap()
}

fn android_roots(maker: &AndroidMaker) -> Roots {
    let mut roots = Roots::android();
    roots.add(&maker.root_pem(), "simulated").unwrap();
    roots
}

fn key() -> PublicKey {
    SigningKey::generate(&mut OsRng).public_key()
}

/// What is expected of the good claim.
struct Rules {
    roots: Roots,
    revoked: RevocationList,
    point: Vec<u8>,
    oldest: OldestPatchLevel,
    allows_software: bool,
    year: i32,
}

impl Rules {
    fn judge(&self, statement: &[u8]) -> Result<(), String> {
        let app = AcceptedApp { package: Some("org.example.app"), signer: Some(&[7; 32]) };
        let expected = android::Expected {
            roots: &self.roots,
            revoked: Some(&self.revoked),
            time: time(self.year),
            challenge: b"challenge",
            key: Some(&self.point),
            apps: &[app],
            allow_software: self.allows_software,
            allow_unsecure_device: false,
            oldest_patch_level: self.oldest,
        };
        let judged = android::Statement::read(statement).and_then(|read| read.judge(&expected).map(drop));
        judged.map_err(|refusal| refusal.name().to_owned())
    }
}

fn rules(maker: &AndroidMaker, key: &PublicKey) -> Rules {
    Rules {
        roots: android_roots(maker),
        revoked: RevocationList::read(
            br#"{"entries": {"badc0de1": {"status": "REVOKED", "reason": "KEY_COMPROMISE"},
            "5BADC0DE": {"status": "SUSPENDED"}, "006badc0de": {"status": "SOMETHING_NEW", "comment": "x"}}}"#,
        )
        .unwrap(),
        point: key.to_sec1().as_slice().to_vec(),
        oldest: "2026-08".parse().unwrap(),
        allows_software: false,
        year: 2026,
    }
}

/// A change of a claim, by what it makes bad.
type Change = fn(&mut Claim);

#[test]
fn every_rule_of_android_refuses_a_statement_that_only_it_refuses() {
    let (maker, key) = (AndroidMaker::new(), key());
    let rules = rules(&maker, &key);
    let judge = |change: Change| {
        let mut claim = Claim::default();
        change(&mut claim);
        rules.judge(&maker.attest(&key, &claim))
    };
    let good: [(&str, Change); 10] = [
        ("as it is", |_| ()),
        ("in StrongBox", |claim| (claim.attestation_level, claim.keymint_level) = (2, 2)),
        ("from the factory", |claim| claim.is_of_factory = true),
        ("from the factory, expired", |claim| (claim.is_of_factory, claim.years) = (true, (2016, 2020))),
        ("without the root", |claim| claim.has_root = false),
        ("it verifies too", |claim| claim.purposes = vec![2, 3]),
        ("below an authority that allows one more", |claim| claim.path_length = Some(1)),
        ("newer patches", |claim| claim.patch_level = Some(202_701)),
        ("the first version", |claim| claim.version = 1),
        ("a version to come", |claim| claim.version = 900),
    ];
    for (what, change) in good {
        assert_eq!(judge(change), Ok(()), "{what}");
    }
    let bad: [(&str, Change); 28] = [
        ("wrong_challenge", |claim| claim.challenge = b"another".to_vec()),
        ("wrong_challenge", |claim| claim.challenge.clear()),
        ("software_key", |claim| claim.attestation_level = 0),
        ("software_key", |claim| claim.keymint_level = 0),
        ("malformed", |claim| claim.keymint_level = 3),
        ("wrong_purpose", |claim| claim.purposes = vec![3]),
        ("wrong_purpose", |claim| claim.purposes = vec![2, 7]),
        ("wrong_origin", |claim| claim.origin = 2),
        ("wrong_origin", |claim| claim.origin = 4),
        ("no_root_of_trust", |claim| claim.has_root_of_trust = false),
        ("unlocked_boot_loader", |claim| claim.is_locked = false),
        ("unverified_boot", |claim| claim.verified_boot = 1),
        ("unverified_boot", |claim| claim.verified_boot = 2),
        ("unverified_boot", |claim| claim.verified_boot = 3),
        ("old_patch_level", |claim| claim.patch_level = Some(202_607)),
        ("old_patch_level", |claim| claim.patch_level = None),
        ("wrong_app", |claim| claim.package = Some("org.example.other".into())),
        ("wrong_app", |claim| claim.package = None),
        ("wrong_app", |claim| claim.signer = [8; 32]),
        ("no_key_description", |claim| claim.leaf_describes = false),
        ("malformed", |claim| claim.leaf_describes_twice = true),
        ("key_description_elsewhere", |claim| claim.authority_describes = true),
        ("not_an_authority", |claim| claim.authority_may_sign = false),
        ("not_an_authority", |claim| claim.authority_is_for_certificates = false),
        ("not_an_authority", |claim| claim.path_length = Some(0)),
        ("bad_signature", |claim| claim.is_forged = true),
        ("expired", |claim| claim.years = (2020, 2026)),
        ("not_yet_valid", |claim| claim.years = (2027, 2040)),
    ];
    for (rule, change) in bad {
        assert_eq!(judge(change), Err(rule.to_owned()));
    }
    let revoked: [(&str, Change); 3] = [
        ("revoked", |claim| claim.serial = [0xba, 0xdc, 0x0d, 0xe1]),
        ("suspended", |claim| claim.serial = [0x5b, 0xad, 0xc0, 0xde]),
        ("revoked", |claim| claim.serial = [0x6b, 0xad, 0xc0, 0xde]),
    ];
    for (rule, change) in revoked {
        assert_eq!(judge(change), Err(rule.to_owned()));
    }
}

#[test]
fn a_statement_of_another_maker_or_another_key_is_refused() {
    let (maker, key) = (AndroidMaker::new(), key());
    let rules = rules(&maker, &key);
    let other = AndroidMaker::new().attest(&key, &Claim::default());
    assert_eq!(rules.judge(&other), Err("unknown_root".into()));
    assert_eq!(rules.judge(&maker.attest(&self::key(), &Claim::default())), Err("wrong_key".into()));

    // Whoever owns a phone appends a leaf that an attested key has signed.
    let good = maker.attest(&key, &Claim::default());
    let appended = [good.as_slice(), &good].concat();
    assert!(rules.judge(&appended).is_err());
    // Nor does it help to append more than any chain has.
    assert_eq!(rules.judge(&good.repeat(3)), Err("malformed".into()));
    // Certificates after the root prove nothing.
    assert_eq!(rules.judge(&[good.as_slice(), &other].concat()), Err("unknown_root".into()));
}

#[test]
fn a_root_whose_key_anybody_has_counts_only_where_software_does() {
    let (maker, key) = (AndroidMaker::new(), key());
    let known = android_roots(&maker);
    let public = known.as_slice().iter().map(|root| Root { is_software: true, ..root.clone() });
    let rules = Rules { roots: public.collect(), ..rules(&maker, &key) };
    let statement = maker.attest(&key, &Claim::default());
    assert_eq!(rules.judge(&statement), Err("software_key".into()));
    assert_eq!(Rules { allows_software: true, ..rules }.judge(&statement), Ok(()));
}

#[test]
fn a_root_with_a_short_key_counts_only_where_it_proves_nothing() {
    let key = key();
    let statement = |bits| {
        let maker = AndroidMaker::with_root(RsaKey::generate(bits));
        (maker.root_pem(), maker.attest(&key, &Claim::default()))
    };
    let judge = |(root, statement): &(String, Vec<u8>), is_software| {
        let mut roots = Roots::from_iter([]);
        roots.add(root, "simulated").unwrap();
        let roots = roots.as_slice().iter().map(|root| Root { is_software, ..root.clone() }).collect();
        Rules { roots, allows_software: true, ..rules(&AndroidMaker::new(), &key) }.judge(statement)
    };
    let (short, long) = (statement(1024), statement(2048));
    assert_eq!(judge(&long, false), Ok(()));
    assert_eq!(judge(&short, true), Ok(()));
    assert_eq!(judge(&short, false), Err("unknown_root".into()));
}

#[test]
fn a_flipped_byte_is_refused_or_changes_nothing() {
    let (maker, key) = (AndroidMaker::new(), key());
    let rules = rules(&maker, &key);
    let good = maker.attest(&key, &Claim::default());
    let description = android::Statement::read(&good).unwrap().description().cloned();
    for place in 0..good.len() {
        for flip in [0x01, 0x80] {
            let mut changed = good.clone();
            changed[place] ^= flip;
            if rules.judge(&changed).is_ok() {
                let read = android::Statement::read(&changed).unwrap();
                assert_eq!(read.description().cloned(), description, "byte {place}");
            }
        }
    }

    let apple = AppleMaker::new();
    let roots = apple_roots(&apple);
    let (good, attested) = apple.attest(&[5; 32], &AppleClaim::default());
    for place in 0..good.len() {
        for flip in [0x01, 0x80] {
            let mut changed = good.clone();
            changed[place] ^= flip;
            if judge_apple(&roots, &changed, None, 2026).is_ok() {
                assert_eq!(apple::Statement::read(&changed).unwrap().point(), attested.point(), "byte {place}");
            }
        }
    }

    let good = attested.assert("TEAM123456.org.example.app", &[6; 32], 3);
    for place in 0..good.len() {
        for flip in [0x01, 0x80] {
            let mut changed = good.clone();
            changed[place] ^= flip;
            let judged = apple::Assertion::read(&changed).and_then(|assertion| {
                assertion.judge(attested.point(), &[6; 32], &[], 2).map(|()| assertion.counter())
            });
            assert!(judged.is_err() || judged == Ok(3), "byte {place}");
        }
    }
}

fn apple_roots(maker: &AppleMaker) -> Roots {
    let mut roots = Roots::apple();
    roots.add(&maker.root_pem(), "simulated").unwrap();
    roots
}

fn judge_apple(roots: &Roots, statement: &[u8], key_id: Option<&[u8]>, year: i32) -> Result<(), String> {
    let apps = ["TEAM123456.org.example.app".parse().unwrap()];
    let expected = apple::Expected {
        roots,
        time: time(year),
        client_data_hash: &[5; 32],
        key_id,
        apps: &apps,
        environment: Some(Environment::Production),
    };
    let judged = apple::Statement::read(statement).and_then(|read| read.judge(&expected).map(drop));
    judged.map_err(|refusal| refusal.name().to_owned())
}

/// A rule, and what makes a statement that it alone refuses.
type Bad<Claim> = (&'static str, fn(&mut Claim));

#[test]
fn every_rule_of_app_attest_refuses_a_statement_that_only_it_refuses() {
    let maker = AppleMaker::new();
    let roots = apple_roots(&maker);
    let (good, attested) = maker.attest(&[5; 32], &AppleClaim::default());
    assert_eq!(judge_apple(&roots, &good, Some(&sha256(attested.point())), 2026), Ok(()));
    assert_eq!(judge_apple(&roots, &good, Some(&[1; 32]), 2026), Err("wrong_key_id".into()));
    assert_eq!(judge_apple(&Roots::apple(), &good, None, 2026), Err("unknown_root".into()));
    assert_eq!(judge_apple(&roots, &good, None, 2019), Err("not_yet_valid".into()));

    let bad: [Bad<AppleClaim>; 12] = [
        ("wrong_app", |claim| claim.app = "TEAM123456.org.example.other".into()),
        ("wrong_environment", |claim| claim.aaguid = *b"appattestdevelop"),
        ("wrong_environment", |claim| claim.aaguid = [0; 16]),
        ("wrong_counter", |claim| claim.counter = 1),
        ("expired", |claim| claim.years = (2020, 2021)),
        ("wrong_nonce", |claim| claim.has_other_nonce = true),
        ("malformed", |claim| claim.has_no_nonce = true),
        ("wrong_key_id", |claim| claim.has_other_credential = true),
        ("wrong_key_id", |claim| claim.has_other_key = true),
        ("malformed", |claim| claim.has_byte_after_leaf = true),
        ("malformed", |claim| claim.format = "packed".into()),
        ("malformed", |claim| claim.format = String::new()),
    ];
    for (rule, change) in bad {
        let mut claim = AppleClaim::default();
        change(&mut claim);
        assert_eq!(judge_apple(&roots, &maker.attest(&[5; 32], &claim).0, None, 2026), Err(rule.to_owned()));
    }

    let app = "TEAM123456.org.example.app";
    let judge = |assertion: &[u8], hash: &[u8; 32], counter| {
        let apps = [app.parse().unwrap()];
        let read = apple::Assertion::read(assertion);
        read.and_then(|read| read.judge(attested.point(), hash, &apps, counter)).map_err(|refusal| refusal.name())
    };
    let good = attested.assert(app, &[6; 32], 4);
    assert_eq!(judge(&good, &[6; 32], 3), Ok(()));
    assert_eq!(judge(&good, &[6; 32], 4), Err("wrong_counter"));
    assert_eq!(judge(&good, &[7; 32], 3), Err("wrong_assertion"));
    assert_eq!(judge(&attested.assert("TEAM123456.org.example.other", &[6; 32], 4), &[6; 32], 3), Err("wrong_app"));
    let stranger = maker.attest(&[5; 32], &AppleClaim::default()).1;
    assert_eq!(judge(&stranger.assert(app, &[6; 32], 4), &[6; 32], 3), Err("wrong_assertion"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600), first in 0_u8..6) {
        let starts: [&[u8]; 6] = [b"", b"\x30\x82\x01\x00\x30", b"\xa3\x63fmt", b"\xa2\x69signature", b"{\"entries\":", b"\xbf"];
        let bytes = [starts[usize::from(first)], &bytes].concat();
        let _ = android::Statement::read(&bytes);
        let _ = android::KeyDescription::read(&bytes);
        let _ = apple::Statement::read(&bytes);
        let _ = apple::Assertion::read(&bytes);
        let _ = RevocationList::read(&bytes);
    }
}
