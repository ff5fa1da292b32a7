//! What devices' hardware has stated.

use symbolon_server::storage::{Attested, StoredAttestation, TokenId};

use crate::samples::{add_token, add_user, attested, token};
use crate::{Database, write};

pub(crate) fn statements_keep_every_field_and_go_with_their_token(database: &Database) {
    let store = database.open();
    let user = add_user(&store, "alice");
    let tokens: Vec<TokenId> = (1..=3).map(|number| add_token(&store, token(&user, number)).id).collect();
    let (first, second) = (tokens[0], tokens[1]);
    let stored = |counter: u32, verdict: &str| StoredAttestation {
        attested: Attested { counter, ..attested() },
        verdict: verdict.to_owned(),
    };
    let read = |token| store.read(|snapshot| snapshot.attestation(token)).unwrap();
    assert_eq!(read(first), None);

    let (one, other) = (stored(0, "{}"), stored(u32::MAX, "[]"));
    write(&store, move |transaction| {
        transaction.put_attestation(first, &one)?;
        transaction.put_attestation(first, &other)?;
        transaction.put_attestation(second, &one)
    });
    assert_eq!(read(first), Some(stored(u32::MAX, "[]")), "the later one takes its place");
    assert_eq!(read(second), Some(stored(0, "{}")));
    let listed = |after, limit| store.read(|snapshot| snapshot.attested_tokens(after, limit)).unwrap();
    assert_eq!(listed(TokenId(0), 10), [first, second]);
    assert_eq!((listed(TokenId(0), 1), listed(first, 10)), (vec![first], vec![second]));

    write(&store, move |transaction| {
        transaction.set_attestation_counter(second, 7)?;
        transaction.set_verdict(second, "1")?;
        transaction.delete_attestation(first)
    });
    assert_eq!((read(first), read(second)), (None, Some(stored(7, "1"))));
    assert_eq!(store.read(|snapshot| snapshot.verdict(second)).unwrap().as_deref(), Some("1"));
    write(&store, move |transaction| transaction.delete_token(second));
    assert_eq!(read(second), None);
}
