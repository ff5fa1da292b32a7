//! The home folder: where it is, and what it remembers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use symbolon_client::environment::Environment;
use symbolon_client::files::{Disk, Files, replace};
use symbolon_client::network::Https;
use symbolon_client::platform::software::{DesktopProbe, FileKeyStore, KeyStore, NoAuthentication, SoftwareKeys};
use symbolon_client::platform::{DeviceInfo, Platform};
use symbolon_client::{SoftToken, Store};
use symbolon_core::text::{Text, TextError};

use crate::arguments::KeyStoreKind;
use crate::failure::Failure;
use crate::key_store::SystemKeyStore;

/// The home folder and the key store that its tokens use.
pub(crate) struct Home {
    pub(crate) path: PathBuf,
    pub(crate) key_store: KeyStoreKind,
    remembered: bool,
    store: Store,
}

/// `config.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    key_store: KeyStoreKind,
}

/// Where the home folder is, or is to be.
pub(crate) fn place(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let path = named
        .or_else(usual_place)
        .ok_or_else(|| Failure::input("there is no home folder for tokens: set HOME, or name one with --home"))?;
    std::path::absolute(&path).map_err(|error| cannot(&path, &error))
}

impl Home {
    /// Opens the home folder and makes it if it is not there. `chosen` must be the key store that the tokens in it use.
    pub(crate) fn open(path: PathBuf, chosen: Option<KeyStoreKind>) -> Result<Self, Failure> {
        close_to_others(&path).map_err(|error| cannot(&path, &error))?;
        let store = Store::open(&path)?;
        let remembered = Config::read(&path)?.map(|config| config.key_store);
        if let (Some(chosen), Some(remembered)) = (chosen, remembered)
            && chosen != remembered
            && !store.is_empty()?
        {
            return Err(Failure::input(format!(
                "the tokens in {} have their keys in the {} key store; remove them before using --key-store {}",
                path.display(),
                remembered.name(),
                chosen.name()
            )));
        }
        let key_store = chosen.or(remembered).unwrap_or(KeyStoreKind::System);
        Ok(Self { path, key_store, remembered: remembered == Some(key_store), store })
    }

    /// Remembers the key store, so that it need not be named again.
    pub(crate) fn remember(&self) -> Result<(), Failure> {
        if self.remembered {
            return Ok(());
        }
        let config = serde_json::to_vec(&Config { key_store: self.key_store })
            .map_err(|error| Failure::internal(error.to_string()))?;
        let path = Config::path(&self.path);
        replace(&Disk, &path, &config).map_err(|error| cannot(&path, &error))
    }

    /// The soft token in this home.
    pub(crate) async fn soft_token(&self) -> Result<SoftToken, Failure> {
        let key_store: Arc<dyn KeyStore> = match self.key_store {
            KeyStoreKind::System => Arc::new(SystemKeyStore),
            KeyStoreKind::File => Arc::new(FileKeyStore::new(Arc::new(Disk), self.path.join("keys"))),
        };
        let environment = Environment::system();
        let platform = Platform {
            keys: Arc::new(SoftwareKeys::new(key_store, environment.clone())),
            authentication: Arc::new(NoAuthentication),
            integrity: Arc::new(DesktopProbe),
            wake: None,
            device: device().map_err(|error| Failure::internal(error.to_string()))?,
        };
        let network = Arc::new(Https::new(concat!("symbolon/", env!("CARGO_PKG_VERSION"))));
        Ok(SoftToken::open(self.store.clone(), platform, network, environment).await?)
    }
}

impl Config {
    fn path(home: &Path) -> PathBuf {
        home.join("config.json")
    }

    fn read(home: &Path) -> Result<Option<Self>, Failure> {
        let path = Self::path(home);
        let Some(content) = Disk.read(&path).map_err(|error| cannot(&path, &error))? else { return Ok(None) };
        serde_json::from_slice(&content).map(Some).map_err(|error| {
            Failure::internal(format!("{} is damaged ({error}); remove it and name --key-store again", path.display()))
        })
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::internal(format!("{}: {error}", path.display()))
}

/// A folder that was made beforehand may let others in. One that holds anything besides ours is left as it is: what is
/// in it for tokens is closed in itself.
#[cfg(unix)]
fn close_to_others(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    const OURS: [&str; 4] = ["accounts", "config.json", "keys", "loose-keys"];
    if !path.is_dir() || !Disk.list(path)?.iter().all(|name| OURS.contains(&name.as_str())) {
        return Ok(());
    }
    let mut permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o700);
        std::fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn close_to_others(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Where the platform keeps an application's data for one person.
fn usual_place() -> Option<PathBuf> {
    let directory = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = if cfg!(windows) {
        directory("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        directory("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        directory("XDG_DATA_HOME").or_else(|| directory("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("symbolon"))
}

/// What the server is told of this machine: the operating system, and no name of machine or person.
fn device() -> Result<DeviceInfo, TextError> {
    let system = std::fs::read_to_string("/etc/os-release").ok().and_then(|content| {
        let line = content.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        line.trim_matches('"').parse::<Text<100>>().ok()
    });
    Ok(DeviceInfo {
        platform: "desktop".parse()?,
        model: system.map_or_else(|| std::env::consts::OS.parse(), Ok)?,
        app: concat!("symbolon ", env!("CARGO_PKG_VERSION")).parse()?,
    })
}
