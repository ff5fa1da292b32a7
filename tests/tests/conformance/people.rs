//! Users.

use symbolon_core::text::Name;
use symbolon_server::storage::{Language, StorageError, User};

use crate::samples::{add_application, add_holder, add_user, challenge, handshake, lock, user};
use crate::tokens::ticket;
use crate::{Database, try_write, write};

pub(crate) fn users_are_found_and_keep_every_field(database: &Database) {
    let store = database.open();
    let full = User {
        email: Some("zoë@example.org".parse().unwrap()),
        group: Some("Führung".parse().unwrap()),
        language: Some(Language::German),
        ..user("Zoë 't Hart")
    };
    let inserted = full.clone();
    let id = write(&store, move |transaction| transaction.insert_user(&inserted));
    let full = User { id, ..full };
    assert_eq!(store.read(|snapshot| snapshot.user_by_name(&full.name)).unwrap().as_ref(), Some(&full));
    let changed = User { enabled: false, email: None, lock: lock(), ..full };
    let written = changed.clone();
    write(&store, move |transaction| transaction.update_user(&written));
    assert_eq!(store.read(|snapshot| snapshot.user(id)).unwrap(), Some(changed));
    write(&store, move |transaction| transaction.set_user_lock(id, &Default::default()));
    assert_eq!(store.read(|snapshot| snapshot.user(id)).unwrap().unwrap().lock, Default::default());
    write(&store, move |transaction| transaction.delete_user(id));
    assert_eq!(store.read(|snapshot| snapshot.user(id)).unwrap(), None);
}

pub(crate) fn users_are_listed_by_name_and_searched(database: &Database) {
    let store = database.open();
    for name in ["bob", "Ann", "b_b", "ömer", "zed", "100%", "Zoe"] {
        add_user(&store, name);
    }
    let mailed = User { email: Some("Carla@Example.org".parse().unwrap()), ..user("carla") };
    write(&store, move |transaction| transaction.insert_user(&mailed));
    let list = |search: Option<&str>, after: Option<&str>, limit| -> Vec<String> {
        let after: Option<Name> = after.map(|after| after.parse().unwrap());
        let users = store.read(|snapshot| snapshot.users(search, after.as_ref(), limit)).unwrap();
        users.into_iter().map(|user| user.name.into()).collect()
    };
    // By the bytes of the names, in every database and under every locale.
    assert_eq!(list(None, None, 99), ["100%", "Ann", "Zoe", "b_b", "bob", "carla", "zed", "ömer"]);
    assert_eq!(list(None, Some("Zoe"), 2), ["b_b", "bob"]);
    assert_eq!(list(Some("B"), None, 99), ["b_b", "bob"]);
    assert_eq!(list(Some("CARLA@ex"), None, 99), ["carla"]);
    assert_eq!(list(Some("Ö"), None, 99), ["ömer"]);
    assert_eq!(list(Some("100%"), None, 99), ["100%"]);
    assert_eq!(list(Some("z"), Some("Zoe"), 99), ["zed"]);
    for nobody in ["_", "%", "\\", "lla", "example.org"] {
        assert!(list(Some(nobody), None, 99).is_empty(), "{nobody}");
    }

    // A whole address, whatever the case, and never a name that reads like one.
    add_user(&store, "carla@example.org");
    let by_email = |email: &str| -> Vec<String> {
        let users = store.read(|snapshot| snapshot.users_by_email(&email.parse().unwrap())).unwrap();
        users.into_iter().map(|user| user.name.into()).collect()
    };
    assert_eq!(by_email("carla@EXAMPLE.org"), ["carla"]);
    assert!(by_email("carla@example.or").is_empty());

    // By each word, and by words that follow each other; what changes is found anew, and nobody twice.
    let named = User { email: Some("m.de-la-cruz@example.org".parse().unwrap()), ..user("Maria de la Cruz") };
    let inserted = named.clone();
    let id = write(&store, move |transaction| transaction.insert_user(&inserted));
    for found in ["maria", "MARIA DE", "la cr", "cruz", "de", "m.de", "la-cruz@example"] {
        assert_eq!(list(Some(found), None, 99), ["Maria de la Cruz"], "{found}");
    }
    let changed = User { id, email: Some("mm@example.org".parse().unwrap()), ..named };
    write(&store, move |transaction| transaction.update_user(&changed));
    assert_eq!((list(Some("mm"), None, 99).len(), list(Some("m.de"), None, 99).len()), (1, 0));
    write(&store, move |transaction| transaction.delete_user(id));
    assert!(list(Some("maria"), None, 99).is_empty());
}

pub(crate) fn groups_are_told_with_the_number_of_their_users(database: &Database) {
    let store = database.open();
    for (name, group) in [("ann", Some("staff")), ("bob", None), ("cid", Some("board")), ("dan", Some("staff"))] {
        let member = User { group: group.map(|group| group.parse().unwrap()), ..user(name) };
        write(&store, move |transaction| transaction.insert_user(&member));
    }
    let groups = store.read(|snapshot| snapshot.groups()).unwrap();
    assert_eq!(groups, [("board".parse().unwrap(), 1), ("staff".parse().unwrap(), 2)]);
}

pub(crate) fn a_name_is_given_once(database: &Database) {
    let store = database.open();
    add_user(&store, "alice");
    let again = |name: &str| {
        let user = user(name);
        try_write(&store, move |transaction| transaction.insert_user(&user))
    };
    assert_eq!(again("alice"), Err(StorageError::Exists));
    assert!(again("Alice").is_ok(), "names differ by case");
}

pub(crate) fn with_a_user_go_the_tokens_and_all_that_is_theirs(database: &Database) {
    let store = database.open();
    let (user, token) = add_holder(&store);
    let application = add_application(&store, 1);
    let (challenge, handshake) = (challenge(&application, &user, 1), handshake(&token, 1));
    let (asked, session) = (challenge.id.clone(), handshake.session.clone());
    let put = ticket(&token, 1);
    write(&store, move |transaction| {
        transaction.put_ticket(&put)?;
        transaction.insert_handshake(&handshake, 16)?;
        transaction.insert_challenge(&challenge)?;
        transaction.delete_user(user.id)
    });
    store
        .read(|snapshot| {
            assert_eq!(snapshot.token(token.id)?, None);
            assert_eq!(snapshot.ticket(token.id)?, None);
            assert_eq!(snapshot.handshake(&session)?, None);
            assert_eq!(snapshot.challenge(&asked)?, None);
            Ok::<_, StorageError>(())
        })
        .unwrap();
}
