//! The policy: the settings of the soft token, with their bounds and defaults.
//!
//! One table, below, is the only place where a setting is written. From it come the [`Policy`] itself, the
//! [`PolicyPatch`] that changes it (`policy set KEY=VALUE…`, the admin API, a group's own settings) and [`SETTINGS`],
//! by which the settings page, the command line's help and the documentation describe it.
//!
//! Every setting has a type that holds no bad value. Where two settings depend on each other, [`Policy::with`] checks
//! them together, and there is no other way to make a policy: who has one need not check it.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::otp::Hash;

mod apps;
mod patch;
mod phone;
mod setting;
#[cfg(test)]
mod tests;
mod value;
mod weakness;

pub use apps::{AndroidApp, AppList, IosApp, OldestPatchLevel};
pub use patch::PolicyError;
pub use phone::PhonePolicy;
pub use setting::{Setting, TakesEffect};
pub use value::{
    ActivationMethod, Allowed, Bounded, CodeLength, EmailActivationMethods, LockoutScope, MutualChallenge,
    MutualChallengeAlphabet, PinLength, PinTries, ValueError,
};

use setting::settings;

// Each entry: what it means (the text of pages, help and documentation), `key: type = default, unit, takes effect`.
settings! {
    /// How many digits a code has.
    code_length: CodeLength = CodeLength::Eight, "digits", OnActivation;

    /// The hash that codes are computed with; other makers' apps often know sha1 only.
    hash: Hash = Hash::Sha256, "", OnActivation;

    /// Whether the app asks for a PIN before it shows a code or approves.
    pin_required: bool = true, "", AtNextContact;

    /// How many digits a PIN has.
    pin_length: PinLength = Bounded::of::<6>(), "digits", AtNextContact;

    /// Wrong PINs in a row until the app locks and only an unlock code from the server opens it.
    pin_tries: PinTries = Bounded::of::<5>(), "tries", AtNextContact;

    /// How far a token's clock may be off, before and after, for its code to be accepted.
    max_time_steps: Bounded<1, 120> = Bounded::of::<10>(), "time steps", AtOnce;

    /// How far a token's clock may be off, before and after, for a reset to find it again.
    max_reset_time_steps: Bounded<1, 1200> = Bounded::of::<120>(), "time steps", AtOnce;

    /// How many codes an imported HOTP token may be ahead of the server for its code to be accepted.
    max_event_window: Bounded<1, 25> = Bounded::of::<10>(), "codes", AtOnce;

    /// How many codes an imported HOTP token may be ahead of the server for a reset to find it again.
    max_reset_event_window: Bounded<1, 100> = Bounded::of::<80>(), "codes", AtOnce;

    /// How long the activation password of an online or classic ticket is.
    online_activation_password_length: Bounded<16, 32> = Bounded::of::<16>(), "digits", OnActivation;

    /// How long the password is that goes with an offline QR, by another way than the QR.
    offline_activation_password_length: Bounded<8, 20> = Bounded::of::<12>(), "digits", OnActivation;

    /// How long a ticket can be used: 60 s to 7 days.
    activation_lifetime: Bounded<60, 604_800> = Bounded::of::<300>(), "seconds", OnActivation;

    /// What an activation e-mail holds; an offline QR travels alone, since its password must not be with it.
    email_activation_methods: EmailActivationMethods = EmailActivationMethods::OnlineAndClassic, "", OnActivation;

    /// Whether rooted, jail-broken, emulated and tampered-with devices may be used.
    allow_unsecure_device: bool = false, "", AtNextContact;

    /// Whether a device must prove by its hardware what it is and which app it runs, to activate and to approve.
    require_attestation: bool = false, "", AtNextContact;

    /// The Android apps that attestation accepts, each as package/SHA-256 of its signer; any app when empty.
    android_apps: AppList<AndroidApp> = AppList::default(), "", AtOnce;

    /// The iOS apps that attestation accepts, each as team.bundle; any app when empty.
    ios_apps: AppList<IosApp> = AppList::default(), "", AtOnce;

    /// The oldest Android security patch that attestation accepts, as a month or a day.
    oldest_patch_level: OldestPatchLevel = OldestPatchLevel::ANY, "", AtOnce;

    /// Whether a person may open the app by fingerprint instead of the PIN.
    device_biometrics_allowed: bool = true, "", AtNextContact;

    /// Whether a face counts as biometrics; if not, biometrics are off on a device that can't exclude faces.
    facial_recognition_allowed: bool = false, "", AtNextContact;

    /// Whether a person may answer an approval from its notification, without opening the app.
    actionable_notifications: bool = false, "", AtNextContact;

    /// The value on the sign-in page that a person picks or enters on the phone, so that no approval is by reflex.
    mutual_challenge: MutualChallenge = MutualChallenge::Enter, "", AtOnce;

    /// How long the value of a mutual challenge is.
    mutual_challenge_length: Bounded<1, 6> = Bounded::of::<2>(), "characters", AtOnce;

    /// How many values the phone shows to pick from.
    mutual_challenge_choices: Bounded<2, 5> = Bounded::of::<3>(), "values", AtOnce;

    /// What the value of a mutual challenge is made of; letters leave out those that look like others.
    mutual_challenge_alphabet: MutualChallengeAlphabet = MutualChallengeAlphabet::Digits, "", AtOnce;

    /// The share of approvals that have a mutual challenge.
    mutual_challenge_share: Bounded<1, 100> = Bounded::of::<100>(), "%", AtOnce;

    /// How many tokens a user may have.
    tokens_per_user: Bounded<1, 10> = Bounded::of::<5>(), "tokens", AtOnce;

    /// Wrong codes in a row until codes are locked out; approvals go on.
    lockout_count: Bounded<1, 20> = Bounded::of::<5>(), "tries", AtOnce;

    /// How long the first lockout lasts, doubling up to 24 hours with each further one; 0 is until unlocked.
    lockout_time: Bounded<0, 86_400> = Bounded::of::<900>(), "seconds", AtOnce;

    /// Whether wrong codes lock out all codes of the user or those of the one token.
    lockout_scope: LockoutScope = LockoutScope::User, "", AtOnce;

    /// How long an approval waits for its answer.
    approval_lifetime: Bounded<60, 3600> = Bounded::of::<300>(), "seconds", AtOnce;

    /// How many approvals of one user may wait at a time.
    approval_queue: Bounded<1, 100> = Bounded::of::<10>(), "approvals", AtOnce;

    /// Whether the help desk may give a person without a phone codes for some hours.
    temporary_codes: bool = false, "", AtOnce;

    /// Whether a new user that has an e-mail address is given a token at once.
    automatic_assignment: bool = false, "", AtOnce;
}

/// A complete policy. It reads like [`PolicyValues`] (`policy.pin_length.get()`); only [`Policy::with`] makes another
/// one, so that the settings of every policy fit together.
///
/// Its JSON is an object with the settings in the table's order. Reading it, a setting that is missing (the object is
/// older than the setting) takes its default, and an unknown one is refused.
///
/// ```
/// use symbolon_core::policy::{Policy, PolicyPatch};
/// let mut patch = PolicyPatch::default();
/// patch.set("pin_length", "8")?;
/// let policy = Policy::default().with(&patch)?;
/// assert_eq!(policy.pin_length.get(), 8);
/// # Ok::<(), symbolon_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "PolicyPatch")]
pub struct Policy(PolicyValues);

impl Policy {
    /// This policy with what `patch` sets: a change, or a group's settings over the global ones.
    ///
    /// A group's patch is to be laid over the global policy anew when that changes, since what fitted the old one
    /// need not fit the new one.
    ///
    /// # Errors
    /// [`PolicyError::Window`] when the settings don't fit together.
    pub fn with(&self, patch: &PolicyPatch) -> Result<Self, PolicyError> {
        let values = self.0.patched(patch);
        for (narrow, wide, narrow_value, wide_value) in [
            ("max_time_steps", "max_reset_time_steps", values.max_time_steps.get(), values.max_reset_time_steps.get()),
            (
                "max_event_window",
                "max_reset_event_window",
                values.max_event_window.get(),
                values.max_reset_event_window.get(),
            ),
        ] {
            // A reset that looks less far than an ordinary check could never help.
            if wide_value < narrow_value {
                return Err(PolicyError::Window { narrow, wide, narrow_value, wide_value });
            }
        }
        Ok(Self(values))
    }

    /// What differs in `after`, in the table's order: what the audit keeps of a change.
    #[must_use]
    pub fn diff(&self, after: &Self) -> Vec<PolicyChange> {
        SETTINGS
            .iter()
            .map(|setting| PolicyChange { key: setting.key, before: setting.text(self), after: setting.text(after) })
            .filter(|change| change.before != change.after)
            .collect()
    }

    /// How long a first lockout lasts in seconds; `None` is until someone unlocks.
    #[must_use]
    pub fn lockout_seconds(&self) -> Option<u32> {
        Some(self.lockout_time.get()).filter(|seconds| *seconds > 0)
    }
}

impl Deref for Policy {
    type Target = PolicyValues;

    fn deref(&self) -> &PolicyValues {
        &self.0
    }
}

impl TryFrom<PolicyPatch> for Policy {
    type Error = PolicyError;

    /// The default policy with `patch` over it.
    fn try_from(patch: PolicyPatch) -> Result<Self, PolicyError> {
        Self::default().with(&patch)
    }
}

/// One setting that differs between two policies, its values as `policy set` takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyChange {
    /// The setting.
    pub key: &'static str,
    /// Its value in the first policy.
    pub before: String,
    /// Its value in the second policy.
    pub after: String,
}

/// The version of a policy, which never goes down: a phone takes none that is older than the one it has, so that
/// nobody can play a lax old policy to it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyVersion(u64);

impl Default for PolicyVersion {
    fn default() -> Self {
        Self::FIRST
    }
}

impl PolicyVersion {
    /// The version of a server's first policy.
    pub const FIRST: Self = Self(1);

    /// The version with this number, as a database or a message holds it.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version of the policy after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Whether whoever has this version may take `offered`: the same one or a newer one.
    #[must_use]
    pub fn admits(self, offered: Self) -> bool {
        offered >= self
    }
}
