//! What a device says of itself: signs of tampering, and the verdict on them by policy.
//!
//! Signals are hints and no proof: an attacker who owns the device decides what it says. They keep an honest person
//! from using a token where its secrets are at risk; what a server believes is the attestation of the hardware.

use std::collections::BTreeSet;
use std::fmt;
use std::iter::Copied;

use serde::{Deserialize, Serialize};

/// One sign of tampering. In JSON its name in snake_case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Signal {
    /// A program that gives root rights (Android).
    SuBinary,
    /// A system that is signed with the public test keys (Android).
    TestKeys,
    /// A debugger is attached to the app.
    Debugger,
    /// An emulator or simulator.
    Emulator,
    /// A library that rewrites running apps, such as Frida or Xposed.
    HookingLibrary,
    /// A boot loader that starts any system (Android).
    UnlockedBootloader,
    /// Files that a jail-break leaves behind (iOS).
    JailbreakFiles,
    /// The app could write outside its own files (iOS).
    LeakySandbox,
    /// The app is not signed by its maker.
    ResignedApp,
    /// A sign that this version does not know, from a newer app: it counts as one all the same.
    Unknown,
}

impl Signal {
    const ALL: [Self; 10] = [
        Self::SuBinary,
        Self::TestKeys,
        Self::Debugger,
        Self::Emulator,
        Self::HookingLibrary,
        Self::UnlockedBootloader,
        Self::JailbreakFiles,
        Self::LeakySandbox,
        Self::ResignedApp,
        Self::Unknown,
    ];

    /// The name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SuBinary => "su_binary",
            Self::TestKeys => "test_keys",
            Self::Debugger => "debugger",
            Self::Emulator => "emulator",
            Self::HookingLibrary => "hooking_library",
            Self::UnlockedBootloader => "unlocked_bootloader",
            Self::JailbreakFiles => "jailbreak_files",
            Self::LeakySandbox => "leaky_sandbox",
            Self::ResignedApp => "resigned_app",
            Self::Unknown => "unknown",
        }
    }

    /// What it means, for the person who holds the device: a clause that can follow a colon.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::SuBinary => "this device is rooted, so other apps can read this one's secrets",
            Self::TestKeys => "the operating system was not made by the device's maker: it is signed with test keys",
            Self::Debugger => "a debugger is watching the app; stop it and start the app again",
            Self::Emulator => "this is an emulator and not a real device",
            Self::HookingLibrary => "a program that changes other apps while they run is active on this device",
            Self::UnlockedBootloader => {
                "the boot loader is unlocked, so the operating system can be replaced unnoticed"
            }
            Self::JailbreakFiles => "this device is jail-broken, so other apps can read this one's secrets",
            Self::LeakySandbox => "apps on this device are not kept apart from each other, as after a jail-break",
            Self::ResignedApp => "this copy of the app does not come from its maker; install the original",
            Self::Unknown => "the app has found a sign of tampering",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl From<Signal> for String {
    fn from(signal: Signal) -> Self {
        signal.name().to_owned()
    }
}

impl From<String> for Signal {
    fn from(name: String) -> Self {
        Self::ALL.into_iter().find(|signal| signal.name() == name).unwrap_or(Self::Unknown)
    }
}

/// The signals of a device; each is in it once. In JSON a list of at most [`Signals::MAX`] names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "Vec<Signal>", try_from = "Vec<Signal>")]
pub struct Signals(BTreeSet<Signal>);

/// A list of more signals than there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {} signals", Signals::MAX)]
pub struct SignalsError;

impl Signals {
    /// How many names a list may have. Newer apps know more of them than this version.
    pub const MAX: usize = 64;

    /// Whether nothing suspicious was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The signals, always in the same order.
    pub fn iter(&self) -> Copied<std::collections::btree_set::Iter<'_, Signal>> {
        self.0.iter().copied()
    }

    /// What the policy makes of them.
    pub fn verdict(self, allow_unsecure_device: bool) -> Verdict {
        match (self.is_empty(), allow_unsecure_device) {
            (true, _) => Verdict::Secure,
            (false, true) => Verdict::Allowed(self),
            (false, false) => Verdict::Refused(self),
        }
    }
}

impl FromIterator<Signal> for Signals {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        Self(signals.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Signals {
    type Item = Signal;
    type IntoIter = Copied<std::collections::btree_set::Iter<'a, Signal>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Signals> for Vec<Signal> {
    fn from(signals: Signals) -> Self {
        signals.iter().collect()
    }
}

impl TryFrom<Vec<Signal>> for Signals {
    type Error = SignalsError;

    fn try_from(signals: Vec<Signal>) -> Result<Self, SignalsError> {
        if signals.len() > Self::MAX { Err(SignalsError) } else { Ok(signals.into_iter().collect()) }
    }
}

/// Whether a token may be used on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Nothing suspicious was seen.
    Secure,
    /// An unsecure device, which the policy allows. The server is told.
    Allowed(Signals),
    /// An unsecure device, which the policy does not allow: nothing is unlocked.
    Refused(Signals),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_read_as_it_is_written(chosen in proptest::collection::vec(0..Signal::ALL.len(), 0..20)) {
            let signals: Signals = chosen.into_iter().map(|index| Signal::ALL[index]).collect();
            let json = serde_json::to_string(&signals).unwrap();
            prop_assert_eq!(serde_json::from_str::<Signals>(&json).unwrap(), signals);
        }

        #[test]
        fn any_list_of_names_is_read_or_refused(names: Vec<String>) {
            let json = serde_json::to_string(&names).unwrap();
            let read = serde_json::from_str::<Signals>(&json);
            prop_assert_eq!(read.is_ok(), names.len() <= Signals::MAX);
            // Whatever a name means, it is never taken for a sound device.
            prop_assert!(read.is_err() || read.unwrap().is_empty() == names.is_empty());
        }
    }

    #[test]
    fn names_and_sentences_differ() {
        let names: BTreeSet<_> = Signal::ALL.into_iter().map(Signal::name).collect();
        let sentences: BTreeSet<_> = Signal::ALL.into_iter().map(Signal::sentence).collect();
        assert_eq!((names.len(), sentences.len()), (Signal::ALL.len(), Signal::ALL.len()));
    }

    #[test]
    fn names_are_part_of_the_protocol() {
        let signals: Signals = Signal::ALL.into_iter().collect();
        assert_eq!(
            serde_json::to_string(&signals).unwrap(),
            r#"["su_binary","test_keys","debugger","emulator","hooking_library","unlocked_bootloader","jailbreak_files","leaky_sandbox","resigned_app","unknown"]"#
        );
    }

    #[test]
    fn a_signal_from_a_newer_app_counts() {
        let signals: Signals =
            serde_json::from_str(r#"["quantum_probe","debugger","quantum_probe","another"]"#).unwrap();
        assert_eq!(signals, [Signal::Debugger, Signal::Unknown].into_iter().collect());
        assert!(matches!(signals.verdict(false), Verdict::Refused(reasons) if reasons.iter().count() == 2));
    }

    #[test]
    fn the_policy_decides() {
        let rooted: Signals = [Signal::SuBinary].into_iter().collect();
        assert_eq!(Signals::default().verdict(false), Verdict::Secure);
        assert_eq!(Signals::default().verdict(true), Verdict::Secure);
        assert_eq!(rooted.clone().verdict(true), Verdict::Allowed(rooted.clone()));
        assert_eq!(rooted.clone().verdict(false), Verdict::Refused(rooted));
    }

    #[test]
    fn other_json_is_refused() {
        for json in ["{}", "\"debugger\"", "[1]", "[null]", "[[\"debugger\"]]"] {
            assert!(serde_json::from_str::<Signals>(json).is_err(), "{json}");
        }
    }
}
