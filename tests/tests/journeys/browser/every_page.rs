//! Every page that can be looked at, and whether what looks at them would see what is wrong.

use symbolon_tests::Look;

use super::Desk;

#[tokio::test]
async fn every_page_is_sound_on_a_desk_and_on_a_phone_by_day_and_by_night() {
    let Some(desk) = Desk::set_up("every_page_is_sound", Look::WIDE).await else { return };
    let visit = async |path: &str, says: &str| {
        desk.browser.open(path).await;
        desk.browser.says(says).await;
        desk.browser.is_sound(path).await;
    };
    for (path, says) in [
        ("/console", "Three steps"),
        ("/console/users", "No users yet"),
        ("/console/applications", "No application yet"),
        ("/console/try", "An approval is asked for by an application"),
    ] {
        visit(path, says).await;
    }
    let token = desk.with_life().await;
    let serial = &token.serial;
    for (path, says) in [
        ("/console", "Refused codes by reason"),
        ("/console?span=month", "30 days"),
        ("/console/users", "alice"),
        ("/console/users?search=zz", "Nobody found"),
        ("/console/users/new", "Add a user"),
        ("/console/users/import", "name,email,group"),
        ("/console/user?name=alice", "What holds for alice"),
        ("/console/user?name=nobody", "There is no user nobody"),
        ("/console/user/edit?name=bo", "of active tokens stay"),
        ("/console/user/confirm?action=disable&name=alice", "Tokens stay as they are"),
        ("/console/user/confirm?action=delete&name=alice", "can't be undone"),
        ("/console/user/token?name=alice", "Ways to activate"),
        (&format!("/console/token?serial={serial}"), "Integrity"),
        (&format!("/console/token/confirm?serial={serial}&action=disable"), "until it is enabled again"),
        (&format!("/console/token/confirm?serial={serial}&action=reactivate"), "is refused from this moment on"),
        (&format!("/console/token/confirm?serial={serial}&action=reset"), "First code"),
        (&format!("/console/token/confirm?serial={serial}&action=unlock_pin"), "What the phone shows"),
        (&format!("/console/token/confirm?serial={serial}&action=delete"), "can't be brought back"),
        ("/console/settings", "Mutual challenge"),
        ("/console/settings?group=finance", "Own value"),
        ("/console/applications", "New key"),
        ("/console/applications/confirm?action=rotate&name=shop", "The old key ends"),
        ("/console/webhooks", "Add a webhook"),
        ("/console/deliveries", "Nothing here"),
        ("/console/deliveries?state=given_up&kind=webhook", "given up"),
        ("/console/administrators", "Add an administrator"),
        ("/console/administrators/confirm?action=role&name=ana", "Change the role of ana?"),
        ("/console/administrators/confirm?action=remove&name=ana", "Remove ana?"),
        ("/console/audit", "code.accepted"),
        ("/console/audit?user=alice&action=token.", "token.activated"),
        ("/console/audit?user=zz", "No entry fits"),
        ("/console/try", "Verify a code"),
        ("/console/nothing", "There is no such page"),
        ("/console/sign-in", "Code of your soft token"),
        ("/console/sign-out", "in every browser"),
        ("/me", "Send the link"),
        ("/me/link", "Paste the whole link"),
        ("/activate", "This link is not complete"),
    ] {
        visit(path, says).await;
    }
}

#[tokio::test]
async fn what_looks_at_the_pages_finds_what_is_wrong() {
    let Some(desk) = Desk::set_up("what_looks_at_the_pages", Look::NARROW).await else { return };
    let browser = &desk.browser;
    assert_eq!(browser.flaws().await, Vec::<String>::new());
    browser.script("document.querySelector('main').append(document.createElement('img'))").await;
    assert!(browser.flaws().await.iter().any(|flaw| flaw.starts_with("image-alt")));
    assert!(browser.fits_its_window().await);
    browser.script("document.querySelector('h1').append('wide'.repeat(100))").await;
    browser.script("document.querySelector('h1').style.overflowWrap = 'normal'").await;
    browser.script("document.querySelector('main').style.display = 'table'").await;
    assert!(!browser.fits_its_window().await);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    // What somebody could have smuggled into a page does not run.
    let smuggled = "const script = document.createElement('script'); script.textContent = 'window.ran = true';
        document.body.append(script); return window.ran ?? false";
    assert_eq!(browser.script(smuggled).await, false);
    let complaints = browser.complaints().await;
    assert!(complaints.iter().any(|complaint| complaint.contains("Content Security Policy")), "{complaints:?}");
}
