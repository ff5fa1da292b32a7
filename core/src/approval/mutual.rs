//! The mutual challenge: a value on the page where the person signs in, which the person matches on the phone, so that
//! nobody approves what somebody else began.
//!
//! In [`MutualPrompt::Enter`] the phone never gets the value: the person types it there and the server compares. Six
//! digits meet what NIST SP 800-63B-4 (3.1.3) asks of a secret that a person carries from the page to an out-of-band
//! authenticator; fewer rest on the rule that one wrong value ends the challenge. In [`MutualPrompt::Pick`] a thumb that picks
//! blindly is right once in two to five times.

use std::fmt;
use std::str::FromStr;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::policy::{MutualChallenge, MutualChallengeAlphabet, Policy};

/// A value of 1 to 6 digits and capital letters. Compared in constant time; `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MutualValue(String);

/// A text that is no value of a mutual challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value of a mutual challenge has 1 to 6 digits and letters")]
pub struct MutualValueError;

impl MutualValue {
    /// The most characters that a value has.
    pub const MAX: usize = 6;

    /// A random value of `length` characters, each as likely as another.
    fn generate(rng: &mut dyn CryptoRngCore, alphabet: MutualChallengeAlphabet, length: usize) -> Self {
        let characters = alphabet.characters().as_bytes();
        let length = length.clamp(1, Self::MAX);
        Self((0..length).filter_map(|_| characters.choose(rng)).copied().map(char::from).collect())
    }

    /// The characters, as the page shows them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MutualValue {
    type Err = MutualValueError;

    /// Reads a value as people type it: white space and hyphens are passed over, small letters are capitals.
    fn from_str(text: &str) -> Result<Self, MutualValueError> {
        let mut value = String::new();
        for character in text.chars().filter(|character| !character.is_whitespace() && *character != '-') {
            if !character.is_ascii_alphanumeric() || value.len() == Self::MAX {
                return Err(MutualValueError);
            }
            value.push(character.to_ascii_uppercase());
        }
        if value.is_empty() { Err(MutualValueError) } else { Ok(Self(value)) }
    }
}

impl From<MutualValue> for String {
    fn from(value: MutualValue) -> Self {
        value.0
    }
}

impl TryFrom<String> for MutualValue {
    type Error = MutualValueError;

    fn try_from(text: String) -> Result<Self, MutualValueError> {
        text.parse()
    }
}

impl PartialEq for MutualValue {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for MutualValue {}

impl fmt::Debug for MutualValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What the phone is told of a mutual challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum MutualPrompt {
    /// One of these is on the page.
    Pick {
        /// 2 to 5 different values, in random order.
        choices: Vec<MutualValue>,
    },
    /// The person types what is on the page.
    Enter {
        /// How many characters it has.
        length: u8,
        /// What they are, so that the phone shows the right keys.
        alphabet: MutualChallengeAlphabet,
    },
}

/// A mutual challenge as the server makes it: what the page shows, and what the phone is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MutualQuestion {
    /// For the page alone.
    pub value: MutualValue,
    /// For the phone.
    pub prompt: MutualPrompt,
}

impl MutualQuestion {
    /// A mutual challenge by `policy`, which decides whether there is one at all.
    ///
    /// With `demanded` the application asks for one where the policy would have none, be it switched off (then the value
    /// is entered) or left out by its share of requests: an application may strengthen the policy and not weaken it.
    pub fn generate(rng: &mut dyn CryptoRngCore, policy: &Policy, demanded: bool) -> Option<Self> {
        let left_out = rng.gen_range(0..100) >= policy.mutual_challenge_share.get();
        let mode = match policy.mutual_challenge {
            MutualChallenge::Off if demanded => MutualChallenge::Enter,
            MutualChallenge::Off => return None,
            _ if left_out && !demanded => return None,
            mode => mode,
        };
        let alphabet = policy.mutual_challenge_alphabet;
        let length = policy.mutual_challenge_length.get();
        let value = MutualValue::generate(rng, alphabet, length as usize);
        let prompt = match mode {
            MutualChallenge::Pick => {
                let wanted = policy.mutual_challenge_choices.get() as usize;
                let mut choices = vec![value.clone()];
                while choices.len() < wanted {
                    let other = MutualValue::generate(rng, alphabet, length as usize);
                    if !choices.contains(&other) {
                        choices.push(other);
                    }
                }
                choices.shuffle(rng);
                MutualPrompt::Pick { choices }
            }
            MutualChallenge::Enter | MutualChallenge::Off => {
                MutualPrompt::Enter { length: u8::try_from(length).unwrap_or(u8::MAX), alphabet }
            }
        };
        Some(Self { value, prompt })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_core::OsRng;

    use super::*;
    use crate::policy::PolicyPatch;

    fn policy(settings: serde_json::Value) -> Policy {
        let patch: PolicyPatch = serde_json::from_value(settings).unwrap();
        Policy::default().with(&patch).unwrap()
    }

    #[test]
    fn by_default_two_digits_are_entered() {
        let question = MutualQuestion::generate(&mut OsRng, &Policy::default(), false).unwrap();
        assert_eq!(question.value.as_str().len(), 2);
        assert!(question.value.as_str().bytes().all(|byte| byte.is_ascii_digit()));
        let told = serde_json::to_value(&question.prompt).unwrap();
        assert_eq!(told, serde_json::json!({"mode": "enter", "length": 2, "alphabet": "digits"}));
    }

    #[test]
    fn the_right_value_is_among_different_choices_at_any_place() {
        let policy = policy(serde_json::json!({"mutual_challenge": "pick", "mutual_challenge_choices": 5,
            "mutual_challenge_length": 1}));
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let question = MutualQuestion::generate(&mut OsRng, &policy, false).unwrap();
            let MutualPrompt::Pick { choices } = question.prompt else { panic!("it is to be picked") };
            assert_eq!(choices.len(), 5);
            let values: std::collections::BTreeSet<_> = choices.iter().map(MutualValue::as_str).collect();
            assert_eq!(values.len(), 5);
            places.insert(choices.iter().position(|choice| *choice == question.value).unwrap());
        }
        assert_eq!(places.len(), 5);
    }

    #[test]
    fn an_application_may_strengthen_and_not_weaken() {
        let off = policy(serde_json::json!({"mutual_challenge": "off"}));
        assert_eq!(MutualQuestion::generate(&mut OsRng, &off, false), None);
        assert!(MutualQuestion::generate(&mut OsRng, &off, true).is_some());
        let seldom = policy(serde_json::json!({"mutual_challenge_share": 1}));
        assert!((0..50).all(|_| MutualQuestion::generate(&mut OsRng, &seldom, true).is_some()));
        assert!((0..500).any(|_| MutualQuestion::generate(&mut OsRng, &seldom, false).is_none()));
        assert!((0..50).all(|_| MutualQuestion::generate(&mut OsRng, &Policy::default(), false).is_some()));
    }

    #[test]
    fn values_are_read_as_people_type_them() {
        assert_eq!(" 4-2 ".parse::<MutualValue>().unwrap().as_str(), "42");
        assert_eq!("ab 7".parse::<MutualValue>().unwrap().as_str(), "AB7");
        for text in ["", " ", "1234567", "4.2", "٤٢", "4\u{202e}2"] {
            assert_eq!(text.parse::<MutualValue>(), Err(MutualValueError), "{text:?}");
        }
        assert_eq!(format!("{:?}", "42".parse::<MutualValue>().unwrap()), "[redacted]");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<MutualValue>();
        }
    }
}
