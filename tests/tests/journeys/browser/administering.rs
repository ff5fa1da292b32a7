//! What administrators do: settings, users, tokens, a trial; and what they are told when it is not taken.

use symbolon_core::approval::Decision;
use symbolon_tests::{Look, Pages, Phone, Ticket, accepted};

use super::Desk;

#[tokio::test]
async fn settings_are_previewed_saved_and_take_effect_and_two_who_edit_at_once_hear_of_it() {
    let Some(desk) = Desk::set_up("settings_are_previewed", Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    browser.open("/console/settings").await;
    browser.says("10 time steps (5 minutes)").await;
    browser.fill("#max_time_steps", "200").await;
    browser.press("Look at the changes").await;
    browser.says("Nothing was saved").await;
    assert!(browser.text("#error-max_time_steps").await.contains("a whole number from 1 to 120"));
    browser.is_sound("a setting that can't be").await;
    browser.fill("#max_time_steps", "30").await;
    browser.click("input[name=code_length][value='6']").await;
    for method in ["online", "classic"] {
        browser.click(&format!("input[name=email_activation_methods][value={method}]")).await;
    }
    browser.press("Look at the changes").await;
    assert_eq!(browser.text("#error-email_activation_methods").await, "Choose at least one.");
    browser.click("input[name=email_activation_methods][value=online]").await;
    browser.press("Look at the changes").await;
    browser.says("10 time steps (5 minutes)").await;
    browser.says("30 time steps (15 minutes)").await;
    browser.says("A guess at a code of 6 digits succeeds a hundred times as often").await;
    browser.is_sound("the preview").await;
    assert_eq!(server.admin(&["policy", "show"])["policy"]["code_length"], 8, "a preview changes nothing");
    browser.press("Save").await;
    browser.says("The settings are saved").await;
    let policy = server.admin(&["policy", "show"])["policy"].clone();
    assert_eq!((&policy["code_length"], &policy["max_time_steps"]), (&6.into(), &30.into()));
    assert_eq!(policy["email_activation_methods"], serde_json::json!(["online"]));
    let entry = server.audit().into_iter().rfind(|entry| entry["action"] == "policy.changed").unwrap();
    assert_eq!(
        (&entry["actor"], entry["details"]["changes"].as_array().unwrap().len()),
        (&"administrator ana".into(), 3)
    );

    // Somebody else is faster.
    browser.fill("#lockout_count", "7").await;
    browser.press("Look at the changes").await;
    browser.says("Save these settings?").await;
    server.admin(&["policy", "set", "lockout_time=600"]);
    browser.press("Save").await;
    browser.says("Somebody changed a policy in the meantime").await;
    assert_eq!(server.admin(&["policy", "show"])["policy"]["lockout_count"], 5);

    // A group's own value, and back to the one for everyone.
    browser.open("/console/settings?group=finance").await;
    browser.fill("#lockout_count", "2").await;
    assert!(browser.has("input[name=own-lockout_count]:checked").await, "what is entered is the group's own");
    browser.press("Look at the changes").await;
    browser.press("Save").await;
    browser.says("1 of its own").await;
    assert_eq!(server.admin(&["policy", "show", "--group", "finance"])["policy"]["lockout_count"], 2);
    server.admin(&["user", "add", "fay", "--group", "finance"]);
    browser.open("/console/user?name=fay").await;
    browser.press("Show all settings").await;
    browser.says("set for the group").await;
    browser.open("/console/settings?group=finance").await;
    browser.click("input[name=own-lockout_count]").await;
    browser.press("Look at the changes").await;
    browser.press("Save").await;
    browser.says("no settings of its own").await;
    assert_eq!(server.admin(&["policy", "show", "--group", "finance"])["policy"]["lockout_count"], 5);
}

#[tokio::test]
async fn a_person_gets_a_token_in_the_browser_and_loses_it_there() {
    let Some(desk) = Desk::set_up("a_person_gets_a_token", Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    browser.open("/console/users").await;
    browser.press("Add a user").await;
    browser.fill("#name", "alice").await;
    browser.fill("#email", "nowhere").await;
    browser.press("Add this user").await;
    browser.says("Must be an e-mail address").await;
    browser.is_sound("a user that can't be").await;
    browser.fill("#email", "alice@example.org").await;
    browser.press("Add this user").await;
    browser.says("No token yet").await;
    browser.press("Hand out a token").await;
    browser.fill("#label", "Work phone").await;
    browser.press("Hand out and show the ticket").await;
    browser.says("This is shown once").await;
    assert!(browser.has(".qr svg").await);
    browser.is_sound("a ticket").await;
    let copied = async |what: &str| browser.text(&format!("[data-copy='{what}']")).await;
    let ticket = Ticket {
        serial: copied("the serial number").await,
        link: copied("the link").await,
        address: copied("the address").await,
        code: copied("the activation code").await,
    };
    let token = Phone::new(server, &ticket).activate().await;
    browser.press("Done: show the token").await;
    browser.says("active").await;
    assert!(!browser.text("main").await.contains(&ticket.code));

    browser.open("/console/try").await;
    browser.fill("#user", "alice").await;
    browser.fill("#code", &token.code()).await;
    browser.press("Verify").await;
    browser.says("Accepted: a code of token").await;
    browser.is_sound("an accepted code").await;
    browser.fill("#code", &token.wrong_code()).await;
    browser.press("Verify").await;
    browser.says("Refused: wrong code").await;

    let page = format!("/console/token?serial={}", ticket.serial);
    browser.open(&page).await;
    browser.press("Disable").await;
    browser.says("are refused until it is enabled again").await;
    browser.press("Disable").await;
    browser.says("its codes are refused").await;
    assert!(!browser.text("main .buttons").await.contains("Reset"), "only what the state allows is offered");
    browser.press("Enable").await;
    browser.says("its codes count again").await;
    // Done elsewhere in the meantime: the page says no, and what can be done.
    browser.open(&format!("/console/token/confirm?serial={}&action=disable", ticket.serial)).await;
    server.admin(&["token", "disable", &ticket.serial]);
    browser.press("Disable").await;
    browser.says("is not possible; possible:").await;
    browser.is_sound("a refused action").await;
    browser.open(&page).await;
    browser.press("Delete").await;
    browser.says("can't be brought back").await;
    browser.press("Delete").await;
    browser.says("The token is deleted").await;
    browser.press("Delete").await;
    browser.says("What the audit says of this user stays").await;
    browser.press("Delete this user").await;
    browser.says("The user is deleted").await;
    browser.open("/console/audit?user=alice").await;
    browser.says("user.deleted").await;
    browser.press("Verify the chain").await;
    browser.says("The chain is intact").await;
    browser.is_sound("an intact chain").await;
    server.database().execute("UPDATE audit SET entry = replace(entry, 'user.deleted', 'user.enabled')", []).unwrap();
    browser.open("/console/audit").await;
    browser.press("Verify the chain").await;
    browser.says("The chain is broken at entry").await;
}

#[tokio::test]
async fn temporary_codes_are_given_out_and_what_was_entered_stays_when_it_can_t_be_taken() {
    let Some(desk) = Desk::set_up("temporary_codes_are_given_out", Look::NARROW).await else { return };
    let Desk { server, browser } = &desk;
    server.admin(&["user", "add", "alice", "--group", "finance"]);
    browser.open("/console/user/token?name=alice").await;
    assert!(!browser.text("main").await.contains("temporary codes"), "the policy has none");
    for way in ["online", "classic"] {
        browser.click(&format!("[value={way}]")).await;
    }
    browser.press("Hand out and show the ticket").await;
    browser.says("Choose at least one way").await;
    assert!(!browser.has("[name=method]:checked").await, "what was chosen stays");
    browser.is_sound("no way to activate").await;
    let serial = server.hand_out_another("alice").serial;
    browser.open(&format!("/console/token/confirm?serial={serial}&action=complete")).await;
    browser.fill("#registration_code", "1234567890").await;
    browser.fill("#code", "12").await;
    browser.press("Complete the activation").await;
    browser.says("Complete the activation of token").await;
    assert_eq!(browser.value("#registration_code").await, "1234567890");

    server.admin(&["policy", "set", "temporary_codes=true", "--group", "finance"]);
    browser.open("/console/user/token?name=alice").await;
    browser.is_sound("a token or temporary codes").await;
    browser.fill("#hours", "100").await;
    browser.script("document.querySelector('#hours').form.noValidate = true").await;
    browser.press("Give out and show the codes").await;
    browser.says("Must be 1 to 72").await;
    assert_eq!(browser.value("#hours").await, "100");
    assert!(browser.has("[value=online]:checked").await);
    browser.is_sound("hours that can't be").await;
    browser.fill("#hours", "2").await;
    browser.fill("#uses", "3").await;
    browser.press("Give out and show the codes").await;
    browser.says("Temporary codes for alice").await;
    browser.is_sound("temporary codes").await;
    let codes = browser.text("ol.secret").await;
    let codes: Vec<&str> = codes.split_whitespace().collect();
    assert_eq!(codes.len(), 3, "{codes:?}");
    assert!(accepted(&server.caller("verify").verify("alice", codes[1]).await));
    let given = server.audit().into_iter().rfind(|entry| entry["action"] == "token.temporary_codes_given").unwrap();
    assert_eq!((&given["actor"], &given["details"]["uses"]), (&"administrator ana".into(), &3.into()));
    browser.press("Done: show the user").await;
    browser.says("What holds for alice").await;
    assert!(!browser.text("main").await.contains(codes[0]));
}

#[tokio::test]
async fn a_test_approval_is_watched_until_the_phone_has_answered() {
    let Some(desk) = Desk::set_up("a_test_approval", Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    let token = server.activated("alice").await;
    browser.open("/console/applications").await;
    browser.fill("#name", "shop").await;
    browser.press("Add and show the key").await;
    browser.says("This is shown once").await;
    assert!(browser.text("[data-copy='the key']").await.starts_with("sym_"));
    browser.is_sound("a key").await;
    browser.open("/console/try").await;
    browser.fill("#whom", "nobody").await;
    browser.press("Send").await;
    browser.says("no active token that could answer").await;
    browser.fill("#whom", "alice").await;
    browser.press("Send").await;
    browser.says("pending").await;
    browser.is_sound("a test approval").await;
    let value = browser.text(".secret").await;
    let asked = token.requests(0).await;
    let answer = token.answer(&asked[0], Decision::Confirm, Some(&value));
    assert_eq!(token.send_answer(&answer).await.status, 200);
    browser.says("confirmed").await;
}

#[tokio::test]
async fn the_console_works_without_scripts_and_says_when_a_session_has_ended() {
    let Some(desk) = Desk::set_up("the_console_works_without_scripts", Look::WIDE.without_scripts()).await else {
        return;
    };
    let Desk { server, browser } = &desk;
    server.admin(&["user", "add", "alice"]);
    browser.open("/console/user?name=alice").await;
    browser.says("UTC").await;
    browser.press("Resume approvals").await;
    browser.says("Applications may ask for approvals again").await;
    // What is entered for a group counts, ticked or not.
    browser.open("/console/settings?group=finance").await;
    browser.fill("#lockout_count", "0").await;
    browser.press("Look at the changes").await;
    browser.says("Nothing was saved").await;
    assert!(browser.has("input[name=own-lockout_count]:checked").await);
    browser.fill("#lockout_count", "2").await;
    browser.click("input[name=own-lockout_count]").await;
    browser.press("Look at the changes").await;
    browser.says("Save these settings?").await;
    browser.press("Save").await;
    browser.says("1 of its own").await;
    browser.open("/console/user?name=alice").await;
    server.database().execute("UPDATE session SET used_at = used_at - 1801000", []).unwrap();
    browser.press("Resume approvals").await;
    browser.says("Your session has ended").await;
    let before = server.count_of("user.approvals_resumed");
    assert_eq!(before, 1, "what was sent after the end was not taken");
    browser.open("/console/user?name=alice").await;
    browser.fill("#name", "ana").await;
    browser.fill("#password", Pages::PASSWORD).await;
    browser.press("Sign in").await;
    browser.says("What holds for alice").await;
    browser.open("/console/sign-out").await;
    browser.press("Sign out in every browser").await;
    browser.says("You are signed out").await;
    assert_eq!(server.number("SELECT count(*) FROM session"), 0);
}
