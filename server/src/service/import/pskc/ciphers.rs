//! What values of a key container are encrypted and protected with (RFC 6030, 6; XML Encryption): block ciphers in CBC
//! mode, key wrapping, HMAC, PBKDF2.

use aes::{Aes128, Aes192, Aes256};
use aes_kw::Kek;
use camellia::{Camellia128, Camellia192, Camellia256};
use cbc::cipher::block_padding::{Iso10126, NoPadding, RawPadding};
use cbc::cipher::consts::U16;
use cbc::cipher::{BlockCipher, BlockDecrypt, BlockDecryptMut, BlockEncrypt, BlockSizeUser, KeyInit, KeyIvInit};
use des::TdesEde3;
use hmac::Hmac;
use sha1::{Digest as _, Sha1};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;
use symbolon_core::secret::SecretBytes;
use zeroize::Zeroizing;

/// Why a value can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum CipherError {
    /// The key has another length than the cipher's.
    #[error("{0} takes a key of {1} bytes: the key is wrong")]
    KeyLength(&'static str, usize),
    /// Not whole blocks, or none.
    #[error("the encrypted value is cut short")]
    Length,
    /// The padding, or the check that is part of key wrapping, is not right.
    #[error("the encrypted value can't be opened: the key or the password is wrong, or the value was changed")]
    Wrong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Aes128,
    Aes192,
    Aes256,
    Camellia128,
    Camellia192,
    Camellia256,
    TripleDes,
}

impl Block {
    const fn key_length(self) -> usize {
        match self {
            Self::Aes128 | Self::Camellia128 => 16,
            Self::Aes192 | Self::Camellia192 | Self::TripleDes => 24,
            Self::Aes256 | Self::Camellia256 => 32,
        }
    }

    const fn block_length(self) -> usize {
        if matches!(self, Self::TripleDes) { 8 } else { 16 }
    }
}

/// How a value is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cipher {
    name: &'static str,
    block: Block,
    wraps: bool,
}

const CIPHERS: [(&str, Block, bool); 17] = [
    ("aes128-cbc", Block::Aes128, false),
    ("aes192-cbc", Block::Aes192, false),
    ("aes256-cbc", Block::Aes256, false),
    ("camellia128-cbc", Block::Camellia128, false),
    ("camellia192-cbc", Block::Camellia192, false),
    ("camellia256-cbc", Block::Camellia256, false),
    ("tripledes-cbc", Block::TripleDes, false),
    ("kw-aes128", Block::Aes128, true),
    ("kw-aes192", Block::Aes192, true),
    ("kw-aes256", Block::Aes256, true),
    ("kw-aes-128-pad", Block::Aes128, true),
    ("kw-aes-192-pad", Block::Aes192, true),
    ("kw-aes-256-pad", Block::Aes256, true),
    ("kw-camellia128", Block::Camellia128, true),
    ("kw-camellia192", Block::Camellia192, true),
    ("kw-camellia256", Block::Camellia256, true),
    ("kw-tripledes", Block::TripleDes, true),
];

/// The name at the end of an algorithm's URI, where the URI is one of XML Encryption's or XML Signature's.
fn fragment(uri: &str) -> Option<String> {
    let (space, name) = uri.trim().rsplit_once('#')?;
    ["http://www.w3.org/", "https://www.w3.org/"]
        .iter()
        .find_map(|site| space.strip_prefix(site))
        .filter(|path| ["xmlenc", "xmldsig"].iter().any(|known| path.contains(known)))
        .map(|_| name.to_ascii_lowercase())
}

impl Cipher {
    /// The cipher of an algorithm's URI.
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        let name = fragment(uri)?;
        let found = CIPHERS.iter().find(|(known, ..)| *known == name);
        found.map(|(name, block, wraps)| Self { name, block: *block, wraps: *wraps })
    }

    /// Whether a value that was changed, or another key, is noticed without a MAC.
    pub(super) const fn has_integrity(self) -> bool {
        self.wraps
    }

    /// Opens a value. Without `iv` it stands before the encrypted value.
    pub(super) fn decrypt(self, key: &[u8], iv: Option<&[u8]>, value: &[u8]) -> Result<SecretBytes, CipherError> {
        // Two-key Triple DES: the third key is the first.
        let doubled = match (self.block, key.get(..8)) {
            (Block::TripleDes, Some(first)) if key.len() == 16 => Some(Zeroizing::new([key, first].concat())),
            _ => None,
        };
        let key = doubled.as_ref().map_or(key, |doubled| doubled.as_slice());
        if key.len() != self.block.key_length() {
            return Err(CipherError::KeyLength(self.name, self.block.key_length()));
        }
        if self.wraps {
            return match self.block {
                Block::Aes128 => unwrap::<Aes128>(key, value),
                Block::Aes192 => unwrap::<Aes192>(key, value),
                Block::Aes256 => unwrap::<Aes256>(key, value),
                Block::Camellia128 => unwrap::<Camellia128>(key, value),
                Block::Camellia192 => unwrap::<Camellia192>(key, value),
                Block::Camellia256 => unwrap::<Camellia256>(key, value),
                Block::TripleDes => unwrap_triple_des(key, value),
            };
        }
        let (iv, value) = match iv {
            Some(iv) => (iv, value),
            None => value.split_at_checked(self.block.block_length()).ok_or(CipherError::Length)?,
        };
        match self.block {
            Block::Aes128 => decrypt_cbc::<Aes128, Iso10126>(key, iv, value),
            Block::Aes192 => decrypt_cbc::<Aes192, Iso10126>(key, iv, value),
            Block::Aes256 => decrypt_cbc::<Aes256, Iso10126>(key, iv, value),
            Block::Camellia128 => decrypt_cbc::<Camellia128, Iso10126>(key, iv, value),
            Block::Camellia192 => decrypt_cbc::<Camellia192, Iso10126>(key, iv, value),
            Block::Camellia256 => decrypt_cbc::<Camellia256, Iso10126>(key, iv, value),
            Block::TripleDes => decrypt_cbc::<TdesEde3, Iso10126>(key, iv, value),
        }
    }
}

/// CBC. XML Encryption's padding says how long it is in its last byte, and may be anything before that.
fn decrypt_cbc<C, P>(key: &[u8], iv: &[u8], value: &[u8]) -> Result<SecretBytes, CipherError>
where
    C: BlockCipher + BlockDecryptMut + KeyInit,
    P: RawPadding + cbc::cipher::block_padding::Padding<C::BlockSize>,
{
    if value.is_empty() || !value.len().is_multiple_of(C::block_size()) {
        return Err(CipherError::Length);
    }
    let decryptor = cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| CipherError::Wrong)?;
    let mut buffer = Zeroizing::new(value.to_vec());
    let plain = decryptor.decrypt_padded_mut::<P>(&mut buffer).map_err(|_| CipherError::Wrong)?;
    Ok(SecretBytes::from_slice(plain))
}

/// Key wrapping (RFC 3394; RFC 3657 for Camellia), or with padding (RFC 5649): makers put both under the same names.
fn unwrap<C>(key: &[u8], value: &[u8]) -> Result<SecretBytes, CipherError>
where
    C: KeyInit + BlockCipher + BlockSizeUser<BlockSize = U16> + BlockEncrypt + BlockDecrypt,
{
    // aes-kw 0.2 subtracts below zero from a padded value of one half block, which would be none at all.
    if value.len() < 16 || !value.len().is_multiple_of(8) {
        return Err(CipherError::Length);
    }
    let kek = Kek::<C>::try_from(key).map_err(|_| CipherError::Wrong)?;
    let mut buffer = Zeroizing::new(vec![0; value.len() - 8]);
    if value.len() > 16 && kek.unwrap(value, &mut buffer).is_ok() {
        return Ok(SecretBytes::from_slice(&buffer));
    }
    let plain = kek.unwrap_with_padding(value, &mut buffer).map_err(|_| CipherError::Wrong)?;
    Ok(SecretBytes::from_slice(plain))
}

/// Triple DES key wrapping (RFC 3217, 3.2).
fn unwrap_triple_des(key: &[u8], value: &[u8]) -> Result<SecretBytes, CipherError> {
    const IV: [u8; 8] = [0x4a, 0xdd, 0xa2, 0x2c, 0x79, 0xe8, 0x21, 0x05];
    let outer = decrypt_cbc::<TdesEde3, NoPadding>(key, &IV, value)?;
    let reversed: Zeroizing<Vec<u8>> = Zeroizing::new(outer.expose().iter().rev().copied().collect());
    let (iv, inner) = reversed.split_at_checked(8).ok_or(CipherError::Length)?;
    let plain = decrypt_cbc::<TdesEde3, NoPadding>(key, iv, inner)?;
    let split = plain.expose().len().checked_sub(8).filter(|length| *length > 0).ok_or(CipherError::Length)?;
    let (wrapped, check) = plain.expose().split_at_checked(split).ok_or(CipherError::Length)?;
    let expected = Sha1::digest(wrapped);
    if bool::from(expected.get(..8).unwrap_or_default().ct_eq(check)) {
        Ok(SecretBytes::from_slice(wrapped))
    } else {
        Err(CipherError::Wrong)
    }
}

/// A hash as HMAC and PBKDF2 use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HmacHash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl HmacHash {
    /// The hash of an HMAC's URI, or of its bare name in old drafts.
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        let name = fragment(uri).or_else(|| (!uri.contains('#')).then(|| uri.trim().to_ascii_lowercase()))?;
        Some(match name.as_str() {
            "hmac-sha1" => Self::Sha1,
            "hmac-sha224" => Self::Sha224,
            "hmac-sha256" => Self::Sha256,
            "hmac-sha384" => Self::Sha384,
            "hmac-sha512" => Self::Sha512,
            _ => return None,
        })
    }

    /// Whether `mac` is the HMAC of `message`, in constant time.
    pub(super) fn verify(self, key: &[u8], message: &[u8], mac: &[u8]) -> bool {
        fn check<M: hmac::Mac + KeyInit>(key: &[u8], message: &[u8], mac: &[u8]) -> bool {
            <M as KeyInit>::new_from_slice(key).is_ok_and(|keyed| keyed.chain_update(message).verify_slice(mac).is_ok())
        }
        match self {
            Self::Sha1 => check::<Hmac<Sha1>>(key, message, mac),
            Self::Sha224 => check::<Hmac<Sha224>>(key, message, mac),
            Self::Sha256 => check::<Hmac<Sha256>>(key, message, mac),
            Self::Sha384 => check::<Hmac<Sha384>>(key, message, mac),
            Self::Sha512 => check::<Hmac<Sha512>>(key, message, mac),
        }
    }

    /// PBKDF2 (RFC 8018, 5.2).
    pub(super) fn stretch(self, password: &[u8], salt: &[u8], rounds: u32, length: usize) -> SecretBytes {
        let mut key = vec![0; length];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, &mut key),
            Self::Sha224 => pbkdf2::pbkdf2_hmac::<Sha224>(password, salt, rounds, &mut key),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut key),
            Self::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(password, salt, rounds, &mut key),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, &mut key),
        }
        SecretBytes::take(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER_PERMISSIVE.decode(text.replace(' ', "").as_bytes()).unwrap()
    }

    fn cipher(name: &str) -> Cipher {
        Cipher::from_uri(&format!("http://www.w3.org/2001/04/xmlenc#{name}")).unwrap()
    }

    #[test]
    fn key_wrapping_as_its_rfcs_say() {
        // RFC 3394, 4.6; RFC 5649, 6; RFC 3217, 4.4.
        for (name, key, wrapped, plain) in [
            (
                "kw-aes256",
                "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
                "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
                "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
            ),
            (
                "kw-aes-192-pad",
                "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
                "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
                "c37b7e6492584340bed12207808941155068f738",
            ),
            (
                "kw-aes192",
                "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
                "afbeb0f07dfbf5419200f2ccb50bb24f",
                "466f7250617369",
            ),
            (
                "kw-tripledes",
                "255e0d1c07b646dfb3134cc843ba8aa71f025b7c0838251f",
                "690107618ef092b3b48ca1796b234ae9fa33ebb4159604037db5d6a84eb3aac2768c632775a467d4",
                "2923bf85e06dd6ae529149f1f1bae9eab3a7da3d860d3e98",
            ),
        ] {
            let (key, wrapped) = (hex(key), hex(wrapped));
            assert_eq!(cipher(name).decrypt(&key, None, &wrapped).unwrap().expose(), hex(plain), "{name}");
            for at in 0..wrapped.len() {
                let mut changed = wrapped.clone();
                changed[at] ^= 1;
                assert!(cipher(name).decrypt(&key, None, &changed).is_err(), "{name} {at}");
            }
        }
    }

    #[test]
    fn pbkdf2_and_hmac_by_their_names() {
        // RFC 6070.
        let key = HmacHash::Sha1.stretch(b"password", b"salt", 4096, 20);
        assert_eq!(key.expose(), hex("4b007901b765489abead49d926f721d065a429c1"));
        assert_eq!(HmacHash::from_uri("http://www.w3.org/2001/04/xmldsig-more#hmac-sha384"), Some(HmacHash::Sha384));
        assert_eq!(HmacHash::from_uri("HMAC-SHA1"), Some(HmacHash::Sha1));
        for unknown in ["http://www.w3.org/2001/04/xmldsig-more#hmac-md5", "http://example.org/#hmac-sha1", "", "x"] {
            assert_eq!(HmacHash::from_uri(unknown), None);
            assert_eq!(Cipher::from_uri(unknown), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_opened_or_refused(
            key in prop_oneof![proptest::collection::vec(any::<u8>(), 0..40),
                Just(vec![1; 16]), Just(vec![1; 24]), Just(vec![1; 32])],
            value in proptest::collection::vec(any::<u8>(), 0..80),
            iv in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        ) {
            for (name, ..) in CIPHERS {
                let _ = cipher(name).decrypt(&key, iv.as_deref(), &value);
            }
        }
    }

    #[test]
    fn half_a_block_is_refused() {
        // What aes-kw would take for the alternative initial value, and nothing behind it.
        for value in ["", "a65959a600000000", "a65959a6000000", "a65959a60000000000000000"] {
            assert_eq!(cipher("kw-aes128").decrypt(&[1; 16], None, &hex(value)), Err(CipherError::Length));
        }
    }
}
