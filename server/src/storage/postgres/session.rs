//! A connection to PostgreSQL that a thread waits on: it writes many statements without waiting where nothing depends on
//! their answers, and gives up when an answer takes too long.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::address::{Address, error_of};
use super::value::{Param, Translated, translate};
use crate::storage::StorageError;
use crate::storage::sql::{self, Bound, Column, Connection, Each, InColumns, Question, Value, placed};

/// No statement takes longer. PostgreSQL itself gives up a little earlier, and says so.
const LONGEST: Duration = Duration::from_secs(12);

/// What every connection is told first. A transaction that its node forgets, or whose node has gone, ends by itself, so
/// that nobody waits for it for ever; nothing is acknowledged before it is durable, whatever the server's default. No
/// statement is worth a process of its own or a compiler, and each keeps its plan whatever values it is given: else
/// those that take arrays are planned anew at every use.
const SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '10s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('max_parallel_workers_per_gather', 'jit');
    SELECT set_config(name, 'force_generic_plan', false) FROM pg_settings WHERE name = 'plan_cache_mode'";

type Sent = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// A connection, and the thread's own means to wait for it.
pub(super) struct Session {
    runtime: Runtime,
    client: Arc<Client>,
    statements: RefCell<HashMap<String, Arc<Prepared>>>,
    /// Statements that were written and not waited for.
    sent: RefCell<Vec<Sent>>,
    /// Questions that were asked before somebody wanted to know.
    foreseen: RefCell<HashMap<&'static str, Answer>>,
    /// Why a statement failed: the transaction is lost from there on.
    failure: RefCell<Option<StorageError>>,
    broken: Cell<bool>,
}

struct Prepared {
    translated: Translated,
    statement: Statement,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// [`StorageError::Unreachable`] in most cases.
    pub(super) fn connect(address: &Address) -> Result<Self, StorageError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StorageError::Failed(error.to_string()))?;
        let client = runtime.block_on(async {
            let (client, connection) = address.connect().await?;
            tokio::spawn(connection);
            client.batch_execute(SETTINGS).await.map_err(error_of)?;
            Ok::<_, StorageError>(client)
        })?;
        Ok(Self {
            runtime,
            client: Arc::new(client),
            statements: RefCell::default(),
            sent: RefCell::default(),
            foreseen: RefCell::default(),
            failure: RefCell::default(),
            broken: Cell::new(false),
        })
    }

    /// Whether everything that was sent has been answered.
    pub(super) fn is_settled(&self) -> bool {
        self.sent.borrow().is_empty()
    }

    /// Whether it can be used again.
    pub(super) fn is_sound(&self) -> bool {
        !self.broken.get() && !self.client.is_closed()
    }

    /// Runs statements without parameters.
    pub(super) fn run(&self, sql: &str) -> Result<(), StorageError> {
        self.wait(self.client.batch_execute(sql))
    }

    /// Runs statements without parameters, and does not wait for them.
    pub(super) fn send(&self, sql: &'static str) {
        let client = Arc::clone(&self.client);
        self.push(Box::pin(async move { client.batch_execute(sql).await }));
    }

    /// Lets the connection do what takes no waiting: what was sent leaves, and an end of the connection is noticed.
    pub(super) fn breathe(&self) {
        self.runtime.block_on(async {
            // The first time the socket is looked at, the second time the connection is told.
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Waits for what was sent.
    ///
    /// # Errors
    /// The first.
    pub(super) fn settle(&self) -> Result<(), StorageError> {
        self.wait(async { Ok(()) })
    }

    /// Writes a statement to the connection; it leaves with the next one that is waited for.
    fn push(&self, mut sent: Sent) {
        let written = self.runtime.block_on(std::future::poll_fn(|context| Poll::Ready(sent.as_mut().poll(context))));
        let sent = match written {
            Poll::Pending => sent,
            Poll::Ready(done) => Box::pin(std::future::ready(done)),
        };
        self.sent.borrow_mut().push(sent);
    }

    /// Waits for what was sent, and for `work`.
    fn wait<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StorageError> {
        let sent = self.sent.take();
        let waited = self.runtime.block_on(async {
            tokio::time::timeout(LONGEST, async {
                // The work is written before anything is waited for, so that all of it travels together.
                let (sent, work) = futures_util::join!(futures_util::future::join_all(sent), work);
                sent.into_iter().collect::<Result<Vec<()>, _>>()?;
                work
            })
            .await
        });
        match waited {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if error.is_closed() || error.as_db_error().is_none() {
                    self.broken.set(true);
                }
                self.fail(error_of(error))
            }
            Err(_) => {
                self.broken.set(true);
                self.fail(StorageError::Unreachable("it does not answer".into()))
            }
        }
    }

    fn fail<T>(&self, error: StorageError) -> Result<T, StorageError> {
        self.failure.borrow_mut().get_or_insert(error.clone());
        Err(error)
    }

    /// Whether a statement has failed.
    ///
    /// # Errors
    /// The first failure.
    pub(super) fn failure(&self) -> Result<(), StorageError> {
        self.failure.borrow().clone().map_or(Ok(()), Err)
    }

    /// After a roll-back the transaction goes on.
    pub(super) fn forget_failure(&self) {
        self.failure.take();
    }

    fn prepared(&self, sql: &str) -> Result<Arc<Prepared>, StorageError> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(Arc::clone(known));
        }
        let translated = translate(sql);
        let statement = self.wait(self.client.prepare(&translated.sql))?;
        let prepared = Arc::new(Prepared { translated, statement });
        self.statements.borrow_mut().insert(sql.to_owned(), Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Asks a question without parameters that somebody is going to ask, and does not wait for the answer.
    pub(super) fn foresee(&self, sql: &'static str) -> Result<(), StorageError> {
        let prepared = self.prepared(sql)?;
        let client = Arc::clone(&self.client);
        let answer = Answer::default();
        self.foreseen.borrow_mut().insert(sql, Arc::clone(&answer));
        self.push(Box::pin(async move {
            let rows = client.query(&prepared.statement, &[]).await?;
            // Nobody else answers it.
            drop(answer.set(rows));
            Ok(())
        }));
        Ok(())
    }

    /// The answer to a question that was foreseen, once.
    fn answer_foreseen(&self, sql: &str) -> Result<Option<Answer>, StorageError> {
        let foreseen = self.foreseen.borrow_mut().remove(sql);
        if foreseen.as_ref().is_some_and(|answer| answer.get().is_none()) {
            self.settle()?;
        }
        Ok(foreseen.filter(|answer| answer.get().is_some()))
    }
}

/// The rows of an answer, once they are here.
type Answer = Arc<OnceLock<Vec<Row>>>;

fn references<'p>(params: &'p [Param<'p>]) -> Vec<&'p (dyn ToSql + Sync)> {
    params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

impl Connection for Session {
    fn execute(&self, sql: &str, params: Bound<'_>) -> Result<usize, StorageError> {
        let prepared = self.prepared(sql)?;
        let params = prepared.translated.order(params)?;
        let changed = self.wait(self.client.execute(&prepared.statement, &references(&params)))?;
        usize::try_from(changed).map_err(|_| StorageError::Damaged("count"))
    }

    fn write(&self, sql: &str, params: Bound<'_>) -> Result<(), StorageError> {
        let prepared = self.prepared(sql)?;
        let params = prepared.translated.order(params)?;
        let owned = params.into_iter().map(Param::into_owned).collect::<Result<Vec<_>, _>>()?;
        let client = Arc::clone(&self.client);
        let statement = prepared.statement.clone();
        self.push(Box::pin(async move { client.execute(&statement, &references(&owned)).await.map(drop) }));
        Ok(())
    }

    fn query(&self, sql: &str, params: Bound<'_>, each: Each<'_>) -> Result<(), StorageError> {
        let foreseen = self.answer_foreseen(sql)?;
        if let Some(rows) = foreseen.as_ref().and_then(|answer| answer.get()) {
            return rows.iter().try_for_each(|row| each(row));
        }
        let prepared = self.prepared(sql)?;
        let params = prepared.translated.order(params)?;
        let rows = self.wait(self.client.query(&prepared.statement, &references(&params)))?;
        rows.iter().try_for_each(|row| each(row))
    }

    fn query_each(
        &self,
        sql: &str,
        rows: &[Vec<Value>],
        each: &mut dyn FnMut(usize, &sql::Row<'_>) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let prepared = self.prepared(sql)?;
        let rows: Vec<_> = rows.iter().map(|row| placed(row)).collect();
        let params = rows.iter().map(|row| prepared.translated.order(Bound::Placed(row)));
        let params: Vec<_> = params.collect::<Result<_, _>>()?;
        let asked =
            params.iter().map(|params| async { self.client.query(&prepared.statement, &references(params)).await });
        let answers = self.wait(futures_util::future::try_join_all(asked))?;
        let mut answered = answers.iter().enumerate();
        answered.try_for_each(|(place, rows)| rows.iter().try_for_each(|row| each(place, row)))
    }

    fn in_columns(&self) -> Option<&dyn InColumns> {
        Some(self)
    }
}

impl InColumns for Session {
    fn ask(&self, questions: Vec<Question<'_>>) -> Result<(), StorageError> {
        let prepared: Vec<_> =
            questions.iter().map(|question| self.prepared(question.sql)).collect::<Result<_, _>>()?;
        let asked = questions.iter().zip(&prepared).map(|(question, prepared)| {
            let columns: Vec<_> = question.columns.iter().map(Column::as_array).collect();
            async move { self.client.query(&prepared.statement, &columns).await }
        });
        let answers = self.wait(futures_util::future::try_join_all(asked))?;
        questions
            .into_iter()
            .zip(answers)
            .try_for_each(|(question, rows)| rows.iter().try_for_each(|row| (question.each)(row)))
    }

    fn write(&self, sql: &str, columns: Vec<Column<'_>>) -> Result<(), StorageError> {
        let prepared = self.prepared(sql)?;
        let owned: Vec<_> = columns.into_iter().map(Column::into_owned).collect();
        let client = Arc::clone(&self.client);
        self.push(Box::pin(async move {
            let columns: Vec<_> = owned.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
            client.execute(&prepared.statement, &columns).await.map(drop)
        }));
        Ok(())
    }
}

impl Column<'_> {
    fn as_array(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Numbers(values) => values,
            Self::Texts(values) => values,
            Self::Bytes(values) => values,
        }
    }

    /// The same, for a statement that is not waited for.
    fn into_owned(self) -> Box<dyn ToSql + Send + Sync> {
        match self {
            Self::Numbers(values) => Box::new(values),
            Self::Texts(values) => {
                Box::new(values.into_iter().map(|value| value.map(str::to_owned)).collect::<Vec<_>>())
            }
            Self::Bytes(values) => {
                Box::new(values.into_iter().map(|value| value.map(<[u8]>::to_vec)).collect::<Vec<_>>())
            }
        }
    }
}
