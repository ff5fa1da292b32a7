//! Users, groups and what applies to whom.

use serde_json::json;
use symbolon_tests::{Outcome, Server, Wire};

#[tokio::test]
async fn address_and_group_are_changed_and_removed_through_both_doors() {
    let server = Server::start();
    let admin = server.caller("admin");
    server.admin(&["user", "add", "ana", "--email", "ana@example.org", "--group", "sales"]);
    let user = server.admin(&["user", "edit", "ana", "--group", "vault"])["user"].clone();
    assert_eq!((&user["email"], &user["group"]), (&json!("ana@example.org"), &json!("vault")));
    let user = server.admin(&["user", "edit", "ana", "--no-email", "--no-group"])["user"].clone();
    assert_eq!((user.get("email"), user.get("group")), (None, None));
    let changes = json!({"email": "a@example.org", "group": "sales"});
    let user = admin.call("PATCH", "/v1/admin/users/ana", &changes).await.json()["user"].clone();
    assert_eq!((&user["email"], &user["group"]), (&json!("a@example.org"), &json!("sales")));
    let user = admin.call("PATCH", "/v1/admin/users/ana", &json!({"email": null})).await.json()["user"].clone();
    assert_eq!((user.get("email"), &user["group"]), (None, &json!("sales")));
    admin.call("PATCH", "/v1/admin/users/ana", &json!({})).await.problem(400, "invalid");
    admin.call("PATCH", "/v1/admin/users/ana", &json!({"email": "nowhere"})).await.problem(400, "invalid");
    admin.call("PATCH", "/v1/admin/users/ana", &json!({"name": "eve"})).await.problem(400, "invalid");
    admin.call("PATCH", "/v1/admin/users/nobody", &json!({"email": null})).await.problem(404, "not-found");
    let german = server.admin(&["user", "edit", "ana", "--language", "de"])["user"]["language"].clone();
    assert_eq!(german, "de");
    let user = admin.call("PATCH", "/v1/admin/users/ana", &json!({"language": null})).await.json()["user"].clone();
    assert_eq!(user.get("language"), None);
    admin.call("PATCH", "/v1/admin/users/ana", &json!({"language": "tlh"})).await.problem(400, "invalid");
    for wrong in [&["user", "edit", "ana"][..], &["user", "edit", "ana", "--email", "a@b.org", "--no-email"]] {
        assert_eq!(server.try_admin(wrong).exit, Some(2));
    }
    assert_eq!(server.count_of("user.edited"), 6);
}

fn import(server: &Server, csv: &str, more: &[&str]) -> Outcome {
    let file = server.beside("users.csv");
    std::fs::write(&file, csv).unwrap();
    server.try_admin(&[&["user", "import", file.to_str().unwrap()], more].concat())
}

fn count(server: &Server) -> usize {
    server.admin(&["user", "list"])["users"].as_array().unwrap().len()
}

#[tokio::test]
async fn users_are_imported_all_or_none_and_each_bad_line_is_named() {
    let server = Server::start();
    let admin = server.caller("admin");
    server.admin(&["user", "add", "ana"]);
    let bad = "name,email,group\nben,ben@example.org,sales\nana,,\nben,,\n,x@example.org,\ncem,nowhere,\n\"d\",\n";
    let outcome = import(&server, bad, &[]);
    assert_eq!(outcome.exit, Some(2), "{}", outcome.output);
    let lines: Vec<u64> =
        outcome.document["errors"].as_array().unwrap().iter().map(|e| e["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7], "{}", outcome.output);
    assert_eq!(count(&server), 1, "nothing of a bad file is kept");

    let good = "\u{feff}name,email,group,language\r\nben , ben@example.org,sales,de\r\n\"de la Cruz, Maria\",,,\r\n";
    let trial = import(&server, good, &["--dry-run"]).done();
    assert_eq!((&trial["dry_run"], &trial["users"], count(&server)), (&json!(true), &json!(2), 1));
    assert_eq!(import(&server, good, &[]).done()["users"], 2);
    let ben = server.admin(&["user", "show", "ben"]);
    assert_eq!((&ben["user"]["email"], &ben["user"]["group"]), (&json!("ben@example.org"), &json!("sales")));
    assert_eq!(ben["user"]["language"], "de");
    assert_eq!(server.admin(&["user", "show", "de la Cruz, Maria"])["user"].get("email"), None);
    let again = import(&server, good, &[]);
    assert_eq!((again.exit, count(&server)), (Some(2), 3), "the same file twice");
    let semicolons = import(&server, "name;email\nx;x@example.org\n", &[]);
    assert_eq!(semicolons.exit, Some(2));
    assert!(semicolons.message.contains("semicolons"), "{}", semicolons.message);
    for heading in ["", "name", "user,email\nx,\n", "name,name\nx,y\n", "name,phone\nx,1\n"] {
        assert_eq!(import(&server, heading, &[]).exit, Some(2), "{heading:?}");
    }

    let post = async |query: &str, body: &'static str| {
        let request = admin.request("POST", &format!("/v1/admin/users/import{query}"));
        Wire::send(request.header("content-type", "text/csv").body(body)).await
    };
    assert_eq!(post("?dry_run=true", "name\nfay\n").await.json()["users"], 1);
    assert_eq!(post("", "name\nfay\n").await.json()["errors"], json!([]));
    assert_eq!(post("", "name\nfay\n").await.json()["errors"][0]["line"], 2);
    post("", "nothing").await.problem(400, "invalid");
    assert_eq!(count(&server), 4);
}

#[tokio::test]
async fn each_setting_says_where_it_comes_from_and_can_be_taken_back() {
    let server = Server::start();
    let admin = server.caller("admin");
    server.admin(&["user", "add", "gina", "--group", "vault"]);
    server.admin(&["user", "add", "hugo"]);
    server.admin(&["policy", "set", "lockout_count=4", "pin_length=8"]);
    server.admin(&["policy", "set", "lockout_count=2", "--group", "vault"]);
    let applied = server.admin(&["policy", "show", "--user", "gina"]);
    assert_eq!((&applied["user"], &applied["group"]), (&json!("gina"), &json!("vault")));
    for (key, value, source) in
        [("lockout_count", 2, "group"), ("pin_length", 8, "everyone"), ("tokens_per_user", 5, "default")]
    {
        assert_eq!((&applied["policy"][key], &applied["sources"][key]), (&json!(value), &json!(source)), "{key}");
    }
    assert_eq!(admin.get("/v1/admin/users/gina/policy").await.json(), applied);
    assert_eq!(server.admin(&["user", "show", "gina"])["policy"], applied);
    assert_eq!(server.admin(&["policy", "show", "--user", "hugo"])["policy"]["lockout_count"], 4);
    assert_eq!(server.try_admin(&["policy", "show", "--user", "nobody"]).exit, Some(1));

    let groups = server.admin(&["group", "list"]);
    assert_eq!(groups["groups"], json!([{"name": "vault", "users": 1, "settings": {"lockout_count": 2}}]));
    assert_eq!(admin.get("/v1/admin/groups").await.json(), groups);

    let after = server.admin(&["policy", "unset", "lockout_count", "--group", "vault"]);
    assert_eq!(
        (&after["policy"]["lockout_count"], &after["sources"]["lockout_count"]),
        (&json!(4), &json!("everyone"))
    );
    server.admin(&["policy", "set", "pin_length=10", "--group", "vault"]);
    let unset = async |path: &str, keys: &[&str]| admin.call("POST", path, &json!({"keys": keys})).await;
    let after = unset("/v1/admin/policy/groups/vault/unset", &["pin_length"]).await.json();
    assert_eq!(after["policy"]["pin_length"], 8);
    let after = unset("/v1/admin/policy/unset", &["pin_length", "lockout_count"]).await.json();
    assert_eq!((&after["policy"]["pin_length"], &after["sources"]["pin_length"]), (&json!(6), &json!("default")));
    server.admin(&["user", "edit", "gina", "--no-group"]);
    assert_eq!(server.admin(&["group", "list"])["groups"], json!([]), "nothing is left of the group");

    let refused = server.try_admin(&["policy", "unset", "pin_lenght"]);
    assert!(refused.exit == Some(2) && refused.message.contains("pin_length"), "{}", refused.message);
    // A reset that looks less far than an ordinary check could never help.
    server.admin(&["policy", "set", "max_time_steps=120", "max_reset_time_steps=600"]);
    assert_eq!(server.admin(&["policy", "unset", "max_reset_time_steps"])["policy"]["max_reset_time_steps"], 120);
    server.admin(&["policy", "set", "max_time_steps=5", "max_reset_time_steps=8"]);
    let refused = server.try_admin(&["policy", "unset", "max_time_steps"]);
    assert!(refused.exit == Some(2) && refused.message.contains("max_reset_time_steps"), "{}", refused.message);
    unset("/v1/admin/policy/unset", &["max_time_steps"]).await.problem(400, "invalid");
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}
