//! The soft token's library for the processors of phones, linked by Google's NDK where it is there.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::MIN_API;
use crate::style::Style;
use crate::workspace::{self, Workspace};

/// What the library is called.
pub(super) const FILE: &str = "libsymbolon_ffi.so";

/// A processor: what Android calls it, and what Rust and clang do.
struct Processor {
    abi: &'static str,
    rust: &'static str,
    clang: &'static str,
}

/// Those that phones with Android 11 and emulators have.
const PROCESSORS: [Processor; 3] = [
    Processor { abi: "arm64-v8a", rust: "aarch64-linux-android", clang: "aarch64-linux-android" },
    Processor { abi: "armeabi-v7a", rust: "armv7-linux-androideabi", clang: "armv7a-linux-androideabi" },
    Processor { abi: "x86_64", rust: "x86_64-linux-android", clang: "x86_64-linux-android" },
];

/// Whether the packages have libraries for a processor.
pub(super) fn is_supported(abi: &str) -> bool {
    PROCESSORS.iter().any(|processor| processor.abi == abi)
}

/// A library that was built.
pub(super) struct Library {
    /// The processor, in Android's word.
    pub(super) abi: &'static str,
    /// Where it is.
    pub(super) path: PathBuf,
}

/// Builds it for every processor that the toolchain has; says what is missing for the others.
pub(super) fn build(workspace: &Workspace, folder: &Path) -> Result<Vec<Library>> {
    let style = Style::of_stdout();
    let Some(tools) = toolchain() else {
        println!(
            "{} no {FILE} in the packages: there is no NDK; install Google's, and set ANDROID_NDK_HOME to its folder",
            style.warning("missing:")
        );
        return Ok(Vec::new());
    };
    let installed = workspace::capture(Command::new("rustup").args(["target", "list", "--installed"]))?;
    let mut libraries = Vec::new();
    for processor in &PROCESSORS {
        if installed.lines().any(|target| target == processor.rust) {
            libraries.push(build_for(workspace, &tools, processor, folder)?);
        } else {
            let command = style.command(&format!("rustup target add {}", processor.rust));
            println!("{} no {FILE} for {}: {command}", style.warning("missing:"), processor.abi);
        }
    }
    Ok(libraries)
}

fn build_for(workspace: &Workspace, tools: &Path, processor: &Processor, folder: &Path) -> Result<Library> {
    let clang = tools.join(format!("{}{MIN_API}-clang", processor.clang));
    let target = processor.rust;
    let (upper, lower) = (target.to_uppercase().replace('-', "_"), target.replace('-', "_"));
    let mut build = workspace.library_for_phones("cdylib");
    build
        .args(["--target", target])
        .env(format!("CARGO_TARGET_{upper}_LINKER"), &clang)
        // Processors with pages of 16 KiB load it too.
        .env(format!("CARGO_TARGET_{upper}_RUSTFLAGS"), "-C link-arg=-Wl,-z,max-page-size=16384")
        .env(format!("CC_{lower}"), &clang)
        .env(format!("AR_{lower}"), tools.join("llvm-ar"));
    workspace::run(&mut build)?;
    let place = folder.join(processor.abi);
    std::fs::create_dir_all(&place).with_context(|| format!("making {}", place.display()))?;
    let path = place.join(FILE);
    let mut strip = Command::new(tools.join("llvm-strip"));
    strip.arg("-o").arg(&path).arg(workspace.target.join(target).join("phone").join(FILE));
    workspace::run(&mut strip)?;
    Ok(Library { abi: processor.abi, path })
}

/// The folder of the NDK's compilers, where there is one.
fn toolchain() -> Option<PathBuf> {
    let named = ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let installed = ["ANDROID_HOME", "ANDROID_SDK_ROOT"].into_iter().filter_map(std::env::var_os);
    let installed = installed.filter_map(|sdk| newest(&PathBuf::from(sdk).join("ndk")));
    let systems = named.chain(installed).map(|ndk| ndk.join("toolchains/llvm/prebuilt"));
    systems.filter_map(|systems| newest(&systems)).map(|system| system.join("bin")).find(|tools| tools.is_dir())
}

/// The folder in another whose name is last.
fn newest(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    found.sort();
    found.pop()
}
