//! Length-prefixed fields: how Symbolon writes several values into one string of bytes, wherever bytes are hashed,
//! sealed or stored. Each field is its length as four bytes, most significant first, and then its bytes; so no two
//! different lists of fields give the same string.

use zeroize::Zeroize;

/// Writes fields one after the other. What was written is wiped on drop, since some frames hold keys.
#[derive(Default)]
pub struct FrameWriter(Vec<u8>);

impl FrameWriter {
    /// An empty frame with room for `capacity` bytes, so that growing leaves no copies behind.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Appends one field.
    #[must_use]
    pub fn field(mut self, bytes: &[u8]) -> Self {
        // Longer than 4 GiB cannot happen: every caller's input is bounded far below.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends a number as a field of eight bytes, most significant first.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.field(&number.to_be_bytes())
    }

    /// What has been written so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for FrameWriter {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A string of bytes that is not the fields that were expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the data is cut short or has bytes too many")]
pub struct FrameError;

/// Reads fields in the order in which they were written. Allocates nothing: fields borrow from the input.
pub struct FrameReader<'a>(&'a [u8]);

impl<'a> FrameReader<'a> {
    /// Starts at the first field of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next field.
    ///
    /// # Errors
    /// [`FrameError`] when fewer bytes are left than the field's length says.
    pub fn field(&mut self) -> Result<&'a [u8], FrameError> {
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or(FrameError)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| FrameError)?;
        let (field, rest) = rest.split_at_checked(length).ok_or(FrameError)?;
        self.0 = rest;
        Ok(field)
    }

    /// The next field, which must have exactly `N` bytes.
    ///
    /// # Errors
    /// [`FrameError`] when it has not.
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], FrameError> {
        self.field()?.try_into().map_err(|_| FrameError)
    }

    /// The next field as a number of eight bytes.
    ///
    /// # Errors
    /// [`FrameError`] when it is not eight bytes long.
    pub fn number(&mut self) -> Result<u64, FrameError> {
        self.array().map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// Whether every byte has been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`FrameError`] when bytes are left over.
    pub fn finish(self) -> Result<(), FrameError> {
        if self.is_empty() { Ok(()) } else { Err(FrameError) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(fields: Vec<Vec<u8>>) {
            let frame = fields.iter().fold(FrameWriter::default(), |frame, field| frame.field(field));
            let mut reader = FrameReader::new(frame.as_bytes());
            for field in &fields {
                prop_assert_eq!(reader.field().unwrap(), field.as_slice());
            }
            prop_assert!(reader.finish().is_ok());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut reader = FrameReader::new(&bytes);
            while !reader.is_empty() && reader.field().is_ok() {}
        }
    }
}
