//! Files that are made from the programs themselves and checked in: how they are made, and whether they are current.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::workspace::{self, Profile, Workspace};

/// A file that a command makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    /// What the server's HTTP interface takes and answers.
    OpenApi,
    /// What the programs say of their own command lines.
    Commands,
}

impl Document {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::OpenApi, Self::Commands];

    fn path(self, workspace: &Workspace) -> PathBuf {
        let docs = workspace.root.join("docs");
        match self {
            Self::OpenApi => docs.join("openapi.json"),
            Self::Commands => docs.join("commands.md"),
        }
    }

    /// The command that writes it anew.
    fn command(self) -> &'static str {
        match self {
            Self::OpenApi => "cargo xtask openapi",
            Self::Commands => "cargo xtask help-docs",
        }
    }

    fn make(self, workspace: &Workspace) -> Result<String> {
        match self {
            Self::OpenApi => {
                let server = workspace.program(Profile::Dev, "symbolon-server");
                let text = workspace::capture(Command::new(server).arg("openapi"))?;
                Ok(format!("{}\n", text.trim_end()))
            }
            Self::Commands => commands(workspace),
        }
    }
}

/// Builds the programs and writes the file.
pub(crate) fn write(workspace: &Workspace, document: Document) -> Result<ExitCode> {
    workspace::run(&mut workspace.cargo(["build", "--quiet", "--package=symbolon-server", "--package=symbolon"]))?;
    let path = document.path(workspace);
    std::fs::write(&path, document.make(workspace)?).with_context(|| format!("writing {}", path.display()))?;
    println!("{} is written", workspace.shown(&path));
    Ok(ExitCode::SUCCESS)
}

/// Compares the file with what the programs, which are built, say now.
pub(crate) fn check(workspace: &Workspace, document: Document) -> Result<()> {
    let path = document.path(workspace);
    let (shown, command) = (workspace.shown(&path), document.command());
    let made = document.make(workspace)?;
    let Ok(kept) = std::fs::read_to_string(&path) else { bail!("{shown} is missing; `{command}` writes it") };
    if let Some((number, (kept, made))) = first_difference(&kept, &made) {
        bail!("{shown} is stale; `{command}` writes it anew. Line {number} is\n  {kept}\nand should be\n  {made}");
    }
    println!("{shown} is current");
    Ok(())
}

fn first_difference<'a>(kept: &'a str, made: &'a str) -> Option<(usize, (&'a str, &'a str))> {
    if kept == made {
        return None;
    }
    let lines = kept.lines().zip(made.lines()).zip(1..).find(|((kept, made), _)| kept != made);
    let end = kept.lines().count().min(made.lines().count()) + 1;
    let rest = |text: &'a str| text.lines().nth(end - 1).unwrap_or("(the end)");
    Some(lines.map_or_else(|| (end, (rest(kept), rest(made))), |(pair, number)| (number, pair)))
}

fn commands(workspace: &Workspace) -> Result<String> {
    let mut page = String::from(
        "# Command lines\n\nWhat `symbolon-server` and `symbolon` say with `--help`. \
         `cargo xtask help-docs` writes this page; change the help itself, in the code.\n",
    );
    for program in ["symbolon-server", "symbolon"] {
        describe(&mut page, &workspace.program(Profile::Dev, program), &[program.to_owned()])?;
    }
    Ok(page)
}

/// Appends a command's help, then that of its subcommands.
fn describe(page: &mut String, program: &PathBuf, path: &[String]) -> Result<()> {
    let mut command = Command::new(program);
    // The same page on every machine: no width of a terminal, no values of variables, nobody's home.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SYMBOLON")) {
        command.env_remove(name);
    }
    command.env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME").env("HOME", "/home/you").env("COLUMNS", "100");
    command.args(path.iter().skip(1)).arg("--help");
    let help = workspace::capture(&mut command)?;
    let heading = "#".repeat((path.len() + 1).min(5));
    write!(page, "\n{heading} `{}`\n\n```text\n", path.join(" "))?;
    for line in help.trim_end().lines() {
        writeln!(page, "{}", line.trim_end())?;
    }
    page.push_str("```\n");
    for name in subcommands(&help) {
        let path: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
        describe(page, program, &path)?;
    }
    Ok(())
}

/// The names that clap lists under `Commands:`: those at the first indent, `help` itself left out.
fn subcommands(help: &str) -> impl Iterator<Item = &str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_found_in_a_help_text() {
        let help = "Does things\n\nUsage: x <COMMAND>\n\nCommands:\n  serve  Serves\n  admin  Administers,\n         at length\n  help   Print this\n\nOptions:\n  -h, --help\n";
        assert_eq!(subcommands(help).collect::<Vec<_>>(), ["serve", "admin"]);
        assert_eq!(subcommands("Usage: x\n\nOptions:\n  -h\n").count(), 0);
    }

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some((2, ("b", "c"))));
        assert_eq!(first_difference("a\n", "a\nc\n"), Some((2, ("(the end)", "c"))));
    }
}
