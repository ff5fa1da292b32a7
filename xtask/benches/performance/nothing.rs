//! An endpoint of the same HTTP stack that does nothing: what the stack itself costs, under the same load.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;

use crate::load;

/// The endpoint, a process of its own as the server is. Dropping it kills it.
pub(crate) struct Endpoint {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Endpoint {
    /// Starts this program another time.
    pub(crate) fn start() -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program).arg("--nothing").stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("the endpoint's output")?).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("the endpoint's address, {line:?}"))?;
        Ok(Self { process, address })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // It may have ended already, which is all that is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is the endpoint: takes a body and answers as much as the server would.
pub(crate) fn serve() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let router = Router::new().route("/nothing", post(answer));
        let handle = axum_server::Handle::new();
        let server = axum_server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).http1_only().handle(handle.clone());
        let server = tokio::spawn(server.serve(router.into_make_service()));
        println!("{}", handle.listening().await.context("listening")?);
        server.await??;
        Ok(())
    })
}

const ANSWER: &str = r#"{"result":"accepted","token":"12345-67890","user":"u0000001","factors":["possession"]}"#;

async fn answer(_body: Bytes) -> ([(axum::http::HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "application/json")], ANSWER)
}

/// Requests for the endpoint, as long as those that verify codes.
pub(crate) struct Requests(Vec<u8>);

impl Requests {
    /// The same request again and again.
    pub(crate) fn new() -> Self {
        let body = br#"{"user":"u0000001","code":"12345678"}"#;
        let mut request = format!(
            "POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            "0".repeat(48),
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        Self(request)
    }
}

impl load::Requests for Requests {
    fn write(&mut self, request: &mut Vec<u8>) -> Result<()> {
        request.extend_from_slice(&self.0);
        Ok(())
    }

    fn is_expected(&self, body: &[u8]) -> bool {
        body == ANSWER.as_bytes()
    }
}
