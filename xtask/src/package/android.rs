//! Android's packages: the SDK as an AAR in a small Maven repository, and the app as an APK that R8 has shrunk.
//!
//! Gradle makes the same from `android/settings.gradle.kts`, with Google's plugin; this needs nothing of Google's but R8 and
//! aapt2, which Maven fetches. The library for phones is linked by Google's NDK: without it the packages have everything else.

pub(crate) mod archive;
mod native;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use self::archive::Archive;
use crate::style::Style;
use crate::workspace::{self, Workspace};

/// The least version of Android that the packages run on (API 30 is Android 11).
const MIN_API: &str = "30";

/// The password of a key that protects nothing.
const NO_SECRET: &str = "development";

/// The variable with the password of `--signing-key`.
const PASSWORD: &str = "SYMBOLON_SIGNING_PASSWORD";

/// What was made.
pub(crate) struct Packages {
    /// The SDK.
    pub(crate) aar: PathBuf,
    /// The app.
    pub(crate) apk: PathBuf,
}

/// Compiles SDK and app, which opens the mailed links of this host, and fetches what the packages are made with.
pub(crate) fn compile(workspace: &Workspace, link_host: Option<&str>) -> Result<()> {
    let mut maven = Command::new("mvn");
    maven.current_dir(workspace.root.join("android"));
    maven.args(link_host.map(|host| format!("-Dsymbolon.linkHost={host}")));
    workspace::run(maven.args(["--batch-mode", "--no-transfer-progress", "--quiet", "-DskipTests", "package"]))
}

/// Makes both packages from what is compiled.
pub(crate) fn make(workspace: &Workspace, signing_key: Option<&Path>) -> Result<Packages> {
    let sources = Sources { android: workspace.root.join("android"), out: workspace.target.join("android") };
    std::fs::create_dir_all(&sources.out).with_context(|| format!("making {}", sources.out.display()))?;
    let libraries = native::build(workspace, &sources.out.join("jni"))?;
    Ok(Packages { aar: sources.aar(&libraries)?, apk: sources.apk(&libraries, signing_key)? })
}

/// Where things are.
struct Sources {
    android: PathBuf,
    out: PathBuf,
}

impl Sources {
    /// The SDK, in a repository that Gradle and Maven read, with a description of what it needs.
    fn aar(&self, libraries: &[native::Library]) -> Result<PathBuf> {
        let sdk = self.android.join("sdk");
        let pom = read(&self.android.join("pom.xml"))?;
        let version = between(&pom, "<version>", "</version>")?;
        let folder = self.out.join("repository/dev/symbolon/sdk").join(version);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let path = folder.join(format!("sdk-{version}.aar"));
        let mut aar = Archive::create(&path)?;
        aar.add_file("AndroidManifest.xml", &sdk.join("src/main/AndroidManifest.xml"))?;
        aar.add_file("classes.jar", &sdk.join(format!("target/sdk-{version}.jar")))?;
        aar.add("R.txt", b"")?;
        aar.add_file("proguard.txt", &sdk.join("consumer-rules.pro"))?;
        aar.add(
            "META-INF/com/android/build/gradle/aar-metadata.properties",
            b"aarFormatVersion=1.0\naarMetadataVersion=1.0\nminCompileSdk=35\n",
        )?;
        for library in libraries {
            aar.add_file(&format!("jni/{}/{}", library.abi, native::FILE), &library.path)?;
        }
        aar.finish()?;
        let description = folder.join(format!("sdk-{version}.pom"));
        std::fs::write(&description, describe(&pom, version)?)
            .with_context(|| format!("writing {}", description.display()))?;
        Ok(path)
    }

    /// The app: the resources that aapt2 has compiled, the code that R8 has shrunk, JNA's library and ours; signed.
    fn apk(&self, libraries: &[native::Library], signing_key: Option<&Path>) -> Result<PathBuf> {
        let kept = tempfile::tempdir()?;
        let jna = self.android.join("app/target/packaging/jna.aar");
        self.shrink(&jna, kept.path())?;
        let unsigned = kept.path().join("unsigned.apk");
        let mut apk = Archive::create(&unsigned)?;
        apk.add_all(&self.android.join("app/target/resources.apk"))?;
        apk.add_file("classes.dex", &kept.path().join("classes.dex"))?;
        for library in libraries {
            apk.add_library(library.abi, native::FILE, &std::fs::read(&library.path)?)?;
        }
        for (name, bytes) in archive::read_all(&jna)? {
            let place = name.strip_prefix("jni/").and_then(|place| place.split_once('/'));
            if let Some((abi, file)) = place.filter(|(abi, _)| native::is_supported(abi)) {
                apk.add_library(abi, file, &bytes)?;
            }
        }
        apk.finish()?;
        self.sign(&unsigned, signing_key)
    }

    /// Has R8 make `classes.dex` of all classes that the app's components reach, by the rules that the SDK's AAR has.
    fn shrink(&self, jna: &Path, into: &Path) -> Result<()> {
        let target = self.android.join("app/target");
        let jna_classes = into.join("jna.jar");
        let classes = archive::read_all(jna)?.into_iter().find(|(name, _)| name == "classes.jar");
        std::fs::write(&jna_classes, classes.context("JNA's package has no classes")?.1)?;
        let mut r8 = Command::new("java");
        r8.arg("-cp").arg(target.join("packaging/r8.jar")).arg("com.android.tools.r8.R8");
        r8.args(["--release", "--min-api", MIN_API, "--output"]).arg(into);
        for classes in read(&target.join("framework"))?.lines() {
            r8.args(["--lib", classes]);
        }
        let libraries = jars(&target.join("libraries"))?;
        let mut rules = vec![self.android.join("sdk/consumer-rules.pro"), target.join("keep.pro")];
        for library in &libraries {
            // Some bring rules of their own.
            let brought = archive::read_all(library)?.into_iter();
            for (name, text) in brought.filter(|(name, _)| name.starts_with("META-INF/com.android.tools/r8")) {
                let path = into.join(format!("{}.pro", rules.len()));
                std::fs::write(&path, text).with_context(|| format!("writing the rules {name}"))?;
                rules.push(path);
            }
        }
        for rules in rules {
            r8.arg("--pg-conf").arg(rules);
        }
        workspace::capture(r8.arg(jna_classes).args(jars(&target)?).args(libraries)).map(drop)
    }

    fn sign(&self, unsigned: &Path, signing_key: Option<&Path>) -> Result<PathBuf> {
        let path = self.out.join("symbolon.apk");
        let mut sign = Command::new("apksigner");
        sign.args(["sign", "--min-sdk-version", MIN_API, "--out"]).arg(&path).arg("--ks");
        if let Some(key) = signing_key {
            sign.arg(key);
            if std::env::var_os(PASSWORD).is_some() {
                sign.args(["--ks-pass", &format!("env:{PASSWORD}")]);
            }
            workspace::run(sign.arg(unsigned))?;
        } else {
            let key = self.development_key()?;
            sign.arg(key).args(["--ks-pass", &format!("pass:{NO_SECRET}")]);
            workspace::capture(sign.arg(unsigned))?;
            let note = "signed with a key for development; `--signing-key FILE` takes yours";
            println!("{} {note}", Style::of_stdout().warning("note:"));
        }
        // What it writes besides, for systems that load an app while they fetch it.
        let index = path.with_extension("apk.idsig");
        if index.exists() {
            std::fs::remove_file(&index)?;
        }
        Ok(path)
    }

    /// A key of nobody's, kept so that one build can be installed over another.
    fn development_key(&self) -> Result<PathBuf> {
        let path = self.out.join("development.p12");
        if !path.exists() {
            let mut make = Command::new("keytool");
            make.args(["-genkeypair", "-alias", "development", "-keyalg", "EC", "-groupname", "secp256r1"]);
            make.args(["-validity", "10000", "-dname", "CN=Symbolon development", "-storetype", "PKCS12"]);
            workspace::capture(make.args(["-storepass", NO_SECRET, "-keystore"]).arg(&path))?;
        }
        Ok(path)
    }
}

/// What a build needs to know of the SDK: the same versions as in `android/pom.xml`.
fn describe(pom: &str, version: &str) -> Result<String> {
    let mut dependencies = String::new();
    for (group, artifact, named, kind) in [
        ("org.jetbrains.kotlin", "kotlin-stdlib", "kotlin", "jar"),
        ("org.jetbrains.kotlinx", "kotlinx-coroutines-core", "coroutines", "jar"),
        ("org.jetbrains.kotlinx", "kotlinx-coroutines-android", "coroutines", "jar"),
        ("net.java.dev.jna", "jna", "jna", "aar"),
    ] {
        let its = between(pom, &format!("<{named}.version>"), "</")?;
        dependencies.push_str(&format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{its}</version>\
             <type>{kind}</type><scope>compile</scope></dependency>\n"
        ));
    }
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  \
         <modelVersion>4.0.0</modelVersion>\n  <groupId>dev.symbolon</groupId>\n  <artifactId>sdk</artifactId>\n  \
         <version>{version}</version>\n  <packaging>aar</packaging>\n  <dependencies>\n{dependencies}  </dependencies>\n\
         </project>\n"
    ))
}

/// Every jar in a folder, in one order.
fn jars(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jar"));
    paths.sort();
    ensure!(!paths.is_empty(), "{} has no jar", folder.display());
    Ok(paths)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The first text between two others.
pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> Result<&'a str> {
    let after = text.split_once(start).with_context(|| format!("no {start}"))?.1;
    Ok(after.split_once(end).with_context(|| format!("no {end} after {start}"))?.0)
}
