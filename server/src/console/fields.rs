//! The fields of a form that was sent. The guard reads them once; no page reads a body that the guard did not look at.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{FromRequest as _, FromRequestParts, Multipart, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;
use symbolon_core::text::Name;
use zeroize::Zeroizing;

use super::layout::{Failure, sentence};
use crate::api::read_body;

/// How much a form may hold, in bytes. Each pair of names and values takes many times its length while it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Size {
    /// What anybody may send: some words.
    Words = 16 * 1024,
    /// All settings, with their lists.
    Lists = 256 * 1024,
    /// A file of users.
    File = 16 * 1024 * 1024,
}

/// What was sent: names and values, in order. A value may be a password or a code, so it is wiped.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    /// Reads a form of this size, of either kind that browsers send. One with a file comes in parts.
    pub(super) async fn read(request: &mut Request, size: Size) -> Result<Self, Failure> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let in_parts = content_type.starts_with("multipart/form-data");
        let longest = if in_parts { size } else { size.min(Size::Lists) } as usize;
        let mut whole = Request::new(std::mem::take(request.body_mut()));
        *whole.headers_mut() = request.headers().clone();
        let body = Zeroizing::new(read_body(whole, longest).await.map_err(|_| Failure::too_large(longest))?);
        if in_parts {
            return Self::read_parts(&content_type, &body).await;
        }
        let pairs = form_urlencoded::parse(&body);
        Ok(Self(pairs.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect()))
    }

    async fn read_parts(content_type: &str, body: &[u8]) -> Result<Self, Failure> {
        let unreadable = || Failure::bad("The form could not be read. A file must be text in UTF-8.");
        let request = Request::builder().header(header::CONTENT_TYPE, content_type);
        let request = request.body(Body::from(body.to_vec())).map_err(|_| unreadable())?;
        let mut parts = Multipart::from_request(request, &()).await.map_err(|_| unreadable())?;
        let mut fields = Vec::new();
        while let Some(part) = parts.next_field().await.map_err(|_| unreadable())? {
            let name = part.name().unwrap_or_default().to_owned();
            let bytes = part.bytes().await.map_err(|_| unreadable())?;
            let text = String::from_utf8(bytes.to_vec()).map_err(|_| unreadable())?;
            fields.push((name, Zeroizing::new(text)));
        }
        Ok(Self(fields))
    }

    /// A field's value; empty where it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str())
    }

    /// All values of a field that can be sent more than once.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// All names and values, in the order of the form.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A field's value, to be wiped after use.
    pub(super) fn secret(&self, name: &str) -> Zeroizing<String> {
        Zeroizing::new(self.text(name).to_owned())
    }

    /// A field that names something of a kind.
    pub(super) fn named(&self, field: &str, kind: &str) -> Result<Name, Failure> {
        self.text(field).parse().map_err(|_| Failure::missing(kind))
    }

    /// A field through the parser of its type; what is wrong with it goes to `errors`.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, name: &'static str, errors: &mut FieldErrors) -> Option<T> {
        self.text(name).parse().map_err(|error| errors.add(name, error)).ok()
    }

    /// A field that may be empty, through the parser of its type.
    pub(super) fn optional<T: FromStr<Err: Display>>(&self, name: &'static str, errors: &mut FieldErrors) -> Option<T> {
        if self.text(name).trim().is_empty() { None } else { self.parsed(name, errors) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Sent {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get().cloned().map(Self).ok_or_else(|| Failure::bad("This address takes a form."))
    }
}

/// What an address names: a thing and what is to be done with it. Names stand in the query, since a path can't hold
/// every name.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    name: String,
    #[serde(default)]
    pub(super) action: String,
    #[serde(default)]
    pub(super) done: String,
}

impl Named {
    pub(super) fn name(&self, kind: &str) -> Result<Name, Failure> {
        self.name.parse().map_err(|_| Failure::missing(kind))
    }
}

/// The form of a request.
pub(super) struct Sent(pub(super) Arc<Fields>);

/// What is wrong with which field, in words that stand beside it.
#[derive(Debug, Default, Clone)]
pub(super) struct FieldErrors(Vec<(String, String)>);

impl FieldErrors {
    /// Says what is wrong with a field.
    pub(super) fn add(&mut self, field: impl Into<String>, error: impl Display) {
        self.0.push((field.into(), sentence(&error)));
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with a field.
    pub(super) fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, error)| error.as_str())
    }

    /// What the element of a field says of its error and of its hint: the attributes by which a screen reader reads them
    /// out with it.
    pub(super) fn mark<'e>(&'e self, field: &'e str, hint: &'e str) -> Mark<'e> {
        Mark { field, hint, is_wrong: self.of(field).is_some(), is_element: true }
    }

    /// The same for a group of elements, of which none is the wrong one.
    pub(super) fn describe<'e>(&'e self, field: &'e str) -> Mark<'e> {
        Mark { is_element: false, ..self.mark(field, "") }
    }

    /// What is wrong with a field, to stand beside it.
    pub(super) fn beside<'e>(&'e self, field: &'e str) -> Beside<'e> {
        Beside { field, error: self.of(field) }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }
}

/// The attributes of a field's element.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"{% if is_wrong && is_element %} aria-invalid="true"{% endif %}{% if is_wrong %} aria-describedby="error-{{ field }}{% if !hint.is_empty() %} {{ hint }}{% endif %}"{% else if !hint.is_empty() %} aria-describedby="{{ hint }}"{% endif %}"#
)]
pub(super) struct Mark<'e> {
    field: &'e str,
    hint: &'e str,
    is_wrong: bool,
    is_element: bool,
}

/// What is wrong with a field.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"{% if let Some(error) = error %}<p class="error" id="error-{{ field }}">{{ error }}</p>{% endif %}"#
)]
pub(super) struct Beside<'e> {
    field: &'e str,
    error: Option<&'e str>,
}

impl askama::filters::HtmlSafe for Mark<'_> {}

impl askama::filters::HtmlSafe for Beside<'_> {}
