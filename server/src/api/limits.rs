//! Limits on callers, before any rule is asked: how often one address may talk to the device API, guess at API keys, and
//! how often one application may be wrong.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    pub(super) device: RequestLimit<Subscriber>,
    /// Refused API keys.
    pub(super) bad_keys: FailureLimit<Subscriber>,
    /// Refused codes.
    pub(super) refusals: FailureLimit<ApplicationId>,
    /// Refused sign-ins to the console.
    pub(crate) sign_ins: FailureLimit<Subscriber>,
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
            mails: RequestLimit(Counted::new(
                Quota::with_period(MAIL_EVERY).unwrap_or(quota(1, 1)).allow_burst(MAILS_AT_ONCE),
            )),
            trusted_proxies: config.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
        }
    }

    /// The address that a request comes from: the last hop that is no proxy of ours. To a listener on all of IPv6, an IPv4
    /// address looks like one of IPv6.
    pub(crate) fn origin(&self, peer: IpAddr, hops: &[&str]) -> IpAddr {
        let mut origin = peer.to_canonical();
        for hop in hops.iter().rev() {
            if !self.trusted_proxies.contains(&origin) {
                break;
            }
            let Ok(hop) = hop.parse::<IpAddr>() else { break };
            origin = hop.to_canonical();
        }
        origin
    }
}

/// Whom a limit on addresses holds for: an IPv4 address, or a /64 network of IPv6, since a subscriber has at least one of
/// those for himself (RFC 6177, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subscriber(IpAddr);

impl From<IpAddr> for Subscriber {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 64)).into(),
            address => address,
        })
    }
}

/// What callers have used of a quota.
struct Counted<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    /// With so many callers those are forgotten that have all of their quota again.
    full: AtomicUsize,
}

impl<K: Hash + Eq + Clone> Counted<K> {
    const FEW: usize = 10_000;

    fn new(quota: Quota) -> Self {
        Self { limiter: RateLimiter::keyed(quota), full: AtomicUsize::new(Self::FEW) }
    }

    /// Counts one, or says how long its caller has none left.
    fn count(&self, caller: &K) -> Result<(), Duration> {
        if self.limiter.len() > self.full.load(Ordering::Relaxed) {
            self.limiter.retain_recent();
            // Whoever is left stays for a while: looking through them each time would cost more than the request.
            self.full.store(Self::FEW.max(2 * self.limiter.len()), Ordering::Relaxed);
        }
        self.limiter.check_key(caller).map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

/// So many requests a second from one caller.
pub(crate) struct RequestLimit<K: Hash + Eq + Clone>(Counted<K>);

fn quota(per_second: u32, burst: u32) -> Quota {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
}

impl<K: Hash + Eq + Clone> RequestLimit<K> {
    fn new(per_second: u32, burst: u32) -> Self {
        Self(Counted::new(quota(per_second, burst)))
    }

    /// Lets one request in, or says when the next may come.
    pub(crate) fn admit(&self, caller: impl Into<K>) -> Result<(), Problem> {
        self.0.count(&caller.into()).map_err(|wait| too_many(wait.as_secs()))
    }
}

/// So many failures a second of one caller; a caller with more waits, whatever it asks.
pub(crate) struct FailureLimit<K: Hash + Eq + Clone> {
    failures: Counted<K>,
    waiting: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Clone> FailureLimit<K> {
    fn new(per_second: u32, burst: u32) -> Self {
        Self { failures: Counted::new(quota(per_second, burst)), waiting: Mutex::default() }
    }

    /// Lets a caller in unless it has failed too often.
    pub(crate) fn admit(&self, caller: impl Into<K>) -> Result<(), Problem> {
        let caller = caller.into();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = waiting.get(&caller) else { return Ok(()) };
        match until.checked_duration_since(Instant::now()) {
            Some(wait) => Err(too_many(wait.as_secs())),
            None => {
                waiting.remove(&caller);
                Ok(())
            }
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, caller: impl Into<K>) {
        let caller = caller.into();
        if let Err(wait) = self.failures.count(&caller) {
            let until = Instant::now() + wait;
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.retain(|_, until| *until > Instant::now());
            waiting.insert(caller, until);
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
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(guards.origin(mapped, &[forged, "::ffff:192.0.2.7"]), caller);
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let limit = RequestLimit::<Subscriber>::new(1, 1);
        let from = |address: &str| limit.admit(address.parse::<IpAddr>().unwrap()).is_ok();
        assert!(from("2001:db8:0:1::1") && !from("2001:db8:0:1:ffff::2"));
        assert!(from("2001:db8:0:2::1"));
        assert!(from("192.0.2.1") && from("192.0.2.2") && !from("::ffff:192.0.2.1"));
    }

    #[test]
    fn a_caller_that_fails_too_often_waits() {
        let limit = FailureLimit::<u8>::new(1, 3);
        for _ in 0..3 {
            limit.failed(1);
            assert!(limit.admit(1).is_ok());
        }
        limit.failed(1);
        assert!(limit.admit(1).is_err());
        assert!(limit.admit(2).is_ok());
    }
}
