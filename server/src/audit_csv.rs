//! The audit as a table for spreadsheets (RFC 4180), by the command and in the console.

use std::io;

use crate::service::audit::AuditEntry;

/// The names of the columns, in a line without its end.
pub(crate) const HEADING: &str = "sequence,time,actor,action,user,token,details";

/// What makes a formula of a cell, also in the full width of East Asian letters.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// An entry as a line without its end.
///
/// # Errors
/// When the details have no JSON form.
pub(crate) fn line(entry: &AuditEntry) -> io::Result<String> {
    let details = match entry.details.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&entry.details)?,
    };
    let cells = [
        entry.sequence.to_string(),
        entry.time.to_string(),
        entry.actor.clone(),
        entry.action.clone(),
        entry.user.clone().unwrap_or_default(),
        entry.token.map(|token| token.to_string()).unwrap_or_default(),
        details,
    ];
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells.map(harmless))?;
    let line = writer.into_inner().map_err(io::Error::other)?;
    Ok(String::from_utf8(line).map_err(io::Error::other)?.trim_end().to_owned())
}

/// What a spreadsheet would take for a formula gets an apostrophe in front, which it does not show: a name in the audit may
/// be chosen by a stranger.
fn harmless(cell: String) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1"] {
            assert_eq!(harmless(formula.to_owned()), format!("'{formula}"));
        }
        assert_eq!(harmless("alice".to_owned()), "alice");
    }
}
