//! Google's revocation list as a file: read at the start and whenever it changes, and fetched where that is configured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use symbolon_core::keys::sha256;

use crate::attestation::RevocationList;
use crate::config::Config;
use crate::service::attestation::Listed;

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
        url: String,
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

/// When the file was last written, to see whether it has changed.
pub(crate) fn written(path: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(path).and_then(|details| details.modified()).ok()
}

/// Fetches the list and puts it in the file's place. What is fetched must be a list, or the file stays.
pub(crate) async fn fetch(url: &str, path: &Path) -> Result<(), RevocationsError> {
    let failed = |problem: String| RevocationsError::Fetch { url: url.to_owned(), problem };
    let described = |error: reqwest::Error| failed(error.without_url().to_string());
    let client = client().map_err(|error| failed(error.to_string()))?;
    let mut response = client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(described)?;
    let mut json = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(described)? {
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

fn client() -> anyhow::Result<reqwest::Client> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder().tls_backend_preconfigured(tls).timeout(Duration::from_secs(60)).build()?)
}
