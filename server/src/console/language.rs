//! In which language the pages of users are written: the one that the user has chosen, or the one that the browser wants.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Console;
use crate::storage::Language;

/// The language of somebody who is not signed in.
pub(super) struct Reads(pub(super) Language);

impl FromRequestParts<Console> for Reads {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Infallible> {
        Ok(Self(wanted_by(console, &parts.headers)))
    }
}

/// The language that a browser wants, and where it wants none of ours the one that the organisation writes in.
pub(super) fn wanted_by(console: &Console, headers: &HeaderMap) -> Language {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).and_then(best);
    wanted.or(console.service.mail).unwrap_or_default()
}

/// The best of our languages for an `Accept-Language` (RFC 9110, 12.5.4); of two that are wanted as much, the first.
fn best(header: &str) -> Option<Language> {
    let mut best: Option<(Language, f32)> = None;
    for range in header.split(',') {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(0.0);
        let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        if let Ok(language) = primary.parse::<Language>()
            && weight > best.map_or(0.0, |(_, best)| best)
        {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_wanted_most_is_taken() {
        let (english, german) = (Some(Language::English), Some(Language::German));
        for (header, language) in [
            ("de-AT,de;q=0.9,en;q=0.8", german),
            ("en;q=0.5, de;q=0.7", german),
            ("en,de", english),
            ("fr-FR, EN-gb;q=0.3", english),
            ("de;q=0, en;q=0.1", english),
            ("fr, *;q=0.5", None),
            ("de;q=zehn", None),
            ("", None),
            (",;,=,de;", None),
        ] {
            assert_eq!(best(header), language, "{header}");
        }
    }
}
