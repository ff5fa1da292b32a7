//! The keys at the end of accepted chains.
//!
//! Trust is in keys and not in certificates: Google has issued several certificates of its RSA root over the years, and
//! each of them counts. The keys in `roots/` are `SubjectPublicKeyInfo`s, taken from:
//!
//! - `google-rsa`, `google-p384`: <https://android.googleapis.com/attestation/root>. The certificates there have the
//!   SHA-256 fingerprints `cedb1cb6dc896ae5ec797348bce9286753c2b38ee71ce0fbe34a9a1248800dfc` (subject serial number
//!   f92009e853b6b045) and `6d9db4ce6c5c0b293166d08986e05774a8776ceb525d9e4329520de12ba4bcc0` (Key Attestation CA1).
//! - `apple-app-attest`: <https://www.apple.com/certificateauthority/Apple_App_Attestation_Root_CA.pem>, fingerprint
//!   `1cb9823ba28ba6ad2d33a006941de2ae4f513ef1d4e831b9f7e0fa7b6242c932`.
//! - `android-software-ec`, `android-software-rsa`: the Android Open Source Project, whose private halves are as public:
//!   emulators and old phones attest by them. They prove nothing, and count only where software is allowed.

use x509_parser::pem::Pem;

use super::{Certificate, Key};

/// A root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// What it is called in answers.
    pub name: String,
    /// Its key.
    pub key: Key,
    /// Whether anybody can have its private half.
    pub is_software: bool,
}

/// The roots of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots(Vec<Root>);

/// A text that holds no roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// No certificate and no public key in it.
    #[error("there is no certificate and no public key in PEM")]
    Empty,
    /// One that can't be read.
    #[error("entry {0} is no certificate and no public key in PEM")]
    Entry(usize),
}

macro_rules! shipped {
    ($name:literal, $is_software:literal) => {
        ($name, include_str!(concat!("roots/", $name, ".pem")), $is_software)
    };
}

impl Roots {
    /// Google's two, and those of software.
    #[must_use]
    pub fn android() -> Self {
        Self::shipped(&[
            shipped!("google-rsa", false),
            shipped!("google-p384", false),
            shipped!("android-software-ec", true),
            shipped!("android-software-rsa", true),
        ])
    }

    /// Apple's for App Attest.
    #[must_use]
    pub fn apple() -> Self {
        Self::shipped(&[shipped!("apple-app-attest", false)])
    }

    fn shipped(roots: &[(&str, &str, bool)]) -> Self {
        let read = |(name, pem, is_software): &(&str, &str, bool)| {
            let key = keys(pem).ok()?.pop()?;
            Some(Root { name: (*name).to_owned(), key, is_software: *is_software })
        };
        Self(roots.iter().filter_map(read).collect())
    }

    /// Adds the keys of certificates or public keys in PEM, or in the JSON list of PEM texts that Google serves. One that
    /// is here already stays what it is: a root of software does not become another by being named again.
    ///
    /// # Errors
    /// [`RootsError`]; nothing is added then.
    pub fn add(&mut self, text: &str, name: &str) -> Result<(), RootsError> {
        let served: Option<Vec<String>> = serde_json::from_str(text).ok();
        let added = keys(&served.map_or_else(|| text.to_owned(), |list| list.join("\n")))?;
        for key in added {
            if !self.0.iter().any(|root| root.key == key) {
                self.0.push(Root { name: name.to_owned(), key, is_software: false });
            }
        }
        Ok(())
    }

    /// As [`Roots::add`], with the name of the file that the text comes from.
    ///
    /// # Errors
    /// [`RootsError`].
    pub fn add_file(&mut self, text: &str, path: &std::path::Path) -> Result<(), RootsError> {
        let name = path.file_name().map_or_else(|| "configured".into(), |name| name.to_string_lossy());
        self.add(text, &name)
    }

    /// The roots.
    #[must_use]
    pub fn as_slice(&self) -> &[Root] {
        &self.0
    }
}

impl FromIterator<Root> for Roots {
    fn from_iter<I: IntoIterator<Item = Root>>(roots: I) -> Self {
        Self(roots.into_iter().collect())
    }
}

fn keys(text: &str) -> Result<Vec<Key>, RootsError> {
    let mut keys = Vec::new();
    for (place, pem) in Pem::iter_from_buffer(text.as_bytes()).enumerate() {
        let entry = || RootsError::Entry(place + 1);
        let pem = pem.map_err(|_| entry())?;
        keys.push(match pem.label.as_str() {
            "CERTIFICATE" => Certificate::read(&pem.contents).map_err(|_| entry())?.0.key,
            "PUBLIC KEY" => Key::from_der(&pem.contents).ok_or_else(entry)?,
            _ => return Err(entry()),
        });
    }
    if keys.is_empty() { Err(RootsError::Empty) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use symbolon_core::keys::sha256;

    use super::*;

    /// The SHA-256 of each shipped `SubjectPublicKeyInfo`.
    const PINNED: [(&str, &str); 5] = [
        (include_str!("roots/google-rsa.pem"), "feb2ea7551ee316ed4bb443c8293b884dbfdea40b603ee3e4f4a897e4580fbae"),
        (include_str!("roots/google-p384.pem"), "3ee44512a1af2beb39c889490c60ea3f82e43f5d5a5532f5ab9419f676cd07ec"),
        (
            include_str!("roots/android-software-ec.pem"),
            "d5100c7942ef2e8310dc30ef82729680cf48d690735c3f68179a33c7c370f286",
        ),
        (
            include_str!("roots/android-software-rsa.pem"),
            "f2c4746f545946c100e72297f8f946344d7052f03a2f694221f9c893b0e6f711",
        ),
        (
            include_str!("roots/apple-app-attest.pem"),
            "1ae751fd29896d0f1f13fe226c063f445d40d8938acc6245c251ecc0679330bd",
        ),
    ];

    #[test]
    fn the_shipped_keys_are_the_pinned_ones() {
        for (pem, hash) in PINNED {
            let pem = Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap();
            assert_eq!(data_encoding::HEXLOWER.encode(&sha256(&pem.contents)), hash);
        }
        assert_eq!((Roots::android().0.len(), Roots::apple().0.len()), (4, 1));
    }

    #[test]
    fn a_root_that_is_named_again_stays_what_it_is() {
        let mut roots = Roots::android();
        let before = roots.clone();
        let again = serde_json::to_string(&[PINNED[2].0, PINNED[0].0]).unwrap();
        roots.add(&again, "configured").unwrap();
        assert_eq!(roots, before);
        roots.add(PINNED[4].0, "configured").unwrap();
        assert_eq!(roots.0.len(), 5);
        for nothing in ["", "[]", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(roots.add(nothing, "configured").is_err(), "{nothing:?}");
        }
    }
}
