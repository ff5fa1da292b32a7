//! The texts of mails and of the pages of users, by language: one file each, with the same texts and values in all.

use std::fmt::Display;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::service::mail::Language;

type Bundle = FluentBundle<FluentResource>;

static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::English, include_str!("texts/en.ftl")));
static GERMAN: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::German, include_str!("texts/de.ftl")));

fn bundle(language: Language, text: &str) -> Bundle {
    let tag: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![tag]);
    // Values are on one line and hide nothing by their type; marks around them would only be copied along.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(resource, _)| resource);
    // A text that is there twice keeps its first form; a test says that there is none.
    drop(bundle.add_resource(resource));
    bundle
}

/// The texts of one language.
#[derive(Clone, Copy)]
pub(crate) struct Texts(&'static Bundle);

impl Texts {
    pub(crate) fn of(language: Language) -> Self {
        Self(match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        })
    }

    /// Whether there is such a text.
    pub(crate) fn has(self, id: &str) -> bool {
        self.0.has_message(id)
    }

    /// A text with its values.
    pub(crate) fn say(self, id: &str, values: &[(&str, &dyn Display)]) -> String {
        let mut arguments = FluentArgs::new();
        for (name, value) in values {
            arguments.set(*name, value.to_string());
        }
        let pattern = self.0.get_message(id).and_then(|message| message.value());
        let mut errors = Vec::new();
        let text = pattern.map(|pattern| self.0.format_pattern(pattern, Some(&arguments), &mut errors).into_owned());
        debug_assert!(text.is_some() && errors.is_empty(), "{id}: {errors:?}");
        text.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text_with_the_same_values() {
        let texts = |source: &str| -> Vec<(String, Vec<String>)> {
            assert!(FluentResource::try_new(source.to_owned()).is_ok());
            let lines = source.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
            let values = |text: &str| {
                let mut values: Vec<_> =
                    text.split("{ ").skip(1).map(|rest| rest.split(' ').next().unwrap().to_owned()).collect();
                values.sort();
                values
            };
            lines.map(|(id, text)| (id.to_owned(), values(text))).collect()
        };
        let (english, german) = (texts(include_str!("texts/en.ftl")), texts(include_str!("texts/de.ftl")));
        assert_eq!(english, german);
        assert!(english.len() > 20);
    }

    /// Whatever the audit says of a user stands at `/me`, so each of its actions has words there.
    #[test]
    fn every_action_that_concerns_a_user_has_words() {
        /// The first tells of a token alone, the last is no action.
        const OF_NO_USER: [&str; 2] = ["push_address.dropped", "attestation.judged_under"];
        let sources = walk(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/service")));
        let literals = sources.iter().flat_map(|source| source.split('"').skip(1));
        let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let actions = literals.filter(|literal| {
            let Some((subject, event)) = literal.split_once('.') else { return false };
            let of_users =
                ["activation", "approval", "attestation", "challenge", "code", "push_address", "token", "user"];
            is_word(event) && (of_users.contains(&subject) || *literal == "administrator.changed")
        });
        let actions: std::collections::BTreeSet<&str> = actions.filter(|action| !OF_NO_USER.contains(action)).collect();
        assert!(actions.len() > 40, "{actions:?}");
        let texts = Texts::of(Language::English);
        let missing = actions.iter().filter(|action| !texts.has(&format!("happened-{}", action.replace('.', "-"))));
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    fn walk(folder: &std::path::Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| match path.is_dir() {
                true => walk(&path),
                false => vec![std::fs::read_to_string(path).unwrap()],
            })
            .collect()
    }
}
