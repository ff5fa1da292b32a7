//! Where phones are woken.

use symbolon_core::signed::KeyHash;
use symbolon_server::storage::{PushService, StoredPushAddress};

use crate::samples::{add_token, add_user, at, device, token};
use crate::{Database, write};

pub(crate) fn an_address_belongs_to_a_device_of_a_token(database: &Database) {
    let store = database.open();
    let user = add_user(&store, "alice");
    let [one, other] = [1, 2].map(|number| add_token(&store, token(&user, number)).id);
    let [old, new] = [(); 2].map(|()| device().key.hash());
    let read = |token, device: &KeyHash| store.read(|snapshot| snapshot.push_address(token, device)).unwrap();
    let address = |token, device: &KeyHash, service, address: &[u8]| StoredPushAddress {
        token,
        device: device.clone(),
        service,
        address: address.to_vec(),
        told_at: at(1),
    };
    let told = PushService::ALL.map(|service| address(one, &old, service, b"\0old"));
    let later = StoredPushAddress { told_at: at(2), ..address(one, &new, PushService::Apns, b"new") };
    let elsewhere = address(other, &old, PushService::Fcm, b"");
    assert_eq!(read(one, &old), None);

    for each in told.clone() {
        write(&store, move |transaction| transaction.put_push_address(&each));
    }
    let (put, beside) = (later.clone(), elsewhere.clone());
    write(&store, move |transaction| {
        transaction.put_push_address(&put)?;
        transaction.put_push_address(&beside)
    });
    assert_eq!(read(one, &old).as_ref(), told.last(), "the later one takes its place");
    assert_eq!(read(one, &new), Some(later.clone()));

    let kept = new.clone();
    write(&store, move |transaction| transaction.keep_push_address_of(one, Some(&kept)));
    assert_eq!((read(one, &old), read(one, &new)), (None, Some(later)));
    assert_eq!(read(other, &old), Some(elsewhere));

    write(&store, move |transaction| transaction.keep_push_address_of(one, None));
    assert_eq!(read(one, &new), None, "what has no device is not woken");
    let gone = old.clone();
    write(&store, move |transaction| transaction.delete_push_address(other, &gone));
    assert_eq!(read(other, &old), None);

    let again = address(other, &old, PushService::Web, b"again");
    write(&store, move |transaction| {
        transaction.put_push_address(&again)?;
        transaction.delete_token(other)
    });
    assert_eq!(read(other, &old), None, "it goes with its token");
}
