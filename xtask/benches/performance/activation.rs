//! Activations: simulated phones, which have the protocol's other half from symbolon-core, activate tokens over HTTP.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use jiff::Timestamp;
use rand_core::OsRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use symbolon_core::activation::Ticket;
use symbolon_core::activation::online::phone::{self, Started};
use symbolon_core::activation::online::{ConfirmReply, DeviceDescription};
use symbolon_core::integrity::Signals;
use symbolon_core::otp::{OtpKey, Period, TimeStep};
use symbolon_core::signed::SigningKey;
use tokio::task::JoinSet;

use crate::load::Connection;
use crate::report::Report;
use crate::server::{Database, Server};

const TICKETS: usize = 200;
const PHONES: usize = 8;

/// A phone that has read its ticket.
struct Phone {
    started: Started,
    key: SigningKey,
}

type Phones = Arc<Mutex<VecDeque<Phone>>>;

/// Measures how many tokens are activated per second. Both halves compute on this machine.
pub(crate) fn measure(report: &mut Report, database: &Database, server: &Server) -> Result<()> {
    if !report.wants("activation") {
        return Ok(());
    }
    report.progress(&format!("{TICKETS} tickets are handed out"));
    let mut phones = VecDeque::with_capacity(TICKETS);
    for index in 0..TICKETS {
        let user = format!("activation-{index}");
        database.admin(["user", "add", &user])?;
        let answer = database.admin(["token", "add", &user, "--method", "online"])?;
        let link = answer.pointer("/ticket/online/link").and_then(Value::as_str).context("a ticket's link")?;
        let ticket: Ticket = link.parse().context("a ticket")?;
        phones.push_back(Phone { started: Started::new(&mut OsRng, &ticket)?, key: SigningKey::generate(&mut OsRng) });
    }
    report.progress(&format!("activations, {PHONES} phones at the same time"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let per_second = runtime.block_on(async {
        let phones: Phones = Arc::new(Mutex::new(phones));
        let mut tasks = JoinSet::new();
        let begun = Instant::now();
        for _ in 0..PHONES {
            tasks.spawn(activate_all(Connection::open(server.address).await?, Arc::clone(&phones)));
        }
        while let Some(done) = tasks.join_next().await {
            done.context("a phone's task")??;
        }
        anyhow::Ok(TICKETS as f64 / begun.elapsed().as_secs_f64())
    })?;
    report.add("activation", per_second, "1/s");
    Ok(())
}

async fn activate_all(mut connection: Connection, phones: Phones) -> Result<()> {
    loop {
        let next = phones.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(phone) = next else { return Ok(()) };
        activate(&mut connection, phone).await.context("an activation")?;
    }
}

async fn activate(connection: &mut Connection, phone: Phone) -> Result<()> {
    let reply = post(connection, "start", phone.started.request()).await?;
    let proven = phone.started.prove(&mut OsRng, &reply)?;
    let signature = phone.key.sign(proven.binding()?.as_bytes());
    let finishing = proven.finish(phone.key.public_key(), &signature, None, description()?)?;
    let reply = post(connection, "finish", finishing.request()).await?;
    let registered = finishing.open(&reply)?;
    let registration = &registered.registration;
    let step = TimeStep::at(Timestamp::now(), Period::STANDARD);
    let code = OtpKey::prepare(registration.hash, registered.keys.code.expose()).totp(step, registration.digits);
    let session = registered.session;
    let confirmation = phone::confirmation(registered.identity, registration.serial, session.clone(), &code)?;
    let signature = phone.key.sign(confirmation.as_bytes());
    let _: ConfirmReply = post(connection, "confirm", &phone::confirm(session, confirmation, &signature)).await?;
    Ok(())
}

fn description() -> Result<DeviceDescription> {
    Ok(DeviceDescription {
        platform: "desktop".parse()?,
        model: "simulated".parse()?,
        app: "benchmark".parse()?,
        key_protection: "software".parse()?,
        signals: Signals::default(),
    })
}

async fn post<A: DeserializeOwned>(connection: &mut Connection, step: &str, question: &impl Serialize) -> Result<A> {
    let body = serde_json::to_vec(question)?;
    let mut request = format!(
        "POST /v1/device/activation/{step} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    serde_json::from_slice(connection.exchange(&request).await?).context("the server's answer")
}
