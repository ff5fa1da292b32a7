//! Apple, as far as App Attest goes: a root, statements and assertions.

use minicbor::Encoder;
use rcgen::{CertifiedIssuer, CustomExtension, KeyPair, SigningKey};
use symbolon_core::keys::sha256;
use yasna::Tag;

use super::{COMMON_NAME, Point, certificate, p256, p384};

/// What a phone states of an app's key. The default is good in everything.
#[derive(Debug, Clone)]
pub struct AppleClaim {
    /// The App ID.
    pub app: String,
    /// The environment, as App Attest writes it.
    pub aaguid: [u8; 16],
    /// How often the key was used.
    pub counter: u32,
    /// The years in which the leaf is valid.
    pub years: (i32, i32),
    /// Whether the leaf holds a nonce over something else.
    pub has_other_nonce: bool,
    /// Whether the leaf holds no nonce.
    pub has_no_nonce: bool,
    /// Whether the credential is another one.
    pub has_other_credential: bool,
    /// Whether the authenticator data hold another key than the leaf.
    pub has_other_key: bool,
    /// Whether a byte follows the leaf.
    pub has_byte_after_leaf: bool,
    /// What the format calls itself.
    pub format: String,
}

impl Default for AppleClaim {
    fn default() -> Self {
        Self {
            app: "TEAM123456.org.example.app".into(),
            aaguid: *b"appattest\0\0\0\0\0\0\0",
            counter: 0,
            years: (2020, 2040),
            has_other_nonce: false,
            has_no_nonce: false,
            has_other_credential: false,
            has_other_key: false,
            has_byte_after_leaf: false,
            format: "apple-appattest".into(),
        }
    }
}

/// A key that was attested.
pub struct AttestedKey(KeyPair);

impl AttestedKey {
    /// Its uncompressed point.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        self.0.public_key_raw()
    }

    /// An assertion over client data with this hash.
    #[must_use]
    pub fn assert(&self, app: &str, client_data_hash: &[u8; 32], counter: u32) -> Vec<u8> {
        // The flags say that attested data follow, and none do: so do those of real phones.
        let data = [&sha256(app.as_bytes())[..], &[0x40], &counter.to_be_bytes()].concat();
        let nonce = sha256(&[&data, &client_data_hash[..]].concat());
        let mut encoder = Encoder::new(Vec::new());
        encoder.map(2).unwrap().str("signature").unwrap().bytes(&self.0.sign(&nonce).unwrap()).unwrap();
        encoder.str("authenticatorData").unwrap().bytes(&data).unwrap();
        encoder.into_writer()
    }
}

/// Apple.
pub struct AppleMaker {
    root: CertifiedIssuer<'static, KeyPair>,
    middle: CertifiedIssuer<'static, KeyPair>,
}

impl Default for AppleMaker {
    fn default() -> Self {
        Self::new()
    }
}

impl AppleMaker {
    /// One with a root of its own.
    #[must_use]
    pub fn new() -> Self {
        let root = certificate(&[(COMMON_NAME, "Simulated App Attestation Root CA")], &[1], (2020, 2045), true);
        let root = CertifiedIssuer::self_signed(root, p384()).unwrap();
        let middle = certificate(&[(COMMON_NAME, "Simulated App Attestation CA 1")], &[2], (2020, 2045), true);
        let middle = CertifiedIssuer::signed_by(middle, p384(), &root).unwrap();
        Self { root, middle }
    }

    /// Its root, to be trusted.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// Makes a key and states it, bound to client data with this hash.
    #[must_use]
    pub fn attest(&self, client_data_hash: &[u8; 32], claim: &AppleClaim) -> (Vec<u8>, AttestedKey) {
        let key = p256();
        let point = key.public_key_raw().to_vec();
        let credential = if claim.has_other_credential { [9; 32] } else { sha256(&point) };
        let stated = if claim.has_other_key { p256().public_key_raw().to_vec() } else { point.clone() };
        let data = [
            &sha256(claim.app.as_bytes())[..],
            &[0x40],
            &claim.counter.to_be_bytes(),
            &claim.aaguid,
            &[0, 32],
            &credential,
            &cose(&stated),
        ]
        .concat();
        let bound = if claim.has_other_nonce { &[0; 32] } else { client_data_hash };
        let nonce = sha256(&[&data, &bound[..]].concat());
        let extension = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_tagged(Tag::context(1), |writer| writer.write_bytes(&nonce));
            });
        });
        let mut leaf = certificate(&[(COMMON_NAME, "an app's key")], &[3], claim.years, false);
        if !claim.has_no_nonce {
            let oid = [1, 2, 840, 113_635, 100, 8, 2];
            leaf.custom_extensions.push(CustomExtension::from_oid_content(&oid, extension));
        }
        let mut leaf = leaf.signed_by(&Point(point), &self.middle).unwrap().der().to_vec();
        leaf.extend(claim.has_byte_after_leaf.then_some(0));

        let mut encoder = Encoder::new(Vec::new());
        encoder.map(3).unwrap().str("fmt").unwrap().str(&claim.format).unwrap();
        encoder.str("attStmt").unwrap().map(2).unwrap().str("x5c").unwrap().array(2).unwrap();
        encoder.bytes(&leaf).unwrap().bytes(self.middle.der()).unwrap();
        encoder.str("receipt").unwrap().bytes(b"a receipt").unwrap();
        encoder.str("authData").unwrap().bytes(&data).unwrap();
        (encoder.into_writer(), AttestedKey(key))
    }
}

/// A P-256 key in COSE.
fn cose(point: &[u8]) -> Vec<u8> {
    let (x, y) = point[1..].split_at(32);
    let mut encoder = Encoder::new(Vec::new());
    encoder.map(5).unwrap().u8(1).unwrap().u8(2).unwrap().u8(3).unwrap().i8(-7).unwrap();
    encoder.i8(-1).unwrap().u8(1).unwrap().i8(-2).unwrap().bytes(x).unwrap().i8(-3).unwrap().bytes(y).unwrap();
    encoder.into_writer()
}
