//! The console, without a browser: what attackers try is refused, and what ends has ended.

use std::time::Duration;

use symbolon_tests::{Installation, Page, Pages, Server};

#[tokio::test]
async fn a_link_lets_in_once_and_what_lies_at_rest_lets_in_nobody() {
    let server = Server::start();
    let added = server.admin(&["administrator", "add", "ana", "--role", "owner"]);
    let link = added["link"].as_str().unwrap();
    let secret = link.split_once("/console/welcome#").unwrap().1.to_owned();
    let mut ana = Pages::of(&server);
    assert!(ana.welcome(&secret, "too short").await.text.contains("12 to 256 characters"));
    assert_eq!(ana.welcome(&"A".repeat(43), Pages::PASSWORD).await.status, 400);
    let first = ana.welcome(&secret, Pages::PASSWORD).await;
    assert_eq!((first.status, first.leads_to()), (303, "/console"));
    let again = Pages::of(&server).welcome(&secret, "another good password").await;
    assert!(again.status == 400 && again.text.contains("was used before"), "{}", again.text);

    let stored = std::fs::read(server.data_dir().join("symbolon.db")).unwrap();
    let log = std::fs::read(server.data_dir().join("symbolon.db-wal")).unwrap_or_default();
    for secret in [ana.session(), &secret, Pages::PASSWORD] {
        let bytes = secret.as_bytes();
        assert!(!stored.windows(bytes.len()).chain(log.windows(bytes.len())).any(|part| part == bytes));
        let said = format!("{}{:?}", server.log(), server.audit());
        assert!(!said.contains(secret));
    }

    let late = server.admin(&["administrator", "link", "ana"]);
    server.database().execute("UPDATE administrator SET link_expires_at = 1", []).unwrap();
    let late = Pages::of(&server).welcome(late["link"].as_str().unwrap(), Pages::PASSWORD).await;
    assert!(late.text.contains("has expired"), "{}", late.text);
}

#[tokio::test]
async fn guessing_at_a_password_is_stopped_and_tells_nothing() {
    let server = Server::with(Installation::new().configured("LIMITS__SIGN_INS_BURST", "12"));
    let mut ana = Pages::administrator(&server, "ana", "owner").await;
    let mut stranger = Pages::of(&server);
    assert_eq!(stranger.sign_in("ana", Pages::PASSWORD, "").await.status, 303);
    // The session from before the sign-in is another one: nobody can foist theirs on an administrator.
    let foisted = "A".repeat(43);
    let mut victim = Pages::of(&server).with_session(&foisted);
    assert_eq!(victim.sign_in("ana", Pages::PASSWORD, "").await.status, 303);
    assert!(victim.session() != foisted && victim.session() != ana.session() && victim.session().len() == 43);
    assert_eq!(Pages::of(&server).with_session(&foisted).get("/console").await.status, 303);

    let wrong = stranger.sign_in("ana", "a wrong password", "").await;
    let unknown = stranger.sign_in("nobody", "a wrong password", "").await;
    assert_eq!((wrong.status, unknown.status), (401, 401));
    let told = |page: &Page| page.text.split_once("role=\"alert\">").unwrap().1.split_once('<').unwrap().0.to_owned();
    assert_eq!(told(&wrong), told(&unknown));
    for _ in 0..4 {
        stranger.sign_in("ana", "a wrong password", "").await;
    }
    let locked = stranger.sign_in("ana", Pages::PASSWORD, "").await;
    assert_eq!((locked.status, told(&locked)), (401, told(&unknown)), "nor whether there is such a name to lock");
    assert_eq!(server.count_of("administrator.locked"), 1);
    assert_eq!(ana.get("/console").await.status, 200, "who is signed in stays so");
    let long = stranger.post("/me/concern", &[("text", &"a&".repeat(16 * 1024))]).await;
    assert_eq!(long.status, 413, "what anybody may send is short");
    let mut refused = 0;
    for _ in 0..60 {
        refused += u32::from(stranger.welcome(&"A".repeat(43), Pages::PASSWORD).await.status == 429);
    }
    assert!(refused > 0, "an address that fails again and again waits");
}

#[tokio::test]
async fn a_guess_counts_though_its_caller_hangs_up() {
    let server = Server::with(Installation::new().configured("LIMITS__SIGN_INS_BURST", "5"));
    let mut stranger = Pages::of(&server);
    let mut refused = false;
    for _ in 0..100 {
        let patience = Duration::from_millis(100);
        let answer = tokio::time::timeout(patience, stranger.sign_in("ana", "a wrong password", "")).await;
        refused |= answer.is_ok_and(|page| page.status == 429);
    }
    assert!(refused);
}

#[tokio::test]
async fn an_administrator_with_a_soft_token_is_asked_for_its_code() {
    let server = Server::start();
    let token = server.activated("ana").await;
    Pages::administrator(&server, "ana", "owner").await;
    server.admin(&["administrator", "change", "ana", "--user", "ana"]);
    let mut stranger = Pages::of(&server);
    let mut sign_in = async |code: &str| stranger.sign_in("ana", Pages::PASSWORD, code).await.status;
    assert_eq!(sign_in("").await, 401);
    assert_eq!(sign_in(&token.wrong_code()).await, 401);
    let code = token.code();
    assert_eq!(sign_in(&code).await, 303);
    assert_eq!(sign_in(&code).await, 401, "a code counts once");
    // Whoever can switch the token off gets no further by it.
    server.admin(&["token", "disable", &token.serial]);
    assert_eq!(sign_in("").await, 401);
    let refused = server.try_admin(&["user", "delete", "ana"]);
    assert!(refused.exit == Some(1) && refused.message.contains("second factor"), "{}", refused.message);
    let link = server.admin(&["administrator", "link", "ana"])["link"].as_str().unwrap().to_owned();
    assert_eq!(stranger.welcome(&link, "another good password").await.status, 303);
}

#[tokio::test]
async fn a_session_ends_when_it_should_and_everywhere_at_once() {
    let server = Server::start();
    let mut ana = Pages::administrator(&server, "ana", "owner").await;
    let mut other = Pages::of(&server);
    assert_eq!(other.sign_in("ana", Pages::PASSWORD, "").await.status, 303);
    let (first, second) = (ana.session().to_owned(), other.session().to_owned());
    // A browser forgets a session that has ended; a thief of the session does not.
    let is_in =
        async |session: &str| Pages::of(&server).with_session(session).get("/console/users").await.status == 200;
    assert!(is_in(&first).await && is_in(&second).await);
    ana.administer("/console/sign-out", &[("everywhere", "no")]).await;
    assert!(!is_in(&first).await && is_in(&second).await);
    let age = |column: &str, millis: i64| {
        let change = format!("UPDATE session SET {column} = {column} - {millis}");
        server.database().execute(&change, []).unwrap();
    };
    age("used_at", 1_801_000);
    let ended = other.get("/console/users?search=bo").await;
    let to = "/console/sign-in?why=ended&to=%2Fconsole%2Fusers%3Fsearch%3Dbo";
    assert_eq!((ended.status, ended.leads_to()), (303, to));
    age("used_at", -1_801_000);
    age("created_at", 43_201_000);
    assert!(!is_in(&second).await);
    age("created_at", -43_201_000);
    assert!(is_in(&second).await);
    server.admin(&["administrator", "sign-out", "ana"]);
    assert!(!is_in(&second).await);
}

#[tokio::test]
async fn nothing_that_was_typed_becomes_script_header_or_address() {
    let server = Server::start();
    let mut ana = Pages::administrator(&server, "ana", "owner").await;
    let script = "<script>alert(1)</script>\"'&";
    let added = ana.administer("/console/users/new", &[("name", script), ("email", ""), ("group", script)]).await;
    assert_eq!(added.status, 303, "{}", added.text);
    let at = added.leads_to().to_owned();
    assert!(at.starts_with("/console/user?name=%3Cscript%3E"), "{at}");
    ana.administer("/console/applications", &[("name", script), ("scope", "challenge")]).await;
    let query = "%3Cscript%3Ealert(1)%3C/script%3E%22'%26";
    for path in [
        at,
        "/console/users".to_owned(),
        format!("/console/users?search={query}"),
        format!("/console/user?name={query}"),
        format!("/console/user/confirm?action=delete&name={query}"),
        format!("/console/settings?group={query}"),
        format!("/console/audit?user={query}&action={query}&actor={query}"),
        format!("/console/token?serial={query}"),
        format!("/console/sign-in?why={query}&to={query}"),
        "/console/applications".to_owned(),
        "/console/try".to_owned(),
        format!("/console/{query}"),
        format!("/me?{query}"),
        format!("/me/link?{query}"),
        format!("/activate?{query}"),
    ] {
        let page = ana.get(&path).await;
        assert!(!page.text.contains("<script>alert"), "{path}: {}", page.text);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
    }
    let mut stranger = Pages::of(&server);
    for to in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "/console\r\nx-evil: 1", "javascript:alert(1)"]
    {
        let fields = [("name", "ana"), ("password", Pages::PASSWORD), ("to", to)];
        let page = stranger.post("/console/sign-in", &fields).await;
        assert_eq!((page.status, page.leads_to()), (303, "/console"), "{to}");
        assert_eq!(page.header("x-evil"), "");
    }
    for broken in ["a\r\nb", "a\u{202e}b"] {
        let page = ana.administer("/console/users/new", &[("name", broken)]).await;
        assert!(page.status == 400 && page.text.contains("Must not contain"), "{}", page.text);
    }
}

#[tokio::test]
async fn an_export_is_no_formula_and_each_role_sees_what_is_its_own() {
    let server = Server::start();
    let mut ana = Pages::administrator(&server, "ana", "owner").await;
    for formula in ["=HYPERLINK(\"http://evil.example\")", "+1", "-1", "@SUM(A1)"] {
        assert_eq!(ana.administer("/console/users/new", &[("name", formula)]).await.status, 303);
    }
    let csv = ana.get("/console/audit/export?format=csv").await;
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"audit.csv\"");
    for made_harmless in [",\"'=HYPERLINK(", ",'+1,", ",'-1,", ",'@SUM(A1),"] {
        assert!(csv.text.contains(made_harmless), "{}", csv.text);
    }
    let lines = ana.get("/console/audit/export?format=jsonl&action=user.").await;
    let entries: Vec<serde_json::Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(entries.len() == 4 && entries.iter().all(|entry| entry["action"] == "user.added"), "{}", lines.text);

    let mut hans = Pages::administrator(&server, "hans", "help-desk").await;
    let mut rita = Pages::administrator(&server, "rita", "auditor").await;
    assert_eq!(hans.administer("/console/users/new", &[("name", "bo")]).await.status, 303);
    assert_eq!(rita.administer("/console/users/new", &[("name", "cy")]).await.status, 403);
    let settings = [("version", "1"), ("group", ""), ("code_length", "6")];
    for who in [&mut hans, &mut rita] {
        let refused = who.administer("/console/settings/save", &settings).await;
        assert!(refused.status == 403 && refused.text.contains("needs the role owner"), "{}", refused.text);
        assert_eq!(who.get("/console/settings").await.status, 200);
    }
    assert!(!rita.get("/console/users").await.text.contains("Add a user"));
    let last = server.audit().into_iter().rfind(|entry| entry["action"] == "user.added").unwrap();
    assert_eq!(last["actor"], "administrator hans");
}
