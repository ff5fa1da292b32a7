//! The results: as a table, as JSON, and on the page.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::load::Outcome;
use crate::machine::Machine;

const BEGIN: &str = "<!-- results: written by `cargo xtask bench` -->";
const END: &str = "<!-- end of results -->";

/// One number, and what it is set against.
#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    value: f64,
    unit: &'static str,
    against: Option<String>,
    ratio: Option<f64>,
}

/// The results so far, and which are wanted.
#[derive(Debug)]
pub(crate) struct Report {
    only: Vec<String>,
    results: Vec<Measured>,
}

impl Report {
    /// A report of everything, or of what begins with one of `only`.
    pub(crate) fn new(only: &[String]) -> Self {
        Self { only: only.to_vec(), results: Vec::new() }
    }

    /// Whether a result, or any of a group whose names begin so, is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()) || only.starts_with(name))
    }

    /// Whether a result is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.results.iter().any(|result| result.name == name)
    }

    /// Says what is being measured.
    pub(crate) fn progress(&self, what: &str) {
        println!("… {what}");
    }

    /// Adds a result that stands for itself.
    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &'static str) {
        self.push(name, value, unit, None);
    }

    /// Adds a result, set against another one of this run.
    pub(crate) fn add_against(&mut self, name: &str, value: f64, unit: &'static str, against: &str) {
        self.push(name, value, unit, Some(against));
    }

    /// Adds what a run of the load generator gave.
    pub(crate) fn add_load(&mut self, name: &str, outcome: &Outcome, against: Option<&str>) {
        self.push(name, outcome.per_second, "1/s", against);
        for (percentile, share) in [("p50", 0.50), ("p99", 0.99)] {
            self.push(&format!("{name}_{percentile}"), outcome.percentile(share), "ms", None);
        }
    }

    fn push(&mut self, name: &str, value: f64, unit: &'static str, against: Option<&str>) {
        let reference = against.and_then(|against| self.results.iter().find(|result| result.name == against));
        let ratio = reference.map(|reference| rounded(value / reference.value));
        let against = reference.map(|reference| reference.name.clone());
        let result = Measured { name: name.to_owned(), value: rounded(value), unit, against, ratio };
        println!("  {}", row(&result).replace(" | ", "  "));
        self.results.push(result);
    }

    /// The results as a table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut table = format!("| {:<30} | {:>10} | {:<4} | {:<42} |\n", "result", "value", "unit", "");
        let _ = writeln!(table, "| {:-<30} | {:->9}: | {:-<4} | {:-<42} |", "", "", "", "");
        for result in &self.results {
            let _ = writeln!(table, "| {} |", row(result));
        }
        table
    }

    /// The results as JSON.
    pub(crate) fn to_json(&self, machine: &Machine) -> Value {
        json!({"machine": machine, "results": self.results})
    }

    /// Writes the table between the marks of a page.
    pub(crate) fn write_page(&self, path: &Path, machine: &Machine) -> Result<()> {
        let page = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let (head, rest) = page.split_once(BEGIN).with_context(|| format!("{} has no line {BEGIN}", path.display()))?;
        let (_, tail) = rest.split_once(END).with_context(|| format!("{} has no line {END}", path.display()))?;
        let page = format!("{head}{BEGIN}\n\nMeasured on: {machine}.\n\n{}\n{END}{tail}", self.table());
        std::fs::write(path, page).with_context(|| format!("writing {}", path.display()))
    }
}

fn row(result: &Measured) -> String {
    let ratio = result.ratio.zip(result.against.as_ref());
    let ratio = ratio.map_or_else(String::new, |(ratio, against)| format!("{ratio} × {against}"));
    format!("{:<30} | {:>10} | {:<4} | {ratio:<42}", result.name, result.value, result.unit)
}

/// Three digits that count, or all those before the point: more would pretend to be repeatable.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi((2 - value.abs().log10().floor() as i32).max(0));
    (value * scale).round() / scale
}
