//! What attestation is held against: the apps that it accepts, and the oldest security patch.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Serialize};

use super::value::{Allowed, SettingValue, ValueError, shortened, split_list};

/// An Android app: its package and the SHA-256 of the certificate that signs it, written `package/SHA-256`. The hash
/// is hex, in either case, and may have the colons that Android's tools print.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AndroidApp {
    package: String,
    signer: [u8; 32],
}

impl AndroidApp {
    /// The package, such as `org.example.app`.
    #[must_use]
    pub fn package(&self) -> &str {
        &self.package
    }

    /// The SHA-256 of the signing certificate.
    #[must_use]
    pub fn signer(&self) -> &[u8; 32] {
        &self.signer
    }
}

impl FromStr for AndroidApp {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        // As Android has it: two parts at least, each a letter and then letters, digits and underscores.
        let is_part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphabetic())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        text.split_once('/')
            .filter(|(package, _)| package.len() <= 255 && package.contains('.') && package.split('.').all(is_part))
            .and_then(|(package, hex)| {
                Some((package, HEXLOWER_PERMISSIVE.decode(hex.replace(':', "").as_bytes()).ok()?))
            })
            .and_then(|(package, hash)| Some(Self { package: package.to_owned(), signer: hash.try_into().ok()? }))
            .ok_or_else(|| ValueError::Entry { entry: shortened(text), like: Self::LIKE })
    }
}

impl fmt::Display for AndroidApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.package, HEXLOWER_PERMISSIVE.encode(&self.signer))
    }
}

/// An iOS app: the team that signs it and its bundle, written `TEAMID.bundle.id`, which Apple calls the App ID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IosApp {
    team: String,
    bundle: String,
}

impl IosApp {
    /// The team: ten capital letters and digits.
    #[must_use]
    pub fn team(&self) -> &str {
        &self.team
    }

    /// The bundle, such as `org.example.app`.
    #[must_use]
    pub fn bundle(&self) -> &str {
        &self.bundle
    }
}

impl FromStr for IosApp {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_team = |team: &str| {
            team.len() == 10 && team.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        let is_part =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        text.split_once('.')
            .filter(|(team, bundle)| is_team(team) && bundle.len() <= 155 && bundle.split('.').all(is_part))
            .map(|(team, bundle)| Self { team: team.to_owned(), bundle: bundle.to_owned() })
            .ok_or_else(|| ValueError::Entry { entry: shortened(text), like: Self::LIKE })
    }
}

impl fmt::Display for IosApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.team, self.bundle)
    }
}

/// What an app list has entries of.
trait App: PartialEq + fmt::Display + FromStr<Err = ValueError> {
    /// What an entry looks like.
    const LIKE: &'static str;
}

impl App for AndroidApp {
    const LIKE: &'static str = "org.example.app/SHA-256 of its signer in hex";
}

impl App for IosApp {
    const LIKE: &'static str = "ABCDE12345.org.example.app";
}

/// Up to 20 apps, none twice, in the order in which they were given. It reads like a slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<A>", bound(deserialize = "A: App + Deserialize<'de>"))]
pub struct AppList<A>(Vec<A>);

impl<A> AppList<A> {
    /// Whether any app will do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<A> AppList<A> {
    /// How many apps a list may have.
    pub const MAX: usize = 20;
}

impl<A> Default for AppList<A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<A> Deref for AppList<A> {
    type Target = [A];

    fn deref(&self) -> &[A] {
        &self.0
    }
}

impl<A: App + Serialize> SettingValue for AppList<A> {
    const ALLOWED: Allowed = Allowed::List { max: Self::MAX, entry: A::LIKE };

    fn from_text(text: &str) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl<A: App> TryFrom<Vec<A>> for AppList<A> {
    type Error = ValueError;

    fn try_from(apps: Vec<A>) -> Result<Self, ValueError> {
        if apps.len() > Self::MAX {
            return Err(ValueError::TooMany(Self::MAX));
        }
        let twice = apps.iter().enumerate().find(|(before, app)| apps.iter().take(*before).any(|other| other == *app));
        match twice {
            Some((_, app)) => Err(ValueError::ListedTwice(app.to_string())),
            None => Ok(Self(apps)),
        }
    }
}

impl<A: App> FromStr for AppList<A> {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let apps: Result<Vec<A>, ValueError> = split_list(text).map(str::parse).collect();
        apps?.try_into()
    }
}

impl<A: fmt::Display> fmt::Display for AppList<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let apps: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&apps.join(","))
    }
}

/// The oldest security patch of Android that attestation accepts: a month (`2025-03`), a day (`2025-03-05`) or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct OldestPatchLevel(Option<PatchLevel>);

/// A patch level, as numbers like those in an attestation. It is a real month or day of the years that have patch
/// levels, so that a mistyped year doesn't admit every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct PatchLevel {
    /// YYYYMM.
    month: u32,
    /// 0 when only the month counts.
    day: u32,
}

impl PatchLevel {
    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str, length: usize| -> Option<u32> {
            let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().ok())?
        };
        let parts: Vec<&str> = text.split('-').collect();
        let (year, month, day) = match parts.as_slice() {
            [year, month] => (number(year, 4)?, number(month, 2)?, None),
            [year, month, day] => (number(year, 4)?, number(month, 2)?, Some(number(day, 2)?)),
            _ => return None,
        };
        let first_or_day = day.unwrap_or(1);
        jiff::civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, first_or_day.try_into().ok()?).ok()?;
        (year >= 2015).then_some(Self { month: year * 100 + month, day: day.unwrap_or(0) })
    }
}

impl OldestPatchLevel {
    /// Any patch level will do.
    pub const ANY: Self = Self(None);

    /// Whether a device may be used that attests this patch level: YYYYMM or YYYYMMDD, as Android's key attestation has
    /// it. Where either has no day, the months are compared.
    #[must_use]
    pub fn admits(self, attested: u32) -> bool {
        let Some(oldest) = self.0 else { return true };
        let (month, day) = if attested > 999_999 { (attested / 100, attested % 100) } else { (attested, 0) };
        month > oldest.month || (month == oldest.month && (day == 0 || day >= oldest.day))
    }
}

impl SettingValue for OldestPatchLevel {
    const ALLOWED: Allowed = Allowed::Text("a month such as 2025-03, a day such as 2025-03-05, or none");
}

impl FromStr for OldestPatchLevel {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "none" => Ok(Self::ANY),
            text => PatchLevel::parse(text)
                .map(|level| Self(Some(level)))
                .ok_or(ValueError::NotAllowed(<Self as SettingValue>::ALLOWED)),
        }
    }
}

impl fmt::Display for OldestPatchLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(PatchLevel { month, day: 0 }) => write!(f, "{:04}-{:02}", month / 100, month % 100),
            Some(PatchLevel { month, day }) => write!(f, "{:04}-{:02}-{day:02}", month / 100, month % 100),
        }
    }
}

/// JSON as a string, in the form of the text.
macro_rules! as_string {
    ($($type:ty)+) => {$(
        impl TryFrom<String> for $type {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )+};
}
as_string!(AndroidApp IosApp OldestPatchLevel);
