//! What happens to the accounts while an app is open.

use std::sync::Arc;

use symbolon_client as client;
use tokio::sync::Mutex;

use crate::account::Account;
use crate::approval::Approval;

/// What happens to the accounts of a phone. When an app lets go of it, nobody waits at the servers any more.
#[derive(Debug, uniffi::Object)]
pub struct Events(Mutex<client::Events>);

/// Something that happened to an account.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Event {
    /// The account.
    pub account: Arc<Account>,
    /// The token's serial number.
    pub serial: String,
    /// What happened.
    pub news: News,
}

/// What can happen to an account.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum News {
    /// The server asks something. What it asked already when the app began to listen arrives too.
    RequestArrived {
        /// What it asks.
        approval: Arc<Approval>,
    },
    /// What was asked can't be answered any more.
    RequestEnded {
        /// The name of the request.
        id: String,
        /// How it ended.
        ending: Ending,
    },
    /// The policy has changed. A session learns it by [`Session::refresh`](crate::Session::refresh), and the next one when it
    /// is opened.
    PolicyChanged,
    /// The token is not active at the server any more: it was disabled, deleted, has expired, or was given to another phone.
    /// The server does not say which.
    NotActive,
    /// The token is active again.
    ActiveAgain,
    /// The phone's clock is wrong: the person should set it. Codes are right all the same.
    ClockWrong {
        /// The server's clock is ahead of the phone's by so many milliseconds.
        offset: i64,
    },
    /// The phone's clock is right again.
    ClockRight,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Ending {
    /// It was answered on this phone.
    Answered,
    /// Nobody answered it in time.
    Expired,
    /// The application withdrew it, a newer one took its place, or another phone answered.
    Elsewhere,
}

impl From<client::News> for News {
    fn from(news: client::News) -> Self {
        match news {
            client::News::RequestArrived(pending) => Self::RequestArrived { approval: Arc::new(Approval(*pending)) },
            client::News::RequestEnded(id, ending) => Self::RequestEnded {
                id: id.to_string(),
                ending: match ending {
                    client::Ending::Answered => Ending::Answered,
                    client::Ending::Expired => Ending::Expired,
                    client::Ending::Elsewhere => Ending::Elsewhere,
                },
            },
            client::News::PolicyChanged => Self::PolicyChanged,
            client::News::NotActive => Self::NotActive,
            client::News::ActiveAgain => Self::ActiveAgain,
            client::News::ClockWrong(offset) => {
                Self::ClockWrong { offset: i64::try_from(offset.as_millis()).unwrap_or(i64::MAX) }
            }
            client::News::ClockRight => Self::ClockRight,
        }
    }
}

impl Events {
    pub(crate) fn of(events: client::Events) -> Arc<Self> {
        Arc::new(Self(Mutex::new(events)))
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Events {
    /// The next event; waits for it as long as it takes. Dropping the call loses none.
    pub async fn next(&self) -> Event {
        let client::Event { account, news } = self.0.lock().await.next().await;
        let serial = account.header().serial.to_string();
        Event { account: Account::of(account), serial, news: news.into() }
    }
}
