//! The types of the settings: each is read from text or JSON and can't hold a bad value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::otp::{Digits, Hash};

/// What a setting may be; as text, in words that end a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// A whole number; a JSON number.
    Number {
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
    },
    /// One of these numbers; a JSON number.
    NumberOf(&'static [&'static str]),
    /// Yes or no; a JSON boolean.
    Switch,
    /// One of these words; a JSON string.
    Word(&'static [&'static str]),
    /// Some of these words; a JSON array of strings.
    Words {
        /// The words.
        words: &'static [&'static str],
        /// Which go together.
        rule: &'static str,
    },
    /// A list of entries like this; a JSON array of strings.
    List {
        /// How many entries there may be.
        max: usize,
        /// What an entry looks like.
        entry: &'static str,
    },
    /// Something that is written like this; a JSON string.
    Text(&'static str),
}

impl Allowed {
    /// What a JSON value of this setting is.
    fn json_type(self) -> &'static str {
        match self {
            Self::Number { .. } | Self::NumberOf(_) => "a number",
            Self::Switch => "a boolean",
            Self::Word(_) | Self::Text(_) => "a string",
            Self::Words { .. } | Self::List { .. } => "an array of strings",
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::NumberOf(words) | Self::Word(words) => match words {
                [others @ .., last] if !others.is_empty() => write!(f, "{} or {last}", others.join(", ")),
                words => f.write_str(&words.concat()),
            },
            Self::Switch => f.write_str("true or false"),
            Self::Words { rule, .. } => f.write_str(rule),
            Self::List { max, entry } => write!(f, "at most {max} entries like {entry}"),
            Self::Text(form) => f.write_str(form),
        }
    }
}

/// Why a setting can't have a value, and what it can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Out of bounds, or not one of the words.
    #[error("it takes {0}")]
    NotAllowed(Allowed),
    /// JSON of another type.
    #[error("in JSON it is {}; it takes {}", .0.json_type(), .0)]
    Json(Allowed),
    /// An offline QR in a mail with something else.
    #[error("an offline QR travels alone, since the other methods would bring its password along; it takes {0}")]
    OfflineNotAlone(Allowed),
    /// A list that names the same twice.
    #[error("{0:?} is listed twice: list it once")]
    ListedTwice(String),
    /// A list with more entries than it may have.
    #[error("a list has at most {0} entries: take some out")]
    TooMany(usize),
    /// An entry of a list that can't be read.
    #[error("{entry:?} is not written like {like}")]
    Entry {
        /// The entry, cut short.
        entry: String,
        /// What an entry looks like.
        like: &'static str,
    },
}

/// What a type must have to be one of a setting. Its JSON is what `Serialize` makes of it; JSON is read through
/// `from_text`, so that both forms allow the same.
pub(super) trait SettingValue: fmt::Display + Serialize + FromStr {
    /// What it may be.
    const ALLOWED: Allowed;

    /// Reads it from the form that `Display` writes.
    fn from_text(text: &str) -> Result<Self, ValueError> {
        text.parse().map_err(|_| ValueError::NotAllowed(Self::ALLOWED))
    }
}

/// A setting's value as JSON.
pub(super) fn to_json(value: &impl SettingValue) -> Value {
    // Numbers, booleans, strings and lists of strings always have a JSON form.
    serde_json::to_value(value).unwrap_or_default()
}

/// The beginning of what someone gave, for an error: enough to recognise it.
pub(super) fn shortened(given: &str) -> String {
    const ENOUGH: usize = 80;
    match given.chars().nth(ENOUGH) {
        None => given.to_owned(),
        Some(_) => given.chars().take(ENOUGH).chain(['…']).collect(),
    }
}

/// The entries of a list in a text: separated by commas, with or without spaces.
pub(super) fn split_list(text: &str) -> impl Iterator<Item = &str> {
    // An empty text has no entry, where `split` would give one empty one.
    text.split(',').map(str::trim).filter(move |_| !text.trim().is_empty())
}

impl SettingValue for bool {
    const ALLOWED: Allowed = Allowed::Switch;
}

impl SettingValue for Hash {
    const ALLOWED: Allowed = Allowed::Word(&["sha1", "sha256", "sha512"]);
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub struct Bounded<const MIN: u32, const MAX: u32>(u32);

/// How many digits a PIN has.
pub type PinLength = Bounded<4, 12>;

/// Wrong PINs until the app locks. 20 at most, as for codes: of the shortest PINs, one in 500 would be guessed.
pub type PinTries = Bounded<1, 20>;

impl<const MIN: u32, const MAX: u32> Bounded<MIN, MAX> {
    /// The constant `N`; out of bounds, it doesn't compile.
    #[must_use]
    pub const fn of<const N: u32>() -> Self {
        const { assert!(MIN <= N && N <= MAX, "out of bounds") };
        Self(N)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> SettingValue for Bounded<MIN, MAX> {
    const ALLOWED: Allowed = Allowed::Number { min: MIN, max: MAX };
}

impl<const MIN: u32, const MAX: u32> TryFrom<u32> for Bounded<MIN, MAX> {
    type Error = ValueError;

    fn try_from(number: u32) -> Result<Self, ValueError> {
        if (MIN..=MAX).contains(&number) { Ok(Self(number)) } else { Err(ValueError::NotAllowed(Self::ALLOWED)) }
    }
}

impl<const MIN: u32, const MAX: u32> FromStr for Bounded<MIN, MAX> {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        // Digits only: Rust would read `+6` too.
        let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number: Option<u32> = digits.and_then(|digits| digits.parse().ok());
        number.ok_or(ValueError::NotAllowed(Self::ALLOWED))?.try_into()
    }
}

impl<const MIN: u32, const MAX: u32> From<Bounded<MIN, MAX>> for u32 {
    fn from(bounded: Bounded<MIN, MAX>) -> Self {
        bounded.0
    }
}

impl<const MIN: u32, const MAX: u32> fmt::Display for Bounded<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many digits a code has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub enum CodeLength {
    /// 6 digits.
    Six,
    /// 8 digits.
    Eight,
}

impl CodeLength {
    /// The number of digits.
    #[must_use]
    pub const fn get(self) -> u32 {
        match self {
            Self::Six => 6,
            Self::Eight => 8,
        }
    }

    /// The length as the computation of codes takes it.
    #[must_use]
    pub const fn digits(self) -> Digits {
        match self {
            Self::Six => Digits::SIX,
            Self::Eight => Digits::EIGHT,
        }
    }
}

impl SettingValue for CodeLength {
    const ALLOWED: Allowed = Allowed::NumberOf(&["6", "8"]);
}

impl TryFrom<u32> for CodeLength {
    type Error = ValueError;

    fn try_from(number: u32) -> Result<Self, ValueError> {
        match number {
            6 => Ok(Self::Six),
            8 => Ok(Self::Eight),
            _ => Err(ValueError::NotAllowed(Self::ALLOWED)),
        }
    }
}

impl FromStr for CodeLength {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "6" => Ok(Self::Six),
            "8" => Ok(Self::Eight),
            _ => Err(ValueError::NotAllowed(Self::ALLOWED)),
        }
    }
}

impl From<CodeLength> for u32 {
    fn from(length: CodeLength) -> Self {
        length.get()
    }
}

impl fmt::Display for CodeLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Makes an enum whose variants are written as words, the same in text and JSON.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word that `policy set` and JSON have for it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl SettingValue for $name {
            const ALLOWED: Allowed = Allowed::Word(&[$($word),+]);
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ValueError::NotAllowed(Self::ALLOWED)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    )+};
}

words! {
    /// What the person does with the value on the sign-in page.
    MutualChallenge {
        /// There is none.
        Off = "off",
        /// Pick it among others that the phone shows.
        Pick = "pick",
        /// Type it on the phone, which never knows it.
        Enter = "enter",
    }

    /// What the value of a mutual challenge is made of.
    MutualChallengeAlphabet {
        /// 0 to 9.
        Digits = "digits",
        /// A to Z without I, L and O.
        Letters = "letters",
        /// These letters, and 2 to 9.
        LettersAndDigits = "letters_and_digits",
    }

    /// Whose codes a lockout stops.
    LockoutScope {
        /// Those of all tokens of the user.
        User = "user",
        /// Those of the one token.
        Token = "token",
    }

    /// A way of activating a token.
    ActivationMethod {
        /// By a link or its QR, with a network.
        Online = "online",
        /// By a QR and a separate password, without a network.
        Offline = "offline",
        /// By typing address, serial number and activation code.
        Classic = "classic",
    }
}

impl MutualChallengeAlphabet {
    /// Its characters. Letters that look like another or like a digit are left out, and so are 0 and 1 beside letters.
    #[must_use]
    pub const fn characters(self) -> &'static str {
        match self {
            Self::Digits => "0123456789",
            Self::Letters => "ABCDEFGHJKMNPQRSTUVWXYZ",
            Self::LettersAndDigits => "23456789ABCDEFGHJKMNPQRSTUVWXYZ",
        }
    }
}

/// What an activation e-mail holds. An offline QR is never with the others: who reads a mail that has an online or
/// classic ticket can activate by it alone, and the QR's protection is that its password goes another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<ActivationMethod>", try_from = "Vec<ActivationMethod>")]
pub enum EmailActivationMethods {
    /// The link and its QR.
    Online,
    /// The values to type.
    Classic,
    /// Both of these.
    OnlineAndClassic,
    /// The offline QR.
    Offline,
}

impl EmailActivationMethods {
    /// The methods: at least one.
    #[must_use]
    pub const fn methods(self) -> &'static [ActivationMethod] {
        match self {
            Self::Online => &[ActivationMethod::Online],
            Self::Classic => &[ActivationMethod::Classic],
            Self::OnlineAndClassic => &[ActivationMethod::Online, ActivationMethod::Classic],
            Self::Offline => &[ActivationMethod::Offline],
        }
    }

    /// Whether `method` is among them.
    #[must_use]
    pub fn contains(self, method: ActivationMethod) -> bool {
        self.methods().contains(&method)
    }
}

impl SettingValue for EmailActivationMethods {
    const ALLOWED: Allowed = Allowed::Words {
        words: &["online", "offline", "classic"],
        rule: "online, classic or both (online,classic), or offline alone",
    };

    fn from_text(text: &str) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl TryFrom<Vec<ActivationMethod>> for EmailActivationMethods {
    type Error = ValueError;

    fn try_from(methods: Vec<ActivationMethod>) -> Result<Self, ValueError> {
        use ActivationMethod::{Classic, Offline, Online};
        for method in [Online, Offline, Classic] {
            if methods.iter().filter(|other| **other == method).count() > 1 {
                return Err(ValueError::ListedTwice(method.to_string()));
            }
        }
        match methods.as_slice() {
            [] => Err(ValueError::NotAllowed(Self::ALLOWED)),
            [Online] => Ok(Self::Online),
            [Classic] => Ok(Self::Classic),
            [Offline] => Ok(Self::Offline),
            methods if methods.contains(&Offline) => Err(ValueError::OfflineNotAlone(Self::ALLOWED)),
            _ => Ok(Self::OnlineAndClassic),
        }
    }
}

impl FromStr for EmailActivationMethods {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let methods: Result<Vec<ActivationMethod>, _> = split_list(text).map(str::parse).collect();
        methods.map_err(|_| ValueError::NotAllowed(Self::ALLOWED))?.try_into()
    }
}

impl From<EmailActivationMethods> for Vec<ActivationMethod> {
    fn from(methods: EmailActivationMethods) -> Self {
        methods.methods().to_vec()
    }
}

impl fmt::Display for EmailActivationMethods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.methods().iter().map(|method| method.word()).collect();
        f.write_str(&words.join(","))
    }
}
