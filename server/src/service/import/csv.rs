//! Tokens as comma-separated values: `user,serial,secret_hex,type,algorithm,digits,period_or_counter`, under a heading.

use serde::Deserialize;
use symbolon_core::otp::window::TimeState;
use symbolon_core::otp::{Digits, Period};
use symbolon_core::secret::SecretBytes;
use zeroize::Zeroizing;

use super::{LineError, Parsed, Reading, checked_secret, hash, number};
use crate::service::ServiceError;
use crate::storage::Counter;

/// A line, as text.
#[derive(Deserialize)]
struct Row {
    user: String,
    serial: String,
    secret_hex: Zeroizing<String>,
    #[serde(rename = "type")]
    kind: String,
    algorithm: String,
    digits: String,
    period_or_counter: String,
}

const COLUMNS: [&str; 7] = ["user", "serial", "secret_hex", "type", "algorithm", "digits", "period_or_counter"];

fn parse_row(line: u64, row: &Row) -> Result<Parsed, String> {
    let field = |name: &str, message: &dyn std::fmt::Display| format!("{name}: {message}");
    let secret = data_encoding::HEXLOWER_PERMISSIVE
        .decode(row.secret_hex.trim().as_bytes())
        .map(SecretBytes::take)
        .map_err(|_| "secret_hex: must be hexadecimal digits".to_owned())?;
    let counter = match row.kind.trim().to_ascii_lowercase().as_str() {
        "totp" => {
            let seconds = number("period_or_counter", &row.period_or_counter, 1..=3600)?;
            let period = u16::try_from(seconds).ok().and_then(Period::from_seconds).unwrap_or(Period::STANDARD);
            Counter::Time { period, state: TimeState::NEW }
        }
        "hotp" => Counter::Event { next: number("period_or_counter", &row.period_or_counter, 0..=super::LAST_EVENT)? },
        _ => return Err("type: must be totp or hotp".into()),
    };
    let digits = u8::try_from(number("digits", &row.digits, 6..=10)?).ok().and_then(Digits::new);
    Ok(Parsed {
        line,
        user: row.user.parse().map_err(|error| field("user", &error))?,
        serial: row.serial.parse().map_err(|error| field("serial", &error))?,
        secret: checked_secret("secret_hex", secret)?,
        hash: hash(&row.algorithm).ok_or("algorithm: must be one of sha1, sha256, sha512")?,
        digits: digits.ok_or("digits: must be a number from 6 to 10")?,
        counter,
        label: None,
        disabled: false,
    })
}

/// Reads a CSV file.
pub(super) fn read(bytes: &[u8]) -> Result<Reading, ServiceError> {
    let invalid = |message: String| ServiceError::invalid("file", message);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let headers = reader.headers().map_err(|error| invalid(error.to_string()))?.clone();
    if let Some(missing) = COLUMNS.iter().find(|column| !headers.iter().any(|header| header == **column)) {
        return Err(invalid(format!("line 1: the column {missing} is missing; columns: {}", COLUMNS.join(","))));
    }
    let mut reading = Reading::default();
    let mut record = csv::StringRecord::new();
    loop {
        let read = reader.read_record(&mut record);
        let line = record.position().map_or(0, csv::Position::line);
        let row = match read {
            Ok(false) => break,
            Ok(true) => record.deserialize(Some(&headers)).map_err(|error| error.to_string()),
            Err(error) => {
                let line = error.position().map_or(line, csv::Position::line);
                reading.errors.push(LineError { line, message: "not a line of UTF-8 with seven fields".into() });
                if matches!(error.kind(), csv::ErrorKind::Io(_)) {
                    break;
                }
                continue;
            }
        };
        reading.take(line, row.and_then(|row| parse_row(line, &row)));
    }
    Ok(reading)
}
