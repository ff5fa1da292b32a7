//! One connection: requests and answers, one after the other.

use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Hearer;
use super::parking::{LAST, Parked, Parking, Place};

/// The head of a request, or the next request of a connection, comes within this time.
const HEAD: Duration = Duration::from_secs(30);

/// A caller takes a part of its answer within this time.
const READ: Duration = Duration::from_secs(60);

/// Answers the requests that come by `stream`, until either side ends it.
pub(super) async fn converse<S>(stream: S, peer: SocketAddr, router: Router, hearer: Hearer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut line = Line::new(b"", stream);
    let mut answer = None;
    loop {
        let answers = Answers { router: router.clone(), peer, answer: Mutex::new(answer), place: Place::default() };
        // Boxed, so that nothing of it takes up room while the caller is parked.
        let Some((stream, parked)) = Box::pin(exchange(line, answers, hearer.clone())).await else { return };
        let Some((parked_line, response)) = wait(stream, parked).await else { return };
        (line, answer) = (parked_line, Some(response));
    }
}

/// Lets hyper answer requests until the connection ends, or its caller is parked.
async fn exchange<S>(line: Line<S>, answers: Answers, mut hearer: Hearer) -> Option<(S, Parked)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let place = answers.place.clone();
    let mut http = http1::Builder::new();
    // A caller that never ends its request does not hold its connection for ever.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut connection = http.serve_connection(TokioIo::new(line), answers);
    let ended = tokio::select! {
        // An answer that is known already is given first, since what was never asked anything just ends.
        biased;
        ended = &mut connection => ended,
        () = hearer.told() => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    ended.err()?;
    let parked = place.take()?;
    let parts = connection.into_parts();
    // What came too early may be what is left of a body, so no request is made of it.
    let parked = if parts.read_buf.is_empty() { parked } else { Parked { again: LAST, ..parked } };
    Some((parts.io.into_inner().stream, parked))
}

/// Waits for the answer to a caller that is parked; nobody waits for it any more who hangs up.
async fn wait<S: AsyncRead + Unpin>(mut stream: S, parked: Parked) -> Option<(Line<S>, Response)> {
    let Parked { mut work, mut headers, again: mut first } = parked;
    let (mut listens, mut early) = (true, [0]);
    let response = loop {
        tokio::select! {
            response = &mut work => break response,
            read = stream.read(&mut early), if listens => match read {
                Ok(1..) => (listens, first) = (false, LAST),
                Ok(0) | Err(_) => return None,
            },
        }
    };
    headers.remove(header::CONTENT_LENGTH);
    let (mut parts, body) = response.into_parts();
    headers.extend(parts.headers);
    parts.headers = headers;
    Some((Line::new(first, stream), Response::from_parts(parts, body)))
}

/// What answers the requests of a connection.
struct Answers {
    router: Router,
    peer: SocketAddr,
    /// The answer to the first request, where that is known already.
    answer: Mutex<Option<Response>>,
    place: Place,
}

/// The caller is parked: its connection is to be taken apart.
#[derive(Debug, thiserror::Error)]
#[error("the answer takes long")]
struct TakesLong;

impl Service<Request<Incoming>> for Answers {
    type Response = Response;
    type Error = TakesLong;
    type Future = Pin<Box<dyn Future<Output = Result<Response, TakesLong>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if let Some(answer) = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Box::pin(ready(Ok(answer)));
        }
        let place = self.place.clone();
        let parking = Parking::new(request.version(), request.headers(), place.clone());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(parking);
        let response = tower::Service::call(&mut self.router.clone(), request);
        Box::pin(async move {
            let Ok(response) = response.await;
            let Some(parked) = place.take() else { return Ok(response) };
            place.put(Parked { headers: response.into_parts().0.headers, ..parked });
            Err(TakesLong)
        })
    }
}

/// The line to a caller: what hyper is to hear first, and then what comes by the stream. Who takes nothing of an answer is
/// given up.
struct Line<S> {
    first: &'static [u8],
    stream: S,
    /// Runs while the caller takes nothing.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> Line<S> {
    fn new(first: &'static [u8], stream: S) -> Self {
        Self { first, stream, patience: None }
    }

    /// What became of writing, for as long as there is patience.
    fn in_time<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.patience = None;
            return written;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(READ)));
        patience.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, into);
        }
        let (now, then) = self.first.split_at(self.first.len().min(into.remaining()));
        into.put_slice(now);
        self.first = then;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.in_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.in_time(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.in_time(context, shut)
    }
}
