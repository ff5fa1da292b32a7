//! Moves to a new phone, and what a restored database goes on with.

use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::SigningKey;
use symbolon_server::storage::{Handshake, Move, StorageError, Store, Token, TokenState, Used, Visit, VisitLink};

use crate::samples::{add_application, add_holder, add_token, at, challenge, handshake, token};
use crate::tokens::ticket;
use crate::{Database, write};

fn moving(token: &Token, old: u64) -> Move {
    Move {
        token: token.id,
        old_serial: SerialNumber::from_number(old).unwrap(),
        old_key: SigningKey::generate(&mut rand_core::OsRng).public_key(),
        used: None,
        agreed: false,
        moved_at: None,
        expires_at: at(100),
    }
}

pub(crate) fn moves_keep_every_field_and_are_swept(database: &Database) {
    let store = database.open();
    let (user, first) = add_holder(&store);
    let second = add_token(&store, token(&user, 2));
    let begun = moving(&first, 900);
    let Handshake { session, .. } = handshake(&first, 1);
    let used = Move {
        used: Some(Used { session, transcript: [5; 32].into() }),
        agreed: true,
        moved_at: Some(at(50)),
        ..begun.clone()
    };
    let to = |token: &Token| store.read(|snapshot| snapshot.move_to(token.id)).unwrap();
    let from = |old| store.read(move |snapshot| snapshot.move_from(SerialNumber::from_number(old).unwrap())).unwrap();
    for moving in [&begun, &used] {
        let put = moving.clone();
        write(&store, move |transaction| transaction.put_move(&put));
        assert_eq!((to(&first).as_ref(), from(900).as_ref()), (Some(moving), Some(moving)));
    }
    // Another move of the same token takes the place of the one before.
    let again = moving_to(&store, &second, 900);
    assert_eq!((to(&first), from(900)), (None, Some(again.clone())));
    assert_eq!(write(&store, |transaction| transaction.sweep_moves(at(0), at(100))), []);
    assert_eq!(write(&store, |transaction| transaction.sweep_moves(at(0), at(101))), [second.id]);
    write(&store, move |transaction| transaction.put_move(&Move { moved_at: Some(at(1)), ..again }));
    assert_eq!(write(&store, |transaction| transaction.sweep_moves(at(101), at(101))), []);
    assert_eq!(to(&second), None);
    moving_to(&store, &second, 900);
    write(&store, move |transaction| transaction.delete_move(second.id));
    assert_eq!(from(900), None);
}

fn moving_to(store: &Store, token: &Token, old: u64) -> Move {
    let moving = moving(token, old);
    let put = moving.clone();
    write(store, move |transaction| transaction.put_move(&put));
    moving
}

pub(crate) fn nothing_that_was_under_way_goes_on_in_an_epoch(database: &Database) {
    let store = database.open();
    let (user, active) = add_holder(&store);
    let application = add_application(&store, 1);
    let activating = add_token(&store, Token { state: TokenState::Activating, ..token(&user, 2) });
    let (new, moved) = (add_token(&store, token(&user, 3)), add_token(&store, token(&user, 4)));
    let asked = challenge(&application, &user, 1);
    let (holder, waiting, id) = (user.id, activating.clone(), asked.id.clone());
    let moves = [moving(&new, 900), Move { moved_at: Some(at(1)), ..moving(&moved, 901) }];
    write(&store, move |transaction| {
        transaction.put_ticket(&ticket(&waiting, 1))?;
        assert!(transaction.insert_handshake(&handshake(&waiting, 1), 5)?);
        transaction.insert_challenge(&asked)?;
        let link = VisitLink { hash: [1; 32], user: holder, browser: [2; 32], expires_at: at(60) };
        transaction.insert_visit_link(&link)?;
        transaction.insert_visit(&Visit {
            hash: [3; 32],
            user: holder,
            confirmed_by: None,
            challenge: None,
            created_at: at(5),
        })?;
        assert!(transaction.accept_assertion(waiting.id, b"jti", at(60), at(1))?);
        moves.iter().try_for_each(|moving| transaction.put_move(moving))
    });
    write(&store, |transaction| transaction.void_unfinished());
    store
        .read(|snapshot| {
            assert_eq!(snapshot.token(activating.id)?.map(|token| token.state), Some(TokenState::New));
            assert_eq!(snapshot.ticket(activating.id)?, None);
            assert_eq!(snapshot.handshake(&handshake(&activating, 1).session)?, None);
            assert_eq!(snapshot.challenge(&id)?, None);
            assert_eq!(snapshot.visit_link(&[1; 32])?, None);
            assert_eq!(snapshot.visit(&[3; 32])?, None);
            assert_eq!(snapshot.token(new.id)?, None, "it was to take the place of another");
            assert!(snapshot.move_to(moved.id)?.is_some(), "what was done stays done");
            assert_eq!(snapshot.token(active.id)?, Some(active.clone()));
            Ok::<_, StorageError>(())
        })
        .unwrap();
}

pub(crate) fn tokens_wait_to_be_confirmed(database: &Database) {
    let store = database.open();
    let (user, first) = add_holder(&store);
    let second = add_token(&store, token(&user, 2));
    let (a, b) = (first.id, second.id);
    let set = |id, waits| write(&store, move |transaction| transaction.set_unconfirmed(id, waits));
    assert_eq!(
        [set(b, true), set(a, true), set(a, true), set(b, false), set(b, false)],
        [true, true, false, true, false]
    );
    store
        .read(|snapshot| {
            assert_eq!((snapshot.is_unconfirmed(a)?, snapshot.is_unconfirmed(b)?), (true, false));
            assert_eq!(snapshot.unconfirmed()?, [a]);
            assert_eq!(snapshot.tokens_after(None, 1)?, std::slice::from_ref(&first));
            assert_eq!(snapshot.tokens_after(Some(a), 9)?, std::slice::from_ref(&second));
            Ok::<_, StorageError>(())
        })
        .unwrap();
}
