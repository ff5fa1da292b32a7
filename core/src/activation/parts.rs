//! The form-encoded parts of a ticket's text: each may be there once, and unknown ones are passed over.

use crate::encoding::{Bytes, BytesError};
use crate::signed::KeyHash;

/// The parts with these names, in their order. The error names one that is there twice.
pub(super) fn read_parts<const N: usize>(
    query: &str,
    names: [&'static str; N],
) -> Result<[Option<String>; N], &'static str> {
    let mut found = [const { None }; N];
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let Some((name, slot)) = names.iter().zip(&mut found).find(|(name, _)| **name == key) else { continue };
        if slot.replace(value.into_owned()).is_some() {
            return Err(name);
        }
    }
    Ok(found)
}

/// A part that is the hash of a key.
pub(super) fn key_hash(part: Option<String>) -> Result<Option<KeyHash>, BytesError> {
    part.map(|text| text.parse::<Bytes<32>>()).transpose()
}
