//! The closing table of the test command.

use std::process::ExitCode;
use std::time::Duration;

use super::Part;
use super::programs::Tally;
use crate::style::Style;

/// How a part ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Well; with the number of tests, where it counts any.
    Passed(Option<Tally>),
    /// Badly, and why.
    Failed(String),
    /// Not at all: the machine lacks something.
    LeftOut(String),
}

/// The outcomes so far.
#[derive(Debug)]
pub(super) struct Summary {
    strict: bool,
    rows: Vec<(Part, Outcome, Duration)>,
    left_out: Vec<String>,
    building: Duration,
}

impl Summary {
    /// An empty summary; a `strict` one counts what could not run as failed.
    pub(super) fn new(strict: bool) -> Self {
        Self { strict, rows: Vec::new(), left_out: Vec::new(), building: Duration::ZERO }
    }

    /// Adds how a part ended.
    pub(super) fn add(&mut self, part: Part, outcome: Outcome, duration: Duration) {
        self.rows.push((part, outcome, duration));
    }

    /// Adds how long a build took that no part counts for itself.
    pub(super) fn built_in(&mut self, duration: Duration) {
        self.building += duration;
    }

    /// Adds checks that were left out of parts that ran.
    pub(super) fn leave_out(&mut self, checks: Option<String>) {
        self.left_out.extend(checks);
    }

    /// How many parts passed, and how many failed.
    fn counts(&self) -> (usize, usize) {
        let count = |wanted: fn(&Outcome) -> bool| self.rows.iter().filter(|(_, outcome, _)| wanted(outcome)).count();
        let left_out = count(|outcome| matches!(outcome, Outcome::LeftOut(_)));
        let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
        (count(|outcome| matches!(outcome, Outcome::Passed(_))), failed + if self.strict { left_out } else { 0 })
    }

    /// Prints it, the counts alone on the last line; answers what the command ends with.
    pub(super) fn print(&self, style: Style) -> ExitCode {
        println!("\n{}", style.heading(&format!("{:<10} {:<9} {:>8}  {}", "part", "result", "time", "tests")));
        for (part, outcome, duration) in &self.rows {
            let (result, tests) = match outcome {
                Outcome::Passed(tally) => (style.good("passed   "), tally.map(describe).unwrap_or_default()),
                Outcome::Failed(_) => (style.bad("failed   "), String::new()),
                Outcome::LeftOut(_) => (style.warning("left out "), String::new()),
            };
            println!("{:<10} {result} {:>8}  {tests}", part.name(), seconds(*duration));
        }
        if !self.building.is_zero() {
            println!("{:<10} {} {:>8}", "", style.faint("building "), seconds(self.building));
        }
        for (part, outcome, _) in &self.rows {
            match outcome {
                Outcome::Passed(_) => {}
                Outcome::Failed(reason) => {
                    println!(
                        "\n{} {reason}\n  again: cargo xtask test --only {part}",
                        style.bad(&format!("{part} failed:"))
                    );
                }
                Outcome::LeftOut(reason) => {
                    let consequence = if self.strict { "; CI is set, so this counts as failed" } else { "" };
                    println!("\n{} {reason}{consequence}", style.warning(&format!("{part} was left out:")));
                }
            }
        }
        for checks in &self.left_out {
            println!("\n{} {checks}", style.warning("left out:"));
        }
        let (passed, failed) = self.counts();
        println!("\n{passed} passed, {failed} failed");
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn describe(tally: Tally) -> String {
    match tally.ignored {
        0 => tally.passed.to_string(),
        ignored => format!("{} ({ignored} ignored)", tally.passed),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_fails_where_it_must() {
        for (strict, failed) in [(false, 1), (true, 2)] {
            let mut summary = Summary::new(strict);
            summary.add(Part::Format, Outcome::Passed(None), Duration::ZERO);
            summary.add(Part::Lint, Outcome::Failed("lint".into()), Duration::ZERO);
            summary.add(Part::Docs, Outcome::LeftOut("no docs".into()), Duration::ZERO);
            assert_eq!(summary.counts(), (1, failed));
        }
    }
}
