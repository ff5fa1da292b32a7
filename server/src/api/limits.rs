//! Limits on callers, before any rule is asked: how often one address may talk to the device API, guess at API keys, and
//! how often one application may be wrong.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::Problem;
use crate::config::Config;
use crate::storage::ApplicationId;

/// A mailbox gets so many mails that a stranger asked for, and then one each time this has passed.
const MAILS_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
const MAIL_EVERY: Duration = Duration::from_secs(20 * 60);

/// All limits.
pub struct Guards {
    /// Requests to the device API.
    pub(super) device: RequestLimit<IpAddr>,
    /// Refused API keys.
    pub(super) bad_keys: FailureLimit<IpAddr>,
    /// Refused codes.
    pub(super) refusals: FailureLimit<ApplicationId>,
    /// Refused sign-ins to the console.
    pub(crate) sign_ins: FailureLimit<IpAddr>,
    /// Mails that somebody asks for who is not signed in, by what they name.
    pub(crate) mails: RequestLimit<String>,
    trusted_proxies: Vec<IpAddr>,
}

impl Guards {
    /// Limits as they are configured.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let limits = config.limits;
        Self {
            device: RequestLimit::new(limits.device_per_second, limits.device_burst),
            bad_keys: FailureLimit::new(limits.bad_keys_per_second, limits.bad_keys_burst),
            refusals: FailureLimit::new(limits.refusals_per_second, limits.refusals_burst),
            sign_ins: FailureLimit::new(limits.sign_ins_per_second, limits.sign_ins_burst),
            mails: RequestLimit(RateLimiter::keyed(
                Quota::with_period(MAIL_EVERY).unwrap_or(quota(1, 1)).allow_burst(MAILS_AT_ONCE),
            )),
            trusted_proxies: config.trusted_proxies.clone(),
        }
    }

    /// The address that a request comes from: the last hop that is no proxy of ours.
    pub(crate) fn origin(&self, peer: IpAddr, hops: &[&str]) -> IpAddr {
        let mut origin = peer;
        for hop in hops.iter().rev() {
            if !self.trusted_proxies.contains(&origin) {
                break;
            }
            let Ok(hop) = hop.parse() else { break };
            origin = hop;
        }
        origin
    }
}

/// So many requests a second from one caller.
pub(crate) struct RequestLimit<K: Hash + Eq + Clone>(DefaultKeyedRateLimiter<K>);

fn quota(per_second: u32, burst: u32) -> Quota {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
}

impl<K: Hash + Eq + Clone> RequestLimit<K> {
    fn new(per_second: u32, burst: u32) -> Self {
        Self(RateLimiter::keyed(quota(per_second, burst)))
    }

    /// Lets one request in, or says when the next may come.
    pub(crate) fn admit(&self, caller: &K) -> Result<(), Problem> {
        if self.0.len() > 10_000 {
            self.0.retain_recent();
        }
        self.0
            .check_key(caller)
            .map_err(|not_until| too_many(not_until.wait_time_from(DefaultClock::default().now()).as_secs()))
    }
}

/// So many failures a second of one caller; a caller with more waits, whatever it asks.
pub(crate) struct FailureLimit<K: Hash + Eq + Clone> {
    failures: DefaultKeyedRateLimiter<K>,
    waiting: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Clone> FailureLimit<K> {
    fn new(per_second: u32, burst: u32) -> Self {
        Self { failures: RateLimiter::keyed(quota(per_second, burst)), waiting: Mutex::default() }
    }

    /// Lets a caller in unless it has failed too often.
    pub(crate) fn admit(&self, caller: &K) -> Result<(), Problem> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = waiting.get(caller) else { return Ok(()) };
        match until.checked_duration_since(Instant::now()) {
            Some(wait) => Err(too_many(wait.as_secs())),
            None => {
                waiting.remove(caller);
                Ok(())
            }
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, caller: &K) {
        if self.failures.len() > 10_000 {
            self.failures.retain_recent();
        }
        if let Err(not_until) = self.failures.check_key(caller) {
            let until = Instant::now() + not_until.wait_time_from(DefaultClock::default().now());
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.retain(|_, until| *until > Instant::now());
            waiting.insert(caller.clone(), until);
        }
    }
}

fn too_many(seconds: u64) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests; wait before the next")
        .retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxy: IpAddr = [10, 0, 0, 1].into();
        let config = Config { trusted_proxies: vec![proxy], ..Config::default() };
        let guards = Guards::new(&config);
        let caller: IpAddr = [192, 0, 2, 7].into();
        let forged = "198.51.100.1";
        assert_eq!(guards.origin(caller, &[forged]), caller);
        assert_eq!(guards.origin(proxy, &[forged, "192.0.2.7"]), caller);
        assert_eq!(guards.origin(proxy, &[]), proxy);
        assert_eq!(guards.origin(proxy, &["nonsense"]), proxy);
    }

    #[test]
    fn a_caller_that_fails_too_often_waits() {
        let limit = FailureLimit::new(1, 3);
        for _ in 0..3 {
            limit.failed(&1);
            assert!(limit.admit(&1).is_ok());
        }
        limit.failed(&1);
        assert!(limit.admit(&1).is_err());
        assert!(limit.admit(&2).is_ok());
    }
}
