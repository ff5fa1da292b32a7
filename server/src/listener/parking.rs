//! Parking: what a caller takes up while its answer takes long.
//!
//! A phone without push asks what there is for it, and waits for most of a minute; thousands do so at a time. hyper keeps
//! two buffers of 8 kB for each, and what the handler needed. So a handler that may take long hands over the rest of its
//! work: hyper's connection is taken apart, and the caller holds no more than its line and that work. When it is done,
//! hyper takes the line again and writes the answer.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use axum::body::Body;
use axum::http::{HeaderMap, Version, header};
use axum::response::Response;

/// An answer that takes long.
pub(super) type Work = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A caller whose answer takes long.
pub(super) struct Parked {
    pub(super) work: Work,
    /// What the answer gets besides its own headers.
    pub(super) headers: HeaderMap,
    /// The request by which hyper is asked for the answer when there is one.
    pub(super) again: &'static [u8],
}

/// Where the caller of a connection can be parked; with each request.
#[derive(Clone)]
pub(crate) struct Parking {
    again: &'static [u8],
    place: Place,
}

/// Of a connection: who is parked.
#[derive(Clone, Default)]
pub(super) struct Place(Arc<Mutex<Option<Parked>>>);

impl Place {
    pub(super) fn take(&self) -> Option<Parked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn put(&self, parked: Parked) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(parked);
    }
}

/// The request whose answer ends the connection.
pub(super) const LAST: &[u8] = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";

impl Parking {
    /// Of a request that speaks this version, with these headers.
    pub(super) fn new(version: Version, headers: &HeaderMap, place: Place) -> Self {
        let named = headers.get_all(header::CONNECTION).iter();
        let closes = named
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"));
        let again: &[u8] = match version {
            Version::HTTP_11 if closes => LAST,
            Version::HTTP_11 => b"GET / HTTP/1.1\r\n\r\n",
            _ => b"GET / HTTP/1.0\r\n\r\n",
        };
        Self { again, place }
    }

    /// What `work` gives, if it does so at once; else the caller is parked, and the answer given here is only to come back
    /// to its connection. The request's body must have been read to its end.
    pub(crate) async fn answer(self, work: impl Future<Output = Response> + Send + 'static) -> Response {
        let mut work: Work = Box::pin(work);
        if let Poll::Ready(response) = futures_util::poll!(&mut work) {
            return response;
        }
        self.place.put(Parked { work, headers: HeaderMap::new(), again: self.again });
        Response::new(Body::empty())
    }
}
