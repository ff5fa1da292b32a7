//! The soft token as an app has it: how large its library is, and how soon it can show its accounts.

use std::path::Path;
use std::process::Command;
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

use crate::report::Report;

/// How many starts the median is of.
const STARTS: usize = 31;

/// A PIN that may be chosen.
const PIN: &[u8] = b"837194";

/// The size of the library without its symbols, in megabytes.
pub(crate) fn measure_size(report: &mut Report, library: &Path, folder: &Path) -> Result<()> {
    report.progress("the size of the library for apps");
    let stripped = folder.join("stripped");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(library).status();
    anyhow::ensure!(status.context("strip, of binutils, is not there")?.success(), "strip failed");
    let bytes = std::fs::metadata(&stripped)?.len();
    #[expect(clippy::cast_precision_loss, reason = "a library is far below 2^52 bytes long")]
    report.add("phone_library", bytes as f64 / 1e6, "MB");
    Ok(())
}

/// From nothing to open: the soft token, its list of five accounts, and a vault, whose PIN costs the least that a slot can ask.
pub(crate) fn measure_start(report: &mut Report, folder: &Path) -> Result<()> {
    report.progress("the start of the soft token");
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
    report.add("phone_start", (median(times) - median(hashes)).max(0.0), "ms");
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
