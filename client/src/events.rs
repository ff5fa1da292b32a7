//! What happens to the accounts while an app is open. Each event is a difference between what the server and the vault say
//! now and what they said before; so none is lost by a network that went away, and none has to be stored.
//!
//! One task for each account waits at its server by long poll. A wake-up of the push service is answered by
//! [`SoftToken::look_now`], which has all of them ask at once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use symbolon_core::approval::ChallengeId;
use symbolon_core::policy::PolicyVersion;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::account::{Account, Pending};
use crate::soft_token::SoftToken;
use crate::{Error, ErrorKind};

/// Something that happened to an account.
#[derive(Debug, Clone)]
pub struct Event {
    /// The account.
    pub account: Account,
    /// What happened.
    pub news: News,
}

/// What can happen to an account.
#[derive(Debug, Clone)]
pub enum News {
    /// The server asks something. What it asked already when the app began to listen arrives too.
    RequestArrived(Box<Pending>),
    /// What was asked can't be answered any more.
    RequestEnded(ChallengeId, Ending),
    /// The policy has changed: [`Account::policy`] has the new one. An open session learns it by
    /// [`Session::contact`](crate::Session::contact), and the next one when it is opened.
    PolicyChanged,
    /// The token is not active at the server any more: it was disabled, deleted, has expired, or was given to another
    /// device. The server does not say which.
    NotActive,
    /// The token is active again.
    ActiveAgain,
    /// The server's clock is ahead of this device's by so much, or behind it: the person should set it. Codes are right all
    /// the same.
    ClockWrong(SignedDuration),
    /// This device's clock is right again.
    ClockRight,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was answered here.
    Answered,
    /// Nobody answered it in time.
    Expired,
    /// The application withdrew it, a newer one took its place, or another device answered.
    Elsewhere,
}

/// What happens to the accounts of a soft token. Dropping it ends the waiting.
#[derive(Debug)]
pub struct Events {
    received: mpsc::UnboundedReceiver<Event>,
    tasks: JoinSet<()>,
}

/// How long the server is asked to wait for news.
const WAIT: Duration = Duration::from_secs(50);

/// After a failure the server is asked again after the first of these, then twice as long each time, up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(64));

/// The server is asked for its time and policy, and told the push address, after this time.
const CONTACT_EVERY: Duration = Duration::from_secs(60 * 60);

/// A clock that is off by more than this is wrong.
const CLOCK_WRONG: SignedDuration = SignedDuration::from_mins(2);

impl Events {
    pub(crate) fn of(soft_token: SoftToken) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(watch_all(soft_token, sender));
        Self { received, tasks }
    }

    /// The next event; waits for it as long as it takes.
    pub async fn next(&mut self) -> Event {
        match self.received.recv().await {
            Some(event) => event,
            // The task runs as long as this lives.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

/// Has a task for each account, also for those that come later.
async fn watch_all(soft_token: SoftToken, sender: mpsc::UnboundedSender<Event>) {
    let mut stirred = soft_token.parts().stirred();
    let mut tasks = JoinSet::new();
    let mut watched: HashMap<PathBuf, AbortHandle> = HashMap::new();
    loop {
        watched.retain(|_, task| !task.is_finished());
        match soft_token.accounts() {
            Ok(accounts) => {
                for account in accounts {
                    // One that is still to be confirmed has nothing to ask.
                    if account.header().online().is_some_and(|online| online.pending.is_none()) {
                        watched
                            .entry(account.place())
                            .or_insert_with(|| tasks.spawn(Watch::of(account).run(sender.clone())));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the accounts can't be read"),
        }
        while tasks.try_join_next().is_some() {}
        if stirred.changed().await.is_err() {
            return;
        }
    }
}

/// One account, and what was told of it.
struct Watch {
    account: Account,
    asked: Vec<Pending>,
    policy: PolicyVersion,
    is_active: bool,
    is_clock_wrong: bool,
    contacted: Option<Instant>,
    /// The server is to answer at once, also when there is nothing new: the device was woken, or something was done here.
    at_once: bool,
    pause: Duration,
}

/// Nobody listens any more, or the account is gone.
struct Over;

impl Watch {
    fn of(account: Account) -> Self {
        let policy = account.policy_version();
        Self {
            account,
            asked: Vec::new(),
            policy,
            is_active: true,
            is_clock_wrong: false,
            contacted: None,
            at_once: true,
            pause: PAUSES.0,
        }
    }

    async fn run(mut self, sender: mpsc::UnboundedSender<Event>) {
        let mut stirred = self.account.soft_token().parts().stirred();
        loop {
            stirred.mark_unchanged();
            let round = tokio::select! {
                round = self.round(&sender) => round,
                _ = stirred.changed() => {
                    self.at_once = true;
                    Ok(())
                }
                () = sender.closed() => Err(Over),
            };
            if round.is_err() {
                return;
            }
        }
    }

    /// Compares what is now with what was, and waits for news. It may be dropped while it waits.
    async fn round(&mut self, sender: &mpsc::UnboundedSender<Event>) -> Result<(), Over> {
        self.account = self.account.reread().map_err(|_| Over)?;
        self.note_policy(sender)?;
        let told = match self.look(sender).await {
            Ok(told) => told,
            Err(error) => return self.note_failure(error, sender).await,
        };
        self.pause = PAUSES.0;
        told
    }

    /// Asks the server; the inner error says that nobody listens.
    async fn look(&mut self, sender: &mpsc::UnboundedSender<Event>) -> Result<Result<(), Over>, Error> {
        if self.contacted.is_none_or(|contacted| contacted.elapsed() >= CONTACT_EVERY) {
            self.account = self.account.contact().await?;
            // Before the round waits again: what it has learnt would go with it.
            if self.note_contact(sender).is_err() {
                return Ok(Err(Over));
            }
            match self.account.renew_push_address().await {
                Ok(_) => self.contacted = Some(Instant::now()),
                Err(error) => tracing::info!(%error, "the server is told later where this device is woken"),
            }
        }
        self.account.check_integrity()?;
        let wait = if std::mem::take(&mut self.at_once) { Duration::ZERO } else { self.wait()? };
        let (asked, policy) = self.account.news(Some(&self.asked), wait).await?;
        if policy.is_some_and(|policy| policy > self.policy) {
            // Only what is signed counts.
            self.contacted = None;
        }
        Ok(self.note_requests(asked, sender))
    }

    /// Until the first request expires, of which the server rings no bell.
    fn wait(&self) -> Result<Duration, Error> {
        let now = self.account.server_time()?;
        let soonest = self.asked.iter().map(|pending| pending.request().expires_at).min();
        let left = soonest.map(|soonest| Duration::try_from(soonest.duration_since(now)).unwrap_or_default());
        Ok(left.map_or(WAIT, |left| WAIT.min(left + Duration::from_secs(1))))
    }

    fn note_contact(&mut self, sender: &mpsc::UnboundedSender<Event>) -> Result<(), Over> {
        if !self.is_active {
            self.is_active = true;
            self.tell(News::ActiveAgain, sender)?;
        }
        self.note_policy(sender)?;
        let offset = self.account.status().map_or(0, |status| status.clock_offset);
        let offset = SignedDuration::from_millis(offset);
        let is_wrong = offset.abs() > CLOCK_WRONG;
        if is_wrong != self.is_clock_wrong {
            self.is_clock_wrong = is_wrong;
            let news = if is_wrong { News::ClockWrong(offset) } else { News::ClockRight };
            self.tell(news, sender)?;
        }
        Ok(())
    }

    fn note_policy(&mut self, sender: &mpsc::UnboundedSender<Event>) -> Result<(), Over> {
        let version = self.account.policy_version();
        if version > self.policy {
            self.policy = version;
            self.tell(News::PolicyChanged, sender)?;
        }
        Ok(())
    }

    fn note_requests(&mut self, now: Vec<Pending>, sender: &mpsc::UnboundedSender<Event>) -> Result<(), Over> {
        let time = self.account.server_time().unwrap_or(Timestamp::UNIX_EPOCH);
        let before = std::mem::replace(&mut self.asked, now);
        let is_in = |pending: &Pending, list: &[Pending]| list.iter().any(|other| is_same(pending, other));
        for ended in before.iter().filter(|pending| !is_in(pending, &self.asked)) {
            let request = ended.request();
            let ending = if self.account.soft_token().parts().answered().remove(&request.id) {
                Ending::Answered
            } else if time >= request.expires_at {
                Ending::Expired
            } else {
                Ending::Elsewhere
            };
            self.tell(News::RequestEnded(request.id.clone(), ending), sender)?;
        }
        for arrived in self.asked.iter().filter(|pending| !is_in(pending, &before)) {
            self.tell(News::RequestArrived(Box::new(arrived.clone())), sender)?;
        }
        Ok(())
    }

    /// Waits, longer each time; an account that is not active is asked for seldom.
    async fn note_failure(&mut self, error: Error, sender: &mpsc::UnboundedSender<Event>) -> Result<(), Over> {
        // What the server knows may have changed by the time that it answers again.
        self.contacted = None;
        if matches!(error, Error::NotActive(_)) {
            if self.is_active {
                self.is_active = false;
                self.tell(News::NotActive, sender)?;
            }
            self.note_requests(Vec::new(), sender)?;
            self.pause = PAUSES.1;
        } else if error.kind() != ErrorKind::Unreachable {
            tracing::info!(%error, "what the server asks is not known");
        }
        sleep(self.pause).await;
        self.pause = PAUSES.1.min(self.pause * 2);
        Ok(())
    }

    /// Never waits: a round may be dropped wherever it does, and nothing that was noted may stay untold.
    fn tell(&self, news: News, sender: &mpsc::UnboundedSender<Event>) -> Result<(), Over> {
        sender.send(Event { account: self.account.clone(), news }).map_err(|_| Over)
    }
}

fn is_same(one: &Pending, other: &Pending) -> bool {
    one.request().id == other.request().id
}
