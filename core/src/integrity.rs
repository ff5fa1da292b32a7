//! Signs of tampering that a device reports of itself, and the verdict on them.
//!
//! They are hints: a device that was tampered with well enough reports nothing. What a server can believe is hardware
//! attestation. They stop the careless cases, and they stop them before anything is unlocked.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One sign of tampering.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// A program that gives root rights.
    SuBinary,
    /// The system is signed with keys that anyone has.
    TestKeys,
    /// A debugger is attached.
    Debugger,
    /// Not a device but a program that imitates one.
    Emulator,
    /// A library that changes what other programs do.
    HookingLibrary,
    /// The device starts systems that its maker did not sign.
    UnlockedBootloader,
    /// Files that only a jail-break leaves.
    JailBreakFiles,
    /// The app can reach what a sandbox should keep from it.
    LeakySandbox,
    /// The app is not signed by who should have signed it.
    ResignedApp,
    /// A sign that a later version reports; counted like the others.
    Other(String),
}

impl Signal {
    const KNOWN: [(Self, &'static str); 9] = [
        (Self::SuBinary, "su_binary"),
        (Self::TestKeys, "test_keys"),
        (Self::Debugger, "debugger"),
        (Self::Emulator, "emulator"),
        (Self::HookingLibrary, "hooking_library"),
        (Self::UnlockedBootloader, "unlocked_bootloader"),
        (Self::JailBreakFiles, "jail_break_files"),
        (Self::LeakySandbox, "leaky_sandbox"),
        (Self::ResignedApp, "resigned_app"),
    ];

    /// The name in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => Self::KNOWN.iter().find(|(signal, _)| signal == known).map_or("", |(_, name)| name),
        }
    }

    /// Names have 1 to 64 lower-case letters, digits and underscores.
    fn parse(name: &str) -> Option<Self> {
        if let Some((signal, _)) = Self::KNOWN.iter().find(|(_, known)| *known == name) {
            return Some(signal.clone());
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        ((1..=64).contains(&name.len()) && name.bytes().all(plain)).then(|| Self::Other(name.to_owned()))
    }
}

impl fmt::Display for Signal {
    /// A sentence for the person who holds the device.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SuBinary => "apps on it can get root rights",
            Self::TestKeys => "its system is not signed by its maker",
            Self::Debugger => "a debugger is attached to the app",
            Self::Emulator => "it is an emulator, not a device",
            Self::HookingLibrary => "a program on it changes how apps work",
            Self::UnlockedBootloader => "its bootloader is unlocked",
            Self::JailBreakFiles => "it is jail-broken",
            Self::LeakySandbox => "apps on it are not kept apart",
            Self::ResignedApp => "the app was changed after its maker signed it",
            Self::Other(_) => "it shows a sign of tampering that this version has no words for",
        })
    }
}

/// The signs that a device reports: at most 32, each once, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signals(Vec<Signal>);

const MOST: usize = 32;

impl Signals {
    /// Collects signs; those beyond the bound are left out, since one is as bad as many.
    #[must_use]
    pub fn new(signals: impl IntoIterator<Item = Signal>) -> Self {
        let mut signals: Vec<Signal> = signals.into_iter().collect();
        signals.sort();
        signals.dedup();
        signals.truncate(MOST);
        Self(signals)
    }

    /// The signs.
    #[must_use]
    pub fn as_slice(&self) -> &[Signal] {
        &self.0
    }

    /// What follows from the signs where the policy allows unsecure devices, or does not.
    #[must_use]
    pub fn verdict(&self, allow_unsecure_device: bool) -> Verdict {
        match (self.0.is_empty(), allow_unsecure_device) {
            (true, _) => Verdict::Secure,
            (false, true) => Verdict::Allowed(self.0.clone()),
            (false, false) => Verdict::Refused(self.0.clone()),
        }
    }
}

/// What follows from a device's signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It reports none.
    Secure,
    /// It reports some, and the policy lets it in all the same.
    Allowed(Vec<Signal>),
    /// It reports some, and may not unlock anything.
    Refused(Vec<Signal>),
}

impl Serialize for Signals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Signal::name))
    }
}

impl<'de> Deserialize<'de> for Signals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        if names.len() > MOST {
            return Err(serde::de::Error::custom(format!("at most {MOST} signals")));
        }
        let signals: Option<Vec<Signal>> = names.iter().map(|name| Signal::parse(name)).collect();
        signals.map(Self::new).ok_or_else(|| {
            serde::de::Error::custom("a signal's name has 1 to 64 lower-case letters, digits and underscores")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read_as_they_are_written() {
        let all = Signals::new(Signal::KNOWN.map(|(signal, _)| signal));
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Signals>(&json).unwrap(), all);
    }

    #[test]
    fn a_sign_that_is_not_known_counts_like_the_others() {
        let signals: Signals = serde_json::from_str(r#"["quantum_gremlin","quantum_gremlin"]"#).unwrap();
        assert_eq!(signals.as_slice(), [Signal::Other("quantum_gremlin".into())]);
        assert!(matches!(signals.verdict(false), Verdict::Refused(_)));
        assert!(matches!(signals.verdict(true), Verdict::Allowed(_)));
        assert_eq!(Signals::default().verdict(false), Verdict::Secure);
    }

    #[test]
    fn other_texts_are_refused() {
        for json in [r#"["Su"]"#, r#"[""]"#, r#"["a b"]"#, r#"[1]"#, "{}"] {
            assert!(serde_json::from_str::<Signals>(json).is_err(), "{json}");
        }
        let many = serde_json::to_string(&vec!["debugger"; MOST + 1]).unwrap();
        assert!(serde_json::from_str::<Signals>(&many).is_err());
    }
}
