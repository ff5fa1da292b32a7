//! What a desktop can honestly say of its own integrity: whether a debugger is attached.
//!
//! A desktop's owner is its administrator, so root rights are no sign of tampering there; and its programs are not kept
//! apart, so there is little else that would mean anything.

use symbolon_core::integrity::{Signal, Signals};

use crate::platform::IntegrityProbe;

/// Looks for a debugger, on Linux; reports nothing elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct DesktopProbe;

impl IntegrityProbe for DesktopProbe {
    fn signals(&self) -> Signals {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        is_traced(&status).then_some(Signal::Debugger).into_iter().collect()
    }
}

/// Whether `/proc/self/status` names a process that traces this one.
fn is_traced(status: &str) -> bool {
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|process| process.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracer_is_seen() {
        assert!(is_traced("Name:\tsymbolon\nTracerPid:\t4711\nUid:\t0"));
        assert!(!is_traced("Name:\tsymbolon\nTracerPid:\t0\nUid:\t0"));
        assert!(!is_traced(""));
    }
}
