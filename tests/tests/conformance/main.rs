//! What every store must do, written against the traits of the server's storage and run on each database. A store that
//! passes can take the place of any other: the services do not know which one they have.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in tests a surprise ends the test"
)]

mod administration;
mod attestations;
mod challenges;
mod deliveries;
mod epochs;
mod installation;
mod keys;
mod people;
mod push;
mod samples;
mod tokens;
mod transactions;

use std::sync::LazyLock;

use symbolon_server::storage::postgres::{Address, Postgres};
use symbolon_server::storage::sqlite::Sqlite;
use symbolon_server::storage::{StorageError, Store, Transaction};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// An empty database, as often as it is opened.
struct Database {
    open: Box<dyn Fn() -> Store>,
    /// Whatever the database lies in, for as long as the test runs.
    _kept: Box<dyn std::any::Any>,
}

impl Database {
    fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("symbolon.db");
        Some(Self { open: Box::new(move || Store::new(Sqlite::open(&path).unwrap())), _kept: Box::new(folder) })
    }

    fn postgres() -> Option<Self> {
        let Some(postgres) = symbolon_tests::Postgres::shared() else {
            symbolon_tests::skip("the conformance of PostgreSQL", "it is not installed");
            return None;
        };
        let url = postgres.database().parse().unwrap();
        let open = move || Store::new(Postgres::open(Address::new(&url, None).unwrap()).unwrap());
        Some(Self { open: Box::new(open), _kept: Box::new(()) })
    }

    /// Opens it; several stores on one database are what several processes would be.
    fn open(&self) -> Store {
        (self.open)()
    }
}

/// A transaction that must succeed.
#[track_caller]
fn write<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&dyn Transaction) -> Result<T, StorageError> + Send + 'static,
) -> T {
    try_write(store, work).unwrap()
}

fn try_write<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&dyn Transaction) -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    RUNTIME.block_on(store.write(work))
}

/// One test for each behaviour on each database.
macro_rules! conform {
    ($($database:ident),+: $behaviours:tt) => { $(conform!(@one $database $behaviours);)+ };
    (@one $database:ident { $($area:ident: $($behaviour:ident),+;)+ }) => {
        mod $database {
            $($(
                #[test]
                fn $behaviour() {
                    if let Some(database) = crate::Database::$database() {
                        crate::$area::$behaviour(&database);
                    }
                }
            )+)+
        }
    };
}

conform! { sqlite, postgres: {
    installation: values_are_set_and_replaced, a_policy_counts_the_changes_of_all, applications_are_found_by_key_and_name,
        the_audit_is_read_in_order_and_from_its_head, the_audit_is_searched_from_its_end, what_is_kept_is_there_after_a_restart;
    people: users_are_found_and_keep_every_field, users_are_listed_by_name_and_searched,
        groups_are_told_with_the_number_of_their_users, a_name_is_given_once,
        with_a_user_go_the_tokens_and_all_that_is_theirs;
    tokens: tokens_keep_every_field, many_are_added_and_looked_for_at_once, serial_numbers_are_given_once,
        a_step_is_taken_once_and_never_an_earlier_one, an_event_is_taken_once_and_those_before_it_with_it,
        a_temporary_code_is_taken_once_in_any_order_and_in_time, nothing_is_taken_when_a_decision_came_between,
        many_codes_are_taken_together_each_by_its_own_merits, what_verifications_begin_with_is_found_for_many,
        a_lock_is_written_without_the_rest, a_ticket_takes_the_place_of_the_one_before,
        what_completes_a_ticket_is_erased_when_it_ends,
        guesses_are_counted_and_given_back, the_oldest_handshakes_are_dropped,
        a_confirmed_handshake_drops_the_others, handshakes_end;
    challenges: challenges_keep_every_field_and_end_once, what_waits_is_listed_in_order_and_in_time,
        decisions_and_wrong_codes_are_kept, a_signature_takes_its_step, origins_and_pauses,
        answers_are_repeated_for_their_application, an_assertion_counts_once, old_rows_are_swept;
    attestations: statements_keep_every_field_and_go_with_their_token;
    push: an_address_belongs_to_a_device_of_a_token;
    keys: who_has_not_heard_of_a_key_is_counted_and_named;
    administration: administrators_keep_every_field, sessions_end_and_go_with_their_administrator,
        visits_begin_with_a_link_and_end, what_is_counted_is_counted_with_what_is_kept,
        totals_tell_tokens_and_users_by_what_they_are;
    deliveries: webhooks_keep_every_field_and_their_number_is_theirs_for_ever,
        deliveries_keep_every_field_and_wait_in_their_lanes;
    epochs: moves_keep_every_field_and_are_swept, nothing_that_was_under_way_goes_on_in_an_epoch,
        tokens_wait_to_be_confirmed;
    transactions: what_fails_leaves_nothing, a_panic_is_rolled_back_alone, a_transaction_reads_what_it_wrote,
        transactions_have_the_database_to_themselves, two_stores_take_one_step_once, a_read_sees_one_state;
} }
