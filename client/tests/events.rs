//! What an app hears of its accounts, and what becomes of it when the device is woken in the middle.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use support::activated;
use symbolon_client::platform::{BoxFuture, Wake, WakeError};
use symbolon_client::{Event, Events, News};
use symbolon_core::push::PushAddress;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::PublicKey;
use tokio::sync::Notify;

/// A push service that does not answer when it is first asked.
#[derive(Default)]
struct SlowService {
    questions: AtomicU32,
    asked: Notify,
}

impl Wake for SlowService {
    fn is_web_push(&self) -> bool {
        false
    }

    fn address<'a>(
        &'a self,
        _: SerialNumber,
        _: Option<&'a PublicKey>,
    ) -> BoxFuture<'a, Result<Option<PushAddress>, WakeError>> {
        Box::pin(async {
            self.asked.notify_one();
            if self.questions.fetch_add(1, Ordering::Relaxed) == 0 {
                std::future::pending::<()>().await;
            }
            Ok(Some(address()))
        })
    }
}

fn address() -> PushAddress {
    serde_json::from_value(serde_json::json!({"service": "fcm", "token": "first"})).unwrap()
}

async fn next(events: &mut Events) -> Event {
    tokio::time::timeout(Duration::from_secs(60), events.next()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_the_device_is_woken_while_the_push_service_is_asked() {
    let (server, mut device, _) = activated().await;
    let service = Arc::new(SlowService::default());
    device.wake = Some(service.clone());
    server.state().ahead = SignedDuration::from_mins(20);
    let soft_token = device.start(&server).await.unwrap();
    let mut events = soft_token.events();
    service.asked.notified().await;
    soft_token.look_now();
    let event = next(&mut events).await;
    assert!(matches!(event.news, News::ClockWrong(offset) if offset == SignedDuration::from_mins(20)), "{event:?}");
    let told = async {
        while server.state().told.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), told).await.unwrap();
    assert_eq!(server.state().told, [Some(address())]);

    // Once that is done, the next hour's rounds ask neither.
    for _ in 0..3 {
        soft_token.look_now();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let contacts = server.state().asked.iter().filter(|(path, _)| path == "/v1/device/contact").count();
    assert_eq!((contacts, service.questions.load(Ordering::Relaxed)), (2, 2));
}
