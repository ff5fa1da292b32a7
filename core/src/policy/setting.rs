//! What the table makes of each setting: its metadata, and ways to read and write it by key.

use std::fmt;

use serde_json::Value;

use super::patch::{PolicyError, nearest_key};
use super::value::shortened;
use super::{Allowed, Policy, PolicyPatch, PolicyValues, SETTINGS, ValueError};

/// Makes [`PolicyValues`], [`PolicyPatch`] and [`SETTINGS`] of the table of settings.
macro_rules! settings {
    ($($(#[doc = $meaning:literal])+ $key:ident: $type:ty = $default:expr, $unit:literal, $effect:ident;)+) => {
        /// The values of a [`Policy`], one field for each setting.
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
        pub struct PolicyValues {
            $($(#[doc = $meaning])+ pub $key: $type,)+
        }

        impl Default for PolicyValues {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl PolicyValues {
            fn patched(&self, patch: &PolicyPatch) -> Self {
                Self { $($key: patch.$key.clone().unwrap_or_else(|| self.$key.clone()),)+ }
            }
        }

        /// Some settings: a change of a policy, or what a group has different from the global one.
        ///
        /// Its JSON is an object with these settings only; an unknown key, a key given twice, `null` and a value out
        /// of bounds are refused by name.
        #[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
        pub struct PolicyPatch {
            $(
                $(#[doc = $meaning])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $key: Option<$type>,
            )+
        }

        impl PolicyPatch {
            /// Takes over what `later` sets; the rest stays.
            pub fn merge(&mut self, later: Self) {
                $(if later.$key.is_some() { self.$key = later.$key; })+
            }
        }

        /// Every setting, in the order in which pages show them.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            key: stringify!($key),
            meaning: concat!($($meaning),+).trim_ascii_start(),
            unit: $unit,
            takes_effect: TakesEffect::$effect,
            allowed: <$type as value::SettingValue>::ALLOWED,
            text: |values| values.$key.to_string(),
            json: |values| value::to_json(&values.$key),
            given: |patch| patch.$key.as_ref().map(value::to_json),
            set: |patch, text| {
                patch.$key = Some(<$type as value::SettingValue>::from_text(text)?);
                Ok(())
            },
            unset: |patch| patch.$key = None,
        }),+];
    };
}
pub(super) use settings;

/// One setting: what it is called, what it means and what it may be, for pages, help and documentation.
#[derive(Debug)]
pub struct Setting {
    /// What it is called in `policy set`, in JSON and in the audit.
    pub key: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// What its number counts; empty when it is no number.
    pub unit: &'static str,
    /// When a change of it takes effect.
    pub takes_effect: TakesEffect,
    /// What it may be; as text, its bounds in words.
    pub allowed: Allowed,
    pub(super) text: fn(&PolicyValues) -> String,
    pub(super) json: fn(&PolicyValues) -> Value,
    pub(super) given: fn(&PolicyPatch) -> Option<Value>,
    pub(super) set: fn(&mut PolicyPatch, &str) -> Result<(), ValueError>,
    pub(super) unset: fn(&mut PolicyPatch),
}

impl Setting {
    /// The setting that is called `key`.
    ///
    /// # Errors
    /// [`PolicyError::UnknownKey`], with the key that was probably meant.
    pub fn find(key: &str) -> Result<&'static Self, PolicyError> {
        SETTINGS.iter().find(|setting| setting.key == key).ok_or_else(|| {
            let key = shortened(key);
            PolicyError::UnknownKey { nearest: nearest_key(&key), key }
        })
    }

    /// Its name on pages: the key in words.
    #[must_use]
    pub fn label(&self) -> String {
        let mut words: Vec<String> = self.key.split('_').map(str::to_owned).collect();
        for word in &mut words {
            match word.as_str() {
                "pin" => "PIN".clone_into(word),
                "ios" => "iOS".clone_into(word),
                "android" => "Android".clone_into(word),
                "email" => "e-mail".clone_into(word),
                _ => {}
            }
        }
        let mut label = words.join(" ");
        if !label.starts_with("iOS")
            && let Some(first) = label.get_mut(..1)
        {
            first.make_ascii_uppercase();
        }
        label
    }

    /// Its value in `policy`, as `policy set` takes it.
    #[must_use]
    pub fn text(&self, policy: &Policy) -> String {
        (self.text)(policy)
    }

    /// Its value in `policy` as JSON: a number, a boolean, a string or an array of strings.
    #[must_use]
    pub fn json(&self, policy: &Policy) -> Value {
        (self.json)(policy)
    }

    /// Its default, as `policy set` takes it.
    #[must_use]
    pub fn default_text(&self) -> String {
        self.text(&Policy::default())
    }

    /// Its value in `patch` as JSON, `None` when the patch leaves it alone.
    #[must_use]
    pub fn given(&self, patch: &PolicyPatch) -> Option<Value> {
        (self.given)(patch)
    }
}

/// When a change of a setting takes effect; as text, how the settings page says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakesEffect {
    /// The server decides alone.
    AtOnce,
    /// The phone must know: active tokens learn it when they next reach the server.
    AtNextContact,
    /// It is fixed for a token, or for its ticket, when that is made: a change breaks none.
    OnActivation,
}

impl fmt::Display for TakesEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtOnce => "takes effect at once",
            Self::AtNextContact => "reaches active tokens at their next contact",
            Self::OnActivation => "holds for activations from now on; tokens that are active keep theirs",
        })
    }
}
