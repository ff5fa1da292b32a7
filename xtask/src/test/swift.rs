//! The Swift toolchain: Debian's, unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::debian::{self, Recipe, System};

/// What the tests are compiled with, and against; `curl` plays an application in them. 550 MB are fetched, and 1.3 GB kept.
pub(super) static RECIPE: Recipe = Recipe {
    name: "swift-trixie",
    number: 1,
    releases: &["trixie"],
    packages: &["swiftlang", "libc6-dev", "libstdc++-14-dev", "libssl-dev", "curl", "patchelf"],
    without: &[],
    settle,
};

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
pub(super) struct Toolchain(System);

/// Makes its programs run from where they lie.
fn settle(system: &System) -> Result<()> {
    let swift = swift(system);
    for part in LEFT_OUT {
        system.remove(&swift.join(part))?;
    }
    // Where the compiler looks for its modules.
    system.link("usr/lib/swift", "../libexec/swift/lib/swift")?;
    let bin = swift.join("bin");
    // Beside the compiler, which looks for its linker there.
    for (name, program) in [("ld", format!("{}-ld.bfd", system.triple)), ("curl", "curl".into())] {
        fs::rename(system.root.join("usr/bin").join(program), bin.join(name))?;
    }
    let search_path = search_path(system);
    for program in debian::binaries(&bin)? {
        system.patch_program(&program, &search_path)?;
    }
    // And not what is linked into programs, which is ELF too.
    let is_library = |file: &PathBuf| file.to_string_lossy().contains(".so");
    for library in debian::binaries(&swift.join("lib"))?.into_iter().filter(is_library) {
        system.patch_library(&library, &search_path)?;
    }
    Ok(())
}

fn swift(system: &System) -> PathBuf {
    system.root.join("usr/libexec/swift")
}

fn search_path(system: &System) -> String {
    let lib = swift(system).join("lib");
    let places = [lib.join("swift/linux"), lib.join("swift/host"), lib, system.libraries()];
    places.map(|place| place.display().to_string()).join(":")
}

impl Toolchain {
    /// The toolchain, if it is there.
    pub(super) fn find() -> Option<Self> {
        RECIPE.find().map(Self)
    }

    /// `swift SUBCOMMAND`. What it builds is linked with the toolchain's own C library, and finds there what is in `libraries`.
    pub(super) fn command(&self, subcommand: &str, libraries: &Path) -> Result<Command> {
        let system = &self.0;
        let mut command = Command::new(swift(system).join("bin").join(format!("swift-{subcommand}")));
        let mut paths = vec![swift(system).join("bin")];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        command.env("PATH", std::env::join_paths(paths)?).env("SDKROOT", &system.root);
        let linking = [
            format!("--dynamic-linker={}", system.loader().display()),
            "--disable-new-dtags".into(),
            "-rpath".into(),
            format!("{}:{}", search_path(system), libraries.display()),
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
