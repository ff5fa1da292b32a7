//! Webhooks and the outbox.

use symbolon_server::storage::{
    Delivery, DeliveryFilter, DeliveryId, DeliveryKind, DeliveryState, Destination, Event, Lane, Store, Webhook,
    WebhookId,
};

use crate::samples::{add_application, add_holder, at};
use crate::{Database, write};

fn add_webhook(store: &Store, application: Option<u8>) -> Webhook {
    let webhook = Webhook {
        id: WebhookId(0),
        application: application.map(|number| add_application(store, number).id),
        url: "https://shop.example.org/told".parse().unwrap(),
        events: vec![Event::ChallengeEnded, Event::UserLocked],
        secrets: vec![1, 2],
        created_at: at(1),
    };
    write(store, move |transaction| Ok(Webhook { id: transaction.insert_webhook(&webhook)?, ..webhook }))
}

pub(crate) fn webhooks_keep_every_field_and_their_number_is_theirs_for_ever(database: &Database) {
    let store = database.open();
    let (first, second) = (add_webhook(&store, Some(1)), add_webhook(&store, None));
    write(&store, move |transaction| transaction.set_webhook_secrets(first.id, &[9]));
    let first = Webhook { secrets: vec![9], ..first };
    assert_eq!(store.read(|snapshot| snapshot.webhook(first.id)).unwrap().as_ref(), Some(&first));
    assert_eq!(store.read(|snapshot| snapshot.webhooks()).unwrap(), [first.clone(), second.clone()]);
    write(&store, move |transaction| transaction.delete_webhook(second.id));
    assert!(add_webhook(&store, None).id > second.id);
    write(&store, move |transaction| transaction.delete_application(first.application.unwrap()));
    assert_eq!(store.read(|snapshot| snapshot.webhook(first.id)).unwrap(), None);
}

fn delivery(number: u8, destination: Destination) -> Delivery {
    Delivery {
        id: DeliveryId::new([number; 16]),
        destination,
        subject: format!("subject {number}"),
        content: vec![number, 0, 255],
        state: DeliveryState::Waiting,
        attempts: 0,
        problem: None,
        created_at: at(number.into()),
        due_at: at(100 - i64::from(number)),
        expires_at: at(900),
        ended_at: None,
    }
}

pub(crate) fn deliveries_keep_every_field_and_wait_in_their_lanes(database: &Database) {
    let store = database.open();
    let (webhook, (_, token)) = (add_webhook(&store, None), add_holder(&store));
    let hook = Destination::Webhook { webhook: webhook.id, entry: 7 };
    let all = [
        delivery(1, Destination::Phone(token.id)),
        delivery(2, hook.clone()),
        delivery(3, hook),
        delivery(4, Destination::Mail("alice@example.org".parse().unwrap())),
    ];
    let added = all.clone();
    write(&store, move |transaction| added.iter().try_for_each(|delivery| transaction.insert_delivery(delivery)));
    let [wake_up, first, second, mail] = all;
    let waiting = |lane| store.read(move |snapshot| snapshot.waiting_deliveries(lane, 9)).unwrap();
    assert_eq!(waiting(Lane::Webhook(webhook.id)), [second.clone(), first.clone()]);
    assert_eq!(waiting(Lane::WakeUps), std::slice::from_ref(&wake_up));
    assert_eq!(waiting(Lane::Mail), std::slice::from_ref(&mail));
    let lanes = store.read(|snapshot| snapshot.lanes()).unwrap();
    assert_eq!(lanes.len(), 3);
    let sent = Delivery {
        content: Vec::new(),
        state: DeliveryState::Sent,
        attempts: 3,
        problem: Some("answered 500".into()),
        due_at: at(200),
        expires_at: at(300),
        ended_at: Some(at(250)),
        ..first
    };
    let changed = sent.clone();
    write(&store, move |transaction| transaction.update_delivery(&changed));
    let listed = |state, kind, webhook| {
        store.read(move |snapshot| snapshot.deliveries(&DeliveryFilter { state, kind, webhook }, 9)).unwrap()
    };
    assert_eq!(listed(None, None, None), [mail, second.clone(), sent.clone(), wake_up.clone()]);
    assert_eq!(
        listed(Some(DeliveryState::Sent), Some(DeliveryKind::Webhook), Some(webhook.id)),
        std::slice::from_ref(&sent)
    );
    assert_eq!(listed(Some(DeliveryState::Sent), Some(DeliveryKind::Mail), None), []);
    let depth = |kind| store.read(move |snapshot| snapshot.outbox_depth(kind)).unwrap();
    assert_eq!(DeliveryKind::ALL.map(depth), [1, 1, 1]);
    let there = |id: &DeliveryId| store.read(|snapshot| snapshot.delivery(id)).unwrap();
    write(&store, |transaction| transaction.sweep_deliveries(at(250)));
    assert_eq!(there(&sent.id).as_ref(), Some(&sent));
    write(&store, |transaction| transaction.sweep_deliveries(at(251)));
    assert_eq!(there(&sent.id), None);
    let id = wake_up.id.clone();
    write(&store, move |transaction| transaction.delete_delivery(&id));
    assert_eq!(there(&wake_up.id), None);
    write(&store, move |transaction| transaction.delete_webhook(webhook.id));
    assert_eq!(there(&second.id), None);
}
