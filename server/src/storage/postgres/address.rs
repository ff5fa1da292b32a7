//! Where PostgreSQL is, how it is reached, and what its errors mean to us.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use crate::storage::StorageError;

/// The URL of a PostgreSQL database: `postgres://USER:PASSWORD@HOST/DATABASE`. It may hold a password, so it shows itself
/// to nobody.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct DatabaseUrl(Arc<Zeroizing<String>>);

/// A text that is no such URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a URL such as postgres://symbolon@db.example.org/symbolon: {0}")]
pub struct DatabaseUrlError(String);

impl std::str::FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(DatabaseUrlError("it begins with postgres://".into()));
        }
        let config: Config =
            text.parse().map_err(|error: tokio_postgres::Error| match std::error::Error::source(&error) {
                Some(source) => DatabaseUrlError(source.to_string()),
                None => DatabaseUrlError("it can't be read".into()),
            })?;
        if config.get_hosts().is_empty() {
            return Err(DatabaseUrlError("it names no host".into()));
        }
        Ok(Self(Arc::new(Zeroizing::new(text.to_owned()))))
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = DatabaseUrlError;

    fn try_from(text: String) -> Result<Self, DatabaseUrlError> {
        text.parse()
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl([redacted])")
    }
}

/// How PostgreSQL is reached.
pub struct Address {
    config: Config,
    tls: MakeRustlsConnect,
}

type Tls = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);

impl Address {
    /// Reads the URL and, where the server's certificate is of no public authority, the file with that authority's.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn new(url: &DatabaseUrl, authority: Option<&Path>) -> Result<Self, StorageError> {
        let failed = |error: &dyn std::fmt::Display| StorageError::Failed(format!("database_authority: {error}"));
        let mut config: Config = url.0.parse().map_err(|error| failed(&error))?;
        config.application_name("symbolon-server").connect_timeout(CONNECT);
        config.keepalives_idle(Duration::from_secs(15)).tcp_user_timeout(Duration::from_secs(15));
        // After a fail-over the old primary may answer for a while, as a copy that can't be written to.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if !url.0.contains("sslmode=") {
            let mode = if config.get_hosts().iter().all(is_here) { SslMode::Disable } else { SslMode::Require };
            config.ssl_mode(mode);
        }
        let mut roots = rustls::RootCertStore::empty();
        match authority {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))? {
                    let certificate = certificate.map_err(|error| failed(&error))?;
                    roots.add(certificate).map_err(|error| failed(&error))?;
                }
            }
        }
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config, tls: MakeRustlsConnect::new(tls) })
    }

    pub(super) async fn connect(&self) -> Result<(Client, Connection<Socket, Tls>), StorageError> {
        let connecting = tokio::time::timeout(2 * CONNECT, self.config.connect(self.tls.clone()));
        let connected = connecting.await.map_err(|_| StorageError::Unreachable("it does not answer".into()))?;
        connected.map_err(error_of)
    }
}

/// Whether nobody can listen in between: an address of this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// What an error of PostgreSQL means. Its texts are for the log, never for a caller.
pub(super) fn error_of(error: tokio_postgres::Error) -> StorageError {
    let Some(reported) = error.as_db_error() else {
        let source = std::error::Error::source(&error);
        return StorageError::Unreachable(
            source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
        );
    };
    let (code, message) = (reported.code(), reported.message().to_owned());
    match code.code().get(..2).unwrap_or_default() {
        "23" => StorageError::Exists,
        // Serialisation failures and deadlocks, and too long a wait for a lock or an answer: nothing was written.
        "40" => StorageError::Busy,
        "55" | "57" if [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(code) => StorageError::Busy,
        "53" if *code == SqlState::DISK_FULL => StorageError::Full,
        "25" if *code == SqlState::READ_ONLY_SQL_TRANSACTION => StorageError::ReadOnly,
        "58" => StorageError::Disk(message),
        "08" | "28" | "3D" | "53" | "57" => StorageError::Unreachable(message),
        _ if *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => StorageError::Unreachable(message),
        _ => StorageError::Failed(format!("{message} ({})", code.code())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_checked_and_shows_itself_to_nobody() {
        let url: DatabaseUrl = "postgres://symbolon:secret@db.example.org/symbolon".parse().unwrap();
        assert_eq!(format!("{url:?}"), "DatabaseUrl([redacted])");
        for wrong in ["mysql://db/symbolon", "symbolon", "postgres://", "postgres://db/x?secret=1"] {
            let message = wrong.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!message.contains("secret=1"), "{message}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_tls_unless_one_says_so() {
        let mode = |url: &str| Address::new(&url.parse().unwrap(), None).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://u@127.0.0.1/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@localhost,[::1]/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@127.0.0.1,10.0.0.1/d"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example.org/d?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://u@db.example.org/d?sslmode=prefer"), SslMode::Prefer);
    }
}
