//! Google's revocation list as a file: read at the start and whenever it changes, and fetched where that is configured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use symbolon_core::keys::sha256;
use symbolon_core::push::Endpoint;

use crate::attestation::RevocationList;
use crate::config::Config;
use crate::notify::outbound;
use crate::service::Service;
use crate::service::attestation::Listed;
use crate::service::turns::Turn;

/// What is not the list, and is larger than it will ever be, is not read.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevocationsError {
    /// The file can't be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no list.
    #[error("{path}: {problem}")]
    Invalid {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It can't be fetched.
    #[error("{url}: {problem}")]
    Fetch {
        /// From where.
        url: Endpoint,
        /// What is wrong.
        problem: String,
    },
}

/// Where the list lies.
pub(crate) fn path(config: &Config) -> PathBuf {
    config.attestation.revocation_list.clone().unwrap_or_else(|| config.data_dir.join("revocation-list.json"))
}

/// Reads the list, if there is a file. How old it is, the file's own time says.
pub(crate) fn read(path: &Path) -> Result<Option<Listed>, RevocationsError> {
    let failed = |error| RevocationsError::File { path: path.to_owned(), error };
    let invalid = |problem: String| RevocationsError::Invalid { path: path.to_owned(), problem };
    let details = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        details => details.map_err(failed)?,
    };
    if details.len() > LONGEST {
        return Err(invalid("too long for a revocation list".into()));
    }
    let json = std::fs::read(path).map_err(failed)?;
    let list = RevocationList::read(&json).map_err(|error| invalid(error.to_string()))?;
    let since = Timestamp::try_from(details.modified().map_err(failed)?).map_err(|error| invalid(error.to_string()))?;
    Ok(Some(Listed { list, digest: sha256(&json), since }))
}

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// How old the list becomes before it is fetched anew.
const FETCH_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long after an attempt the next one is made, at the earliest.
const RETRY_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// How long fetching may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes the list whenever its file has changed, fetches it where that is configured, and has every device judged again
/// when the list or a policy has changed.
pub(crate) async fn watch(service: Service, config: Config) {
    let path = path(&config);
    let mut seen = written(&path);
    let mut next_attempt = Timestamp::MIN;
    let turn = Turn::new("judging_turn");
    loop {
        let now = service.clock.now();
        let is_due = now >= next_attempt && service.trust.list_age(now).is_none_or(|age| age >= FETCH_AFTER);
        if let Some(url) = config.attestation.revocation_url.as_ref().filter(|_| is_due) {
            next_attempt = now + RETRY_AFTER;
            match fetch(url, &path, &config).await {
                Ok(()) => tracing::info!("the revocation list was fetched"),
                Err(error) => tracing::warn!(%error, "the revocation list could not be fetched; the old one stays"),
            }
        }
        let written = written(&path);
        if written != seen {
            seen = written;
            match read(&path) {
                Ok(listed) => service.trust.replace_list(listed),
                Err(error) => tracing::error!(%error, "the revocation list can't be read; the old one stays"),
            }
        }
        // Each node has a list of its own, fetched when it was; all devices are judged by one of them.
        let judged = match service.is_turn_of(&turn).await {
            Ok(true) => service.judge_again().await,
            Ok(false) => Ok(0),
            Err(error) => Err(error),
        };
        match judged {
            Ok(0) => {}
            Ok(changed) => tracing::info!(changed, "devices are judged differently than before"),
            Err(error) => tracing::error!(%error, "devices could not be judged again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// When the file was last written, to see whether it has changed.
fn written(path: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(path).and_then(|details| details.modified()).ok()
}

/// Fetches the list and puts it in the file's place. What is fetched must be a list, or the file stays.
async fn fetch(url: &Endpoint, path: &Path, config: &Config) -> Result<(), RevocationsError> {
    let failed = |problem: String| RevocationsError::Fetch { url: url.clone(), problem };
    let client = outbound::client(&config.outbound).map_err(|error| failed(format!("{error:#}")))?;
    let answer = client.get(url.as_str()).timeout(PATIENCE).send().await;
    let mut answer = answer.map_err(|error| failed(outbound::reason(error)))?;
    if answer.status() != StatusCode::OK {
        return Err(failed(format!("the answer was {}", answer.status())));
    }
    let mut json = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| failed(outbound::reason(error)))? {
        json.extend_from_slice(&piece);
        if json.len() as u64 > LONGEST {
            return Err(failed("too long for a revocation list".into()));
        }
    }
    RevocationList::read(&json).map_err(|error| failed(error.to_string()))?;
    let new = path.with_extension("new");
    let kept = std::fs::write(&new, &json).and_then(|()| std::fs::rename(&new, path));
    kept.map_err(|error| RevocationsError::File { path: path.to_owned(), error })
}
