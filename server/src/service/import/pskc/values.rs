//! A key container's values: plain, or encrypted with a key that was agreed upon or made from a password, and protected
//! by a MAC (RFC 6030, 4.2 and 6).

use data_encoding::{BASE64_NOPAD, Encoding};
use symbolon_core::secret::SecretBytes;
use zeroize::Zeroizing;

use super::ciphers::{Cipher, HmacHash};
use super::xml::Element;
use crate::service::import::Credential;

/// PBKDF2 makes no more rounds: some seconds.
const MOST_ROUNDS: u32 = 5_000_000;

/// What the elements before the first key package say of encryption.
#[derive(Default)]
pub(super) struct Header {
    /// `EncryptionKey`.
    pub(super) encryption_key: Option<Element>,
    /// `MACMethod`, or in drafts `MACAlgorithm` or `DigestMethod`.
    pub(super) mac_method: Option<Element>,
    /// In old drafts `EncryptionMethod`, which is one for all values.
    pub(super) encryption_method: Option<Element>,
}

/// What opens the values of a container. Whatever stands in the way is said where a value needs it.
pub(super) struct Opener {
    key: Result<SecretBytes, String>,
    mac: Option<Result<Mac, String>>,
    /// Of old drafts: the cipher of the whole container, with its initialization vector.
    common: Option<(String, Option<Vec<u8>>)>,
}

/// How values are protected, with its key; `None` is the key that encrypts.
struct Mac {
    hash: HmacHash,
    key: Option<SecretBytes>,
}

/// What a data element holds.
pub(super) enum Value<'a> {
    Plain(&'a str),
    Opened {
        bytes: SecretBytes,
        /// A MAC, or the cipher itself, says that it is the sender's.
        authentic: bool,
    },
}

impl Opener {
    pub(super) fn new(header: &Header, credential: Option<&Credential>) -> Self {
        let key = match credential {
            None => Err("is encrypted: a key or a password is needed".to_owned()),
            Some(Credential::Key(key)) => Ok(key.duplicate()),
            Some(Credential::Password(password)) => derive(header.encryption_key.as_ref(), password.expose()),
        };
        let common = header.encryption_method.as_ref().and_then(|method| {
            let algorithm = method.attribute(&["Algorithm", "algorithm"])?;
            let iv = method.text_of("IV").and_then(|iv| base64(iv).ok());
            (!algorithm.eq_ignore_ascii_case("NONE")).then(|| (algorithm.to_owned(), iv.map(|iv| iv.expose().to_vec())))
        });
        let mut opener = Self { key, mac: None, common };
        opener.mac = header.mac_method.as_ref().map(|method| opener.mac(method));
        opener
    }

    fn mac(&self, method: &Element) -> Result<Mac, String> {
        let uri = method.attribute(&["Algorithm", "algorithm"]).or_else(|| method.text()).unwrap_or_default();
        let hash = HmacHash::from_uri(uri)
            .ok_or_else(|| format!("the MAC's algorithm {} is not one that is known here", shown(uri)))?;
        let key = match method.child("MACKey") {
            None => None,
            Some(element) => match element.text_of("PlainValue") {
                Some(plain) => Some(base64(plain).map_err(|error| format!("MACKey {error}"))?),
                None => Some(self.decrypt(element)?.bytes),
            },
        };
        Ok(Mac { hash, key })
    }

    fn key(&self) -> Result<&[u8], String> {
        self.key.as_ref().map(SecretBytes::expose).map_err(Clone::clone)
    }

    /// Opens what is encrypted in an element of XML Encryption's type `EncryptedData`, without looking at its MAC.
    fn decrypt(&self, element: &Element) -> Result<Decrypted, String> {
        let own = element.child("EncryptionMethod").and_then(|method| method.attribute(&["Algorithm", "algorithm"]));
        let common = self.common.as_ref().map(|(uri, _)| uri.as_str());
        let uri = own.filter(|own| !own.is_empty()).or(common).ok_or("says no encryption algorithm")?;
        let value = element.child("CipherData").and_then(|data| data.text_of("CipherValue"));
        self.decrypt_with(uri, None, value.ok_or("has no CipherValue")?)
    }

    fn decrypt_with(&self, uri: &str, iv: Option<&[u8]>, value: &str) -> Result<Decrypted, String> {
        let cipher = Cipher::from_uri(uri)
            .ok_or_else(|| format!("is encrypted with {}, which can't be opened here", shown(uri)))?;
        let value = base64(value).map_err(|error| format!("CipherValue {error}"))?;
        let bytes = cipher.decrypt(self.key()?, iv, value.expose()).map_err(|error| error.to_string())?;
        Ok(Decrypted { cipher, value, bytes })
    }

    /// The value of a data element; `None` when it holds none.
    ///
    /// # Errors
    /// What is wrong with it, without saying what it is.
    pub(super) fn value<'a>(&self, element: &'a Element) -> Result<Option<Value<'a>>, String> {
        let plain = element.text_of("PlainValue");
        let encrypted = element.child("EncryptedValue");
        let given = element.child_of(&["ValueMAC", "ValueDigest"]).and_then(Element::text);
        match (plain, encrypted, element.text_of("Value")) {
            (None, None, None) => Ok(None),
            (Some(plain), None, None) => Ok(Some(Value::Plain(plain))),
            (None, Some(encrypted), None) => self.checked(self.decrypt(encrypted)?, given).map(Some),
            // Old drafts: a secret is encrypted when the container is, anything else when it has a digest.
            (None, None, Some(value)) => match &self.common {
                Some((uri, iv)) if is_secret(element) || given.is_some() => {
                    self.checked(self.decrypt_with(uri, iv.as_deref(), value)?, given).map(Some)
                }
                _ => Ok(Some(Value::Plain(value))),
            },
            _ => Err("has more than one value".into()),
        }
    }

    /// Checks the MAC. It is over what is encrypted, initialization vector and all (RFC 6030, 6.1.1); some makers take
    /// what was encrypted instead, which says no less.
    fn checked(&self, decrypted: Decrypted, given: Option<&str>) -> Result<Value<'static>, String> {
        let Decrypted { cipher, value, bytes } = decrypted;
        let (mac, given) = match (&self.mac, given) {
            (Some(mac), Some(given)) => (mac.as_ref().map_err(Clone::clone)?, given),
            (None, Some(_)) => return Err("has a MAC, but the container does not say of which kind".into()),
            (Some(_), None) if !cipher.has_integrity() => {
                return Err("has no MAC, although the container says of which kind they are".into());
            }
            (_, None) => return Ok(Value::Opened { bytes, authentic: cipher.has_integrity() }),
        };
        let key = mac.key.as_ref().map_or_else(|| self.key(), |key| Ok(key.expose()))?;
        let given = base64(given).map_err(|error| format!("MAC {error}"))?;
        let fits = |message: &SecretBytes| mac.hash.verify(key, message.expose(), given.expose());
        if fits(&value) || fits(&bytes) {
            Ok(Value::Opened { bytes, authentic: true })
        } else {
            Err("has a wrong MAC: the key or the password is wrong, or the value was changed".into())
        }
    }
}

/// What was encrypted, and how.
struct Decrypted {
    cipher: Cipher,
    value: SecretBytes,
    bytes: SecretBytes,
}

fn is_secret(element: &Element) -> bool {
    element.attribute(&["Name"]).unwrap_or(&element.name).eq_ignore_ascii_case("SECRET")
}

impl Value<'_> {
    /// Its bytes.
    pub(super) fn into_bytes(self) -> Result<SecretBytes, String> {
        match self {
            Self::Plain(text) => base64(text),
            Self::Opened { bytes, .. } => Ok(bytes),
        }
    }

    /// Whether it says nothing of who made it, although it is encrypted, and with a cipher that lets it be changed.
    pub(super) const fn is_forgeable(&self) -> bool {
        matches!(self, Self::Opened { authentic: false, .. })
    }

    /// A number, in any of the ways in which makers write it: decimal, the same in base64, or big-endian bytes in base64;
    /// encrypted, one of the last two.
    pub(super) fn integer(self) -> Result<i64, String> {
        if let Self::Plain(text) = &self
            && let Ok(number) = text.parse()
        {
            return Ok(number);
        }
        let bytes = self.into_bytes().map_err(|_| "must be a whole number".to_owned())?;
        let bytes = bytes.expose();
        let decimal = std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = match decimal.and_then(|text| text.parse().ok()) {
            Some(number) => Some(number),
            None => {
                let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                let bytes = bytes.get(zeros..).unwrap_or_default();
                let number = bytes.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
                i64::try_from(number).ok().filter(|_| bytes.len() <= 8)
            }
        };
        number.ok_or_else(|| "must be a whole number below 2^63".into())
    }
}

/// The key that the container's parameters make of a password: PBKDF2 (RFC 6030, 6.2).
fn derive(encryption_key: Option<&Element>, password: &[u8]) -> Result<SecretBytes, String> {
    let derived = encryption_key.and_then(|key| key.child("DerivedKey"));
    let derived = derived.ok_or("is not encrypted with a password: a key is needed")?;
    let method = derived.child("KeyDerivationMethod").ok_or("KeyDerivationMethod is missing")?;
    let algorithm = method.attribute(&["Algorithm", "algorithm"]).unwrap_or_default();
    if !algorithm.to_ascii_lowercase().ends_with("#pbkdf2") {
        return Err(format!("the key derivation {} is not one that is known here", shown(algorithm)));
    }
    let parameters = method.child_of(&["PBKDF2-params", "Params"]).unwrap_or(method);
    let number = |name: &str, most: u32| {
        let text = parameters.text_of(name).ok_or_else(|| format!("{name} of the key derivation is missing"))?;
        let number = text.parse::<u32>().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| format!("{name} of the key derivation must be a number from 1 to {most}"))
    };
    let salt = parameters.child("Salt").and_then(|salt| salt.text_of("Specified").or_else(|| salt.text()));
    let salt = base64(salt.ok_or("Salt of the key derivation is missing")?).map_err(|error| format!("Salt {error}"))?;
    let rounds = number("IterationCount", MOST_ROUNDS)?;
    let length = usize::try_from(number("KeyLength", 64)?).map_err(|error| error.to_string())?;
    let function = parameters.child("PRF").and_then(|prf| prf.attribute(&["Algorithm"]).or_else(|| prf.text()));
    let hash = match function {
        None => HmacHash::Sha1,
        Some(uri) => HmacHash::from_uri(uri)
            .ok_or_else(|| format!("the key derivation's function {} is not one that is known here", shown(uri)))?,
    };
    Ok(hash.stretch(password, salt.expose(), rounds, length))
}

/// Base64 as files have it: wrapped, indented, with or without padding, and whatever in the bits that stand for nothing.
pub(super) fn base64(text: &str) -> Result<SecretBytes, String> {
    let mut specification = BASE64_NOPAD.specification();
    specification.check_trailing_bits = false;
    let encoding: Encoding = specification.encoding().map_err(|error| error.to_string())?;
    let plain = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let mut plain = Zeroizing::new(plain.collect::<Vec<_>>());
    while plain.last() == Some(&b'=') {
        plain.pop();
    }
    encoding.decode(&plain).map(SecretBytes::take).map_err(|_| "must be base64".into())
}

/// A name from the file, for a message: cut, and without what is not part of a name.
pub(super) fn shown(name: &str) -> String {
    let plain = name.chars().filter(|character| character.is_ascii_graphic()).take(100).collect::<String>();
    if plain.is_empty() { "“”".to_owned() } else { plain }
}
