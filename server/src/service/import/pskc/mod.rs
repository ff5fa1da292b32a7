//! Key containers (PSKC, RFC 6030) and their drafts: XML with the keys of many tokens, plain or encrypted.
//!
//! - The serial number is the device's (`SerialNo`), or the key's Id where there is none. Further keys of the same device
//!   have `#` and their Id after it.
//! - The user is the common name of the key's or the device's `UserId`, or its user id, or the whole of it when it is no
//!   distinguished name; without one the serial number serves as the user's name. `FriendlyName` is the token's label.
//! - A MAC must be right where the container has one, and a value in CBC must have one.
//! - Keys that ask for what this server can't do are errors: algorithms other than HOTP and TOTP, policies it can't keep
//!   to. A key that is not valid now is imported as disabled. Signatures are not checked, which is said.

mod ciphers;
mod key;
mod token;
mod values;
mod xml;

use std::collections::HashSet;

use jiff::Timestamp;

use self::key::Key;
use self::token::Devices;
use self::values::{Header, Opener, shown};
use self::xml::{Document, Element, XmlError};
use super::{Credential, LineError, Reading};
use crate::service::ServiceError;

/// Reads a container.
///
/// # Errors
/// When the file is no such container as a whole; what is wrong with a key is in the answer, by its line.
pub(super) fn read(bytes: &[u8], credential: Option<&Credential>, now: Timestamp) -> Result<Reading, ServiceError> {
    let mut reading = Reading::default();
    let Keys { keys, signed } = keys(bytes, credential).map_err(|error| ServiceError::invalid("file", error))?;
    let pins = keys.iter().filter_map(|(_, key)| key.as_ref().ok()?.policy.device_pin());
    let pins: HashSet<String> = pins.map(str::to_owned).collect();
    let mut devices = Devices::default();
    for (line, key) in keys {
        let warning = match key {
            Ok(key) if token::is_device_pin(&key, &pins) => {
                Some("is a PIN that the device checks itself; it is passed over".to_owned())
            }
            Ok(key) => {
                let id = key.id.as_deref().map(|id| format!("key {}: ", shown(id))).unwrap_or_default();
                let read = token::token(line, key, &mut devices, now).map_err(|message| format!("{id}{message}"));
                let (entry, warning) = match read {
                    Ok((parsed, warning)) => (Ok(parsed), warning),
                    Err(message) => (Err(message), None),
                };
                reading.take(line, entry);
                warning
            }
            Err(message) => {
                reading.take(line, Err(message));
                None
            }
        };
        reading.warnings.extend(warning.map(|message| LineError { line, message }));
    }
    let unchecked = "the file is signed; the signature was not checked".to_owned();
    reading.warnings.extend(signed.map(|line| LineError { line, message: unchecked }));
    Ok(reading)
}

/// All keys of a container, each with its line, or what is wrong with it.
struct Keys {
    keys: Vec<(u64, Result<Key, String>)>,
    /// Where the signature is.
    signed: Option<u64>,
}

/// Reads a container without judging what its keys are for.
fn keys(bytes: &[u8], credential: Option<&Credential>) -> Result<Keys, XmlError> {
    let (mut document, root) = Document::open(bytes)?;
    check_root(&root)?;
    let mut header = Header::default();
    let mut opener = None;
    let mut found = Keys { keys: Vec::new(), signed: None };
    while let Some(child) = document.next_child()? {
        if !child.known {
            continue;
        }
        let slot = match child.name.as_str() {
            "EncryptionKey" => &mut header.encryption_key,
            "MACMethod" | "MACAlgorithm" | "DigestMethod" => &mut header.mac_method,
            "EncryptionMethod" => &mut header.encryption_method,
            "KeyPackage" | "Device" => {
                let opener = opener.get_or_insert_with(|| Opener::new(&header, credential));
                found.read(&child, opener);
                continue;
            }
            "Signature" => {
                found.signed = Some(child.line);
                continue;
            }
            _ => continue,
        };
        if opener.is_some() {
            return Err(XmlError { line: child.line, message: "has an element of encryption after the first key" });
        }
        if slot.is_some() {
            return Err(XmlError { line: child.line, message: "has an element of encryption twice" });
        }
        *slot = Some(child);
    }
    Ok(found)
}

impl Keys {
    fn read(&mut self, package: &Element, opener: &Opener) {
        for key in package.named("Key").chain(package.named("Secret")) {
            let id = key.attribute(&["Id", "KeyId", "SecretId"]).filter(|id| !id.is_empty());
            let id = id.map(|id| format!("key {}: ", shown(id))).unwrap_or_default();
            let read = Key::read(package, key, opener).map_err(|message| format!("{id}{message}"));
            self.keys.push((key.line, read));
        }
    }
}

/// A container of RFC 6030 is of version 1.0; its drafts numbered themselves in other ways.
fn check_root(root: &Element) -> Result<(), XmlError> {
    let wrong = |message| Err(XmlError { line: root.line, message });
    let version = root.attribute(&["Version", "version"]);
    match (root.known, root.name.as_str(), version) {
        (true, "KeyContainer", None | Some("1" | "1.0"))
        | (true, "SecretContainer", None | Some("1" | "1.0" | "1.2")) => Ok(()),
        (true, "KeyContainer" | "SecretContainer", _) => wrong("Version: must be 1.0"),
        _ => wrong("is not a key container (PSKC)"),
    }
}

#[cfg(test)]
mod tests;
