//! The part `phones`: the library compiled for phones, without linking it, which takes Google's NDK and Apple's Xcode.
//!
//! Where the person's own toolchain has the phones' targets, it compiles. Elsewhere it is Debian's, unpacked, which has no
//! target but the machine's own and the source of the standard library: that is compiled first, for the phone too.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::debian::{Recipe, System};
use super::programs::Tally;
use crate::workspace::{self, Workspace};

/// Debian's Rust: 150 MB are fetched, and 540 MB kept. It is the newest of Debian's stable release.
pub(super) static RUST: Recipe = Recipe {
    name: "rust-trixie",
    number: 1,
    releases: &["trixie", "trixie-backports"],
    packages: &["rustc", "rust-src", "patchelf"],
    // Programs that are run meanwhile are linked by the machine's own.
    without: &["gcc", "binutils", "libc-dev"],
    settle,
};

/// What the library is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phone {
    Android,
    Ios,
}

impl Phone {
    const ALL: [Self; 2] = [Self::Android, Self::Ios];

    fn target(self) -> &'static str {
        match self {
            Self::Android => "aarch64-linux-android",
            Self::Ios => "aarch64-apple-ios",
        }
    }

    /// What the compiler of ring's C is told. It is clang, which knows every processor, with the headers of musl, and with
    /// the one of Apple's that ring reads; a Mac has what iOS takes. Its objects go into an archive that nobody links.
    fn settings(self, workspace: &Workspace) -> Result<Vec<(&'static str, String)>> {
        let musl = format!("-isystem {}", musl().display());
        Ok(match self {
            Self::Android => vec![
                ("CC_aarch64_linux_android", "clang".into()),
                ("AR_aarch64_linux_android", "ar".into()),
                ("CFLAGS_aarch64_linux_android", format!("--target=aarch64-linux-android30 {musl}")),
            ],
            Self::Ios if cfg!(target_os = "macos") => Vec::new(),
            Self::Ios => {
                let headers = workspace.target.join("phones/include");
                fs::create_dir_all(&headers)?;
                fs::write(headers.join("TargetConditionals.h"), "#define TARGET_OS_IPHONE 1\n")?;
                let flags = format!("--target=arm64-apple-ios16 -isystem {} {musl}", headers.display());
                vec![
                    ("CC_aarch64_apple_ios", "clang".into()),
                    ("AR_aarch64_apple_ios", "ar".into()),
                    ("CFLAGS_aarch64_apple_ios", flags),
                    // Else a program of Xcode's is asked for both.
                    ("SDKROOT", "/usr".into()),
                    ("IPHONEOS_DEPLOYMENT_TARGET", "16.0".into()),
                ]
            }
        })
    }
}

/// Headers of a C library that are much like those of a phone's.
pub(super) fn musl() -> PathBuf {
    format!("/usr/include/{}-linux-musl", std::env::consts::ARCH).into()
}

/// Whether something here can compile for phones.
pub(super) fn can_compile() -> bool {
    has_targets() || RUST.find().is_some()
}

/// Whether the person's own toolchain can.
fn has_targets() -> bool {
    let mut rustup = Command::new("rustup");
    let installed = workspace::capture(rustup.args(["target", "list", "--installed"])).unwrap_or_default();
    Phone::ALL.iter().all(|phone| installed.lines().any(|line| line == phone.target()))
}

/// Compiles the library for each phone; answers for how many.
pub(super) fn check(workspace: &Workspace) -> Result<Tally> {
    let mut tally = Tally::default();
    for phone in Phone::ALL {
        let mut check = workspace.cargo(["check", "--quiet", "--package=symbolon-ffi", "--target", phone.target()]);
        check.envs(phone.settings(workspace)?);
        if !has_targets() {
            let rust = RUST.find().context("Debian's Rust is gone")?;
            check.arg("-Zbuild-std=std,panic_abort").env("RUSTC", rust.root.join("usr/bin/rustc"));
            // Cargo builds a standard library only for those who may use what is not stable.
            check.env("RUSTC_BOOTSTRAP", "1");
            // Apart from what the person's toolchain builds.
            check.arg("--target-dir").arg(workspace.target.join("phones"));
        }
        workspace::run(&mut check)?;
        tally.passed += 1;
    }
    Ok(tally)
}

/// Makes Debian's compiler run from where it lies, and leaves of its own source the standard library.
fn settle(system: &System) -> Result<()> {
    let search_path = system.libraries().display().to_string();
    let rustc = system.root.join("usr/bin/rustc");
    system.patch_program(&rustc, &search_path)?;
    for entry in fs::read_dir(system.libraries())? {
        let library = entry?.path();
        let is_compilers = ["librustc_driver", "libLLVM"].iter().any(|name| library.to_string_lossy().contains(name));
        if is_compilers && !library.is_symlink() {
            system.patch_library(&library, &search_path)?;
        }
    }
    let source = system.root.join("usr/lib/rustlib/src/rust");
    ensure!(source.join("library/Cargo.lock").is_file(), "rustc and rust-src are of different versions");
    for entry in fs::read_dir(&source)? {
        let part = entry?.path();
        if !part.ends_with("library") {
            system.remove(&part)?;
        }
    }
    for part in ["usr/share", "usr/bin/rustdoc"] {
        system.remove(&system.root.join(part))?;
    }
    Ok(())
}
