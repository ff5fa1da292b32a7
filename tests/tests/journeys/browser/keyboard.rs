//! Without a mouse: everything is reached, and where the focus is can be seen.

use symbolon_tests::{Key, Look, Pages};

use super::Desk;

#[tokio::test]
async fn a_keyboard_is_enough() {
    let Some(desk) = Desk::set_up("a_keyboard_is_enough", Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    browser.tab_to("Sign out").await;
    browser.key(Key::Enter).await;
    browser.says("Sign out in every browser").await;
    browser.tab_to("Sign out here").await;
    browser.key(Key::Enter).await;
    browser.says("You are signed out").await;
    // The first field has the focus.
    browser.keys("ana").await;
    browser.tab_to("Password").await;
    browser.keys(Pages::PASSWORD).await;
    browser.key(Key::Enter).await;
    browser.says("Three steps").await;

    browser.tab_to("Skip to the page").await;
    browser.key(Key::Enter).await;
    assert_eq!(browser.script("return document.activeElement.id").await, "main");
    browser.tab_to("Add a user").await;
    browser.key(Key::Enter).await;
    browser.tab_to("Name").await;
    browser.keys("alice").await;
    browser.tab_to("Add this user").await;
    browser.key(Key::Enter).await;
    browser.says("No token yet").await;
    browser.tab_to("Hand out a token").await;
    browser.key(Key::Enter).await;
    browser.tab_to("Hand out and show the ticket").await;
    browser.key(Key::Enter).await;
    browser.says("This is shown once").await;
    browser.tab_to("Copy the activation code").await;
    browser.key(Key::Enter).await;
    browser.says("Copied").await;

    // A radio button is chosen with the arrows.
    browser.open("/console/settings").await;
    browser.tab_to("8 digits").await;
    browser.key(Key::Left).await;
    browser.tab_to("Look at the changes").await;
    browser.key(Key::Enter).await;
    browser.says("A guess at a code of 6 digits").await;
    browser.tab_to("Save").await;
    browser.key(Key::Enter).await;
    browser.says("The settings are saved").await;
    assert_eq!(server.admin(&["policy", "show"])["policy"]["code_length"], 6);
}
