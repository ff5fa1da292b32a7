//! Ports for servers that are stopped and started again at the same address.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many there are, from [`FIRST`] on: below those that the system gives to whoever asks for any, or calls somebody.
const PORTS: u32 = 10_000;
const FIRST: u32 = 20_000;

/// A port that is free on this machine, and stays so while its server stands still.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id();
    let next = || FIRST + start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % PORTS;
    let mut ports = (0..PORTS).map(|_| u16::try_from(next()).unwrap());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port is free")
}
