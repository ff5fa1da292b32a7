//! Changing a policy by key: from text, from JSON, and what is said when that can't be.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::value::shortened;
use super::{PolicyPatch, SETTINGS, Setting, ValueError};

/// Why a policy can't be changed like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No setting has this key.
    #[error("no setting is called {key:?}; {}", match nearest {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => "`policy show` lists them all".to_owned(),
    })]
    UnknownKey {
        /// What was given, cut short.
        key: String,
        /// The setting that was probably meant.
        nearest: Option<&'static str>,
    },
    /// Two values for one setting: one of them would be lost.
    #[error("{0} is given twice: give it once")]
    GivenTwice(&'static str),
    /// The setting can't have this value.
    #[error("{key} cannot be {given}: {problem}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What was given, quoted if it is text, cut short.
        given: String,
        /// What is wrong with it, and what is allowed.
        problem: ValueError,
    },
    /// A reset would look less far than an ordinary check.
    #[error("{wide} ({wide_value}) is less than {narrow} ({narrow_value}): raise {wide} or lower {narrow}")]
    Window {
        /// The setting that must not be the larger one.
        narrow: &'static str,
        /// The setting that must not be the smaller one.
        wide: &'static str,
        /// The value of the first.
        narrow_value: u32,
        /// The value of the second.
        wide_value: u32,
    },
}

impl PolicyError {
    /// The key that the error is about: the field that an API's answer names.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::UnknownKey { key, .. } => key,
            Self::GivenTwice(key) | Self::Value { key, .. } | Self::Window { wide: key, .. } => key,
        }
    }
}

impl PolicyPatch {
    /// Sets `key` to the value that `text` says, as in `policy set KEY=VALUE`; lists are separated by commas.
    ///
    /// # Errors
    /// An unknown key, a value out of bounds, or a key that this patch has already: two values for one setting are a
    /// mistake, where [`PolicyPatch::merge`] is meant to replace.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), PolicyError> {
        let setting = self.unset_setting(key)?;
        (setting.set)(self, text.trim()).map_err(|problem| PolicyError::Value {
            key: setting.key,
            given: format!("{:?}", shortened(text)),
            problem,
        })
    }

    /// Sets `key` to a JSON value: a number, a boolean, a string or an array of strings, as the setting has it.
    ///
    /// # Errors
    /// As [`PolicyPatch::set`]; also when the value is of another JSON type, such as a number in quotes.
    pub fn set_json(&mut self, key: &str, value: &Value) -> Result<(), PolicyError> {
        let setting = self.unset_setting(key)?;
        // One parser for both forms, so that they can't differ in what they allow.
        let like = (setting.json)(&super::PolicyValues::default());
        text_of(value)
            .filter(|_| std::mem::discriminant(value) == std::mem::discriminant(&like))
            .ok_or(ValueError::Json(setting.allowed))
            .and_then(|text| (setting.set)(self, &text))
            .map_err(|problem| PolicyError::Value { key: setting.key, given: shortened(&value.to_string()), problem })
    }

    /// Leaves `key` alone again: a group returns to the global value.
    ///
    /// # Errors
    /// An unknown key.
    pub fn unset(&mut self, key: &str) -> Result<(), PolicyError> {
        (Setting::find(key)?.unset)(self);
        Ok(())
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// What is set, in the table's order, with its value as JSON.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Setting, Value)> {
        SETTINGS.iter().filter_map(|setting| Some((setting, setting.given(self)?)))
    }

    fn unset_setting(&self, key: &str) -> Result<&'static Setting, PolicyError> {
        let setting = Setting::find(key)?;
        match setting.given(self) {
            None => Ok(setting),
            Some(_) => Err(PolicyError::GivenTwice(setting.key)),
        }
    }
}

impl<'de> Deserialize<'de> for PolicyPatch {
    // Not derived: a derived one names neither the setting whose value is bad nor the one that was probably meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = PolicyPatch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of policy settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<PolicyPatch, A::Error> {
                let mut patch = PolicyPatch::default();
                while let Some((key, value)) = entries.next_entry::<String, Value>()? {
                    patch.set_json(&key, &value).map_err(de::Error::custom)?;
                }
                Ok(patch)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// A JSON value in the form in which `policy set` takes it; `None` when nothing there would be written like this.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Bool(switch) => Some(switch.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(entries) => entries
            .iter()
            .map(|entry| entry.as_str().filter(|entry| !entry.is_empty() && !entry.contains(',')))
            .collect::<Option<Vec<&str>>>()
            .map(|entries| entries.join(",")),
        Value::Null | Value::Object(_) => None,
    }
}

/// The setting that someone who wrote `key` probably meant; `None` when more than a third of it would be wrong.
pub(super) fn nearest_key(key: &str) -> Option<&'static str> {
    let key = key.to_lowercase();
    SETTINGS
        .iter()
        .map(|setting| (edits(&key, setting.key), setting.key))
        .filter(|(edits, candidate)| edits * 3 <= candidate.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed or replaced to make `from` into `to` (Levenshtein's distance).
fn edits(from: &str, to: &str) -> usize {
    // The row of the usual matrix for the letters of `from` so far, without its first column.
    let mut row: Vec<usize> = (1..=to.len()).collect();
    for (above, letter) in from.bytes().enumerate() {
        let (mut diagonal, mut left) = (above, above + 1);
        for (cell, other) in row.iter_mut().zip(to.bytes()) {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(from.len())
}
