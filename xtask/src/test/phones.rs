//! The library for phones: compiled, without linking it, where the toolchain has their targets.

use std::process::Command;

use anyhow::Result;

use crate::workspace::{self, Workspace};

/// What the library is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phone {
    /// Linking takes Google's NDK. The C in ring is compiled with clang against the headers of musl.
    Android,
    /// Linking takes Apple's Xcode.
    Ios,
}

impl Phone {
    fn target(self) -> &'static str {
        match self {
            Self::Android => "aarch64-linux-android",
            Self::Ios => "aarch64-apple-ios",
        }
    }
}

/// Compiles the library for a phone, or says what is missing.
pub(super) fn compile(workspace: &Workspace, phone: Phone) -> Result<()> {
    let target = phone.target();
    let mut rustup = Command::new("rustup");
    let installed = rustup.args(["target", "list", "--installed"]);
    if !workspace::capture(installed).is_ok_and(|list| list.lines().any(|line| line == target)) {
        println!("not compiled for {target}: `rustup target add {target}` adds it");
        return Ok(());
    }
    let mut check = workspace.cargo(["check", "--quiet", "--package=symbolon-ffi", "--target", target]);
    match phone {
        Phone::Android => {
            check.env("CC_aarch64_linux_android", "clang").env(
                "CFLAGS_aarch64_linux_android",
                "--target=aarch64-linux-android30 -isystem /usr/include/x86_64-linux-musl",
            );
        }
        // A Mac has what it takes; elsewhere clang knows the processor, and musl has the headers.
        Phone::Ios if !cfg!(target_os = "macos") => {
            check
                .env("CC_aarch64_apple_ios", "clang")
                .env("SDKROOT", "/")
                .env("CFLAGS_aarch64_apple_ios", "--target=arm64-apple-ios16 -isystem /usr/include/x86_64-linux-musl");
        }
        Phone::Ios => {}
    }
    workspace::run(&mut check)
}
