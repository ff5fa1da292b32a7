//! A maker of Android phones: its root, and the chains that the phones' hardware gives out.

use rand_core::OsRng;
use rcgen::{
    BasicConstraints, CertifiedIssuer, CustomExtension, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData,
    SignatureAlgorithm, SigningKey,
};
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use symbolon_core::keys::sha256;
use symbolon_core::signed::PublicKey;
use yasna::Tag;

use super::{COMMON_NAME, Point, SERIAL_NUMBER, TITLE, certificate, p256, p384};

/// What a phone states of a key, and how its chain is made. The default is good in everything.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What the app asked to be put in.
    pub challenge: Vec<u8>,
    /// The version of the schema.
    pub version: u64,
    /// Where the statement was made: 0 software, 1 trusted environment, 2 StrongBox.
    pub attestation_level: i64,
    /// Where the key is kept.
    pub keymint_level: i64,
    /// 2 sign, 3 verify.
    pub purposes: Vec<u64>,
    /// 0 generated, 2 imported.
    pub origin: u64,
    /// Whether the hardware says which system was started.
    pub has_root_of_trust: bool,
    /// Whether the boot loader is locked.
    pub is_locked: bool,
    /// 0 verified, 1 self-signed, 2 unverified, 3 failed.
    pub verified_boot: i64,
    /// YYYYMM; `None` where the system does not say.
    pub patch_level: Option<u64>,
    /// The app; `None` where the system names none.
    pub package: Option<String>,
    /// The SHA-256 of the certificate that signs the app.
    pub signer: [u8; 32],
    /// Whether the leaf describes the key.
    pub leaf_describes: bool,
    /// Whether it does so twice.
    pub leaf_describes_twice: bool,
    /// Whether the certificate above it describes one too.
    pub authority_describes: bool,
    /// Whether the certificate above the leaf may sign others.
    pub authority_may_sign: bool,
    /// Whether that certificate's key is for certificates.
    pub authority_is_for_certificates: bool,
    /// How many authorities the one above that one allows below itself.
    pub path_length: Option<u8>,
    /// Whether the hardware got its certificate in the factory.
    pub is_of_factory: bool,
    /// The years in which the certificates between leaf and root are valid.
    pub years: (i32, i32),
    /// The serial number of the certificate above the leaf.
    pub serial: [u8; 4],
    /// Whether another authority than the one in the chain signed the leaf.
    pub is_forged: bool,
    /// Whether the chain holds the root.
    pub has_root: bool,
}

impl Default for Claim {
    fn default() -> Self {
        Self {
            challenge: b"challenge".to_vec(),
            version: 300,
            attestation_level: 1,
            keymint_level: 1,
            purposes: vec![2],
            origin: 0,
            has_root_of_trust: true,
            is_locked: true,
            verified_boot: 0,
            patch_level: Some(202_608),
            package: Some("org.example.app".into()),
            signer: [7; 32],
            leaf_describes: true,
            leaf_describes_twice: false,
            authority_describes: false,
            authority_may_sign: true,
            authority_is_for_certificates: true,
            path_length: None,
            is_of_factory: false,
            years: (2020, 2040),
            serial: [0x4a, 0xbc, 0xde, 0xf0],
            is_forged: false,
            has_root: true,
        }
    }
}

/// A maker of phones.
pub struct AndroidMaker<K: SigningKey = KeyPair> {
    root: CertifiedIssuer<'static, K>,
}

impl Default for AndroidMaker {
    fn default() -> Self {
        Self::new()
    }
}

impl AndroidMaker {
    /// One with a root of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::with_root(p384())
    }
}

impl<K: SigningKey> AndroidMaker<K> {
    /// One whose root has this key.
    #[must_use]
    pub fn with_root(key: K) -> Self {
        let params = certificate(&[(COMMON_NAME, "Simulated Key Attestation CA")], &[1], (2016, 2018), true);
        Self { root: CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    /// Its root, to be trusted.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// The chain for a key, in DER, leaf first.
    #[must_use]
    pub fn attest(&self, key: &PublicKey, claim: &Claim) -> Vec<u8> {
        let description = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11129, 2, 1, 17], describe(claim));
        let name: &[(&[u64], &str)] = if claim.is_of_factory {
            &[(SERIAL_NUMBER, "0123456789abcdef"), (TITLE, "TEE")]
        } else {
            &[(COMMON_NAME, "Droid CA")]
        };
        let mut middle = certificate(name, &[2], claim.years, true);
        if let Some(most) = claim.path_length {
            middle.is_ca = IsCa::Ca(BasicConstraints::Constrained(most));
        }
        let middle = CertifiedIssuer::signed_by(middle, p384(), &self.root).unwrap();
        let name = [(COMMON_NAME, "Attestation key")];
        let mut batch = certificate(&name, &claim.serial, claim.years, claim.authority_may_sign);
        if !claim.authority_is_for_certificates {
            batch.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        }
        if claim.authority_describes {
            batch.custom_extensions.push(description.clone());
        }
        let batch = CertifiedIssuer::signed_by(batch, p256(), &middle).unwrap();
        let other = CertifiedIssuer::self_signed(certificate(&name, &[9], claim.years, true), p256()).unwrap();

        // A device's clock was never set when it makes this.
        let mut leaf = certificate(&[(COMMON_NAME, "Android Keystore Key")], &[1], (1970, 1971), false);
        let times = usize::from(claim.leaf_describes) + usize::from(claim.leaf_describes_twice);
        leaf.custom_extensions.extend(std::iter::repeat_n(description, times));
        let key = Point(key.to_sec1().as_slice().to_vec());
        let leaf = leaf.signed_by(&key, if claim.is_forged { &other } else { &batch }).unwrap();
        let mut chain = [leaf.der().to_vec(), batch.der().to_vec(), middle.der().to_vec()].concat();
        if claim.has_root {
            chain.extend_from_slice(self.root.der());
        }
        chain
    }
}

/// An RSA key, which may be shorter than anything should be signed with.
pub struct RsaKey {
    key: RsaPrivateKey,
    public: Vec<u8>,
}

impl RsaKey {
    /// A new one of so many bits.
    #[must_use]
    pub fn generate(bits: usize) -> Self {
        let key = RsaPrivateKey::new(&mut OsRng, bits).unwrap();
        Self { public: key.to_public_key().to_pkcs1_der().unwrap().into_vec(), key }
    }
}

impl PublicKeyData for RsaKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl SigningKey for RsaKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        // What the hash is of, as PKCS #1 writes it before the hash (RFC 8017, 9.2).
        let prefix = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
        let scheme = Pkcs1v15Sign { hash_len: Some(32), prefix: prefix.to_vec().into() };
        self.key.sign(scheme, &sha256(message)).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// The key description.
#[must_use]
pub fn describe(claim: &Claim) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u64(claim.version);
            writer.next().write_enum(claim.attestation_level);
            writer.next().write_u64(claim.version);
            writer.next().write_enum(claim.keymint_level);
            writer.next().write_bytes(&claim.challenge);
            writer.next().write_bytes(b"");
            writer.next().write_sequence(|writer| {
                writer.next().write_tagged(Tag::context(701), |writer| writer.write_u64(1_780_000_000_000));
                if let Some(package) = &claim.package {
                    let id = application_id(package, &claim.signer);
                    writer.next().write_tagged(Tag::context(709), |writer| writer.write_bytes(&id));
                }
            });
            writer.next().write_sequence(|writer| {
                writer.next().write_tagged(Tag::context(1), |writer| {
                    writer.write_set_of(|writer| {
                        claim.purposes.iter().for_each(|purpose| writer.next().write_u64(*purpose));
                    });
                });
                for (tag, value) in [(2, 3), (3, 256), (10, 1), (702, claim.origin)] {
                    writer.next().write_tagged(Tag::context(tag), |writer| writer.write_u64(value));
                }
                // A tag that nobody knows yet is passed over.
                writer.next().write_tagged(Tag::context(703), |writer| writer.write_null());
                if claim.has_root_of_trust {
                    writer.next().write_tagged(Tag::context(704), |writer| {
                        writer.write_sequence(|writer| {
                            writer.next().write_bytes(&[3; 32]);
                            writer.next().write_bool(claim.is_locked);
                            writer.next().write_enum(claim.verified_boot);
                            writer.next().write_bytes(&[4; 32]);
                        });
                    });
                }
                for (tag, value) in [(705, Some(160_000)), (706, claim.patch_level)] {
                    let Some(value) = value else { continue };
                    writer.next().write_tagged(Tag::context(tag), |writer| writer.write_u64(value));
                }
            });
        });
    })
}

fn application_id(package: &str, signer: &[u8]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_set_of(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_bytes(package.as_bytes());
                    writer.next().write_u64(1);
                });
            });
            writer.next().write_set_of(|writer| writer.next().write_bytes(signer));
        });
    })
}
