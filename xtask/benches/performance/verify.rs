//! Tokens, and the codes that they show: each counts once, so many tokens take turns, and their steps only rise.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use symbolon_core::keys::sha256;
use symbolon_core::otp::{Digits, Hash, OtpKey, Period, TimeStep};

use crate::load;
use crate::server::Database;

/// How far into the future codes are taken from: within the window of ten steps, with one to spare.
const AHEAD: i64 = 9;

/// So many tokens are imported from one file, which has its bounds.
const AT_ONCE: usize = 250_000;

/// How far apart users are who take turns as strangers do. A prime, so that each has a turn.
const APART: usize = 7919;

/// How many failures in a row a user may have in this run: the policy locks at five.
const WRONG: u8 = 3;

/// Users with one token each.
pub(crate) struct Members(Vec<Member>);

struct Member {
    key: OtpKey,
    /// The last step whose code was used.
    last: TimeStep,
    /// The wrong codes so far.
    wrong: u8,
}

impl Members {
    /// Makes `count` users with a token each, as an organisation would that moves in; and how many a second.
    pub(crate) fn import(database: &Database, count: usize) -> Result<(Self, f64)> {
        let mut members = Vec::with_capacity(count);
        let mut taken = Duration::ZERO;
        for first in (0..count).step_by(AT_ONCE) {
            let mut table = String::from("user,serial,secret_hex,type,algorithm,digits,period_or_counter\n");
            for index in first..count.min(first + AT_ONCE) {
                let secret = sha256(format!("bench {index}").as_bytes());
                let hex = HEXLOWER.encode(&secret);
                writeln!(table, "{},bench-{index:07},{hex},totp,sha256,8,30", user(index))?;
                let key = OtpKey::prepare(Hash::Sha256, &secret);
                members.push(Member { key, last: TimeStep::from_number(0), wrong: 0 });
            }
            let file = database.file("tokens.csv");
            std::fs::write(&file, table).context("writing the table of tokens")?;
            let begun = Instant::now();
            database.admin(["token", "import", "--format", "csv", &file.to_string_lossy()])?;
            taken += begun.elapsed();
        }
        Ok((Self(members), count as f64 / taken.as_secs_f64()))
    }

    /// Requests of an application with codes of these users.
    pub(crate) fn requests(self, application_key: &str) -> Arc<Mutex<Requests>> {
        let length = body(0, "12345678").len();
        let head = format!(
            "POST /v1/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {application_key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        Arc::new(Mutex::new(Requests { head: head.into_bytes(), members: self.0, next: 0, apart: 1, right: true }))
    }
}

/// All names are of the same length, so that all requests are.
fn user(index: usize) -> String {
    format!("u{index:07}")
}

fn body(index: usize, code: &str) -> String {
    format!(r#"{{"user":"{}","code":"{code}"}}"#, user(index))
}

/// Requests that verify codes: the users take turns.
pub(crate) struct Requests {
    head: Vec<u8>,
    members: Vec<Member>,
    next: usize,
    apart: usize,
    /// Whether the codes are right.
    pub(crate) right: bool,
}

impl Requests {
    /// From now on no two of those who ask at the same time are neighbours in the database.
    pub(crate) fn spread(&mut self) {
        self.apart = APART;
    }
}

impl Member {
    /// A code that is right and was never used.
    fn right_code(&mut self, now: TimeStep) -> Result<String> {
        let step = self.last.moved(1).max(now);
        ensure!(step <= now.moved(AHEAD), "the tokens have used all of their codes; take more --tokens");
        self.last = step;
        Ok(self.key.totp(step, Digits::EIGHT).to_string())
    }

    /// A code that is wrong, but for some two hundred in a hundred million: those of other steps near now.
    fn wrong_code(&mut self, now: TimeStep) -> Result<String> {
        ensure!(self.wrong < WRONG, "further wrong codes would lock the users; take more --tokens");
        self.wrong += 1;
        let right: u64 = self.key.totp(now, Digits::EIGHT).to_string().parse()?;
        Ok(format!("{:08}", (right + 50_000_000) % 100_000_000))
    }
}

impl load::Requests for Requests {
    fn write(&mut self, request: &mut Vec<u8>) -> Result<()> {
        let now = TimeStep::at(Timestamp::now(), Period::STANDARD);
        let index = self.next;
        self.next = (index + self.apart) % self.members.len();
        let member = self.members.get_mut(index).context("there are no users")?;
        let code = if self.right { member.right_code(now) } else { member.wrong_code(now) }?;
        request.extend_from_slice(&self.head);
        request.extend_from_slice(body(index, &code).as_bytes());
        Ok(())
    }

    fn is_expected(&self, body: &[u8]) -> bool {
        let expected: &[u8] = if self.right { br#""accepted""# } else { br#""wrong_code""# };
        body.windows(expected.len()).any(|window| window == expected)
    }

    fn tolerated(&self) -> usize {
        if self.right { 0 } else { 100 }
    }
}
