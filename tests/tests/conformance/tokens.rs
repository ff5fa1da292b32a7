//! Tokens, the codes that count, tickets and handshakes.

use symbolon_core::otp::window::TimeState;
use symbolon_core::otp::{Digits, Hash, Period};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Name;
use symbolon_server::storage::{
    Accept, Counter, Lock, LockState, LookedUp, Origin, StorageError, Store, Taken, TicketRecord, Token, TokenState,
    User,
};

use crate::installation::patch;
use crate::samples::{
    add_application, add_holder, add_token, add_user, api_key, at, device, handshake, lock, step, token, user,
};
use crate::{Database, try_write, write};

fn stored(store: &Store, token: &Token) -> Token {
    store.read(|snapshot| snapshot.token(token.id)).unwrap().unwrap()
}

pub(crate) fn tokens_keep_every_field(database: &Database) {
    let store = database.open();
    let user = add_user(&store, "alice");
    let time = Token {
        maker_serial: Some("GALT/00-1".parse().unwrap()),
        label: Some("Schlüssel".parse().unwrap()),
        counter: Counter::Time {
            period: Period::from_seconds(60).unwrap(),
            state: TimeState { last: Some(step(-5)), drift: -3, drift_at_reset: 7 },
        },
        spent: vec![step(1), step(-1), step(i64::MAX)],
        lock: lock(),
        device: Some(device()),
        last_used_at: Some(at(3)),
        ..token(&user, 1)
    };
    let event = Token {
        state: TokenState::Disabled,
        origin: Origin::Imported,
        counter: Counter::Event { next: 0 },
        hash: Hash::Sha1,
        digits: Digits::SIX,
        keys: Vec::new(),
        lock: LockState { lock: Lock::UntilUnlocked, ..lock() },
        activated_at: None,
        ..token(&user, 9_999_999_999)
    };
    let (time, event) = (add_token(&store, time), add_token(&store, event));
    assert_eq!(stored(&store, &time), time);
    assert_eq!(stored(&store, &event), event);
    store
        .read(|snapshot| {
            assert_eq!(snapshot.tokens_of(user.id)?, vec![time.clone(), event.clone()]);
            assert_eq!(snapshot.token_by_serial(event.serial)?.as_ref(), Some(&event));
            assert_eq!(snapshot.token_by_maker_serial("GALT/00-1")?.as_ref(), Some(&time));
            assert_eq!(snapshot.token_by_maker_serial("galt/00-1")?, None);
            Ok::<_, StorageError>(())
        })
        .unwrap();
    let changed = Token { id: time.id, serial: time.serial, maker_serial: None, created_at: time.created_at, ..event };
    let changed = Token { origin: time.origin, ..changed };
    let written = changed.clone();
    write(&store, move |transaction| transaction.update_token(&written));
    assert_eq!(stored(&store, &time), changed);
    write(&store, move |transaction| transaction.delete_token(time.id));
    assert_eq!(store.read(|snapshot| snapshot.tokens_of(user.id)).unwrap().len(), 1);
}

pub(crate) fn many_are_added_and_looked_for_at_once(database: &Database) {
    let store = database.open();
    let users: Vec<_> = ["ann", "bob", "cid"].map(user).into();
    let ids = write(&store, move |transaction| transaction.insert_users(&users));
    let names: Vec<Name> = ["cid", "nobody", "ann"].map(|name| name.parse().unwrap()).into();
    let found = store.read(|snapshot| snapshot.users_by_names(&names.iter().collect::<Vec<_>>())).unwrap();
    let found: Vec<_> = found.into_iter().map(|user| user.map(|user| user.id)).collect();
    assert_eq!(found, [Some(ids[2]), None, Some(ids[0])], "each in its place");

    let holders = store.read(|snapshot| snapshot.users(None, None, 99)).unwrap();
    let made = |user: &User, serial: u64| Token {
        maker_serial: Some(format!("M-{serial}").parse().unwrap()),
        lock: lock(),
        spent: vec![step(4)],
        device: Some(device()),
        ..token(user, serial)
    };
    let tokens: Vec<_> = (1..=2000).map(|serial| made(&holders[serial as usize % 3], serial)).collect();
    let inserted = tokens.clone();
    let ids = write(&store, move |transaction| transaction.insert_tokens(&inserted));
    for (id, token) in ids.into_iter().zip(tokens) {
        assert_eq!(stored(&store, &Token { id, ..token.clone() }), Token { id, ..token });
    }
    store
        .read(|snapshot| {
            let serials = [2000, 2001, 1].map(|serial| SerialNumber::from_number(serial).unwrap());
            assert_eq!(snapshot.are_serials(&serials)?, [true, false, true]);
            assert_eq!(
                snapshot.are_maker_serials(&["m-1", "M-1", "M-2001", "M-2000", "M-1"])?,
                [false, true, false, true, true]
            );
            let holders: Vec<_> = [2, 0].map(|place: usize| holders[place].id).into();
            assert_eq!(snapshot.token_counts(&holders)?, [667, 666]);
            assert_eq!((snapshot.are_serials(&[])?, snapshot.users_by_names(&[])?), (vec![], vec![]));
            Ok::<_, StorageError>(())
        })
        .unwrap();
    // All or none.
    let again: Vec<_> = [5000, 1, 5001].map(|serial| made(&holders[0], serial)).into();
    assert_eq!(try_write(&store, move |transaction| transaction.insert_tokens(&again)), Err(StorageError::Exists));
    let free = [5000, 5001].map(|serial| SerialNumber::from_number(serial).unwrap());
    assert_eq!(store.read(|snapshot| snapshot.are_serials(&free)).unwrap(), [false, false]);
}

pub(crate) fn serial_numbers_are_given_once(database: &Database) {
    let store = database.open();
    let (user, first) = add_holder(&store);
    let twice = token(&user, first.serial.to_number());
    assert_eq!(try_write(&store, move |transaction| transaction.insert_token(&twice)), Err(StorageError::Exists));
    let made = |serial| Token { maker_serial: Some("M-1".parse().unwrap()), ..token(&user, serial) };
    let (first, second) = (made(2), made(3));
    write(&store, move |transaction| transaction.insert_token(&first));
    assert_eq!(try_write(&store, move |transaction| transaction.insert_token(&second)), Err(StorageError::Exists));
    let free = SerialNumber::from_number(3).unwrap();
    assert_eq!(store.read(|snapshot| snapshot.token_by_serial(free)).unwrap(), None, "nothing is left of it");
}

fn take_step(store: &Store, token: &Token, user: &User, number: i64) -> bool {
    let (token, user) = (token.clone(), user.clone());
    write(store, move |transaction| transaction.accept_step(&token, &user, step(number), number - 100, at(number)))
}

fn take_event(store: &Store, token: &Token, user: &User, counter: u64) -> bool {
    let (token, user) = (token.clone(), user.clone());
    write(store, move |transaction| transaction.accept_event(&token, &user, counter, at(5)))
}

pub(crate) fn a_step_is_taken_once_and_never_an_earlier_one(database: &Database) {
    let store = database.open();
    let (user, first) = add_holder(&store);
    assert!(take_step(&store, &first, &user, 100));
    assert!(!take_step(&store, &first, &user, 100));
    assert!(!take_step(&store, &first, &user, 99));
    assert!(take_step(&store, &first, &user, 102));
    assert!(!take_step(&store, &first, &user, 101));
    let after = stored(&store, &first);
    assert_eq!(after.last_used_at, Some(at(102)));
    let state = TimeState { last: Some(step(102)), drift: 2, drift_at_reset: 0 };
    assert_eq!(after.counter, Counter::Time { period: Period::STANDARD, state });
}

pub(crate) fn an_event_is_taken_once_and_those_before_it_with_it(database: &Database) {
    let store = database.open();
    let user = add_user(&store, "alice");
    let token = add_token(&store, Token { counter: Counter::Event { next: 0 }, ..token(&user, 1) });
    assert!(take_event(&store, &token, &user, 0));
    assert!(!take_event(&store, &token, &user, 0));
    assert!(take_event(&store, &token, &user, 7));
    assert!(!take_event(&store, &token, &user, 6));
    assert_eq!(stored(&store, &token).counter, Counter::Event { next: 8 });
    assert!(!take_event(&store, &token, &user, u64::MAX));
}

pub(crate) fn a_temporary_code_is_taken_once_in_any_order_and_in_time(database: &Database) {
    let store = database.open();
    let user = add_user(&store, "alice");
    let given = Token {
        origin: Origin::Temporary,
        counter: Counter::Listed { codes: 3 },
        expires_at: Some(at(100)),
        ..token(&user, 1)
    };
    let given = add_token(&store, given);
    assert_eq!(stored(&store, &given), given);
    let take = |token: &Token, code: u64, now: i64| {
        let (token, user) = (token.clone(), user.clone());
        write(&store, move |transaction| transaction.accept_listed(&token, &user, code, at(now)))
    };
    assert!(take(&given, 2, 5));
    assert!(!take(&given, 0, 5), "another code was taken since it was read");
    let after = stored(&store, &given);
    assert_eq!((&after.spent, after.last_used_at), (&vec![step(2)], Some(at(5))));
    assert!(!take(&after, 2, 6));
    assert!(!take(&after, 0, 100), "its time is over");
    assert!(take(&after, 0, 99));
}

/// Every decision about the token or its user that could come between the read and the update.
pub(crate) fn nothing_is_taken_when_a_decision_came_between(database: &Database) {
    let store = database.open();
    let (user, token) = add_holder(&store);
    let changed_token = |token: Token| write(&store, move |transaction| transaction.update_token(&token));
    let changed_user = |user: User| write(&store, move |transaction| transaction.update_user(&user));
    for state in [TokenState::New, TokenState::Activating, TokenState::Disabled] {
        changed_token(Token { state, ..token.clone() });
        assert!(!take_step(&store, &token, &user, 100), "{state:?}");
    }
    changed_token(token.clone());
    let locks = [
        LockState { failures: 1, ..LockState::default() },
        LockState { lock: Lock::Until(at(900)), ..LockState::default() },
        LockState { lock: Lock::UntilUnlocked, ..LockState::default() },
    ];
    for lock in locks {
        changed_token(Token { lock, ..token.clone() });
        assert!(!take_step(&store, &token, &user, 100), "{lock:?}");
        changed_token(token.clone());
        changed_user(User { lock, ..user.clone() });
        assert!(!take_step(&store, &token, &user, 100), "{lock:?}");
        changed_user(user.clone());
    }
    changed_user(User { enabled: false, ..user.clone() });
    assert!(!take_step(&store, &token, &user, 100));
    changed_user(user.clone());
    // A lock that was seen, and had ended when it was judged, is no obstacle; it is cleared.
    let failed =
        LockState { failures: 4, lock: Lock::Until(at(1)), locks: 2, slow_failures: 50, slow_since: Some(at(0)) };
    let token = Token { lock: failed, ..token };
    changed_token(token.clone());
    assert!(take_step(&store, &token, &user, 100));
    assert_eq!(
        stored(&store, &token).lock,
        LockState { slow_failures: 50, slow_since: Some(at(0)), ..Default::default() }
    );
}

pub(crate) fn many_codes_are_taken_together_each_by_its_own_merits(database: &Database) {
    let store = database.open();
    let holders: Vec<(User, Token)> = (1..=6)
        .map(|number| {
            let user = add_user(&store, &format!("user {number}"));
            let counter = if number == 2 { Counter::Event { next: 5 } } else { token(&user, number).counter };
            let token = add_token(&store, Token { counter, ..token(&user, number) });
            (user, token)
        })
        .collect();
    assert!(take_step(&store, &holders[2].1, &holders[2].0, 100));
    let locked = User { lock: LockState { failures: 1, ..LockState::default() }, ..holders[3].0.clone() };
    write(&store, move |transaction| transaction.update_user(&locked));
    let disabled = User { enabled: false, ..holders[4].0.clone() };
    write(&store, move |transaction| transaction.update_user(&disabled));
    let asked = holders.clone();
    let taken = write(&store, move |transaction| {
        let step = Taken::Step { step: step(100), drift: 1 };
        let accepts: Vec<_> = asked
            .iter()
            .chain([&asked[0], &asked[1]])
            .map(|(user, token)| {
                let event = matches!(token.counter, Counter::Event { .. });
                Accept { token, user, taken: if event { Taken::Event(7) } else { step }, now: at(3) }
            })
            .collect();
        transaction.accept_all(&accepts)
    });
    // The third was used, the fourth's user has failed meanwhile, the fifth's is disabled; the last two come twice.
    assert_eq!(taken, [true, true, false, false, false, true, false, false]);
    assert_eq!(stored(&store, &holders[1].1).counter, Counter::Event { next: 8 });
    let state = TimeState { last: Some(step(100)), drift: 1, drift_at_reset: 0 };
    let first = stored(&store, &holders[0].1);
    assert_eq!((first.counter, first.last_used_at), (Counter::Time { period: Period::STANDARD, state }, Some(at(3))));
}

pub(crate) fn what_verifications_begin_with_is_found_for_many(database: &Database) {
    let store = database.open();
    let staff: Name = "staff".parse().unwrap();
    let alice = User { group: Some(staff.clone()), ..add_user(&store, "alice") };
    let changed = alice.clone();
    write(&store, move |transaction| transaction.update_user(&changed));
    let (bob, carol) = (add_user(&store, "bob"), add_user(&store, "carol"));
    let of_alice = [add_token(&store, token(&alice, 1)), add_token(&store, token(&alice, 2))].map(|token| token.id);
    let of_bob = add_token(&store, token(&bob, 3)).id;
    add_token(&store, token(&carol, 4));
    let application = add_application(&store, 1);
    for (group, count) in [(None, "7"), (Some("staff"), "8"), (Some("others"), "9")] {
        let group: Option<Name> = group.map(|group| group.parse().unwrap());
        write(&store, move |transaction| transaction.set_policy(group.as_ref(), &patch("lockout_count", count)));
    }
    let look_up = |hashes: &[[u8; 32]], names: &[&str]| {
        let names: Vec<Name> = names.iter().map(|name| name.parse().unwrap()).collect();
        store.read(|snapshot| snapshot.look_up(hashes, &names)).unwrap()
    };
    let LookedUp { keys, mut users, tokens, mut policies } = look_up(&[[7; 32], [1; 32]], &["bob", "nobody", "alice"]);
    users.sort_by_key(|user| user.id);
    assert_eq!(users, [alice.clone(), bob.clone()]);
    let tokens_of =
        |user: &User| -> Vec<_> { tokens.iter().filter(|token| token.user == user.id).map(|token| token.id).collect() };
    assert_eq!((tokens_of(&alice), tokens_of(&bob), tokens.len()), (of_alice.to_vec(), vec![of_bob], 3));
    assert_eq!(keys, [(api_key(application.id, 1), application)]);
    policies.sort_by_key(|(group, _)| group.clone());
    assert_eq!(policies, [(None, patch("lockout_count", "7")), (Some(staff), patch("lockout_count", "8"))]);

    let LookedUp { keys, users, tokens, .. } = look_up(&[], &["nobody"]);
    assert!(keys.is_empty() && users.is_empty() && tokens.is_empty());
}

pub(crate) fn a_lock_is_written_without_the_rest(database: &Database) {
    let store = database.open();
    let (user, token) = add_holder(&store);
    assert!(take_step(&store, &token, &user, 100));
    let id = token.id;
    write(&store, move |transaction| transaction.set_token_lock(id, &lock(), &[step(120)]));
    let after = stored(&store, &token);
    assert_eq!((after.lock, after.spent.clone(), after.last_used_at), (lock(), vec![step(120)], Some(at(100))));
    write(&store, move |transaction| transaction.set_token_lock(id, &LockState::default(), &[]));
    assert!(stored(&store, &token).spent.is_empty());
}

pub(crate) fn ticket(token: &Token, number: u64) -> TicketRecord {
    TicketRecord {
        token: token.id,
        number,
        record: Some(vec![7; 192]),
        halves: Some(vec![8; 100]),
        expires_at: at(300),
        guesses: 0,
        tries: 0,
        mailed: false,
    }
}

pub(crate) fn what_completes_a_ticket_is_erased_when_it_ends(database: &Database) {
    let store = database.open();
    let (_, token) = add_holder(&store);
    let (put, id) = (ticket(&token, 1), token.id);
    let stored = || store.read(|snapshot| snapshot.ticket(id)).unwrap().unwrap();
    write(&store, move |transaction| transaction.put_ticket(&put));
    write(&store, move |transaction| transaction.count_try(id, false));
    write(&store, |transaction| transaction.sweep_tickets(at(300)));
    assert_eq!((stored().tries, stored().halves.is_some()), (1, true));
    write(&store, move |transaction| transaction.count_try(id, true));
    assert_eq!((stored().tries, stored().halves.is_some(), stored().record.is_some()), (2, false, true));

    let put = TicketRecord { record: None, ..ticket(&token, 2) };
    let (expected, session) = (put.clone(), handshake(&token, 1).session);
    write(&store, move |transaction| transaction.put_ticket(&put));
    assert_eq!(stored(), expected);
    write(&store, |transaction| transaction.sweep_tickets(at(301)));
    assert!(stored().halves.is_none());
    let begun = handshake(&token, 1);
    write(&store, move |transaction| {
        transaction.insert_handshake(&begun, 16)?;
        transaction.delete_ticket(id)
    });
    assert_eq!(store.read(|snapshot| snapshot.handshake(&session)).unwrap(), None);
}

pub(crate) fn a_ticket_takes_the_place_of_the_one_before(database: &Database) {
    let store = database.open();
    let (_, token) = add_holder(&store);
    let (first, second) = (ticket(&token, 1), ticket(&token, u64::MAX >> 1));
    let handshake = handshake(&token, 1);
    let session = handshake.session.clone();
    let id = token.id;
    write(&store, move |transaction| {
        transaction.put_ticket(&first)?;
        transaction.count_guess(id, 1)?;
        transaction.insert_handshake(&handshake, 16)
    });
    let put = second.clone();
    write(&store, move |transaction| transaction.put_ticket(&put));
    assert_eq!(store.read(|snapshot| snapshot.ticket(token.id)).unwrap(), Some(second));
    assert_eq!(store.read(|snapshot| snapshot.handshake(&session)).unwrap(), None);
    write(&store, move |transaction| transaction.delete_ticket(id));
    assert_eq!(store.read(|snapshot| snapshot.ticket(id)).unwrap(), None);
}

pub(crate) fn guesses_are_counted_and_given_back(database: &Database) {
    let store = database.open();
    let (_, token) = add_holder(&store);
    let put = ticket(&token, 1);
    write(&store, move |transaction| transaction.put_ticket(&put));
    let id = token.id;
    let mut expected = 0_i32;
    for by in [1, 1, -1, -1, -1, 1] {
        write(&store, move |transaction| transaction.count_guess(id, by));
        write(&store, |transaction| transaction.count_stray_guess());
        expected = (expected + by).max(0);
        let guesses = store.read(|snapshot| snapshot.ticket(id)).unwrap().unwrap().guesses;
        assert_eq!(guesses, expected.unsigned_abs());
    }
}

pub(crate) fn the_oldest_handshakes_are_dropped(database: &Database) {
    let store = database.open();
    let (_, token) = add_holder(&store);
    for number in [9, 3, 5, 1] {
        let handshake = handshake(&token, number);
        assert!(write(&store, move |transaction| transaction.insert_handshake(&handshake, 3)));
    }
    let again = handshake(&token, 5);
    assert!(!write(&store, move |transaction| transaction.insert_handshake(&again, 3)), "its session exists");
    let is_there = |number| {
        let session = handshake(&token, number).session;
        store.read(|snapshot| snapshot.handshake(&session)).unwrap().is_some()
    };
    assert_eq!([9, 3, 5, 1].map(is_there), [false, true, true, true]);
}

pub(crate) fn a_confirmed_handshake_drops_the_others(database: &Database) {
    let store = database.open();
    let (_, token) = add_holder(&store);
    let (winner, loser) = (handshake(&token, 1), handshake(&token, 2));
    let (kept, dropped, id) = (winner.clone(), loser.session.clone(), token.id);
    write(&store, move |transaction| {
        transaction.insert_handshake(&winner, 16)?;
        transaction.insert_handshake(&loser, 16)?;
        transaction.confirm_handshake(&winner.session, id, at(50))
    });
    let found = store.read(|snapshot| snapshot.handshake(&kept.session)).unwrap();
    assert_eq!(found, Some(symbolon_server::storage::Handshake { confirmed_at: Some(at(50)), ..kept }));
    assert_eq!(store.read(|snapshot| snapshot.handshake(&dropped)).unwrap(), None);
}

pub(crate) fn handshakes_end(database: &Database) {
    let store = database.open();
    let (_, token) = add_holder(&store);
    let (early, late) = (handshake(&token, 1), handshake(&token, 2));
    let (first, second) = (early.session.clone(), late.session.clone());
    write(&store, move |transaction| {
        transaction.insert_handshake(&early, 16)?;
        transaction.insert_handshake(&late, 16)?;
        transaction.sweep_handshakes(late.expires_at)
    });
    assert_eq!(store.read(|snapshot| snapshot.handshake(&first)).unwrap(), None);
    assert!(store.read(|snapshot| snapshot.handshake(&second)).unwrap().is_some());
}
