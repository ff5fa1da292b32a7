//! What arrives while others wait is decided together with them: one question to the database, one answer each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::{Finished, Job, Snapshot, StorageError, Store, Transaction};

/// Questions of one kind that wait for the database.
pub struct Together<Q, A> {
    waiting: Mutex<Waiting<Q, A>>,
}

struct Waiting<Q, A> {
    questions: Vec<Q>,
    askers: Vec<oneshot::Sender<A>>,
    /// Whether somebody is on the way who will take them along.
    called: bool,
}

impl<Q, A> Default for Together<Q, A> {
    fn default() -> Self {
        Self { waiting: Mutex::new(Waiting { questions: Vec::new(), askers: Vec::new(), called: false }) }
    }
}

impl<Q, A> Together<Q, A> {
    /// Adds a question; whether nobody has been called yet who takes it along.
    fn add(&self, question: Q) -> (oneshot::Receiver<A>, bool) {
        let (asker, answer) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.questions.push(question);
        waiting.askers.push(asker);
        (answer, !std::mem::replace(&mut waiting.called, true))
    }

    /// Takes all that wait. Whoever comes later has to call anew.
    fn take(&self) -> (Vec<Q>, Vec<oneshot::Sender<A>>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.called = false;
        (std::mem::take(&mut waiting.questions), std::mem::take(&mut waiting.askers))
    }

    /// Takes all that wait, and stays called; `None` when nobody waits.
    fn take_more(&self) -> Option<(Vec<Q>, Vec<oneshot::Sender<A>>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.called = !waiting.questions.is_empty();
        waiting.called.then(|| (std::mem::take(&mut waiting.questions), std::mem::take(&mut waiting.askers)))
    }
}

/// Decides questions, and answers each in its place.
type Decision<Q, A, E> = fn(&dyn Transaction, Vec<Q>) -> Result<Vec<A>, E>;

/// Answers questions, each in its place.
type Look<Q, A, E> = fn(&dyn Snapshot, Vec<Q>) -> Result<Vec<A>, E>;

/// Gives everybody their answer, or the same error.
fn answer<A, E: Clone>(askers: Vec<oneshot::Sender<Result<A, E>>>, answers: Result<Vec<A>, E>) {
    // Nobody listens where an asker has gone.
    match answers {
        Ok(answers) => askers.into_iter().zip(answers).for_each(|(asker, answer)| drop(asker.send(Ok(answer)))),
        Err(error) => askers.into_iter().for_each(|asker| drop(asker.send(Err(error.clone())))),
    }
}

async fn heard<A, E: From<StorageError>>(answer: oneshot::Receiver<Result<A, E>>) -> Result<A, E> {
    answer.await.unwrap_or_else(|_| Err(StorageError::Failed("the database was not asked".into()).into()))
}

impl Store {
    /// Decides `question` in one transaction with all that have come when the writer comes to them. `work` answers each
    /// in its place; what it answers is durable when it is heard.
    ///
    /// # Errors
    /// What `work` answers, or the store's own.
    pub async fn write_together<Q, A, E>(
        &self,
        together: &Arc<Together<Q, Result<A, E>>>,
        question: Q,
        work: Decision<Q, A, E>,
    ) -> Result<A, E>
    where
        Q: Send + 'static,
        A: Send + 'static,
        E: From<StorageError> + Clone + Send + 'static,
    {
        let (answered, is_first) = together.add(question);
        if is_first {
            let waiting = Arc::clone(together);
            let job: Job = Box::new(move |transaction| {
                let (questions, askers) = waiting.take();
                let answers = transaction.map_err(E::from).and_then(|transaction| work(transaction, questions));
                Finished {
                    keep: answers.is_ok(),
                    acknowledge: Box::new(move |committed| {
                        answer(askers, answers.and_then(|answers| committed.map(|()| answers).map_err(E::from)));
                    }),
                }
            });
            if let Err(error) = self.submit(job) {
                answer(together.take().1, Err(error.into()));
            }
        }
        heard(answered).await
    }

    /// Reads the answer to `question` together with all that come while the questions before it are answered. What `work`
    /// asks may be answered from several states.
    ///
    /// # Errors
    /// What `work` answers, or the store's own.
    pub async fn read_together<Q, A, E>(
        &self,
        together: &Arc<Together<Q, Result<A, E>>>,
        question: Q,
        work: Look<Q, A, E>,
    ) -> Result<A, E>
    where
        Q: Send + 'static,
        A: Send + 'static,
        E: From<StorageError> + Clone + Send + 'static,
    {
        let (answered, is_first) = together.add(question);
        if is_first {
            let (store, waiting) = (self.clone(), Arc::clone(together));
            // Its own thread, since an asker may go away while others wait.
            tokio::task::spawn_blocking(move || {
                while let Some((questions, askers)) = waiting.take_more() {
                    // A panic must not end it, since nobody else is called.
                    let read = || store.look(|snapshot| work(snapshot, questions));
                    let answers = catch_unwind(AssertUnwindSafe(read));
                    let panicked = |_| Err(StorageError::Failed("a read panicked".into()).into());
                    answer(askers, answers.unwrap_or_else(panicked));
                }
            });
        }
        heard(answered).await
    }
}
