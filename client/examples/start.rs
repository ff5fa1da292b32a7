//! From nothing to open: the soft token, its list of five accounts, and a vault, whose PIN costs the least that a slot can ask.
//! `cargo xtask bench` has it built as for phones, and runs it.
#![expect(clippy::print_stdout, reason = "this is the answer")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use rand_core::OsRng;
use symbolon_client::environment::Environment;
use symbolon_client::files::Disk;
use symbolon_client::network::Https;
use symbolon_client::platform::software::{DesktopProbe, FileKeyStore, NoAuthentication, SoftwareKeys};
use symbolon_client::platform::{DeviceInfo, Platform};
use symbolon_client::{SoftToken, Store};
use symbolon_core::activation::ActivationPassword;
use symbolon_core::policy::PinLength;
use symbolon_core::serial::SerialNumber;
use symbolon_core::vault::{Cost, Pin};

/// How many starts the median is of.
const STARTS: usize = 31;

/// A PIN that may be chosen.
const PIN: &[u8] = b"837194";

/// Prints how many milliseconds it takes, less the hash of the PIN.
fn main() -> Result<()> {
    let folder = tempfile::tempdir_in(std::env::args_os().nth(1).context("the first argument is a folder")?)?;
    let folder = folder.path();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(prepare(folder))?;
    let mut times = Vec::with_capacity(STARTS);
    let mut hashes = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let begun = Instant::now();
        runtime.block_on(start(folder))?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        let begun = Instant::now();
        let hash = argon2::Params::new(8 * 1024, 1, 1, Some(32)).map_err(|error| anyhow::anyhow!("{error}"))?;
        let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, hash);
        let mut out = [0; 32];
        argon2.hash_password_into(PIN, &[7; 16], &mut out).map_err(|error| anyhow::anyhow!("{error}"))?;
        hashes.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    println!("{}", (median(times) - median(hashes)).max(0.0));
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

async fn open(folder: &Path) -> Result<SoftToken> {
    let environment = Environment::system();
    let keys = FileKeyStore::new(Arc::new(Disk), folder.join("keys"));
    let device =
        DeviceInfo { platform: "desktop".parse()?, model: "Benchmark".parse()?, app: "symbolon bench".parse()? };
    let platform = Platform {
        keys: Arc::new(SoftwareKeys::new(Arc::new(keys), environment.clone())),
        authentication: Arc::new(NoAuthentication),
        integrity: Arc::new(DesktopProbe),
        wake: None,
        device,
    };
    let network = Arc::new(Https::new("symbolon-bench"));
    Ok(SoftToken::open_with_cost(Store::open(folder)?, platform, network, environment, Cost::LEAST).await?)
}

/// Five accounts, activated without a network.
async fn prepare(folder: &Path) -> Result<()> {
    let soft_token = open(folder).await?;
    for _ in 0..5 {
        let serial = SerialNumber::generate(&mut OsRng);
        let password = ActivationPassword::generate(&mut OsRng, 16);
        let proposed = soft_token.activate_typed(None, serial, &password).await?;
        let pin = Pin::from_ascii(PIN)?.choose(PinLength::try_from(6)?)?;
        drop(proposed.accept(Some(pin)).await?);
    }
    Ok(())
}

async fn start(folder: &Path) -> Result<()> {
    let soft_token = open(folder).await?;
    let accounts = soft_token.accounts()?;
    let account = accounts.first().context("there is no account")?;
    drop(account.unlock(Some(Pin::from_ascii(PIN)?)).await?);
    Ok(())
}
