//! Administrators, users who help themselves, and what the dashboard counts.

use symbolon_core::approval::ChallengeId;
use symbolon_server::storage::{
    Administrator, AdministratorId, HourCount, LockState, Role, Session, SignInLink, StorageError, Store, TicketRecord,
    Token, TokenState, Totals, User, Visit, VisitLink,
};

use crate::samples::{add_holder, add_token, add_user, at, lock, token};
use crate::tokens::ticket;
use crate::{Database, try_write, write};

fn add_administrator(store: &Store, name: &str, user: Option<&User>) -> Administrator {
    let administrator = Administrator {
        id: AdministratorId(0),
        name: name.parse().unwrap(),
        role: Role::HelpDesk,
        user: user.map(|user| user.id),
        second_factor: true,
        password: Some("$argon2id$".into()),
        link: Some(SignInLink { hash: [7; 32], expires_at: at(60) }),
        lock: lock(),
        created_at: at(0),
        signed_in_at: Some(at(5)),
    };
    write(store, move |transaction| {
        Ok(Administrator { id: transaction.insert_administrator(&administrator)?, ..administrator })
    })
}

pub(crate) fn administrators_keep_every_field(database: &Database) {
    let store = database.open();
    let user = add_user(&store, "alice");
    let zoe = add_administrator(&store, "zoe", Some(&user));
    let by_name = |name: &str| store.read(|snapshot| snapshot.administrator_by_name(&name.parse().unwrap())).unwrap();
    assert_eq!(by_name("zoe").as_ref(), Some(&zoe));
    assert_eq!(by_name("yan"), None);
    let by_link = |hash| store.read(move |snapshot| snapshot.administrator_by_link(&hash)).unwrap();
    assert_eq!(by_link([7; 32]).as_ref(), Some(&zoe));
    let plain = Administrator {
        role: Role::Auditor,
        user: None,
        second_factor: false,
        password: None,
        link: None,
        lock: LockState::default(),
        signed_in_at: None,
        ..zoe.clone()
    };
    let changed = plain.clone();
    write(&store, move |transaction| transaction.update_administrator(&changed));
    assert_eq!(store.read(|snapshot| snapshot.administrator(zoe.id)).unwrap().as_ref(), Some(&plain));
    assert_eq!(by_link([7; 32]), None);
    let amy = add_administrator(&store, "amy", None);
    assert_eq!(store.read(|snapshot| snapshot.administrators()).unwrap(), [amy.clone(), plain]);
    let twice = try_write(&store, move |transaction| transaction.insert_administrator(&amy));
    assert_eq!(twice, Err(StorageError::Exists));
}

pub(crate) fn sessions_end_and_go_with_their_administrator(database: &Database) {
    let store = database.open();
    let amy = add_administrator(&store, "amy", None);
    let session = move |number: u8| Session {
        hash: [number; 32],
        administrator: amy.id,
        created_at: at(number.into()),
        used_at: at(number.into()),
    };
    write(&store, move |transaction| (1..=5).try_for_each(|number| transaction.insert_session(&session(number))));
    let there = |number: u8| store.read(move |snapshot| snapshot.session(&[number; 32])).unwrap();
    write(&store, |transaction| transaction.touch_session(&[2; 32], at(9)));
    assert_eq!(there(2), Some(Session { used_at: at(9), ..session(2) }));
    write(&store, |transaction| transaction.delete_session(&[3; 32]));
    write(&store, |transaction| transaction.sweep_sessions(at(2), at(5)));
    assert_eq!([1, 2, 3, 4, 5].map(|number| there(number).is_some()), [false, true, false, false, true]);
    let id = amy.id;
    write(&store, move |transaction| transaction.delete_sessions(id));
    assert_eq!(there(2).or(there(5)), None);
    write(&store, move |transaction| transaction.insert_session(&session(6)));
    write(&store, move |transaction| transaction.delete_administrator(id));
    assert_eq!(there(6), None);
}

pub(crate) fn visits_begin_with_a_link_and_end(database: &Database) {
    let store = database.open();
    let (user, token) = add_holder(&store);
    let link = VisitLink { hash: [1; 32], user: user.id, browser: [2; 32], expires_at: at(60) };
    let visit = Visit { hash: [3; 32], user: user.id, confirmed_by: None, challenge: None, created_at: at(5) };
    let begun = visit.clone();
    write(&store, move |transaction| {
        transaction.insert_visit_link(&link)?;
        transaction.insert_visit(&begun)
    });
    let links = || store.read(|snapshot| snapshot.visit_link(&[1; 32])).unwrap();
    let visits = || store.read(|snapshot| snapshot.visit(&[3; 32])).unwrap();
    write(&store, |transaction| transaction.sweep_visits(at(60), at(5)));
    assert_eq!((links(), visits()), (Some(link), Some(visit.clone())));
    let challenge = ChallengeId::from([9; 16]);
    let asked = challenge.clone();
    write(&store, move |transaction| transaction.set_visit_challenge(&[3; 32], &asked));
    let visit = Visit { challenge: Some(challenge), ..visit };
    assert_eq!(visits(), Some(visit.clone()));
    write(&store, move |transaction| transaction.confirm_visit(&[3; 32], token.id));
    assert_eq!(visits(), Some(Visit { confirmed_by: Some(token.id), ..visit.clone() }));
    write(&store, move |transaction| transaction.delete_token(token.id));
    assert_eq!(visits(), Some(visit.clone()));
    write(&store, move |transaction| transaction.delete_visit_links(user.id));
    write(&store, |transaction| transaction.sweep_visits(at(0), at(6)));
    assert_eq!((links(), visits()), (None, None));
    write(&store, move |transaction| transaction.insert_visit(&visit));
    write(&store, |transaction| transaction.delete_visit(&[3; 32]));
    assert_eq!(visits(), None);
}

pub(crate) fn what_is_counted_is_counted_with_what_is_kept(database: &Database) {
    let store = database.open();
    for event in ["code.accepted", "code.refused", "code.refused"] {
        write(&store, move |transaction| transaction.count(at(0), event, ""));
    }
    write(&store, |transaction| {
        transaction.count(at(0), "code.refused", "replayed")?;
        transaction.count(at(3600), "code.accepted", "")?;
        transaction.count(at(3599), "code.accepted", "")
    });
    let failed: Result<(), _> = try_write(&store, |transaction| {
        transaction.count(at(0), "code.accepted", "")?;
        Err(StorageError::Busy)
    });
    assert_eq!(failed, Err(StorageError::Busy));
    let counted = |since| {
        let mut counted = store.read(move |snapshot| snapshot.hour_counts(since)).unwrap();
        counted.sort_by_key(|count| (count.hour, count.event.clone(), count.detail.clone()));
        counted
    };
    let count = |hour, event: &str, detail: &str, count| HourCount {
        hour: at(hour),
        event: event.to_owned(),
        detail: detail.to_owned(),
        count,
    };
    let all = [
        count(0, "code.accepted", "", 2),
        count(0, "code.refused", "", 2),
        count(0, "code.refused", "replayed", 1),
        count(3600, "code.accepted", "", 1),
    ];
    assert_eq!(counted(at(0)), all);
    assert_eq!(counted(at(3600)), all[3..]);
}

pub(crate) fn totals_tell_tokens_and_users_by_what_they_are(database: &Database) {
    let store = database.open();
    let (user, active) = add_holder(&store);
    for (serial, expires_at) in [(2, at(10)), (3, at(20))] {
        let waiting = add_token(&store, token(&user, serial));
        write(&store, move |transaction| {
            transaction.update_token(&Token { state: TokenState::Activating, ..waiting.clone() })?;
            transaction.put_ticket(&TicketRecord { expires_at, ..ticket(&waiting, serial) })
        });
    }
    for (name, lock) in [("ben", lock()), ("cid", LockState::default())] {
        let user = add_user(&store, name);
        write(&store, move |transaction| transaction.set_user_lock(user.id, &lock));
    }
    let totals = |now| store.read(move |snapshot| snapshot.totals(now)).unwrap();
    let expected = Totals { users: 3, active_tokens: 1, waiting: 1, expired: 1, locked_users: 1 };
    assert_eq!(totals(at(15)), expected);
    assert_eq!(totals(at(901)), Totals { waiting: 0, expired: 2, locked_users: 0, ..expected });
    write(&store, move |transaction| transaction.delete_token(active.id));
    assert_eq!(totals(at(15)), Totals { active_tokens: 0, ..expected });
}
