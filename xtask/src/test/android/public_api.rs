//! Whether SDK and app call only what Android offers to apps, on the oldest Android that they run on.
//!
//! The framework that they are compiled against has hidden parts too, which a phone refuses. Each class, method and field that
//! their byte code names is looked up in a list of the public API, with the version that it came with. Methods are told apart
//! by their number of parameters.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::test::tools;
use crate::workspace::{self, Workspace};

/// The least version of Android (API level) that everything must be there on, unless it is [`ASKED_FIRST`].
const OLDEST: u32 = 30;

/// What is called only after the code has asked for the version, or for the class.
const ASKED_FIRST: [(&str, u32); 5] = [
    ("android.app.Notification.Action.Builder.setAuthenticationRequired", 31),
    ("android.security.keystore.KeyInfo.getSecurityLevel", 31),
    ("android.window.OnBackInvokedDispatcher", 33),
    ("dev.symbolon.app.MainActivity.getOnBackInvokedDispatcher", 33),
    ("java.lang.ref.Cleaner", 33),
];

/// Libraries that come with the app, and what D8 replaces.
const BROUGHT: [&str; 6] =
    ["kotlin.", "kotlinx.", "com.sun.jna.", "com.google.zxing.", "org.jetbrains.", "java.lang.invoke."];

/// Our own.
const OURS: &str = "dev.symbolon.";

/// Compares what Maven has compiled with the list.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let path = tools::android_api();
    let list = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let api = Api::read(&list);
    ensure!(api.0.len() > 3000, "the list of Android's API is not read: only {} classes", api.0.len());
    let mut code = Code::default();
    for module in ["sdk", "app"] {
        let classes = workspace.root.join("android").join(module).join("target/classes");
        let mut files = Vec::new();
        find_classes(&classes, &mut files)?;
        for files in files.chunks(200) {
            let mut javap = Command::new("javap");
            code.read(&workspace::capture(javap.args(["-verbose", "-private"]).args(files))?)?;
        }
    }
    let mut wrong: Vec<String> = code.named.iter().filter_map(|named| api.judge(&code, named)).collect();
    wrong.sort();
    ensure!(wrong.is_empty(), "not offered to apps, or not by Android 11:\n  {}", wrong.join("\n  "));
    println!("{} names are of Android's public API", code.named.len());
    Ok(())
}

fn find_classes(folder: &Path, found: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            find_classes(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "class") {
            found.push(path.display().to_string());
        }
    }
    Ok(())
}

/// A class, or one of its members, as byte code names it: `run/0` is a method without parameters, `TAGS` a field.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Named {
    class: String,
    member: Option<String>,
}

/// A class of the list, or of ours.
#[derive(Debug, Default)]
struct Class {
    since: u32,
    supers: Vec<String>,
    members: HashMap<String, u32>,
}

/// The list: `declare module android { export module os { /** @since 31 */ export class … { public run(a: number): void; …`
#[derive(Debug, Default)]
struct Api(HashMap<String, Class>);

impl Api {
    fn read(list: &str) -> Self {
        let mut api = Self::default();
        let (mut depth, mut since) = (0_usize, 1);
        let mut open: Vec<(String, usize)> = Vec::new();
        for line in list.lines().map(str::trim) {
            if let Some(rest) = line.split_once("@since ").map(|(_, rest)| rest) {
                since = rest.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(since);
            }
            if line.starts_with(['/', '*']) {
                continue;
            }
            while open.last().is_some_and(|(_, at)| *at > depth) {
                open.pop();
            }
            let place = || open.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(".");
            if let Some(name) = declared(line, &["declare module ", "export module "]) {
                open.push((name.to_owned(), depth + 1));
            } else if let Some(name) = declared(line, &["export class ", "export abstract class ", "export interface "])
            {
                let class = if open.is_empty() { name.to_owned() } else { format!("{}.{name}", place()) };
                let entry = api.0.entry(class).or_default();
                (entry.since, entry.supers) = (since, supers(line));
                open.push((name.to_owned(), depth + 1));
            } else if let Some((alias, class)) =
                line.strip_prefix("export type ").and_then(|line| line.split_once(" = "))
            {
                // A class whose own name would hide another's.
                if let Some(class) = api.0.remove(&format!("{}.{}", place(), class.trim_end_matches(';'))) {
                    api.0.insert(format!("{}.{alias}", place()), class);
                }
            } else if let Some(member) = line.strip_prefix("public ")
                && let Some(class) = api.0.get_mut(&place())
            {
                let member = member.trim_start_matches("static ").trim_start_matches("abstract ");
                let key = member_key(member);
                let its = class.members.entry(key).or_insert(u32::MAX);
                *its = (*its).min(since);
            }
            since = 1;
            depth = (depth + line.matches('{').count()).saturating_sub(line.matches('}').count());
        }
        api
    }

    /// What is wrong with a name, if anything is.
    fn judge(&self, code: &Code, named: &Named) -> Option<String> {
        let shown = || match &named.member {
            Some(member) => format!("{}.{member}", named.class),
            None => named.class.clone(),
        };
        // What a class of ours has of no class of Android's, the compiler has looked up; it may also be left of an earlier build.
        if named.class.starts_with(OURS) && !code.inherits(&named.class) {
            return None;
        }
        let found = match &named.member {
            None => self.0.get(&named.class).map(|class| class.since),
            Some(member) => self.find(code, &named.class, member, &mut HashSet::new()),
        };
        let allowed =
            ASKED_FIRST.iter().find(|(name, _)| shown().starts_with(name)).map_or(OLDEST, |(_, since)| *since);
        match found {
            None => Some(format!("{} is hidden", shown())),
            Some(since) if since > allowed => Some(format!("{} is there since API {since}", shown())),
            Some(_) => None,
        }
    }

    /// Since when a class has a member, of its own or inherited.
    fn find(&self, code: &Code, class: &str, member: &str, seen: &mut HashSet<String>) -> Option<u32> {
        if BROUGHT.iter().any(|start| class.starts_with(start)) {
            return Some(1);
        }
        if !seen.insert(class.to_owned()) {
            return None;
        }
        let of = code.classes.get(class).or_else(|| self.0.get(class))?;
        let own = of.members.get(member).map(|since| (*since).max(of.since));
        if member.starts_with("<init>") {
            return own;
        }
        // An interface has the methods of every object, and the list does not say so.
        let supers = of.supers.iter().map(String::as_str).chain(std::iter::once("java.lang.Object"));
        supers.filter_map(|class| self.find(code, class, member, seen)).chain(own).min()
    }
}

/// The name that a line declares.
fn declared<'a>(line: &'a str, starts: &[&str]) -> Option<&'a str> {
    let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
    rest.split([' ', '<', '{']).next()
}

/// What a class extends and implements, without type parameters.
fn supers(line: &str) -> Vec<String> {
    let line = plain(line);
    let after = |word: &str| line.split_once(word).map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    let (extends, implements) = (after(" extends "), after(" implements "));
    let extends = extends.split(" implements ").next().unwrap_or_default().to_owned();
    let names = format!("{extends},{implements}");
    names
        .split(',')
        .map(|name| name.trim().trim_end_matches('{').trim().replace('$', "."))
        .filter(|name| !name.is_empty())
        .collect()
}

/// Without what is between angle brackets.
fn plain(line: &str) -> String {
    let mut depth = 0_usize;
    line.chars()
        .filter(|character| {
            match character {
                '<' => depth += 1,
                '>' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect()
}

/// `run(a: number, b: Map<K, V>): void;` is `run/2`, `TAGS: string;` is `TAGS`.
fn member_key(member: &str) -> String {
    // The arrow of a function's type is no bracket.
    let member = plain(&member.replace("=>", ""));
    let name = member.split(['(', ':', '?']).next().unwrap_or_default().trim().trim_matches('"').to_owned();
    let Some((_, parameters)) = member.split_once('(').filter(|(before, _)| !before.contains(':')) else { return name };
    let mut depth = 1_usize;
    let (mut count, mut is_empty) = (0, true);
    for character in parameters.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 1 => count += 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        is_empty &= character.is_whitespace();
    }
    let name = if name == "constructor" { "<init>".to_owned() } else { name };
    format!("{name}/{}", count + u32::from(!is_empty))
}

/// What our byte code has and names, as `javap` shows it.
#[derive(Debug, Default)]
struct Code {
    classes: HashMap<String, Class>,
    named: HashSet<Named>,
}

impl Code {
    fn read(&mut self, shown: &str) -> Result<()> {
        let (mut class, mut before) = (String::new(), "");
        for line in shown.lines() {
            if let Some(name) = line.trim_start().strip_prefix("this_class: ") {
                class = dotted(name.rsplit("// ").next().unwrap_or_default());
                self.classes.entry(class.clone()).or_default().supers =
                    supers(self_header(shown, &class).unwrap_or_default());
            } else if let Some((_, constant)) =
                line.split_once(" = ").filter(|(start, _)| start.trim_start().starts_with('#'))
            {
                self.name(constant);
            } else if let Some(descriptor) = line.trim_start().strip_prefix("descriptor: ") {
                let name = before.split('(').next().unwrap_or_default();
                let name = name.trim_end_matches(';').rsplit(' ').next().unwrap_or_default();
                let own = self.classes.get_mut(&class).context("a member of no class")?;
                let is_method = descriptor.starts_with('(');
                let name = if is_method && dotted(name) == class { "<init>" } else { name };
                own.members.insert(key(name, descriptor), 1);
            }
            before = line;
        }
        Ok(())
    }

    /// Whether a class of ours has an ancestor that neither we nor a library brought, besides every object's.
    fn inherits(&self, class: &str) -> bool {
        let supers = self.classes.get(class).map(|class| class.supers.as_slice()).unwrap_or_default();
        supers.iter().any(|name| {
            let is_brought = BROUGHT.iter().any(|start| name.starts_with(start));
            if name.starts_with(OURS) { self.inherits(name) } else { !is_brought && name != "java.lang.Object" }
        })
    }

    /// Notes a constant: `Methodref #4.#7 // android/app/Activity."<init>":()V`, `Class #3 // android/app/Activity`.
    fn name(&mut self, constant: &str) {
        let Some((kind, text)) = constant.split_once("// ") else { return };
        let kind = kind.split_whitespace().next().unwrap_or_default();
        let text = text.replace('"', "");
        let (class, member) = match kind {
            "Class" => (text.as_str(), None),
            "Methodref" | "InterfaceMethodref" | "Fieldref" => {
                let Some((owner, descriptor)) = text.split_once(':') else { return };
                let Some((class, name)) = owner.rsplit_once('.') else { return };
                (class, Some(key(name, descriptor)))
            }
            _ => return,
        };
        let class = dotted(class);
        // Every array has what all arrays have.
        let passed_over = class.starts_with('[')
            || BROUGHT.iter().any(|start| class.starts_with(start))
            || (class.starts_with(OURS) && member.is_none());
        if !passed_over {
            self.named.insert(Named { class, member });
        }
    }
}

/// The line that declares a class: `public final class dev.symbolon.app.App extends android.app.Application`.
fn self_header<'a>(shown: &'a str, class: &str) -> Option<&'a str> {
    shown.lines().filter(|line| !line.starts_with(' ')).find(|line| {
        let mut words = line.split([' ', '<']);
        words.any(|word| word == "class" || word == "interface")
            && words.next().is_some_and(|name| dotted(name) == class)
    })
}

fn dotted(name: &str) -> String {
    name.trim().trim_matches('"').replace(['/', '$'], ".")
}

/// A member by its descriptor: `(ILjava/lang/String;)V` has two parameters.
fn key(name: &str, descriptor: &str) -> String {
    let Some(parameters) = descriptor.strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
        return name.to_owned();
    };
    let (mut count, mut rest) = (0, parameters.0);
    while !rest.is_empty() {
        let element = rest.trim_start_matches('[');
        rest = if element.starts_with('L') {
            element.split_once(';').map_or("", |(_, rest)| rest)
        } else {
            element.get(1..).unwrap_or("")
        };
        count += 1;
    }
    format!("{name}/{count}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "declare module android {\n\texport module os {\n\t\texport class Build extends java.lang.Object {\n\
                        \t\t\tpublic static TAGS: string;\n\t\t\t/** @since 26 */\n\t\t\tpublic static getSerial(): string;\n\
                        \t\t}\n\t\texport module Build {\n\t\t\t/** @since 33 */\n\t\t\texport class Later extends \
                        android.os.Build implements a.B<c.D, e.F> {\n\t\t\t\tpublic constructor(param0: number, param1: \
                        java.util.Map<string, number>);\n\t\t\t}\n\t\t}\n\t}\n}\n";

    const SHOWN: &str = "public class dev.symbolon.Ours extends android.os.Build\n  this_class: #2 // dev/symbolon/Ours\n   \
                         #1 = Fieldref #1.#2 // dev/symbolon/Ours.TAGS:Ljava/lang/String;\n   #2 = Methodref #1.#2 // \
                         dev/symbolon/Ours.secret:()V\n   #3 = Methodref #1.#2 // dev/symbolon/Ours.ours:(IJ[La/B;)V\n   #4 = \
                         Methodref #1.#2 // android/os/Build$Later.\"<init>\":(ILjava/util/Map;)V\n   #5 = Class #6 // \
                         android/os/Hidden\n{\n  public void ours(int, long, a.B[]);\n    descriptor: (IJ[La/B;)V\n}\n";

    #[test]
    fn what_is_hidden_or_too_new_is_named_and_what_is_inherited_is_found() {
        let (api, mut code) = (Api::read(LIST), Code::default());
        code.read(SHOWN).unwrap();
        let mut wrong: Vec<String> = code.named.iter().filter_map(|named| api.judge(&code, named)).collect();
        wrong.sort();
        assert_eq!(
            wrong,
            [
                "android.os.Build.Later.<init>/2 is there since API 33",
                "android.os.Hidden is hidden",
                "dev.symbolon.Ours.secret/0 is hidden"
            ]
        );
    }
}
