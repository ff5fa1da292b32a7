//! What the checks need besides Rust: one table, how each is found, and how it is installed.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::debian::Recipe;
use super::{Part, is_ci, phones, swift};
use crate::style::Style;
use crate::workspace;

/// Something that a part can't run without.
#[derive(Debug)]
pub(super) struct Tool {
    /// What it is called.
    pub(super) name: &'static str,
    source: Source,
    /// Why it is needed.
    why: &'static str,
    /// Whether it is there.
    is_there: fn() -> bool,
    /// Whether a part needs it.
    needed_by: fn(Part) -> bool,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// Packages of Debian and its kin, separated by spaces.
    Debian(&'static str),
    /// A package of npm, put into `target/tools` with what it needs; nothing of it runs meanwhile.
    Npm(&'static str),
    /// A component of the Rust toolchain.
    Rustup(&'static str),
    /// Packages of Debian, unpacked into the person's cache: nothing of them is installed. And how much is fetched.
    Unpacked(&'static Recipe, &'static str),
}

/// The whole list.
static TOOLS: [Tool; 23] = [
    Tool {
        name: "a C compiler",
        source: Source::Debian("gcc"),
        why: "links Rust programs; compiles SQLite and ring",
        is_there: || answers("cc", &["--version"]),
        needed_by: |part| part != Part::Format,
    },
    Tool {
        name: "the C library's headers",
        source: Source::Debian("libc6-dev"),
        why: "SQLite and ring are compiled against them",
        is_there: has_c_headers,
        needed_by: |part| part != Part::Format,
    },
    Tool {
        name: "bash",
        source: Source::Debian("bash"),
        why: "the demo runs the commands that it shows",
        is_there: || answers("bash", &["--version"]),
        needed_by: |part| part == Part::Demo,
    },
    Tool {
        name: "faketime",
        source: Source::Debian("faketime"),
        why: "sets the clock of a server that is under test",
        is_there: || answers("faketime", &["--version"]),
        needed_by: |part| matches!(part, Part::Journeys | Part::Android),
    },
    Tool {
        name: "oathtool",
        source: Source::Debian("oathtool"),
        why: "makes the codes that ours are compared with",
        is_there: || answers("oathtool", &["--version"]),
        needed_by: |part| part == Part::Core,
    },
    Tool {
        name: "PyJWT",
        source: Source::Debian("python3-jwt python3-cryptography"),
        why: "checks a receipt as the integrators' guide says",
        is_there: || ["/usr/bin/python3", "python3"].iter().any(|it| answers(it, &["-c", "import jwt, cryptography"])),
        needed_by: |part| part == Part::Journeys,
    },
    Tool {
        name: "aiosmtpd",
        source: Source::Debian("python3-aiosmtpd"),
        why: "the mail server that mails are sent to",
        is_there: || answers("/usr/bin/python3", &["-c", "import aiosmtpd"]),
        needed_by: |part| part == Part::Journeys,
    },
    Tool {
        name: "PostgreSQL",
        source: Source::Debian("postgresql"),
        why: "several nodes of the server share one",
        is_there: || std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut versions| versions.next().is_some()),
        needed_by: |part| part == Part::Journeys,
    },
    Tool {
        name: "Chromium",
        source: Source::Debian("chromium"),
        why: "shows the pages of console and self-service",
        is_there: || answers("chromium", &["--version"]),
        needed_by: |part| part == Part::Journeys,
    },
    Tool {
        name: "Chromium's driver",
        source: Source::Debian("chromium-driver"),
        why: "uses the pages as a person would",
        is_there: || answers("chromedriver", &["--version"]),
        needed_by: |part| part == Part::Journeys,
    },
    Tool {
        name: "npm",
        source: Source::Debian("npm"),
        why: "fetches axe-core, the list of Android's API, and oidc-provider, which runs by its node",
        is_there: || answers("node", &["--version"]) && answers("npm", &["--version"]),
        needed_by: |part| matches!(part, Part::Journeys | Part::Android),
    },
    Tool {
        name: "axe-core",
        source: Source::Npm("axe-core@4.14.1"),
        why: "finds what people with impairments can't use",
        is_there: || modules().join("axe-core/axe.min.js").is_file(),
        needed_by: |part| part == Part::Journeys,
    },
    Tool {
        name: "oidc-provider",
        source: Source::Npm("oidc-provider@8.8.1"),
        why: "the OpenID provider by which people sign in",
        is_there: || modules().join("oidc-provider/lib/index.js").is_file(),
        needed_by: |part| part == Part::Journeys,
    },
    Tool {
        name: "a list of Android's API",
        source: Source::Npm("@nativescript/types-android@9.1.1"),
        why: "says what an app may call, and since when",
        is_there: || android_api().is_file(),
        needed_by: |part| part == Part::Android,
    },
    Tool {
        name: "a JDK",
        source: Source::Debian("openjdk-17-jdk-headless"),
        why: "compiles and runs SDK and app of Android",
        is_there: || answers("javac", &["-version"]),
        needed_by: |part| part == Part::Android,
    },
    Tool {
        name: "Maven",
        source: Source::Debian("maven"),
        why: "builds SDK and app of Android, and fetches Android's framework",
        is_there: || answers("mvn", &["--version"]),
        needed_by: |part| part == Part::Android,
    },
    Tool {
        name: "unzip",
        source: Source::Debian("unzip"),
        why: "takes aapt2 out of its package",
        is_there: || answers("unzip", &["-v"]),
        needed_by: |part| part == Part::Android,
    },
    Tool {
        name: "apksigner",
        source: Source::Debian("apksigner"),
        why: "signs the app of Android",
        is_there: || answers("apksigner", &["--version"]),
        needed_by: |part| part == Part::Android,
    },
    Tool {
        name: "clang",
        source: Source::Debian("clang musl-dev"),
        why: "compiles the C of ring for phones",
        is_there: || answers("clang", &["--version"]) && phones::musl().is_dir(),
        needed_by: |part| part == Part::Phones,
    },
    Tool {
        name: "Rust for phones",
        source: Source::Unpacked(&phones::RUST, "150 MB"),
        why: "compiles the library for Android and iOS",
        is_there: phones::can_compile,
        needed_by: |part| part == Part::Phones,
    },
    Tool {
        name: "Swift 6",
        source: Source::Unpacked(&swift::RECIPE, "550 MB"),
        why: "compiles and runs library and app of iOS",
        is_there: || swift::RECIPE.find().is_some(),
        needed_by: |part| part == Part::Ios,
    },
    Tool {
        name: "rustfmt",
        source: Source::Rustup("rustfmt"),
        why: "compares the code with its standard form",
        is_there: || succeeds(workspace::cargo().args(["fmt", "--version"])),
        needed_by: |part| part == Part::Format,
    },
    Tool {
        name: "clippy",
        source: Source::Rustup("clippy"),
        why: "finds common mistakes",
        is_there: || succeeds(workspace::cargo().args(["clippy", "--version"])),
        needed_by: |part| part == Part::Lint,
    },
];

impl Tool {
    /// Whether `part` can't run without it.
    pub(super) fn is_needed_by(&self, part: Part) -> bool {
        (self.needed_by)(part)
    }

    /// How a person installs it.
    pub(super) fn command(&self) -> String {
        match self.source {
            Source::Debian(package) => format!("sudo apt-get install {package}"),
            Source::Npm(package) => format!("npm install --prefix target/tools {package}"),
            Source::Rustup(component) => format!("rustup component add {component}"),
            Source::Unpacked(_, size) => format!("fetched from Debian's mirror, {size}"),
        }
    }

    /// What a person does where it is missing all the same.
    pub(super) fn advice(&self) -> String {
        match self.source {
            Source::Unpacked(..) => "this command fetches it on Debian, for x86-64 and ARM64".into(),
            _ => format!("install it with `{}`", self.command()),
        }
    }
}

/// Installs what `parts` need and the machine lacks, after asking where someone is there to ask; answers what is still
/// missing.
pub(super) fn provide(parts: &[Part]) -> Result<Vec<&'static Tool>> {
    let missing = missing(parts);
    if missing.is_empty() {
        return Ok(missing);
    }
    let style = Style::of_stdout();
    println!("{}", style.heading("Missing on this machine:"));
    for tool in &missing {
        println!("  {:<26} {:<34} {}", tool.name, tool.why, style.command(&tool.command()));
    }
    let from = |wanted: fn(Source) -> Option<&'static str>| missing.iter().filter_map(move |tool| wanted(tool.source));
    let debian = from(|source| if let Source::Debian(names) = source { Some(names) } else { None });
    let debian: Vec<&str> = debian.flat_map(str::split_whitespace).collect();
    let npm: Vec<&str> = from(|source| if let Source::Npm(name) = source { Some(name) } else { None }).collect();
    let rustup: Vec<&str> = from(|source| if let Source::Rustup(name) = source { Some(name) } else { None }).collect();
    let asks = !is_ci() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !debian.is_empty() && can_install_packages() {
        install_packages(&debian, asks)?;
    }
    if !npm.is_empty() && answers("npm", &["--version"]) {
        report(fetch(&npm));
    }
    for tool in &missing {
        if let Source::Unpacked(recipe, size) = tool.source
            && answers("dpkg-deb", &["--version"])
            && (!asks || agreed(&format!("Fetch {}, {size}?", tool.name))?)
        {
            report(recipe.fetch());
        }
    }
    if !rustup.is_empty() && answers("rustup", &["--version"]) && (!asks || agreed("Add them to the toolchain?")?) {
        report(workspace::run(Command::new("rustup").args(["component", "add"]).args(&rustup)));
    }
    Ok(self::missing(parts))
}

fn missing(parts: &[Part]) -> Vec<&'static Tool> {
    TOOLS.iter().filter(|tool| parts.iter().any(|part| tool.is_needed_by(*part)) && !(tool.is_there)()).collect()
}

fn install_packages(packages: &[&str], asks: bool) -> Result<()> {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    report(workspace::run(Command::new("apt-get").args(["update", "--quiet"])));
    if asks {
        // It ends with an error because it was told not to go on; what it would do is in its output.
        let plan = apt(&["install", "--assume-no", "--no-install-recommends"]).output().context("starting apt-get")?;
        let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
        for line in plan.lines().filter(|line| line.starts_with("Need to get") || line.starts_with("After this")) {
            println!("  {line}");
        }
        if !agreed("Install them now?")? {
            return Ok(());
        }
    }
    report(workspace::run(&mut apt(&["install", "--yes", "--quiet", "--no-install-recommends"])));
    Ok(())
}

/// Where packages of npm are put.
const FETCHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools");

/// Where they lie then; the journeys look for them there.
fn modules() -> PathBuf {
    PathBuf::from(FETCHED).join("node_modules")
}

/// Android's API as TypeScript sees it: every public class and member of the SDK, and since which version it is there.
pub(super) fn android_api() -> PathBuf {
    modules().join("@nativescript/types-android/lib/android/android-platform-21-37-merged.d.ts")
}

fn fetch(packages: &[&str]) -> Result<()> {
    std::fs::create_dir_all(FETCHED).context("making a folder for packages of npm")?;
    let quiet = ["--silent", "--no-audit", "--no-fund"];
    let mut command = Command::new("npm");
    // No script of a package runs.
    command.args(["install", "--prefix", ".", "--ignore-scripts"]).args(quiet);
    workspace::run(command.args(packages).current_dir(FETCHED))
}

/// An installation that failed is no reason to stop: what is still missing is named at the end.
fn report(outcome: Result<()>) {
    if let Err(error) = outcome {
        println!("{} {error:#}", Style::of_stdout().warning("not installed:"));
    }
}

fn agreed(question: &str) -> Result<bool> {
    print!("{question} [Y/n] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

fn can_install_packages() -> bool {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    is_root && answers("apt-get", &["--version"])
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    succeeds(Command::new(program).args(arguments))
}

fn has_c_headers() -> bool {
    succeeds(Command::new("cc").args(["-E", "-include", "stdio.h", "-x", "c", "/dev/null"]))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
