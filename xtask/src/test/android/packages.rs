//! What must be in Android's packages, and what must not.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use zip::{CompressionMethod, ZipArchive};

use crate::package::android::{self, Packages, archive, between};
use crate::workspace::{self, Workspace};

/// Stand-ins of the tests, and what runs them: none of it ships.
const TESTS_ONLY: [&str; 4] = ["dev/symbolon/testing/", "org/robolectric/", "androidx/", "org/junit/"];

/// Makes the packages from what Maven has compiled, and looks into them; answers how many checks passed.
pub(super) fn check(workspace: &Workspace) -> Result<u32> {
    let packages = android::make(workspace, None)?;
    let checks: [fn(&Workspace, &Packages) -> Result<()>; 5] =
        [the_sdk_is_whole, the_code_is_whole, the_files_are_aligned, the_manifest_is_strict, gradle_builds_the_same];
    for check in checks {
        check(workspace, &packages)?;
    }
    let mut verify = Command::new("apksigner");
    workspace::capture(verify.args(["verify", "--min-sdk-version", "30"]).arg(&packages.apk))?;
    Ok(u32::try_from(checks.len())? + 1)
}

/// The AAR has the SDK's classes, Kotlin's and uniffi's, the rules for R8, and nothing of the tests.
fn the_sdk_is_whole(workspace: &Workspace, packages: &Packages) -> Result<()> {
    let files = archive::read_all(&packages.aar)?;
    let find = |wanted: &str| files.iter().find(|(name, _)| name == wanted).with_context(|| format!("no {wanted}"));
    let rules = std::fs::read(workspace.root.join("android/sdk/consumer-rules.pro"))?;
    ensure!(find("proguard.txt")?.1 == rules, "the AAR has other rules");
    let manifest = String::from_utf8_lossy(&find("AndroidManifest.xml")?.1);
    ensure!(!manifest.contains("<application"), "the SDK's manifest brings components");
    find("R.txt")?;
    let classes = ZipArchive::new(Cursor::new(&find("classes.jar")?.1))?;
    let names: BTreeSet<String> = classes.file_names().map(|name| Ok(name?.into_owned())).collect::<Result<_>>()?;
    for class in ["dev/symbolon/sdk/Symbolon.class", "dev/symbolon/ffi/SoftToken.class"] {
        ensure!(names.contains(class), "the AAR has no {class}");
    }
    let foreign = names.iter().find(|name| TESTS_ONLY.iter().any(|start| name.starts_with(start)));
    ensure!(foreign.is_none(), "the AAR has {foreign:?}");
    let description = std::fs::read_to_string(packages.aar.with_extension("pom"))?;
    ensure!(description.contains("<artifactId>jna</artifactId>"), "the SDK does not say that it needs JNA");
    Ok(())
}

/// R8 has left all that is found by name: the app's components, each function of the library, each structure with its fields
/// and each callback that JNA is told of; nothing of the tests is there.
fn the_code_is_whole(workspace: &Workspace, packages: &Packages) -> Result<()> {
    let mut dex = Vec::new();
    archive::open(&packages.apk)?.by_name("classes.dex")?.read_to_end(&mut dex)?;
    let strings = strings(&dex)?;
    let kotlin = workspace.root.join("android/sdk/src/generated/dev/symbolon/ffi/symbolon.kt");
    let kotlin = std::fs::read_to_string(&kotlin)?;
    let mut wanted: BTreeSet<String> =
        ["Ldev/symbolon/app/App;", "Ldev/symbolon/app/MainActivity;", "Lcom/sun/jna/Native;"].map(str::to_owned).into();
    for line in kotlin.lines().map(str::trim) {
        if let Some(function) = line.strip_prefix("external fun ") {
            wanted.insert(between(function, "", "(")?.to_owned());
        } else if let Some(order) = line.strip_prefix("@Structure.FieldOrder(") {
            wanted.extend(order.split('"').skip(1).step_by(2).map(str::to_owned));
        } else if let Some(callback) = line.strip_suffix(": com.sun.jna.Callback {") {
            let name = callback.trim_end().rsplit(' ').next().context("a callback without a name")?;
            wanted.insert(format!("Ldev/symbolon/ffi/{name};"));
        }
    }
    ensure!(wanted.len() > 50, "the generated Kotlin is not read: only {} names", wanted.len());
    let missing: Vec<&String> = wanted.iter().filter(|name| !strings.contains(*name)).collect();
    ensure!(missing.is_empty(), "R8 took away {missing:?}");
    let foreign = strings.iter().find(|string| TESTS_ONLY.iter().any(|start| string.starts_with(&format!("L{start}"))));
    ensure!(foreign.is_none(), "the app has {foreign:?}");
    Ok(())
}

/// Libraries begin at a page, the table of resources at a word, and neither is compressed: both are mapped.
fn the_files_are_aligned(_: &Workspace, packages: &Packages) -> Result<()> {
    let mut apk = archive::open(&packages.apk)?;
    let mut libraries = 0;
    for index in 0..apk.len() {
        let entry = apk.by_index(index)?;
        let name = entry.name()?.into_owned();
        let is_library = name.ends_with(".so");
        libraries += u32::from(is_library);
        let border = match name.as_str() {
            _ if is_library => archive::PAGE.into(),
            "resources.arsc" => 4,
            _ => continue,
        };
        ensure!(entry.compression() == CompressionMethod::Stored, "{name} is compressed");
        let start = entry.data_start().context("an entry without a start")?;
        ensure!(start % border == 0, "{name} begins at {start}");
    }
    ensure!(libraries >= 3, "the app has JNA's library for {libraries} processors only");
    Ok(())
}

/// The manifest that is in the APK: no cleartext, no backup, no debugger, one exported activity and one receiver, and no links of the web that
/// Android has not verified: here those of a host that can't be.
fn the_manifest_is_strict(workspace: &Workspace, packages: &Packages) -> Result<()> {
    let manifest = dump(workspace, &packages.apk)?;
    for (name, value) in [("usesCleartextTraffic", "false"), ("allowBackup", "false")] {
        let line = manifest.lines().find(|line| line.contains(name)).with_context(|| format!("no {name}"))?;
        ensure!(line.contains(&format!("={value}")), "{}", line.trim());
    }
    for (name, reason) in [
        ("debuggable", "anybody could attach a debugger"),
        ("testOnly", "no store takes it"),
        ("networkSecurityConfig", "what is said of cleartext is said in one place"),
        ("sharedUserId", "other apps could read its files"),
    ] {
        ensure!(!manifest.contains(name), "the manifest has {name}: {reason}");
    }
    let exported = manifest.lines().filter(|line| line.contains("exported") && line.contains("=true")).count();
    ensure!(exported == 2, "{exported} components are exported; the activity and what is woken alone may be");
    ensure!(manifest.contains("autoVerify"), "links of the web open the app, and Android has not verified them");
    ensure!(manifest.contains("\"activate.invalid\""), "an app of no organisation opens links of a server");
    Ok(())
}

/// What aapt2 reads out of an APK's manifest.
fn dump(workspace: &Workspace, apk: &Path) -> Result<String> {
    let mut aapt2 = Command::new(workspace.root.join("android/app/target/aapt2"));
    workspace::capture(aapt2.args(["dump", "xmltree", "--file", "AndroidManifest.xml"]).arg(apk))
}

/// The versions of Gradle's catalogue are those that Maven tests with.
fn gradle_builds_the_same(workspace: &Workspace, _: &Packages) -> Result<()> {
    let read = |path: &str| std::fs::read_to_string(workspace.root.join("android").join(path)).context(path.to_owned());
    let (catalogue, pom, app) = (read("gradle/libs.versions.toml")?, read("pom.xml")?, read("app/pom.xml")?);
    for name in ["coroutines", "jna", "kotlin"] {
        same(name, &catalogue, between(&pom, &format!("<{name}.version>"), "</")?)?;
    }
    same(
        "zxing",
        &catalogue,
        between(&app, "<groupId>com.google.zxing</groupId><artifactId>core</artifactId><version>", "</")?,
    )?;
    let (gradle, manifest) = (read("app/build.gradle.kts")?, read("app/src/main/AndroidManifest.xml")?);
    for (setting, attribute) in
        [("minSdk", "minSdkVersion"), ("targetSdk", "targetSdkVersion"), ("versionCode", "versionCode")]
    {
        let here = between(&gradle, &format!("{setting} = "), "\n")?;
        let there = between(&manifest, &format!("android:{attribute}=\""), "\"")?;
        ensure!(here == there, "{setting} is {here} in Gradle, and {there} in the manifest");
    }
    Ok(())
}

fn same(name: &str, catalogue: &str, version: &str) -> Result<()> {
    let here = between(catalogue, &format!("\n{name} = \""), "\"")?;
    ensure!(here == version, "{name} is {here} in gradle/libs.versions.toml, and {version} in Maven's files");
    Ok(())
}

/// Every string of a dex file: names of classes, methods and fields among them. The table of strings is at the offset that
/// the header has at 0x38, each entry the offset of a length in LEB128 and the text up to a zero.
fn strings(dex: &[u8]) -> Result<BTreeSet<String>> {
    let word = |at: usize| -> Result<usize> {
        let bytes = dex.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).context("cut short")?;
        Ok(u32::from_le_bytes(bytes).try_into()?)
    };
    if !dex.starts_with(b"dex\n") {
        bail!("this is no dex file");
    }
    let (count, table) = (word(0x38)?, word(0x3c)?);
    (0..count)
        .map(|index| {
            let rest = dex.get(word(table + 4 * index)?..).context("a string beyond the end")?;
            let length = rest.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
            let text = rest.get(length..).context("cut short")?.split(|byte| *byte == 0).next().unwrap_or_default();
            Ok(String::from_utf8_lossy(text).into_owned())
        })
        .collect()
}
