//! Phones whose simulated hardware vouches for their keys, under a policy that requires it, and what is made of bad ones.

use serde_json::{Value, json};
use symbolon_core::approval::{Decision, Receipt, ReceiptError};
use symbolon_core::encoding::Bytes;
use symbolon_core::keys::sha256;
use symbolon_core::signed::PublicKey;
use symbolon_tests::hardware::{AndroidMaker, AppleClaim, AppleMaker, AttestedKey, Claim, certificates};
use symbolon_tests::{Asked, Installation, Pages, Phone, Server, Ticket, Token, accepted, until};

/// A server that believes simulated hardware, and requires it.
fn server(android: &AndroidMaker, apple: &AppleMaker) -> Server {
    server_on(Installation::new(), android, apple)
}

/// The same on an installation.
pub(crate) fn server_on(installation: Installation, android: &AndroidMaker, apple: &AppleMaker) -> Server {
    let write = |name: &str, pem: String| {
        let path = installation.beside(name);
        std::fs::write(&path, pem).unwrap();
        format!("[{path:?}]")
    };
    let (google, apple) = (write("android.pem", android.root_pem()), write("apple.pem", apple.root_pem()));
    let installation =
        installation.configured("ATTESTATION__ROOTS", &google).configured("ATTESTATION__APP_ATTEST_ROOTS", &apple);
    let server = Server::with(installation);
    let signer = "07".repeat(32);
    server.admin(&[
        "policy",
        "set",
        "require_attestation=true",
        "mutual_challenge=off",
        "oldest_patch_level=2026-08",
        &format!("android_apps=org.example.app/{signer}"),
        "ios_apps=TEAM123456.org.example.app",
    ]);
    server
}

pub(crate) fn online(server: &Server, user: &str) -> Ticket {
    server.admin(&["user", "add", user]);
    Ticket::read(&server.admin(&["token", "add", user]))
}

pub(crate) fn android<'a>(maker: &'a AndroidMaker, claim: Claim) -> impl Fn([u8; 32], &PublicKey) -> Vec<u8> + 'a {
    move |challenge, key| {
        let challenge = if claim.challenge == b"challenge" { challenge.to_vec() } else { claim.challenge.clone() };
        maker.attest(key, &Claim { challenge, ..claim.clone() })
    }
}

pub(crate) fn shown(server: &Server, serial: &str) -> Value {
    server.admin(&["token", "show", serial])["token"]["attestation"].clone()
}

/// The page of a token, as an administrator sees it who has just come.
async fn console_page(server: &Server, serial: &str) -> String {
    let link = server.admin(&["administrator", "add", "ada", "--role", "auditor"])["link"].clone();
    let (link, password) = (link.as_str().unwrap(), "several words that belong together");
    let mut pages = Pages::of(server);
    pages.post("/console/welcome", &[("link", link), ("password", password), ("again", password)]).await;
    let page = pages.get(&format!("/console/token?serial={serial}")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page.text
}

pub(crate) async fn only(token: &Token) -> Asked {
    let mut requests = token.requests(10).await;
    assert_eq!(requests.len(), 1);
    requests.pop().unwrap()
}

pub(crate) fn last(server: &Server, action: &str) -> Value {
    server.audit().into_iter().rfind(|entry| entry["action"] == action).unwrap()
}

/// The rule that refuses, what the person is told, and what is wrong.
type Bad = (&'static str, &'static str, fn(&mut Claim));

#[tokio::test]
async fn a_phone_whose_hardware_vouches_activates_and_approves_until_its_maker_withdraws() {
    let (maker, apple) = (AndroidMaker::new(), AppleMaker::new());
    let server = server(&maker, &apple);
    let ticket = online(&server, "alice");

    // Each bad thing is refused, with a reason for the person and another for the audit; the ticket stays good.
    let bad: [Bad; 6] = [
        ("unlocked_boot_loader", "boot loader is unlocked", |claim| claim.is_locked = false),
        ("software_key", "in software", |claim| claim.attestation_level = 0),
        ("wrong_app", "not one that the organisation accepts", |claim| claim.package = Some("org.example.evil".into())),
        ("old_patch_level", "security updates", |claim| claim.patch_level = Some(202_501)),
        ("wrong_challenge", "can't be verified", |claim| claim.challenge = b"replayed".to_vec()),
        ("bad_signature", "can't be verified", |claim| claim.is_forged = true),
    ];
    for (rule, sentence, change) in bad {
        let mut claim = Claim::default();
        change(&mut claim);
        let make = android(&maker, claim);
        let phone = Phone::new(&server, &ticket);
        let finishing = phone.answer_stating(phone.prove().await, &make);
        let refused = phone.send("finish", finishing.request()).await.problem(403, "activation-policy");
        assert!(refused["detail"].as_str().unwrap().contains(sentence), "{rule}: {refused}");
        let entry = last(&server, "activation.refused");
        assert_eq!(entry["details"]["rule"], rule, "{entry}");
        assert!(entry["details"]["attestation"].as_str().is_some_and(|text| !text.is_empty()), "{entry}");
    }
    let phone = Phone::new(&server, &ticket);
    let refused = phone.send("finish", phone.answer(phone.prove().await).request()).await;
    let refused = refused.problem(403, "activation-policy");
    assert!(refused["detail"].as_str().unwrap().contains("hardware vouches"), "{refused}");

    let token = Phone::new(&server, &ticket).activate_stating(&android(&maker, Claim::default())).await;
    let verdict = shown(&server, &ticket.serial);
    assert_eq!(verdict["accepted"], true, "{verdict}");
    assert_eq!(verdict["security_level"], "trusted_environment");
    assert_eq!(verdict["packages"], json!(["org.example.app"]));
    assert_eq!(last(&server, "token.activated")["details"]["attestation"], "accepted");

    let caller = server.caller("challenge,verify");
    assert!(accepted(&caller.verify("alice", &token.code()).await));
    let ask = json!({"user": "alice", "kind": "approval"});
    let challenge = caller.challenge(&ask).await;
    let asked = only(&token).await;
    let answer = token.answer(&asked, Decision::Confirm, None);
    assert_eq!(token.send_answer(&answer).await.status, 200);
    let confirmed = caller.look(&challenge, 0).await;
    assert_eq!(confirmed["status"], "confirmed");

    // The receipt has the statement, and the server's word on it.
    let receipt: Receipt = serde_json::from_value(confirmed["receipt"].clone()).unwrap();
    let word = receipt.verify(Some(token.identity())).unwrap().statement.attestation.unwrap();
    assert!(word.accepted);
    assert_eq!(word.platform.unwrap().as_str(), "android");
    assert_eq!(word.security_level.unwrap().as_str(), "trusted_environment");
    let chain = certificates(receipt.attestation.as_ref().unwrap().as_slice());
    assert!(chain.len() > 1, "the leaf, and who vouches for it");
    let without = Receipt { attestation: None, ..receipt.clone() };
    assert_eq!(without.verify(None), Err(ReceiptError::Apart("statement")), "it can't be left out");
    let another = Receipt { attestation: Some(Bytes::new(chain[0].clone()).unwrap()), ..receipt };
    assert_eq!(another.verify(None), Err(ReceiptError::Apart("statement")), "nor be another");

    // The maker withdraws the certificate: noticed without a restart, audited, shown, and refused at the next approval.
    let list = json!({"entries": {"4abcdef0": {"status": "REVOKED", "reason": "KEY_COMPROMISE"}}});
    std::fs::write(server.data_dir().join("revocation-list.json"), list.to_string()).unwrap();
    until("the verdict changes", async || (server.count_of("attestation.changed") > 0).then_some(())).await;
    assert_eq!(last(&server, "attestation.changed")["details"]["after"], "revoked");
    let verdict = shown(&server, &ticket.serial);
    assert_eq!((&verdict["accepted"], &verdict["reason"]), (&json!(false), &json!("revoked")), "{verdict}");
    let page = console_page(&server, &ticket.serial).await;
    for shown in ["not accepted", "4abcdef0 of the chain is revoked (key compromise)", "trusted environment", "2026-08"]
    {
        assert!(page.contains(shown), "{shown:?} is not in {page}");
    }
    let challenge = caller.challenge(&ask).await;
    let asked = only(&token).await;
    let answer = token.answer(&asked, Decision::Confirm, None);
    let refused = token.send_answer(&answer).await.problem(403, "short-of-policy");
    assert!(refused["detail"].as_str().unwrap().contains("withdrawn"), "{refused}");
    assert_eq!(last(&server, "approval.refused")["details"]["rule"], "revoked");
    assert_eq!(caller.look(&challenge, 0).await["status"], "pending");
    // Whoever says that it was someone else is heard from any device.
    let answer = token.answer(&asked, Decision::Concern, None);
    assert_eq!(token.send_answer(&answer).await.status, 200);
    // It is the policy that minds.
    server.admin(&["policy", "set", "require_attestation=false"]);
    let challenge =
        caller.challenge(&json!({"user": "alice", "kind": "approval", "context": {"address": "192.0.2.7"}})).await;
    let asked = only(&token).await;
    let answer = token.answer(&asked, Decision::Confirm, None);
    assert_eq!(token.send_answer(&answer).await.status, 200);
    assert_eq!(caller.look(&challenge, 0).await["status"], "confirmed");
}

#[tokio::test]
async fn an_iphone_asserts_each_approval_with_a_counter_that_grows() {
    let (maker, apple) = (AndroidMaker::new(), AppleMaker::new());
    let server = server(&maker, &apple);
    let ticket = online(&server, "alice");
    let kept = std::cell::RefCell::new(None::<AttestedKey>);
    let token = Phone::new(&server, &ticket)
        .activate_stating(&|challenge, key: &PublicKey| {
            let bound = sha256(&[&challenge[..], key.to_sec1().as_slice()].concat());
            let (statement, attested) = apple.attest(&bound, &AppleClaim::default());
            *kept.borrow_mut() = Some(attested);
            statement
        })
        .await;
    let attested = kept.into_inner().unwrap();
    assert_eq!(shown(&server, &ticket.serial)["environment"], "production");

    let caller = server.caller("challenge");
    let challenge = caller.challenge(&json!({"user": "alice", "kind": "approval"})).await;
    let asked = only(&token).await;
    let signed = token.device_key().sign_object(&token.answer(&asked, Decision::Confirm, None)).unwrap();
    let hash = sha256(signed.as_bytes());
    let app = "TEAM123456.org.example.app";
    token.send_signed(&signed).await.problem(403, "short-of-policy");
    assert_eq!(last(&server, "approval.refused")["details"]["rule"], "missing");
    for (rule, assertion) in [
        ("wrong_assertion", attested.assert(app, &[1; 32], 1)),
        ("wrong_counter", attested.assert(app, &hash, 0)),
        ("wrong_app", attested.assert("TEAM123456.org.example.evil", &hash, 1)),
        ("malformed", vec![0xa0]),
    ] {
        token.send_asserted(&signed, &assertion).await.problem(403, "short-of-policy");
        assert_eq!(last(&server, "approval.refused")["details"]["rule"], rule);
    }
    assert_eq!(token.send_asserted(&signed, &attested.assert(app, &hash, 1)).await.status, 200);
    assert_eq!(caller.look(&challenge, 0).await["status"], "confirmed");

    caller.challenge(&json!({"user": "alice", "kind": "approval"})).await;
    let asked = only(&token).await;
    let signed = token.device_key().sign_object(&token.answer(&asked, Decision::Confirm, None)).unwrap();
    let hash = sha256(signed.as_bytes());
    token.send_asserted(&signed, &attested.assert(app, &hash, 1)).await.problem(403, "short-of-policy");
    assert_eq!(last(&server, "approval.refused")["details"]["rule"], "wrong_counter");
    assert_eq!(token.send_asserted(&signed, &attested.assert(app, &hash, 2)).await.status, 200);
}

#[test]
fn tickets_that_carry_no_attestation_are_not_handed_out() {
    let server = server(&AndroidMaker::new(), &AppleMaker::new());
    server.admin(&["user", "add", "alice"]);
    for method in ["classic", "offline"] {
        let refused = server.try_admin(&["token", "add", "alice", "--method", method]);
        assert_eq!(refused.exit, Some(1), "{}", refused.message);
        assert!(refused.message.contains("requires attestation"), "{}", refused.message);
    }
    let ticket = server.admin(&["token", "add", "alice"])["ticket"].clone();
    assert!(ticket["online"].is_object() && ticket["classic"].is_null(), "{ticket}");
}

#[test]
fn the_command_judges_a_statement_by_hand() {
    let (maker, installation) = (AndroidMaker::new(), Installation::new());
    let key = symbolon_core::signed::SigningKey::generate(&mut rand_core::OsRng).public_key();
    let write = |name: &str, bytes: &[u8]| {
        let path = installation.beside(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let pem = |der: &[u8]| {
        let mut text = String::new();
        for certificate in symbolon_tests::hardware::certificates(der) {
            let base64 = data_encoding::BASE64.encode(&certificate);
            text.push_str(&format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n"));
        }
        text.into_bytes()
    };
    let unlocked = Claim { is_locked: false, ..Claim::default() };
    let (chain, roots) =
        (write("chain.pem", &pem(&maker.attest(&key, &unlocked))), write("roots.pem", maker.root_pem().as_bytes()));
    let challenge = data_encoding::HEXLOWER.encode(b"challenge");
    let verify = |more: &[&str]| {
        let mut arguments = vec!["attestation", "verify", "--platform", "android", &chain];
        arguments.extend(more);
        let outcome = installation.try_admin(&arguments);
        (outcome.exit.unwrap(), outcome.document)
    };
    let (exit, report) = verify(&["--challenge", &challenge, "--roots", &roots, "--app", "org.example.app"]);
    assert_eq!((exit, &report["accepted"], &report["device_locked"]), (0, &json!(true), &json!(false)), "{report}");
    let (exit, report) = verify(&["--challenge", &challenge, "--roots", &roots, "--require-secure-device"]);
    assert_eq!((exit, &report["reason"]), (1, &json!("unlocked_boot_loader")), "{report}");
    let (exit, report) = verify(&["--challenge", &challenge]);
    assert_eq!((exit, &report["reason"]), (1, &json!("unknown_root")), "{report}");
    let (exit, report) = verify(&["--challenge", &challenge, "--roots", &roots, "--at", "2041-01-01T00:00:00Z"]);
    assert_eq!((exit, &report["reason"]), (1, &json!("expired")), "{report}");
    assert_eq!(verify(&["--challenge", "xyz"]).0, 2);
    assert_eq!(verify(&[]).0, 2, "the challenge is needed");
    assert_eq!(
        installation
            .try_admin(&["attestation", "verify", "--platform", "android", "/nonexistent", "--challenge", "00"])
            .exit,
        Some(2)
    );
}
