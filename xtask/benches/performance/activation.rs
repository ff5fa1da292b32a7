//! Activations: simulated phones activate tokens over HTTP.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::load::Connection;
use crate::phone::{POLICY, Phone, Token};
use crate::report::Report;
use crate::server::{Database, Server};

const TICKETS: usize = 200;
const PHONES: usize = 8;

/// Measures how many tokens are activated per second. Both halves compute on this machine.
pub(crate) fn measure(report: &mut Report, database: &Database, server: &Server) -> Result<()> {
    if !report.wants("activation") {
        return Ok(());
    }
    report.progress(&format!("activations, {PHONES} phones at the same time"));
    let (_, taken) = activated(database, server.address, "activation", TICKETS)?;
    report.add("activation", TICKETS as f64 / taken.as_secs_f64(), "1/s");
    Ok(())
}

/// Adds `count` users, and activates their tokens; answers also how long the latter took.
pub(crate) fn activated(
    database: &Database,
    address: SocketAddr,
    group: &str,
    count: usize,
) -> Result<(Vec<Token>, Duration)> {
    database.admin(["policy", "set"].into_iter().chain(POLICY))?;
    let key = database.add_application(group)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let users = (0..count).map(|index| format!("{group}-{index:05}")).collect::<VecDeque<_>>();
        let phones = in_turns(users, address, async move |connection: &mut Connection, user: String| {
            let phone = Phone::of_new_user(connection, &key, &user).await.context("adding a user")?;
            Ok((user, phone))
        })
        .await?;
        let begun = Instant::now();
        let activate = async |connection: &mut Connection, (user, phone): (String, Phone)| {
            phone.activate(connection, user).await.context("an activation")
        };
        let tokens = in_turns(phones, address, activate).await?;
        Ok((tokens.into(), begun.elapsed()))
    })
}

/// Does `work` for each of `all`, over some connections at the same time.
async fn in_turns<T: Send + 'static, R: Send + 'static>(
    all: VecDeque<T>,
    address: SocketAddr,
    work: impl AsyncFn(&mut Connection, T) -> Result<R> + Clone + 'static,
) -> Result<VecDeque<R>> {
    let all = Arc::new(Mutex::new(all));
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let mut tasks = JoinSet::new();
            for _ in 0..PHONES {
                let mut connection = Connection::open(address).await?;
                let (all, work) = (Arc::clone(&all), work.clone());
                tasks.spawn_local(async move {
                    let mut done = Vec::new();
                    loop {
                        let next = all.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some(next) = next else { return anyhow::Ok(done) };
                        done.push(work(&mut connection, next).await?);
                    }
                });
            }
            let mut done = VecDeque::new();
            while let Some(some) = tasks.join_next().await {
                done.extend(some.context("a phone's task")??);
            }
            Ok(done)
        })
        .await
}
