//! Where a policy is weaker than it could be: what the settings page says beside such a choice.

use super::{CodeLength, LockoutScope, MutualChallenge, Policy, Setting};
use crate::otp::Hash;

impl Policy {
    /// Why the value of `setting` weakens security here, in one sentence; `None` when it does not.
    #[must_use]
    pub fn weakness(&self, setting: &Setting) -> Option<&'static str> {
        let (is_weak, sentence) = match setting.key {
            "code_length" => (
                self.code_length == CodeLength::Six,
                "A guess at a code of 6 digits succeeds a hundred times as often.",
            ),
            "hash" => (self.hash == Hash::Sha1, "SHA-1 is kept for other makers' apps; ours know better ones."),
            "pin_required" => {
                (!self.pin_required, "Whoever holds the unlocked phone can show codes and answer approvals.")
            }
            "pin_length" => (self.pin_length.get() < 6, "A short PIN is soon seen over a shoulder or guessed."),
            "pin_tries" => (self.pin_tries.get() > 8, "Whoever has the phone may guess the PIN more often."),
            "max_time_steps" => (
                self.max_time_steps.get() > 20,
                "More codes count at a time: a guess succeeds more often, and a code that was seen counts for longer.",
            ),
            "max_event_window" => (self.max_event_window.get() > 15, "More codes count at a time."),
            "activation_lifetime" => {
                (self.activation_lifetime.get() > 86_400, "Whoever finds the ticket within this time has the token.")
            }
            "allow_unsecure_device" => (
                self.allow_unsecure_device,
                "Other programs on such a device may read what the app shows and use its keys.",
            ),
            "require_attestation" => (
                self.require_attestation && (self.android_apps.is_empty() || self.ios_apps.is_empty()),
                "Without a list of accepted apps, any app on genuine hardware will do.",
            ),
            "facial_recognition_allowed" => {
                (self.facial_recognition_allowed, "A face can be shown to the phone against its owner's will.")
            }
            "actionable_notifications" => {
                (self.actionable_notifications, "An approval can be confirmed without being read.")
            }
            "mutual_challenge" => match self.mutual_challenge {
                MutualChallenge::Off => (true, "Who is asked often enough confirms by reflex; nothing stops that now."),
                MutualChallenge::Pick => (true, "A thumb that picks at random is right once in a few times."),
                MutualChallenge::Enter => (false, ""),
            },
            "mutual_challenge_length" => {
                (self.mutual_challenge_length.get() < 2, "A value of one character is soon right by chance.")
            }
            "mutual_challenge_share" => {
                (self.mutual_challenge_share.get() < 100, "The other approvals can be confirmed by reflex.")
            }
            "lockout_count" => (self.lockout_count.get() > 10, "Whoever guesses codes has more tries."),
            "lockout_scope" => (
                self.lockout_scope == LockoutScope::Token,
                "Whoever guesses has the tries once for each of the user's tokens.",
            ),
            "temporary_codes" => (self.temporary_codes, "A temporary code proves no phone: only that someone told it."),
            _ => (false, ""),
        };
        is_weak.then_some(sentence)
    }
}
