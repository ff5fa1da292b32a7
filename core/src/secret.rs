//! Secrets as types: zeroized on drop, never printed, never serialised, compared in constant time.

use std::fmt;

use rand_core::CryptoRngCore;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret of exactly `N` bytes. It has no `Clone` and no `Serialize`; `Debug` prints `[redacted]`.
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Takes over `bytes` and overwrites the caller's copy.
    pub fn take(bytes: &mut [u8; N]) -> Self {
        let mut boxed = Box::new([0; N]);
        boxed.copy_from_slice(bytes);
        bytes.zeroize();
        Self(boxed)
    }

    /// Copies a secret out of `bytes`; `None` when the length is not `N`.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != N {
            return None;
        }
        let mut boxed = Box::new([0; N]);
        boxed.copy_from_slice(bytes);
        Some(Self(boxed))
    }

    /// `N` random bytes.
    pub fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        let mut boxed = Box::new([0; N]);
        rng.fill_bytes(boxed.as_mut_slice());
        Self(boxed)
    }

    /// Fills a fresh secret in place, so that no copy is left on the stack.
    pub(crate) fn fill_with<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// The bytes themselves. Every call is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// A second holder of the same secret, where one is truly needed.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

/// A secret whose length is not fixed by its type: an imported token's key, an activation password, a sealed message's
/// plaintext.
#[derive(zeroize::ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes over `bytes`; the vector's memory is wiped when the secret is dropped.
    #[must_use]
    pub fn take(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Copies `bytes`.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes themselves. Every call is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// A second holder of the same secret, where one is truly needed.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_a_secret() {
        assert_eq!(format!("{:?}", Secret::<4>::take(&mut [1, 2, 3, 4])), "[redacted]");
        assert_eq!(format!("{:?}", SecretBytes::take(vec![1, 2, 3])), "[redacted]");
    }

    #[test]
    fn taking_a_secret_wipes_where_it_came_from() {
        let mut bytes = [7; 32];
        let secret = Secret::take(&mut bytes);
        assert_eq!(bytes, [0; 32]);
        assert_eq!(secret.expose(), &[7; 32]);
    }
}
