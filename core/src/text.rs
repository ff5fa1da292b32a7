//! Text that one side shows on behalf of the other: bounded, on one line, and without characters that hide or reorder
//! what a person sees.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One line of 1 to `MAX` characters, without leading or trailing white space, control characters, or characters that
/// are invisible or change the direction of writing (Unicode TR 36, 2.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Text<const MAX: usize>(String);

/// The name of an issuer, account, user, group, application or token: at most 100 characters.
pub type Name = Text<100>;

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Too many characters.
    #[error("must not be longer than {0} characters")]
    TooLong(usize),
    /// A line break, a control character, or one that hides or reorders text.
    #[error("must not contain line breaks, control characters or invisible characters")]
    Character,
}

impl<const MAX: usize> Text<MAX> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character is shown as itself and leaves its neighbours where they stand.
fn is_plain(character: char) -> bool {
    !(character.is_control()
        || matches!(
            character,
            '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        ))
}

impl<const MAX: usize> FromStr for Text<MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if text.chars().nth(MAX).is_some() {
            return Err(TextError::TooLong(MAX));
        }
        if text.chars().all(is_plain) { Ok(Self(text.to_owned())) } else { Err(TextError::Character) }
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> Self {
        text.0
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_characters() {
        assert_eq!("  Ana María ".parse::<Name>().unwrap().as_str(), "Ana María");
        assert_eq!("ß".repeat(100).parse::<Name>().unwrap().as_str().chars().count(), 100);
        assert_eq!("x".repeat(101).parse::<Name>(), Err(TextError::TooLong(100)));
        assert_eq!(" \t".parse::<Name>(), Err(TextError::Empty));
        for hidden in ["a\nb", "a\u{202e}b", "a\u{200b}b", "a\u{2066}b", "a\0b", "a\u{feff}b", "a\u{e0041}b"] {
            assert_eq!(hidden.parse::<Name>(), Err(TextError::Character), "{hidden:?}");
        }
    }
}
