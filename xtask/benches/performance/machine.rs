//! The machine that the results are of.

use std::fmt;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// What a reader must know of the machine.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_mb: u64,
    system: String,
    kernel: String,
    file_system: String,
    compiler: String,
    measured_at: String,
}

impl Machine {
    /// Describes this machine; `folder` is where databases are made.
    pub(crate) fn describe(folder: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str, separator: char| {
            let lines = text.lines().filter_map(|line| line.split_once(separator));
            let value = lines
                .into_iter()
                .find(|(key, _)| key.trim() == name)
                .map(|(_, value)| value.trim().trim_matches('"').to_owned());
            value.unwrap_or_else(|| "unknown".to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal", ':');
        let memory = memory.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok());
        let rustc = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name", ':'),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mb: memory.unwrap_or(0) / 1024,
            system: field(&read("/etc/os-release"), "PRETTY_NAME", '='),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(folder, &read("/proc/self/mounts")),
            compiler: String::from_utf8_lossy(&rustc).trim().to_owned(),
            measured_at: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        }
    }
}

/// The kind of file system that holds `folder`: that of the longest mount point which leads to it.
fn file_system(folder: &Path, mounts: &str) -> String {
    let folder = folder.canonicalize().unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((Path::new(fields.next()?), fields.next()?))
    });
    let longest = mounts.filter(|(at, _)| folder.starts_with(at)).max_by_key(|(at, _)| at.components().count());
    longest.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} cores, {} MB of memory, {}, Linux {}, {}, {}",
            self.processor, self.cores, self.memory_mb, self.system, self.kernel, self.file_system, self.compiler
        )?;
        write!(f, ", {}", self.measured_at)
    }
}
