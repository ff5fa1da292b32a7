//! From a key of a container to a token: what is judged is whether this server can do what the container asks for.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use symbolon_core::otp::window::TimeState;
use symbolon_core::otp::{Digits, Hash, Period};

use super::key::{Key, Policy};
use super::values::shown;
use crate::service::import::{Parsed, checked_secret, hash};
use crate::storage::Counter;

/// A token's clock is off by no more time steps: the widest window of a reset.
const WIDEST_DRIFT: i64 = 1200;

/// The keys of a file that came before: devices may hold several.
#[derive(Default)]
pub(super) struct Devices {
    keys: HashMap<String, HashSet<Option<String>>>,
}

impl Devices {
    /// The serial number of a key: its device's. Further keys of a device have `#` and the key's Id after it.
    fn serial(&mut self, key: &Key) -> Result<String, String> {
        let serial = key.serial.as_ref().or(key.id.as_ref()).ok_or("SerialNo: is missing, and the key has no Id")?;
        let known = self.keys.entry(serial.clone()).or_default();
        if !known.insert(key.id.clone()) {
            return Err("SerialNo: another key of the file has the same, and the same Id".into());
        }
        match &key.id {
            Some(id) if known.len() > 1 && id.starts_with(&format!("{serial}#")) => Ok(id.clone()),
            Some(id) if known.len() > 1 => Ok(format!("{serial}#{id}")),
            None if known.len() > 1 => Err("SerialNo: another key of the file has the same, and this has no Id".into()),
            _ => Ok(serial.clone()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Totp,
    Hotp,
    Pin,
}

/// The kind of an algorithm's URI, of RFC 6030 or its drafts.
fn kind(uri: &str) -> Option<Kind> {
    let (space, name) = uri.rsplit_once(['#', ':']).unwrap_or(("", uri));
    let known =
        ["urn:ietf:params:xml:ns:keyprov", "http://www.ietf.org/keyprov/", "http://www.openauthentication.org/"];
    if !space.is_empty() && !known.iter().any(|known| space.starts_with(known)) {
        return None;
    }
    match name.to_ascii_lowercase().as_str() {
        "totp" => Some(Kind::Totp),
        "hotp" => Some(Kind::Hotp),
        "pin" => Some(Kind::Pin),
        _ => None,
    }
}

/// Whether a key is a PIN that a device checks itself, by the Ids that such policies name.
pub(super) fn is_device_pin(key: &Key, pins: &HashSet<String>) -> bool {
    let is_pin = key.algorithm.as_deref().and_then(kind) == Some(Kind::Pin);
    is_pin && key.id.as_ref().is_some_and(|id| pins.contains(id))
}

impl Policy {
    /// The key that holds the PIN, when the device checks it without us.
    pub(super) fn device_pin(&self) -> Option<&str> {
        let local = self.pin_mode.as_ref().is_some_and(|mode| mode.eq_ignore_ascii_case("Local"));
        self.pin_key.as_deref().filter(|_| local)
    }

    /// Whether this server can keep to it (RFC 6030, 5: otherwise the key must not be used).
    fn permits(&self) -> Result<(), String> {
        if let Some(name) = &self.unknown {
            return Err(format!("Policy: {name} is not understood here, so that the key must not be used"));
        }
        if !self.usages.is_empty() && !self.usages.iter().any(|usage| usage.eq_ignore_ascii_case("OTP")) {
            return Err("Policy: KeyUsage does not permit OTP".into());
        }
        if self.transactions.is_some() {
            return Err(
                "Policy: NumberOfTransactions limits how often the key may be used, which is not counted here".into()
            );
        }
        let mode = self.pin_mode.as_deref().unwrap_or_default();
        if self.has_pin && !mode.eq_ignore_ascii_case("Local") {
            let mode = shown(mode);
            return Err(format!("Policy: PINPolicy asks for a PIN ({mode}) that this server would have to check"));
        }
        Ok(())
    }

    /// Whether the key's codes may count now, and what an administrator should know of it.
    fn validity(&self, now: Timestamp) -> (bool, Option<String>) {
        match (self.start, self.expiry) {
            (Some(start), _) if start > now => {
                (false, Some(format!("StartDate: not valid before {start}; it is imported as disabled")))
            }
            (_, Some(expiry)) if expiry < now => {
                (false, Some(format!("ExpiryDate: not valid since {expiry}; it is imported as disabled")))
            }
            (_, Some(expiry)) => (true, Some(format!("ExpiryDate: valid until {expiry}; disable it then"))),
            _ => (true, None),
        }
    }
}

/// The user of a `UserId`, which is a distinguished name: its common name, else its user id. One that is no such name is
/// taken as it is.
fn user(user_id: &str) -> &str {
    let part = |wanted: &str| {
        user_id.split([',', ';']).find_map(|part| {
            let (name, value) = part.split_once('=')?;
            Some(value.trim()).filter(|value| name.trim().eq_ignore_ascii_case(wanted) && !value.is_empty())
        })
    };
    part("CN").or_else(|| part("UID")).unwrap_or(user_id)
}

/// Makes a token of a key, and says what an administrator should know of it.
///
/// # Errors
/// The element that asks for what this server can't do.
pub(super) fn token(
    line: u64,
    key: Key,
    devices: &mut Devices,
    now: Timestamp,
) -> Result<(Parsed, Option<String>), String> {
    let algorithm = key.algorithm.as_deref().ok_or("Algorithm: is missing")?;
    let kind = kind(algorithm).filter(|kind| *kind != Kind::Pin);
    let kind = kind.ok_or_else(|| format!("Algorithm: {} is neither HOTP nor TOTP", shown(algorithm)))?;
    key.policy.permits()?;
    if key.check_digits {
        return Err("ResponseFormat: check digits are not supported".into());
    }
    if key.encoding.as_ref().is_some_and(|encoding| !encoding.eq_ignore_ascii_case("DECIMAL")) {
        return Err("ResponseFormat Encoding: must be DECIMAL".into());
    }
    let length = key.length.ok_or("ResponseFormat Length: is missing")?;
    let digits = u8::try_from(length).ok().and_then(Digits::new);
    let hash = key.suite.as_deref().map_or(Some(Hash::Sha1), hash);
    let counter = match kind {
        Kind::Hotp => Counter::Event { next: event(key.counter.unwrap_or(0))? },
        Kind::Totp | Kind::Pin => time(&key)?,
    };
    if key.forgeable {
        return Err("is encrypted without a MAC, so that it may have been changed (RFC 6030, 6.1.1)".into());
    }
    let serial = devices.serial(&key)?;
    let owner = key.user.as_deref().map(user).or(key.serial.as_deref()).unwrap_or(&serial);
    let secret = key.secret.ok_or("Secret: is missing")?;
    let (active, warning) = key.policy.validity(now);
    let parsed = Parsed {
        line,
        user: owner.parse().map_err(|error| format!("UserId: {error}"))?,
        serial: serial.parse().map_err(|error| format!("SerialNo: {error}"))?,
        secret: checked_secret("Secret", secret)?,
        hash: hash.ok_or("Suite: must be one of HMAC-SHA1, HMAC-SHA256, HMAC-SHA512")?,
        digits: digits.ok_or("ResponseFormat Length: must be 6 to 10")?,
        counter,
        label: key.friendly_name.as_deref().and_then(|name| name.parse().ok()),
        disabled: !active,
    };
    Ok((parsed, warning))
}

fn event(counter: i64) -> Result<u64, String> {
    let counter = u64::try_from(counter).ok().filter(|counter| *counter <= crate::service::import::LAST_EVENT);
    counter.ok_or_else(|| "Counter: must be a number from 0 to 2^63 - 2".into())
}

fn time(key: &Key) -> Result<Counter, String> {
    let period = u16::try_from(key.interval.unwrap_or(30)).ok().and_then(Period::from_seconds);
    let period = period.ok_or("TimeInterval: must be 1 to 3600 seconds")?;
    if key.time.is_some_and(|time| time != 0) {
        return Err("Time: counts from another moment than 1970, which is not supported".into());
    }
    let drift = key.drift.unwrap_or(0);
    if !(-WIDEST_DRIFT..=WIDEST_DRIFT).contains(&drift) {
        return Err(format!("TimeDrift: must be -{WIDEST_DRIFT} to {WIDEST_DRIFT} time steps"));
    }
    Ok(Counter::Time { period, state: TimeState { drift, drift_at_reset: drift, ..TimeState::NEW } })
}
