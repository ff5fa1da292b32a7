//! A try at what can be guessed: passwords, links, codes.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::Console;
use super::layout::Failure;
use crate::api::{Address, Guards};

/// One try of the address that a request comes from. It counts as a failure unless it [was right](Self::was_right): also
/// when whoever made it hung up before the answer, and where each request counts.
pub(super) struct Guess {
    /// Where it comes from.
    pub(super) address: IpAddr,
    guards: Arc<Guards>,
    counts: bool,
}

impl Guess {
    /// Does not count it.
    pub(super) fn was_right(mut self) {
        self.counts = false;
    }
}

impl Drop for Guess {
    fn drop(&mut self) {
        if self.counts {
            self.guards.sign_ins.failed(self.address);
        }
    }
}

impl FromRequestParts<Console> for Guess {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let Address(address) =
            Address::from_request_parts(parts, console).await.map_err(IntoResponse::into_response)?;
        console.guards.sign_ins.admit(address).map_err(|_| Failure::too_many().into_response())?;
        Ok(Self { address, guards: Arc::clone(&console.guards), counts: true })
    }
}
