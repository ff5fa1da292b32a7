//! Whether what stands in for Apple's frameworks is what it says: names, numbers and parameters are compared with those that the
//! `objc2` crates have generated from Apple's headers. Only their sources are read.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::workspace::{self, Workspace};

/// The stand-ins, and the crates that know their frameworks.
const FRAMEWORKS: [(&str, &str); 6] = [
    ("Security", "objc2-security"),
    ("LocalAuthentication", "objc2-local-authentication"),
    ("DeviceCheck", "objc2-device-check"),
    ("UserNotifications", "objc2-user-notifications"),
    ("UIKit", "objc2-ui-kit"),
    ("AVFoundation", "objc2-av-foundation"),
];

/// What the crates express otherwise, so that it can't be compared.
const OTHERWISE: [&str; 2] = ["SecKeyGetTypeID", "CFGetTypeID"];

/// Compares all of them; answers how many names were compared.
pub(super) fn check(workspace: &Workspace) -> Result<usize> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<workspace::Package>,
    }
    // Fetches the crates too, which nothing that runs here is built with.
    let mut metadata = workspace.cargo(["metadata", "--format-version=1", "--filter-platform=aarch64-apple-ios"]);
    let metadata: Metadata =
        serde_json::from_str(&workspace::capture(&mut metadata)?).context("cargo metadata's answer")?;
    let (mut compared, mut wrong) = (0, String::new());
    for (framework, name) in FRAMEWORKS {
        let package = metadata.packages.iter().find(|package| package.name == name);
        let package = package.with_context(|| format!("cargo knows no {name}"))?;
        let sources = package.manifest_path.with_file_name("src");
        let headers = read(&sources.join("generated"), "rs")?;
        let stand_in = read(&workspace.root.join("ios/Simulators").join(framework), "swift")?;
        for claim in claims(&stand_in) {
            compared += 1;
            if !claim.holds(&headers) {
                writeln!(wrong, "  {framework}: {claim:?}")?;
            }
        }
    }
    ensure!(wrong.is_empty(), "the stand-ins in ios/Simulators differ from Apple's headers:\n{wrong}");
    ensure!(compared > 0, "nothing in ios/Simulators was compared");
    Ok(compared)
}

/// Every source under a folder, one after the other.
fn read(folder: &Path, extension: &str) -> Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            text += &fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        }
    }
    Ok(text)
}

/// Something that a stand-in says of a framework.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Claim {
    /// A status and its number.
    Status(String, String),
    /// A name of a string.
    Name(String),
    /// A function of so many parameters.
    Function(String, usize),
    /// A case and its number.
    Case(String, String),
    /// A flag and its bit.
    Flag(String, String),
    /// A method, by its selector in Objective-C.
    Method(String),
}

impl Claim {
    fn holds(&self, headers: &str) -> bool {
        match self {
            Self::Status(name, number) => headers.contains(&format!("pub const {name}: OSStatus = {number};")),
            Self::Name(name) => headers.contains(&format!("pub static {name}:")),
            Self::Function(name, parameters) => headers.match_indices(&format!("fn {name}(")).any(|(at, found)| {
                let rest = headers.get(at + found.len()..).unwrap_or_default();
                let list = rest.split_once(')').map_or("", |(list, _)| list);
                list.matches(": ").count() == *parameters
            }),
            Self::Case(name, number) => headers.contains(&format!("pub const {name}: Self = Self({number});")),
            Self::Flag(name, bit) => headers.contains(&format!("const {name} = 1<<{bit};")),
            Self::Method(selector) => {
                // One that tells its error by its last parameter ends with `_` there.
                headers.contains(&format!("method({selector})")) || headers.contains(&format!("method({selector}_)"))
            }
        }
    }
}

/// What the Swift of a stand-in says. What begins with an underscore is the simulated phone's.
fn claims(swift: &str) -> Vec<Claim> {
    let lines = swift.lines().map(str::trim);
    let declared = lines.filter_map(|line| {
        let between = |before: &str, after: &str| {
            let (_, rest) = line.split_once(before)?;
            let (found, rest) = rest.split_once(after)?;
            Some((found.to_owned(), rest.to_owned()))
        };
        if let Some(selector) = line.strip_prefix("/// `").and_then(|rest| rest.strip_suffix('`')) {
            return Some(Claim::Method(selector.to_owned()));
        }
        if let Some((name, rest)) = between("public var ", ": OSStatus { ") {
            return Some(Claim::Status(name, rest.trim_end_matches(" }").to_owned()));
        }
        if let Some((name, _)) = between("public let k", " = constant(") {
            return Some(Claim::Name(format!("k{name}")));
        }
        if let Some((name, rest)) = between("public static let ", " = Self(rawValue: 1 << ") {
            return Some(Claim::Flag(capital(&name), rest.trim_end_matches(')').to_owned()));
        }
        let (name, number) = line.strip_prefix("case ")?.split_once(" = ")?;
        number.parse::<i64>().ok()?;
        Some(Claim::Case(capital(name), number.to_owned()))
    });
    let functions = swift.match_indices("\npublic func ").filter_map(|(at, found)| {
        let rest = swift.get(at + found.len()..)?;
        let (name, rest) = rest.split_once('(')?;
        // Types in it have brackets of their own: the parameters are those that begin with a label.
        let list = rest.split_once(") ->").map_or(rest, |(list, _)| list);
        let is_ours = name.starts_with('_') || OTHERWISE.contains(&name);
        (!is_ours).then(|| Claim::Function(name.to_owned(), list.matches("_ ").count()))
    });
    declared.chain(functions).collect()
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stand_in_says_is_found_and_compared() {
        let swift = "public var errSecParam: OSStatus { -50 }\nnonisolated(unsafe) public let kSecClass = constant(\"class\")\n\
                     public static let biometryAny = Self(rawValue: 1 << 1)\ncase touchID = 1\n/// `canEvaluatePolicy:error:`\n\
                     public func SecItemAdd(_ attributes: CFDictionary, _ result: X<CFTypeRef?>?) -> OSStatus {\n\
                     public func _ours(_ a: Int) -> Int {\n";
        let headers = "pub const errSecParam: OSStatus = -50;\npub static kSecClass: &'static CFString;\nconst BiometryAny = 1<<1;\n\
                       pub const TouchID: Self = Self(1);\nmethod(canEvaluatePolicy:error:_)\n\
                       pub fn SecItemAdd(\n    attributes: &CFDictionary,\n    result: *mut *const CFType,\n) -> OSStatus;\n";
        let claims = claims(swift);
        assert_eq!(claims.len(), 6);
        assert!(claims.iter().all(|claim| claim.holds(headers)), "{claims:?}");
        let other = headers.replace("-50", "-51").replace("1<<1", "1<<2").replace("kSecClass", "kSecClazz");
        assert_eq!(claims.iter().filter(|claim| claim.holds(&other)).count(), 3);
        assert!(!Claim::Function("SecItemAdd".into(), 3).holds(headers));
    }
}
