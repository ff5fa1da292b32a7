//! A receipt is checked by an ordinary JOSE library of another language, with the very recipe of the integrators' guide.

use std::process::{Command, Output};

use serde_json::{Value, json};
use symbolon_core::approval::{Decision, Receipt};
use symbolon_tests::{Server, skip};

const TEST: &str = "the_documented_recipe_checks_a_receipt_and_any_changed_byte_fails";

/// A Python that has the library.
fn python() -> Option<&'static str> {
    let has = |program: &&str| {
        let probe = Command::new(program).args(["-c", "import jwt, cryptography"]).output();
        probe.is_ok_and(|probe| probe.status.success())
    };
    ["/usr/bin/python3", "python3"].into_iter().find(has)
}

/// The block of the guide that defines `verify_receipt`.
fn recipe() -> String {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/integrators.md")).unwrap();
    let mut blocks = guide.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.contains("def verify_receipt")).unwrap().to_owned()
}

/// What the test adds to the recipe: it reads the receipt and the hash of the identity key from its arguments.
const CHECKS: &str = r#"
import sys

text = open(sys.argv[1]).read()
request, answer, statement = verify_receipt(json.loads(text), sys.argv[2])
unnoticed = []
for position in range(len(text.encode())):
    changed = bytearray(text.encode())
    changed[position] ^= 1
    try:
        verify_receipt(json.loads(changed.decode()), sys.argv[2])
        unnoticed.append(position)
    except Exception:
        pass
print(json.dumps({"request": request, "statement": statement, "answer": answer, "unnoticed": unnoticed}))
"#;

#[tokio::test]
async fn the_documented_recipe_checks_a_receipt_and_any_changed_byte_fails() {
    let Some(python) = python() else {
        skip(TEST, "there is no Python with PyJWT and cryptography");
        return;
    };
    let server = Server::start();
    let token = server.activated("alice").await;
    let caller = server.caller("challenge");
    let transaction = json!({"summary": "Pay 12.50 EUR to Ana Gómez", "details": [{"name": "To", "value": "ES91"}]});
    let asked = caller.challenge(&json!({"user": "alice", "kind": "approval", "transaction": transaction})).await;
    let on_phone = token.requests(10).await.pop().unwrap();
    let answer = token.answer(&on_phone, Decision::Confirm, asked["mutual_challenge"].as_str());
    assert_eq!(token.send_answer(&answer).await.status, 200);
    let confirmed = caller.look(&asked, 0).await;

    let folder = tempfile::tempdir().unwrap();
    let (script, receipt) = (folder.path().join("recipe.py"), folder.path().join("receipt.json"));
    std::fs::write(&script, recipe() + CHECKS).unwrap();
    std::fs::write(&receipt, confirmed["receipt"].to_string()).unwrap();
    let run =
        |identity: &str| -> Output { Command::new(python).arg(&script).arg(&receipt).arg(identity).output().unwrap() };
    let checked = run(&token.identity().to_string());
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(checked["request"]["transaction"], transaction);
    assert_eq!(checked["statement"]["user"], "alice");
    assert_eq!(checked["statement"]["factors"], json!(["possession", "knowledge"]));
    assert_eq!(checked["unnoticed"], json!([]));
    assert!(!run(&"A".repeat(43)).status.success(), "of another server");

    // The receipt of the vectors has an attestation too.
    let vectors = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../core/vectors/approvals-v1.json")).unwrap();
    let kept: Receipt =
        serde_json::from_value(serde_json::from_slice::<Value>(&vectors).unwrap()["receipt"].clone()).unwrap();
    std::fs::write(&receipt, serde_json::to_string(&kept).unwrap()).unwrap();
    let checked = run(&kept.identity_key.hash().to_string());
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(checked["statement"]["attestation"]["security_level"], "strong_box");
    assert_eq!(checked["unnoticed"], json!([]));
}
