//! Pages of the console, one after the other, as an administrator gets them from a server that knows everybody.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::load::Connection;
use crate::report::Report;
use crate::server::{Database, Server};

/// How often each page is asked for.
const TIMES: usize = 101;

/// What is measured, and the page.
const PAGES: [(&str, &str); 7] = [
    ("page_dashboard", "/console"),
    ("page_users", "/console/users"),
    ("page_search", "/console/users?search=u00012"),
    ("page_user", "/console/user?name=u0000042"),
    ("page_settings", "/console/settings"),
    ("page_audit", "/console/audit"),
    // Nothing fits, so all that is looked through at a time is.
    ("page_audit_filter", "/console/audit?user=nobody&action=user."),
];

/// Measures how long a page takes from the request to its last byte: the median, in milliseconds.
pub(crate) fn measure(report: &mut Report, database: &Database, server: &Server) -> Result<()> {
    if !report.wants("page") {
        return Ok(());
    }
    report.progress("pages of the console");
    let answer = database.admin(["administrator", "add", "bench", "--role", "owner"])?;
    let link = answer.get("link").and_then(Value::as_str).context("an administrator's link")?;
    let secret = link.rsplit('#').next().unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let taken = runtime.block_on(async {
        let session = come_in(server.address, secret).await?;
        let mut connection = Connection::open(server.address).await?;
        let mut taken = Vec::with_capacity(PAGES.len());
        for (name, path) in PAGES {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {session}\r\n\r\n", server.address);
            let mut times = Vec::with_capacity(TIMES);
            for _ in 0..TIMES {
                let begun = Instant::now();
                connection.exchange(request.as_bytes()).await.with_context(|| format!("the page {path}"))?;
                times.push(begun.elapsed());
            }
            times.sort_unstable();
            taken.push((name, times.get(TIMES / 2).copied().unwrap_or_default()));
        }
        anyhow::Ok(taken)
    })?;
    for (name, time) in taken.into_iter().filter(|(name, _)| report.wants(name)).collect::<Vec<_>>() {
        report.add(name, time.as_secs_f64() * 1000.0, "ms");
    }
    Ok(())
}

/// Uses an administrator's link; answers the cookie.
async fn come_in(server: SocketAddr, secret: &str) -> Result<String> {
    let form = format!("link={secret}&password=correct+horse+battery&again=correct+horse+battery");
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let request = client.post(format!("http://{server}/console/welcome")).header("sec-fetch-site", "same-origin");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = request.send().await?;
    let cookie = answer.headers().get("set-cookie").and_then(|value| value.to_str().ok());
    let cookie = cookie.and_then(|cookie| cookie.split(';').next()).context("the administrator was not let in")?;
    Ok(cookie.to_owned())
}
