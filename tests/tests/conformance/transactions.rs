//! What holds for every transaction: all of it or nothing, alone, durable before anybody hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use symbolon_server::storage::{StorageError, Store};

use crate::samples::{add_holder, add_user, at, entry, step, user};
use crate::{Database, RUNTIME, try_write, write};

fn count(store: &Store) -> usize {
    store.read(|snapshot| snapshot.users(None, None, 10_000)).unwrap().len()
}

pub(crate) fn what_fails_leaves_nothing(database: &Database) {
    let store = database.open();
    add_user(&store, "alice");
    let failed: Result<(), _> = try_write(&store, |transaction| {
        transaction.insert_user(&user("bob"))?;
        transaction.append_entry(&entry(1))?;
        Err(StorageError::Busy)
    });
    assert_eq!(failed, Err(StorageError::Busy));
    // Also where the database itself refuses a statement.
    let failed = try_write(&store, |transaction| {
        transaction.insert_user(&user("cid"))?;
        transaction.insert_user(&user("alice"))
    });
    assert_eq!(failed, Err(StorageError::Exists));
    assert_eq!(count(&store), 1);
    // The head of the chain is where it was, for the next one as well.
    write(&store, |transaction| {
        assert_eq!(transaction.audit_head()?, None);
        transaction.append_entry(&entry(1))
    });
}

pub(crate) fn a_panic_is_rolled_back_alone(database: &Database) {
    let store = database.open();
    let others: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            RUNTIME.spawn(async move {
                let work = move |transaction: &dyn symbolon_server::storage::Transaction| {
                    transaction.insert_user(&user(&format!("user {number}")))?;
                    assert!(number != 10, "a transaction panics");
                    Ok::<_, StorageError>(())
                };
                store.write(work).await
            })
        })
        .collect();
    let outcomes: Vec<_> = others.into_iter().map(|other| RUNTIME.block_on(other).unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
    assert_eq!(count(&store), 19);
}

pub(crate) fn a_transaction_reads_what_it_wrote(database: &Database) {
    let store = database.open();
    write(&store, |transaction| {
        let id = transaction.insert_user(&user("alice"))?;
        assert_eq!(transaction.user(id)?.unwrap().name.as_str(), "alice");
        transaction.delete_user(id)?;
        assert_eq!(transaction.user(id)?, None);
        Ok(())
    });
}

/// Each reads the highest number and writes the next one: with another transaction between the two, one would be lost.
pub(crate) fn transactions_have_the_database_to_themselves(database: &Database) {
    let stores = [database.open(), database.open()];
    let writers: Vec<_> = (0..40)
        .map(|writer| {
            let store = stores[writer % 2].clone();
            RUNTIME.spawn(async move {
                for _ in 0..5 {
                    let written = store
                        .write(|transaction| {
                            let before = transaction.meta("count")?.map_or(0, |bytes| bytes.len());
                            transaction.set_meta("count", &vec![0; before + 1])?;
                            let next = transaction.audit_head()?.map_or(1, |head| head.sequence + 1);
                            transaction.append_entry(&entry(next))
                        })
                        .await;
                    assert_eq!(written, Ok(()));
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| RUNTIME.block_on(writer).unwrap());
    for store in stores {
        assert_eq!(store.read(|snapshot| snapshot.meta("count")).unwrap().unwrap().len(), 200);
        assert_eq!(store.read(|snapshot| snapshot.audit_head()).unwrap().unwrap().sequence, 200);
    }
}

pub(crate) fn two_stores_take_one_step_once(database: &Database) {
    let stores = [database.open(), database.open()];
    let (user, token) = add_holder(&stores[0]);
    for number in 0..10 {
        let racers: Vec<_> = (0..16)
            .map(|racer| {
                let (store, user, token) = (stores[racer % 2].clone(), user.clone(), token.clone());
                let take = move |transaction: &dyn symbolon_server::storage::Transaction| {
                    transaction.accept_step(&token, &user, step(number), 0, at(number))
                };
                RUNTIME.spawn(async move { store.write(take).await.unwrap() })
            })
            .collect();
        let taken = racers.into_iter().map(|racer| RUNTIME.block_on(racer).unwrap());
        assert_eq!(taken.filter(|taken| *taken).count(), 1, "step {number}");
    }
}

/// Two values that are always written together are never seen apart.
pub(crate) fn a_read_sees_one_state(database: &Database) {
    let (store, other) = (database.open(), database.open());
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let writer = RUNTIME.spawn(async move {
        for number in 0_u64.. {
            if told.load(Ordering::Relaxed) {
                return number;
            }
            let written = store
                .write(move |transaction| {
                    transaction.set_meta("left", &number.to_be_bytes())?;
                    transaction.set_meta("right", &number.to_be_bytes())
                })
                .await;
            assert_eq!(written, Ok::<_, StorageError>(()));
        }
        0
    });
    for _ in 0..300 {
        other
            .read(|snapshot| {
                assert_eq!(snapshot.meta("left")?, snapshot.meta("right")?);
                Ok::<_, StorageError>(())
            })
            .unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    RUNTIME.block_on(writer).unwrap();
}
