//! The Swift toolchain: Debian's, unpacked into a folder of its own, and made to run there.
//!
//! Nothing of it is installed and nothing is mounted, so it takes no root and works in a container: apt fetches the packages
//! for a system that is not there, and every program and library of the toolchain is told by its absolute path which loader
//! and which libraries it goes with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace;

/// Debian's release, whose Swift the package is written for.
const RELEASE: &str = "trixie";

/// What the tests are compiled with, and against; `curl` plays an application in them. `patchelf` tells programs where their
/// loader is.
const PACKAGES: [&str; 6] = ["swiftlang", "libc6-dev", "libstdc++-14-dev", "libssl-dev", "curl", "patchelf"];

/// Large parts that no test needs: the debugger, the language server, static libraries, Swift for small devices.
const LEFT_OUT: [&str; 15] = [
    "bin/lldb",
    "bin/lldb-dap",
    "bin/lldb-server",
    "bin/lldb-argdumper",
    "bin/repl_swift",
    "bin/clangd",
    "bin/docc",
    "bin/sourcekit-lsp",
    "bin/swift-format",
    "lib/liblldb.so",
    "lib/liblldb.so.17",
    "lib/liblldb.so.17.0.0",
    "lib/libsourcekitdInProc.so",
    "lib/swift/embedded",
    "lib/swift_static",
];

/// A toolchain in its folder.
#[derive(Debug)]
pub(super) struct Toolchain {
    /// The folder that stands for the root of a system.
    root: PathBuf,
    /// As Debian names the architecture's folders: `x86_64-linux-gnu`.
    triple: String,
}

/// Written last: the toolchain is whole. Its number is that of the recipe here.
const READY: &str = "ready-1";

impl Toolchain {
    /// The toolchain in the person's cache, there or not; `None` where there can be none.
    fn place() -> Option<(PathBuf, Self)> {
        if !cfg!(target_os = "linux") || !matches!(std::env::consts::ARCH, "x86_64" | "aarch64") {
            return None;
        }
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache =
            std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|cache| cache.is_absolute()).or(home)?;
        let folder = cache.join(format!("symbolon/swift-{RELEASE}"));
        let toolchain = Self { root: folder.join("root"), triple: format!("{}-linux-gnu", std::env::consts::ARCH) };
        Some((folder, toolchain))
    }

    /// The toolchain, if it is there.
    pub(super) fn find() -> Option<Self> {
        let (folder, toolchain) = Self::place()?;
        folder.join(READY).is_file().then_some(toolchain)
    }

    /// Fetches it: 550 MB, of which 1.3 GB are kept.
    pub(super) fn fetch() -> Result<()> {
        let (folder, toolchain) = Self::place().context("Swift comes from Debian, for x86-64 and ARM64")?;
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        // Another run may be at it.
        let lock = File::create(folder.join("lock"))?;
        lock.lock().context("waiting for another run that fetches Swift")?;
        if folder.join(READY).is_file() {
            return Ok(());
        }
        let apt = folder.join("apt");
        for old in [&apt, &toolchain.root] {
            if old.exists() {
                fs::remove_dir_all(old).with_context(|| format!("removing {}", old.display()))?;
            }
        }
        toolchain.unpack(&apt)?;
        toolchain.settle()?;
        fs::remove_dir_all(&apt)?;
        File::create(folder.join(READY))?;
        Ok(())
    }

    /// Has apt fetch the packages, with all that they depend on, and unpacks them.
    fn unpack(&self, apt: &Path) -> Result<()> {
        for part in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(apt.join(part))?;
        }
        fs::create_dir_all(&self.root)?;
        let source =
            format!("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {} {RELEASE} main\n", mirror()?);
        fs::write(apt.join("sources.list"), source)?;
        fs::write(apt.join("status"), "")?;
        let at = |part: &str| apt.join(part).display().to_string();
        let settings = [
            ("Dir::State", at("state")),
            ("Dir::State::lists", at("lists")),
            ("Dir::State::status", at("status")),
            ("Dir::Cache", at("cache")),
            ("Dir::Etc::sourcelist", at("sources.list")),
            ("Dir::Etc::sourceparts", "/dev/null".into()),
            ("Dir::Etc::preferencesparts", "/dev/null".into()),
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
        run(&[&["install", "--yes", "--quiet", "--download-only"][..], &PACKAGES].concat())?;
        for entry in fs::read_dir(apt.join("cache/archives"))? {
            let package = entry?.path();
            if package.extension().is_some_and(|extension| extension == "deb") {
                let mut unpack = Command::new("sh");
                unpack.args([
                    "-c",
                    "dpkg-deb --fsys-tarfile \"$1\" | tar --extract --keep-directory-symlink -C \"$2\"",
                    "sh",
                ]);
                workspace::capture(unpack.arg(&package).arg(&self.root))?;
                fs::remove_file(&package)?;
            }
        }
        Ok(())
    }

    /// Makes its programs run from where they lie.
    fn settle(&self) -> Result<()> {
        for part in LEFT_OUT.map(|part| self.swift().join(part)) {
            if part.is_dir() {
                fs::remove_dir_all(part)?;
            } else if part.is_symlink() || part.exists() {
                fs::remove_file(part)?;
            }
        }
        // As a system has them whose /usr is merged; and where the compiler looks for its modules.
        for (link, target) in [
            ("lib", "usr/lib"),
            ("lib64", "usr/lib64"),
            ("bin", "usr/bin"),
            ("usr/lib/swift", "../libexec/swift/lib/swift"),
        ] {
            let link = self.root.join(link);
            if !link.exists() {
                std::os::unix::fs::symlink(target, &link)?;
            }
        }
        let bin = self.swift().join("bin");
        // Beside the compiler, which looks for its linker there.
        for (name, program) in [("ld", format!("{}-ld.bfd", self.triple)), ("curl", "curl".into())] {
            fs::rename(self.root.join("usr/bin").join(program), bin.join(name))?;
        }
        for program in files(&bin)?.into_iter().filter(|file| is_elf(file)) {
            self.patch(&program, true)?;
        }
        // And not what is linked into programs, which is ELF too.
        let is_library = |file: &PathBuf| file.to_string_lossy().contains(".so") && is_elf(file);
        for library in files(&self.swift().join("lib"))?.into_iter().filter(is_library) {
            self.patch(&library, false)?;
        }
        Ok(())
    }

    fn patch(&self, file: &Path, is_program: bool) -> Result<()> {
        let mut patchelf = Command::new(self.loader());
        patchelf.arg("--library-path").arg(self.libraries()).arg(self.root.join("usr/bin/patchelf"));
        if is_program {
            patchelf.arg("--set-interpreter").arg(self.loader());
        }
        // RPATH and not RUNPATH, which the libraries of a library would not be looked for in.
        patchelf.args(["--force-rpath", "--set-rpath", &self.search_path()]).arg(file);
        workspace::capture(&mut patchelf).map(drop)
    }

    fn search_path(&self) -> String {
        let lib = self.swift().join("lib");
        let places = [lib.join("swift/linux"), lib.join("swift/host"), lib, self.libraries()];
        places.map(|place| place.display().to_string()).join(":")
    }

    fn swift(&self) -> PathBuf {
        self.root.join("usr/libexec/swift")
    }

    fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib").join(&self.triple)
    }

    fn loader(&self) -> PathBuf {
        let name = if self.triple.starts_with("x86_64") { "ld-linux-x86-64.so.2" } else { "ld-linux-aarch64.so.1" };
        self.libraries().join(name)
    }

    /// `swift SUBCOMMAND`. What it builds is linked with the toolchain's own C library, and finds there what is in `libraries`.
    pub(super) fn command(&self, subcommand: &str, libraries: &Path) -> Result<Command> {
        let mut command = Command::new(self.swift().join("bin").join(format!("swift-{subcommand}")));
        let mut paths = vec![self.swift().join("bin")];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        command.env("PATH", std::env::join_paths(paths)?).env("SDKROOT", &self.root);
        let linking = [
            format!("--dynamic-linker={}", self.loader().display()),
            "--disable-new-dtags".into(),
            "-rpath".into(),
            format!("{}:{}", self.search_path(), libraries.display()),
        ];
        for flag in &linking {
            command.args(["-Xlinker", flag]);
            // The manifest is a program too, which is linked and run.
            command.args(["-Xbuild-tools-swiftc", "-Xlinker", "-Xbuild-tools-swiftc", flag]);
        }
        command.arg("-Xlinker").arg(format!("-L{}", libraries.display())).arg("--disable-sandbox");
        Ok(command)
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

/// Every file under a folder that is no link.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            found.extend(files(&path)?);
        } else {
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
