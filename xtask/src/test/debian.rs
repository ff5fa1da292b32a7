//! Packages of Debian that are not installed: unpacked into a folder of the person's cache, and made to run there.
//!
//! Nothing is mounted either, so it takes no root and works in a container: apt fetches the packages for a system that is not
//! there, and every program and library is told by its absolute path which loader and which libraries it goes with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace;

/// What is unpacked, and how it is made to run.
#[derive(Debug)]
pub(super) struct Recipe {
    /// The folder's name.
    pub(super) name: &'static str,
    /// Of the recipe: what another one has made is made anew.
    pub(super) number: u32,
    /// Debian's releases that the packages come from; the last is preferred.
    pub(super) releases: &'static [&'static str],
    /// They, and all that they depend on. `patchelf` must be among them: it tells programs where their loader is.
    pub(super) packages: &'static [&'static str],
    /// What they depend on, and is not needed.
    pub(super) without: &'static [&'static str],
    /// Makes the programs run from where they lie.
    pub(super) settle: fn(&System) -> Result<()>,
}

/// Packages in their folder.
#[derive(Debug)]
pub(super) struct System {
    /// The folder that stands for the root of a system.
    pub(super) root: PathBuf,
    /// As Debian names the architecture's folders: `x86_64-linux-gnu`.
    pub(super) triple: String,
}

impl Recipe {
    /// Where it is unpacked, there or not; `None` where it can't be.
    fn place(&self) -> Option<(PathBuf, System)> {
        if !cfg!(target_os = "linux") || !matches!(std::env::consts::ARCH, "x86_64" | "aarch64") {
            return None;
        }
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache =
            std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|cache| cache.is_absolute()).or(home)?;
        let folder = cache.join("symbolon").join(self.name);
        let system = System { root: folder.join("root"), triple: format!("{}-linux-gnu", std::env::consts::ARCH) };
        Some((folder, system))
    }

    /// Written last: all of it is there.
    fn ready(&self, folder: &Path) -> PathBuf {
        folder.join(format!("ready-{}", self.number))
    }

    /// The packages, if they are there.
    pub(super) fn find(&self) -> Option<System> {
        let (folder, system) = self.place()?;
        self.ready(&folder).is_file().then_some(system)
    }

    /// Fetches the packages.
    pub(super) fn fetch(&self) -> Result<()> {
        let (folder, system) = self.place().context("Debian's packages run on Linux, on x86-64 and ARM64")?;
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        // Another run may be at it.
        let lock = File::create(folder.join("lock"))?;
        lock.lock().context("waiting for another run that fetches the same")?;
        if self.ready(&folder).is_file() {
            return Ok(());
        }
        let apt = folder.join("apt");
        for old in [&apt, &system.root] {
            if old.exists() {
                fs::remove_dir_all(old).with_context(|| format!("removing {}", old.display()))?;
            }
        }
        self.unpack(&system.root, &apt)?;
        // As a system has them whose /usr is merged.
        for (link, target) in [("lib", "usr/lib"), ("lib64", "usr/lib64"), ("bin", "usr/bin")] {
            system.link(link, target)?;
        }
        (self.settle)(&system)?;
        fs::remove_dir_all(&apt)?;
        File::create(self.ready(&folder))?;
        Ok(())
    }

    /// Has apt fetch the packages, with all that they depend on, and unpacks them.
    fn unpack(&self, root: &Path, apt: &Path) -> Result<()> {
        for part in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(apt.join(part))?;
        }
        fs::create_dir_all(root)?;
        let mirror = mirror()?;
        let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let source = |release: &&str| format!("deb [signed-by={keys}] {mirror} {release} main\n");
        fs::write(apt.join("sources.list"), self.releases.iter().map(source).collect::<String>())?;
        let installed = |name: &&str| {
            format!(
                "Package: {name}\nStatus: install ok installed\nMaintainer: nobody\nArchitecture: all\nVersion: 999\n\
                 Description: not needed\n\n"
            )
        };
        fs::write(apt.join("status"), self.without.iter().map(installed).collect::<String>())?;
        let at = |part: &str| apt.join(part).display().to_string();
        let settings = [
            ("Dir::State", at("state")),
            ("Dir::State::lists", at("lists")),
            ("Dir::State::status", at("status")),
            ("Dir::Cache", at("cache")),
            ("Dir::Etc::sourcelist", at("sources.list")),
            ("Dir::Etc::sourceparts", "/dev/null".into()),
            ("Dir::Etc::preferencesparts", "/dev/null".into()),
            ("APT::Default-Release", self.releases.last().copied().unwrap_or_default().into()),
            ("APT::Install-Recommends", "false".into()),
            // Fetches as whoever runs this.
            ("APT::Sandbox::User", String::new()),
            ("Acquire::Languages", "none".into()),
        ];
        let run = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            for (name, value) in &settings {
                command.arg("-o").arg(format!("{name}={value}"));
            }
            workspace::run(command.args(arguments))
        };
        run(&["update", "--quiet"])?;
        run(&[&["install", "--yes", "--quiet", "--download-only"][..], self.packages].concat())?;
        for entry in fs::read_dir(apt.join("cache/archives"))? {
            let package = entry?.path();
            if package.extension().is_some_and(|extension| extension == "deb") {
                let mut unpack = Command::new("sh");
                unpack.args([
                    "-c",
                    "dpkg-deb --fsys-tarfile \"$1\" | tar --extract --keep-directory-symlink -C \"$2\"",
                    "sh",
                ]);
                workspace::capture(unpack.arg(&package).arg(root))?;
                fs::remove_file(&package)?;
            }
        }
        Ok(())
    }
}

impl System {
    /// Where its libraries are.
    pub(super) fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib").join(&self.triple)
    }

    /// The loader of its programs.
    pub(super) fn loader(&self) -> PathBuf {
        let name = if self.triple.starts_with("x86_64") { "ld-linux-x86-64.so.2" } else { "ld-linux-aarch64.so.1" };
        self.libraries().join(name)
    }

    /// Tells a program its loader, and where it finds its libraries.
    pub(super) fn patch_program(&self, program: &Path, search_path: &str) -> Result<()> {
        self.patch(program, Some(self.loader()), search_path)
    }

    /// Tells a library where it finds those that it needs.
    pub(super) fn patch_library(&self, library: &Path, search_path: &str) -> Result<()> {
        self.patch(library, None, search_path)
    }

    fn patch(&self, file: &Path, loader: Option<PathBuf>, search_path: &str) -> Result<()> {
        let mut patchelf = Command::new(self.loader());
        patchelf.arg("--library-path").arg(self.libraries()).arg(self.root.join("usr/bin/patchelf"));
        if let Some(loader) = loader {
            patchelf.arg("--set-interpreter").arg(loader);
        }
        // RPATH and not RUNPATH, which the libraries of a library would not be looked for in.
        patchelf.args(["--force-rpath", "--set-rpath", search_path]).arg(file);
        workspace::capture(&mut patchelf).map(drop)
    }

    /// Makes a link, unless it is there.
    pub(super) fn link(&self, link: &str, target: &str) -> Result<()> {
        let link = self.root.join(link);
        if !link.exists() {
            std::os::unix::fs::symlink(target, &link).with_context(|| format!("linking {}", link.display()))?;
        }
        Ok(())
    }

    /// Removes a file, link or folder that nothing needs, if it is there.
    pub(super) fn remove(&self, part: &Path) -> Result<()> {
        if part.is_dir() && !part.is_symlink() {
            fs::remove_dir_all(part)?;
        } else if part.is_symlink() || part.exists() {
            fs::remove_file(part)?;
        }
        Ok(())
    }
}

/// The mirror that this machine takes its packages from.
fn mirror() -> Result<String> {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(SITE)", "Created-By: Packages"]);
    let sites = workspace::capture(&mut targets)?;
    let own = sites.lines().find(|site| site.ends_with("/debian") || site.ends_with("/debian/"));
    own.map(str::to_owned).context("apt knows no mirror of Debian here")
}

/// The programs and libraries under a folder, but no links to them.
pub(super) fn binaries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            found.extend(binaries(&path)?);
        } else if is_elf(&path) {
            found.push(path);
        }
    }
    Ok(found)
}

fn is_elf(file: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    File::open(file).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok()) && &magic == b"\x7fELF"
}
