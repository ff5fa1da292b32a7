//! `cargo xtask bindings`: the Kotlin and the Swift of `symbolon-ffi`, written from the built library, and the file that
//! shows what they offer. All of it is checked in, so that a change is seen.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::workspace::{self, Profile, Workspace};

/// A language that an app is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// For Android
    Kotlin,
    /// For iOS
    Swift,
}

impl Language {
    const ALL: [Self; 2] = [Self::Kotlin, Self::Swift];

    fn name(self) -> &'static str {
        match self {
            Self::Kotlin => "kotlin",
            Self::Swift => "swift",
        }
    }

    /// What the generator makes, and where it belongs in the tree.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Kotlin => {
                &[("dev/symbolon/ffi/symbolon.kt", "android/sdk/src/generated/dev/symbolon/ffi/symbolon.kt")]
            }
            Self::Swift => &[
                ("Symbolon.swift", "ios/Sources/SymbolonBindings/Symbolon.swift"),
                ("SymbolonFFI.h", "ios/Sources/SymbolonFFI/SymbolonFFI.h"),
                ("SymbolonFFI.modulemap", "ios/Sources/SymbolonFFI/module.modulemap"),
            ],
        }
    }
}

/// What an app can call, in one short file.
const SURFACE: &str = "ffi/surface.txt";

/// The generated files: where each belongs, and what is in it.
fn make(workspace: &Workspace, languages: &[Language]) -> Result<Vec<(PathBuf, String)>> {
    workspace::run(&mut workspace.cargo(["build", "--quiet", "--package=symbolon-ffi"]))?;
    // The generator is another build of the same crate; it reads the library that was just built.
    let library = workspace.target.join("debug").join(format!(
        "{}symbolon_ffi{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ));
    let kept = tempfile::tempdir()?;
    let read = kept.path().join(library.file_name().context("the library has no name")?);
    std::fs::copy(&library, &read).with_context(|| format!("reading {}", library.display()))?;
    let arguments = ["build", "--quiet", "--package=symbolon-ffi", "--features=bindgen", "--bin=symbolon-bindgen"];
    workspace::run(&mut workspace.cargo(arguments))?;
    let generator = workspace.program(Profile::Dev, "symbolon-bindgen");
    let mut made = Vec::new();
    for language in Language::ALL {
        let folder = kept.path().join(language.name());
        let mut generate = Command::new(&generator);
        generate.current_dir(&workspace.root).args(["generate", "--no-format", "--language", language.name()]);
        workspace::capture(generate.arg("--out-dir").arg(&folder).arg(&read))?;
        let text = |file: &str| -> Result<String> {
            let text = std::fs::read_to_string(folder.join(file)).with_context(|| format!("{file} was not made"))?;
            Ok(tidy(&text))
        };
        if language == Language::Kotlin {
            let kotlin = text("dev/symbolon/ffi/symbolon.kt")?;
            made.push((workspace.root.join(SURFACE), surface(&kotlin)));
        }
        if languages.contains(&language) {
            for (file, place) in language.files() {
                let text = text(file)?;
                // uniffi escapes what is a word of Swift's in C too, where nothing can be escaped.
                let text = if file.ends_with(".h") { text.replace('`', "") } else { text };
                made.push((workspace.root.join(place), text));
            }
        }
    }
    Ok(made)
}

/// Without white space at the ends of lines, and with one line end at the end.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim_end())
}

/// Writes the files of a language anew, and the surface.
pub(crate) fn write(workspace: &Workspace, language: Language) -> Result<ExitCode> {
    for (path, text) in make(workspace, &[language])? {
        std::fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        println!("{} is written", workspace.shown(&path));
    }
    Ok(ExitCode::SUCCESS)
}

/// Compares all files with what the crate makes now.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    for (path, text) in make(workspace, &Language::ALL)? {
        let shown = workspace.shown(&path);
        if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            bail!("{shown} is stale or was changed by hand; `{}` writes it anew", command(&path));
        }
        println!("{shown} is current");
    }
    Ok(())
}

fn command(path: &Path) -> &'static str {
    if path.extension().is_some_and(|extension| extension == "kt") || path.ends_with("surface.txt") {
        "cargo xtask bindings kotlin"
    } else {
        "cargo xtask bindings swift"
    }
}

/// What the Kotlin offers to an app, without its comments and without how it is done: the types with their functions,
/// fields and cases, each on a line.
fn surface(kotlin: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut inside = false;
    for line in kotlin.lines() {
        let text = line.trim().replace('`', "").replace("kotlin.", "").replace("dev.symbolon.ffi.", "");
        let words: Vec<&str> = text.split([' ', '(', '{', ':', '<']).filter(|word| !word.is_empty()).collect();
        if line.starts_with(|first: char| first.is_ascii_alphabetic()) {
            let name = match words.as_slice() {
                ["public", "interface", name, ..] | ["data" | "enum" | "sealed", "class", name, ..] => Some(*name),
                _ => None,
            };
            let named = name.filter(|name| !name.starts_with("FfiConverter") && !name.starts_with("Uniffi"));
            inside = named.is_some();
            lines.extend(named.map(|name| format!("\n{}", name.strip_suffix("Interface").unwrap_or(name))));
            if text.starts_with("fun ") {
                lines.push(format!("\n{}", text.trim_end_matches(" {")));
            }
            continue;
        }
        let is_case =
            line.starts_with("    ") && text.ends_with([',', ';']) && is_constant(text.trim_end_matches([',', ';']));
        let shown = match words.as_slice() {
            ["suspend", "fun", ..] | ["fun", ..] if line.starts_with("    ") && !line.starts_with("     ") => {
                Some(text)
            }
            ["var" | "val", name, ..] if line.contains('`') && *name != "message" => {
                let field = text.trim_start_matches("var ").trim_start_matches("val ");
                let field = field.split(" = ").next().unwrap_or_default();
                // A case's last field is followed by what closes the case.
                let closed = field.find(')').filter(|close| field.find('(').is_none_or(|open| *close < open));
                field
                    .get(..closed.unwrap_or(field.len()))
                    .map(|field| format!("  {}", field.trim_end_matches(',').trim()))
            }
            ["data", "class", name, ..] | ["class", name, ..] | ["object", name, ..] => Some((*name).to_owned()),
            _ if is_case => Some(text.trim_end_matches([',', ';']).to_owned()),
            _ => None,
        };
        if let Some(shown) = shown.filter(|_| inside) {
            lines.push(format!("    {shown}"));
        }
    }
    let head =
        "What an app can call of symbolon-ffi, in Kotlin's words. `cargo xtask bindings kotlin` writes this file.\n";
    tidy(&format!("{head}{}", lines.join("\n")))
}

fn is_constant(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_uppercase() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surface_has_what_an_app_calls_and_nothing_else() {
        let kotlin = "public interface FfiConverter<A> {\n    fun lift(a: A)\n}\npublic interface PadInterface {\n    \
                      /**\n     * Adds.\n     */\n    fun `push`(`digit`: kotlin.UByte): kotlin.Boolean\n    \
                      companion object\n}\nopen class Pad: PadInterface {\n    override fun `push`(`digit`: kotlin.UByte)\n}\n\
                      data class Code (\n    var `digits`: kotlin.String\n    , \n){\n    companion object\n}\n\
                      enum class Kind {\n    ONE,\n    TWO_B;\n}\n\
                      sealed class Scan {\n    object Link : Scan()\n    data class Ask(\n        \
                      val `ask`: dev.symbolon.ffi.Pad) : Scan()\n}\n fun `readScan`(`it`: kotlin.ByteArray) {\n";
        let surface = surface(kotlin);
        let rest = surface.split_once('\n').unwrap().1;
        assert_eq!(
            rest,
            "\nPad\n    fun push(digit: UByte): Boolean\n\nCode\n      digits: String\n\nKind\n    ONE\n    TWO_B\n\nScan\n    \
             Link\n    Ask\n      ask: Pad\n"
        );
    }
}
