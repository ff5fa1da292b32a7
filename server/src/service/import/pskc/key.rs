//! A key of a container, as it is written: nothing is judged here but whether it can be understood.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use symbolon_core::secret::SecretBytes;

use super::values::{Opener, shown};
use super::xml::Element;

/// What a `Key` element says, with what its package says of the device.
#[derive(Debug, Default)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) user: Option<String>,
    pub(super) friendly_name: Option<String>,
    pub(super) algorithm: Option<String>,
    pub(super) suite: Option<String>,
    pub(super) encoding: Option<String>,
    pub(super) length: Option<i64>,
    pub(super) check_digits: bool,
    pub(super) secret: Option<SecretBytes>,
    /// A value is encrypted in a way that lets it be changed, and has no MAC.
    pub(super) forgeable: bool,
    pub(super) counter: Option<i64>,
    pub(super) time: Option<i64>,
    pub(super) interval: Option<i64>,
    pub(super) drift: Option<i64>,
    pub(super) policy: Policy,
}

/// What a key may be used for, and when (RFC 6030, 5).
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// The latest of the key's and its device's.
    pub(super) start: Option<Timestamp>,
    /// The earliest of the key's and its device's.
    pub(super) expiry: Option<Timestamp>,
    /// What it may be used for; anything when empty.
    pub(super) usages: Vec<String>,
    pub(super) pin_mode: Option<String>,
    pub(super) pin_key: Option<String>,
    pub(super) has_pin: bool,
    pub(super) transactions: Option<i64>,
    /// An element that is none of RFC 6030's.
    pub(super) unknown: Option<String>,
}

fn text(element: Option<&Element>) -> Option<String> {
    element.and_then(Element::text).map(str::to_owned)
}

fn at(field: &str) -> impl Fn(String) -> String {
    move |message| format!("{field}: {message}")
}

fn integer(field: &str, text: Option<&str>) -> Result<Option<i64>, String> {
    let number = text.filter(|text| !text.is_empty()).map(str::parse).transpose();
    number.map_err(|_| format!("{field}: must be a whole number"))
}

fn boolean(field: &str, text: Option<&str>) -> Result<Option<bool>, String> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("") => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(format!("{field}: must be true or false")),
    }
}

/// A date with or without time and zone; without a zone it is UTC. The earliest drafts write month/day/year.
fn date(field: &str, element: Option<&Element>) -> Result<Option<Timestamp>, String> {
    let Some(text) = element.and_then(Element::text) else { return Ok(None) };
    let utc = |moment: DateTime| TimeZone::UTC.to_timestamp(moment).ok();
    let date = text.parse::<Timestamp>().ok().or_else(|| utc(text.parse::<DateTime>().ok()?));
    let date = date.or_else(|| utc(text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())));
    let date = date.or_else(|| utc(Date::strptime("%m/%d/%Y", text).ok()?.to_datetime(jiff::civil::Time::midnight())));
    date.map(Some).ok_or_else(|| format!("{field}: must be a date"))
}

/// The data element of a name, in today's form (`Data/TimeInterval`) or the old one (`Data[@Name="TIME_INTERVAL"]`).
fn data<'a>(key: &'a Element, name: &str) -> Result<Option<&'a Element>, String> {
    let named = |data: &Element| {
        let old = data.attribute(&["Name"]).map(|old| old.replace('_', ""));
        old.is_some_and(|old| old.eq_ignore_ascii_case(name))
    };
    let mut found = key.named("Data").flat_map(|data| named(data).then_some(data).into_iter().chain(data.named(name)));
    let first = found.next();
    if found.next().is_some() { Err(format!("{name}: is given twice")) } else { Ok(first) }
}

impl Key {
    /// Reads a `Key` element of a package.
    ///
    /// # Errors
    /// The element or attribute that can't be read, and why; never what is in it.
    pub(super) fn read(package: &Element, key: &Element, opener: &Opener) -> Result<Self, String> {
        let device = package.child_of(&["DeviceInfo", "DeviceId"]);
        let of_device = |name: &str| device.and_then(|device| device.child(name));
        let usage = key.child_of(&["AlgorithmParameters", "Usage"]);
        let format = usage.and_then(|usage| usage.child("ResponseFormat"));
        let of_format = |names: &[&str]| format.and_then(|format| format.attribute(names));
        let attribute = |names: &[&str]| key.attribute(names).filter(|value| !value.is_empty()).map(str::to_owned);

        let mut read = Self {
            id: attribute(&["Id", "KeyId", "SecretId"]),
            serial: text(of_device("SerialNo")),
            user: text(key.child("UserId")).or_else(|| text(of_device("UserId"))),
            friendly_name: text(key.child("FriendlyName")),
            algorithm: attribute(&["Algorithm", "KeyAlgorithm", "SecretAlgorithm"]),
            suite: text(usage.and_then(|usage| usage.child("Suite"))),
            encoding: of_format(&["Encoding", "Format", "format"]).map(str::to_owned),
            length: integer("ResponseFormat Length", of_format(&["Length", "length"]))?,
            check_digits: boolean("ResponseFormat CheckDigits", of_format(&["CheckDigits", "CheckDigit"]))?
                .unwrap_or(false),
            policy: Policy::read(key, device, usage)?,
            ..Self::default()
        };
        let mut forgeable = false;
        let mut value = |name: &str| {
            let value = data(key, name)?.map(|element| opener.value(element)).transpose().map_err(at(name))?.flatten();
            forgeable |= value.as_ref().is_some_and(super::values::Value::is_forgeable);
            Ok::<_, String>(value)
        };
        read.secret = value("Secret")?.map(|value| value.into_bytes().map_err(at("Secret"))).transpose()?;
        let mut number = |name| value(name)?.map(|value| value.integer().map_err(at(name))).transpose();
        read.counter = number("Counter")?;
        read.time = number("Time")?;
        read.interval = number("TimeInterval")?;
        read.drift = number("TimeDrift")?;
        read.forgeable = forgeable;
        Ok(read)
    }
}

impl Policy {
    fn read(key: &Element, device: Option<&Element>, usage: Option<&Element>) -> Result<Self, String> {
        let mut policy = Self::default();
        let empty = Element::default();
        let own = key.child("Policy").unwrap_or(&empty);
        for element in own.children() {
            match element.name.as_str() {
                "StartDate" | "ExpiryDate" if element.known => {}
                "KeyUsage" if element.known => policy.usages.extend(text(Some(element))),
                "NumberOfTransactions" if element.known => {
                    policy.transactions = integer("NumberOfTransactions", element.text())?;
                }
                "PINPolicy" if element.known => {
                    policy.has_pin = true;
                    policy.pin_mode = element.attribute(&["PINUsageMode"]).map(str::to_owned);
                    policy.pin_key = element.attribute(&["PINKeyId"]).map(str::to_owned);
                }
                name => policy.unknown = Some(shown(name)),
            }
        }
        // Old drafts: what it is for is an attribute of Usage, and rules have other names.
        for (name, value) in usage.filter(|usage| usage.name == "Usage").into_iter().flat_map(Element::attributes) {
            if boolean("Usage", Some(value))? == Some(true) {
                policy.usages.push(name.to_owned());
            }
        }
        if key.child_of(&["AccessRules", "KeyProperties"]).is_some() {
            policy.unknown = Some("AccessRules".into());
        }
        for (holder, names) in [
            (Some(own), ["StartDate", "ExpiryDate"]),
            (Some(key), ["StartDate", "ExpiryDate"]),
            (device, ["StartDate", "ExpiryDate"]),
            (device, ["Start", "Expiry"]),
        ] {
            let [start, expiry] = names.map(|name| date(name, holder.and_then(|holder| holder.child(name))));
            policy.start = policy.start.max(start?);
            policy.expiry = match (policy.expiry, expiry?) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        Ok(policy)
    }
}
