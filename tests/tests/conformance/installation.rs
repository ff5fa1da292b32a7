//! What belongs to nobody: values of the installation, policies, applications, the audit.

use symbolon_core::policy::PolicyPatch;
use symbolon_core::text::Name;
use symbolon_server::storage::{ApiKey, AuditHead, StorageError, StoredPolicy};

use crate::samples::{add_application, add_holder, api_key, at, entry};
use crate::{Database, try_write, write};

pub(crate) fn values_are_set_and_replaced(database: &Database) {
    let store = database.open();
    let value = |key: &'static str| store.read(move |snapshot| snapshot.meta(key)).unwrap();
    assert_eq!(value("address"), None);
    write(&store, |transaction| transaction.set_meta("address", b"first"));
    write(&store, |transaction| transaction.set_meta("address", &[0, 255]));
    write(&store, |transaction| transaction.set_meta("other", b""));
    assert_eq!(value("address"), Some(vec![0, 255]));
    assert_eq!(value("other"), Some(Vec::new()));
}

pub(crate) fn patch(key: &str, value: &str) -> PolicyPatch {
    let mut patch = PolicyPatch::default();
    patch.set(key, value).unwrap();
    patch
}

pub(crate) fn a_policy_counts_the_changes_of_all(database: &Database) {
    let store = database.open();
    let group: Name = "staff".parse().unwrap();
    assert_eq!(store.read(|snapshot| snapshot.policy(None)).unwrap(), StoredPolicy::default());
    let set = |group: Option<&Name>, patch: PolicyPatch| {
        let group = group.cloned();
        write(&store, move |transaction| transaction.set_policy(group.as_ref(), &patch))
    };
    assert_eq!(set(None, patch("lockout_count", "7")), 1);
    assert_eq!(set(Some(&group), patch("code_length", "6")), 2);
    assert_eq!(set(Some(&group), patch("code_length", "8")), 3);
    store
        .read(|snapshot| {
            assert_eq!(snapshot.policy(None)?, StoredPolicy { patch: patch("lockout_count", "7"), version: 1 });
            assert_eq!(snapshot.policy(Some(&group))?, StoredPolicy { patch: patch("code_length", "8"), version: 3 });
            assert_eq!(snapshot.group_policies()?, vec![(group.clone(), patch("code_length", "8"))]);
            assert_eq!(snapshot.policy_version()?, 3);
            Ok::<_, StorageError>(())
        })
        .unwrap();
}

pub(crate) fn applications_are_found_by_key_and_name(database: &Database) {
    let store = database.open();
    let first = add_application(&store, 1);
    let second = add_application(&store, 2);
    let found = store.read(|snapshot| snapshot.look_up(&[[2; 32], [7; 32], [1; 32]], &[])).unwrap();
    assert_eq!(found.keys.len(), 2);
    let by_key = |hash: [u8; 32]| store.read(|snapshot| snapshot.application_by_key(&hash)).unwrap();
    assert_eq!(by_key([1; 32]), Some((api_key(first.id, 1), first.clone())));
    assert_eq!(store.read(|snapshot| snapshot.application_by_name(&second.name)).unwrap().as_ref(), Some(&second));
    assert_eq!(store.read(|snapshot| snapshot.applications()).unwrap(), vec![first.clone(), second.clone()]);
    let twice = try_write(&store, {
        let second = second.clone();
        move |transaction| transaction.insert_application(&second)
    });
    assert_eq!(twice, Err(StorageError::Exists));
    let (old, new) =
        (ApiKey { ends_at: Some(at(5)), used_at: Some(at(4)), ..api_key(first.id, 1) }, api_key(first.id, 9));
    write(&store, move |transaction| {
        transaction.update_api_key(&old)?;
        transaction.insert_api_key(&new)
    });
    assert_eq!(store.read(|snapshot| snapshot.api_keys(first.id)).unwrap(), vec![new, old]);
    assert_eq!(by_key([1; 32]), Some((old, first.clone())));
    assert_eq!(by_key([9; 32]).unwrap().0, new);
    write(&store, move |transaction| transaction.delete_api_key(&[1; 32]));
    assert_eq!(by_key([1; 32]), None);
    write(&store, move |transaction| transaction.delete_application(second.id));
    assert_eq!(by_key([2; 32]), None);
}

pub(crate) fn the_audit_is_read_in_order_and_from_its_head(database: &Database) {
    let store = database.open();
    assert_eq!(store.read(|snapshot| snapshot.audit_head()).unwrap(), None);
    write(&store, |transaction| (1..=300).try_for_each(|sequence| transaction.append_entry(&entry(sequence))));
    let head = AuditHead { sequence: 300, time: at(300), hash: [44; 32] };
    assert_eq!(store.read(|snapshot| snapshot.audit_head()).unwrap(), Some(head));
    let entries = |from, limit| store.read(move |snapshot| snapshot.audit_entries(from, limit)).unwrap();
    assert_eq!(entries(0, 2), vec![entry(1), entry(2)]);
    assert_eq!(entries(256, 3), vec![entry(256), entry(257), entry(258)]);
    assert_eq!(entries(300, 9), vec![entry(300)]);
    assert_eq!(entries(301, 9), vec![]);
    let more: Vec<_> = (301..=310).map(entry).collect();
    write(&store, move |transaction| transaction.append_entries(&more));
    write(&store, |transaction| transaction.append_entries(&[]));
    assert_eq!(entries(309, 9), vec![entry(309), entry(310)]);
    assert_eq!(try_write(&store, |transaction| transaction.append_entry(&entry(300))), Err(StorageError::Exists));
    let head = write(&store, |transaction| {
        transaction.append_entry(&entry(311))?;
        transaction.audit_head()
    });
    assert_eq!(head.unwrap().sequence, 311);
}

pub(crate) fn the_audit_is_searched_from_its_end(database: &Database) {
    let store = database.open();
    write(&store, |transaction| (1..=30).try_for_each(|sequence| transaction.append_entry(&entry(sequence))));
    let found = |parts: [&str; 4], from, before, limit| {
        let parts = parts.map(str::to_owned);
        let found = store.read(move |snapshot| snapshot.find_entries(&parts, from, before, limit)).unwrap();
        found.iter().map(|entry| entry.sequence).collect::<Vec<_>>()
    };
    assert_eq!(found(["", "", "", ""], 0, 30, 3), [29, 28, 27]);
    assert_eq!(found(["sequence", "", "2", "}"], 1, 31, 9), [29, 28, 27, 26, 25, 24, 23, 22, 21]);
    assert_eq!(found(["\":3", "", "", ""], 1, 30, 9), [3]);
    assert_eq!(found(["Sequence", "", "", ""], 1, 31, 9), Vec::<u64>::new(), "letters count as they are");
    assert_eq!(found(["%", "", "", "_"], 1, 31, 9), Vec::<u64>::new());
}

pub(crate) fn what_is_kept_is_there_after_a_restart(database: &Database) {
    let (user, token) = add_holder(&database.open());
    let again = database.open();
    assert_eq!(again.read(|snapshot| snapshot.user(user.id)).unwrap(), Some(user));
    assert_eq!(again.read(|snapshot| snapshot.token(token.id)).unwrap(), Some(token));
}
