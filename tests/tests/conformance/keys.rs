//! Which phones have heard of the server's keys.

use symbolon_core::succession::KeysVersion;
use symbolon_server::storage::{Behind, Token, TokenState};

use crate::samples::{add_token, add_user, device, token};
use crate::{Database, write};

pub(crate) fn who_has_not_heard_of_a_key_is_counted_and_named(database: &Database) {
    let store = database.open();
    let user = add_user(&store, "alice");
    let on_a_device = |number| Token { device: Some(device()), ..token(&user, number) };
    let [one, two, three] = [3, 2, 1].map(|number| add_token(&store, on_a_device(number)));
    add_token(&store, Token { device: None, ..token(&user, 4) });
    for (number, state) in [(5, TokenState::New), (6, TokenState::Activating)] {
        add_token(&store, Token { state, ..on_a_device(number) });
    }
    add_token(&store, Token { state: TokenState::Disabled, ..on_a_device(7) });
    let behind =
        |version, limit| store.read(|snapshot| snapshot.behind_keys(KeysVersion::new(version), limit)).unwrap();
    let heard = |token: &Token| store.read(|snapshot| snapshot.heard_keys(token.id)).unwrap().get();
    let hear = |token: &Token, version| {
        let id = token.id;
        write(&store, move |transaction| transaction.set_heard_keys(id, KeysVersion::new(version)));
    };
    assert_eq!((heard(&one), behind(0, 9)), (0, Behind::default()));
    let first = vec![three.serial, two.serial];
    assert_eq!(behind(5, 2), Behind { tokens: 4, serials: first });

    // More than 32 bits: the versions are times.
    let version = 1_800_000_000_000;
    hear(&one, 4);
    hear(&one, version);
    hear(&two, version - 1);
    assert_eq!((heard(&one), heard(&two), heard(&three)), (version, version - 1, 0));
    assert_eq!(behind(version, 1), Behind { tokens: 3, serials: vec![three.serial] });
    let gone = three.id;
    write(&store, move |transaction| transaction.delete_token(gone));
    assert_eq!(behind(version, 1), Behind { tokens: 2, serials: vec![two.serial] });
}
