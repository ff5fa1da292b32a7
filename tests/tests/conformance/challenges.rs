//! Challenges, and what is kept so that requests and assertions count once.

use symbolon_core::approval::{Decision, Factor, RequestHash};
use symbolon_core::encoding::Bytes;
use symbolon_server::storage::{
    ApprovalOrigin, Challenge, ChallengeEnd, ChallengeStatus, Idempotent, Question, StorageError, Store, StoredRequest,
    Token,
};

use crate::samples::{add_application, add_holder, add_token, at, challenge, step, token};
use crate::{Database, write};

fn stored(store: &Store, asked: &Challenge) -> Option<Challenge> {
    store.read(|snapshot| snapshot.challenge(&asked.id)).unwrap()
}

fn add(store: &Store, challenge: &Challenge) {
    let challenge = challenge.clone();
    write(store, move |transaction| transaction.insert_challenge(&challenge));
}

fn request(asked: &Challenge, token: &Token, number: u8) -> StoredRequest {
    StoredRequest {
        challenge: asked.id.clone(),
        token: token.id,
        hash: RequestHash::from([number; 32]),
        request: format!("signed {number}"),
        decision: None,
    }
}

pub(crate) fn challenges_keep_every_field_and_end_once(database: &Database) {
    let store = database.open();
    let (user, token) = add_holder(&store);
    let application = add_application(&store, 1);
    let questions = [
        Question::Approval { mutual_challenge: Some(Bytes::new([1, 2]).unwrap()) },
        Question::Approval { mutual_challenge: None },
        Question::Typed { challenge: "12345678".parse().unwrap(), details: true },
        Question::OfflineQr { qr: "symbolon:…".into() },
    ];
    for (number, question) in (1..).zip(questions) {
        let asked = Challenge { question, origin: String::new(), ..challenge(&application, &user, number) };
        add(&store, &asked);
        assert_eq!(stored(&store, &asked), Some(asked.clone()));
        let end = ChallengeEnd {
            status: ChallengeStatus::Confirmed,
            ended_at: at(20),
            token: Some(token.id),
            factors: vec![Factor::Possession, Factor::Knowledge],
            receipt: Some("{}".into()),
        };
        let withdrawn = ChallengeEnd { status: ChallengeStatus::Withdrawn, ..end.clone() };
        let (id, first) = (asked.id.clone(), end.clone());
        assert!(write(&store, move |transaction| transaction.end_challenge(&id, &first)));
        let id = asked.id.clone();
        assert!(!write(&store, move |transaction| transaction.end_challenge(&id, &withdrawn)));
        let ended = Challenge {
            status: end.status,
            ended_at: Some(end.ended_at),
            token: end.token,
            factors: end.factors,
            receipt: end.receipt,
            ..asked
        };
        assert_eq!(stored(&store, &ended), Some(ended.clone()));
    }
}

pub(crate) fn what_waits_is_listed_in_order_and_in_time(database: &Database) {
    let store = database.open();
    let (user, phone) = add_holder(&store);
    let other = add_token(&store, token(&user, 2));
    let application = add_application(&store, 1);
    let asked: Vec<_> = (1..=4).map(|number| challenge(&application, &user, number)).collect();
    for (number, challenge) in (1..).zip(&asked) {
        add(&store, challenge);
        for (token, hash) in [(&phone, number), (&other, number + 100)] {
            let request = request(challenge, token, hash);
            write(&store, move |transaction| transaction.insert_request(&request));
        }
    }
    let cancelled = asked[1].id.clone();
    let end = ChallengeEnd {
        status: ChallengeStatus::Cancelled,
        ended_at: at(9),
        token: None,
        factors: Vec::new(),
        receipt: None,
    };
    write(&store, move |transaction| transaction.end_challenge(&cancelled, &end));
    let pending = |now| store.read(|snapshot| snapshot.pending_challenges(user.id, at(now))).unwrap();
    assert_eq!(pending(10), vec![asked[0].clone(), asked[2].clone(), asked[3].clone()]);
    assert_eq!(pending(300), vec![]);
    let all = |now| store.read(|snapshot| snapshot.all_pending_challenges(at(now))).unwrap();
    assert_eq!((all(10), all(300)), (pending(10), vec![]), "whosever they are");
    let requests = |now| store.read(|snapshot| snapshot.pending_requests(phone.id, at(now))).unwrap();
    assert_eq!(requests(10), [(3, 4), (2, 3), (0, 1)].map(|(index, hash)| request(&asked[index], &phone, hash)));
    assert_eq!(requests(300), vec![]);
    let by_hash = |token: &Token, hash| {
        let hash = RequestHash::from([hash; 32]);
        store.read(|snapshot| snapshot.request(token.id, &hash)).unwrap()
    };
    assert_eq!(by_hash(&phone, 2), Some(request(&asked[1], &phone, 2)), "also when it waits no more");
    assert_eq!(by_hash(&other, 2), None);
}

pub(crate) fn decisions_and_wrong_codes_are_kept(database: &Database) {
    let store = database.open();
    let (user, phone) = add_holder(&store);
    let asked = challenge(&add_application(&store, 1), &user, 1);
    add(&store, &asked);
    let request = request(&asked, &phone, 1);
    let (written, id, token) = (request.clone(), asked.id.clone(), phone.id);
    write(&store, move |transaction| {
        transaction.insert_request(&written)?;
        transaction.set_decision(&id, token, Decision::Concern)?;
        transaction.count_wrong_code(&id)?;
        transaction.count_wrong_code(&id)
    });
    let found = store.read(|snapshot| snapshot.request(phone.id, &request.hash)).unwrap();
    assert_eq!(found, Some(StoredRequest { decision: Some(Decision::Concern), ..request }));
    assert_eq!(stored(&store, &asked).unwrap().wrong_codes, 2);
}

pub(crate) fn a_signature_takes_its_step(database: &Database) {
    let store = database.open();
    let (_, token) = add_holder(&store);
    let take = |number| write(&store, move |transaction| transaction.accept_signature(token.id, step(number)));
    assert_eq!([5, 5, 4, 6].map(take), [true, false, false, true]);
}

pub(crate) fn origins_and_pauses(database: &Database) {
    let store = database.open();
    let (user, _) = add_holder(&store);
    let application = add_application(&store, 1);
    let from =
        |address: &str| store.read(|snapshot| snapshot.approval_origin(user.id, application.id, address)).unwrap();
    assert_eq!(from("192.0.2.1"), None);
    let first = ApprovalOrigin {
        user: user.id,
        application: application.id,
        address: "192.0.2.1".into(),
        confirmed_at: Some(at(1)),
        pauses: 0,
        paused_until: None,
    };
    let paused = ApprovalOrigin { pauses: 2, paused_until: Some(at(900)), ..first.clone() };
    let unnamed = ApprovalOrigin { address: String::new(), confirmed_at: None, ..paused.clone() };
    for origin in [first, paused.clone(), unnamed.clone()] {
        write(&store, move |transaction| transaction.put_approval_origin(&origin));
    }
    assert_eq!(from("192.0.2.1"), Some(paused.clone()));
    assert_eq!(from(""), Some(unnamed));
    write(&store, move |transaction| transaction.clear_pauses(user.id));
    assert_eq!(from("192.0.2.1"), Some(ApprovalOrigin { pauses: 0, paused_until: None, ..paused }));
}

fn answer(application: &symbolon_server::storage::Application, key: &str, number: u8) -> Idempotent {
    Idempotent {
        application: application.id,
        key: key.into(),
        request: [number; 32],
        response: vec![number],
        expires_at: at(i64::from(number)),
    }
}

pub(crate) fn answers_are_repeated_for_their_application(database: &Database) {
    let store = database.open();
    let (one, two) = (add_application(&store, 1), add_application(&store, 2));
    for answer in [answer(&one, "key", 1), answer(&two, "key", 2), answer(&one, "key", 3)] {
        write(&store, move |transaction| transaction.put_idempotent(&answer));
    }
    store
        .read(|snapshot| {
            assert_eq!(snapshot.idempotent(one.id, "key")?, Some(answer(&one, "key", 3)));
            assert_eq!(snapshot.idempotent(two.id, "key")?, Some(answer(&two, "key", 2)));
            assert_eq!(snapshot.idempotent(one.id, "KEY")?, None);
            Ok::<_, StorageError>(())
        })
        .unwrap();
}

pub(crate) fn an_assertion_counts_once(database: &Database) {
    let store = database.open();
    let (user, phone) = add_holder(&store);
    let other = add_token(&store, token(&user, 2));
    let take = |token: &Token, jti: &'static [u8]| {
        let token = token.id;
        write(&store, move |transaction| transaction.accept_assertion(token, jti, at(60), at(1)))
    };
    assert!(take(&phone, b"one"));
    assert!(!take(&phone, b"one"));
    assert!(take(&phone, b"two"));
    assert!(take(&other, b"one"));
}

pub(crate) fn old_rows_are_swept(database: &Database) {
    let store = database.open();
    let (user, phone) = add_holder(&store);
    let application = add_application(&store, 1);
    let old = challenge(&application, &user, 1);
    let young = Challenge { expires_at: at(400), ..challenge(&application, &user, 2) };
    add(&store, &old);
    add(&store, &young);
    let answers = [answer(&application, "old", 1), answer(&application, "young", 99)];
    let origin = |address: &str, confirmed: Option<i64>, paused: Option<i64>| ApprovalOrigin {
        user: user.id,
        application: application.id,
        address: address.into(),
        confirmed_at: confirmed.map(at),
        pauses: 0,
        paused_until: paused.map(at),
    };
    let origins = [
        origin("old", Some(39), None),
        origin("cleared", None, None),
        origin("young", Some(41), None),
        origin("paused", None, Some(41)),
    ];
    write(&store, move |transaction| {
        answers.iter().try_for_each(|answer| transaction.put_idempotent(answer))?;
        origins.iter().try_for_each(|origin| transaction.put_approval_origin(origin))?;
        transaction.accept_assertion(phone.id, b"old", at(1), at(0))?;
        transaction.accept_assertion(phone.id, b"young", at(99), at(0))?;
        transaction.sweep_challenges(at(350), at(40), at(50))
    });
    assert_eq!(stored(&store, &old), None);
    assert_eq!(stored(&store, &young), Some(young));
    store
        .read(|snapshot| {
            assert_eq!(snapshot.idempotent(application.id, "old")?, None);
            assert!(snapshot.idempotent(application.id, "young")?.is_some());
            let kept = |address| snapshot.approval_origin(user.id, application.id, address);
            assert_eq!((kept("old")?, kept("cleared")?), (None, None));
            assert!(kept("young")?.is_some() && kept("paused")?.is_some());
            Ok::<_, StorageError>(())
        })
        .unwrap();
    let again = |jti: &'static [u8]| write(&store, move |t| t.accept_assertion(phone.id, jti, at(99), at(50)));
    assert!(again(b"old"));
    assert!(!again(b"young"));
}
