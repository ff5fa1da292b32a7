//! A pseudo-random function for hardware that agrees on keys and has no HMAC: Apple's Secure Enclave.
//!
//! The input is hashed to a point of P-256 (RFC 9380, suite `P256_XMD:SHA-256_SSWU_RO_`), which the hardware takes for somebody's
//! public key: only it can multiply that by its private key (ECDH, SP 800-56A). The output is derived from what comes out,
//! and from the input. Without the blinding, that is the function of RFC 9497, which this phone alone asks.

use hkdf::Hkdf;
use p256::NistP256;
use p256::elliptic_curve::hash2curve::{ExpandMsgXmd, GroupDigest};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use sha2::Sha256;

use crate::keys::{Label, derive};
use crate::secret::Secret;

/// What sets these points apart from those of every other use of the suite (RFC 9380, 3.1).
const DOMAIN: &[u8] = b"symbolon/1/agreement/P256_XMD:SHA-256_SSWU_RO_";

/// The point for an input: uncompressed, 65 bytes. It tells the input to whoever can guess it, and goes to the hardware alone.
#[must_use]
pub fn point(input: &Secret<32>) -> Secret<65> {
    let point = NistP256::hash_from_bytes::<ExpandMsgXmd<Sha256>>(&[input.expose()], &[DOMAIN])
        .unwrap_or_else(|_| unreachable!("the domain has 1 to 255 bytes"));
    let encoded = point.to_affine().to_encoded_point(false);
    Secret::from_slice(encoded.as_bytes()).unwrap_or_else(|| unreachable!("no input is known to hash to no point"))
}

/// The output for an input, from what the hardware and its point agreed on: the x-coordinate, 32 bytes.
#[must_use]
pub fn output(input: &Secret<32>, shared: &Secret<32>) -> Secret<32> {
    derive(&Hkdf::new(Some(input.expose()), shared.expose()), Label::Agreement)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use p256::ecdh::diffie_hellman;
    use p256::{PublicKey, SecretKey};

    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        private_key: String,
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        input: String,
        point: String,
        shared: String,
        output: String,
    }

    fn secret<const N: usize>(hex: &str) -> Secret<N> {
        Secret::from_slice(&HEXLOWER.decode(hex.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn inputs_lead_to_their_points_and_outputs() {
        let vectors: Vectors = serde_json::from_str(include_str!("../vectors/agreement-v1.json")).unwrap();
        let key = SecretKey::from_slice(secret::<32>(&vectors.private_key).expose()).unwrap();
        for case in vectors.cases {
            let input = secret(&case.input);
            let point = point(&input);
            assert_eq!(HEXLOWER.encode(point.expose()), case.point);
            let point = PublicKey::from_sec1_bytes(point.expose()).unwrap();
            let shared = diffie_hellman(key.to_nonzero_scalar(), point.as_affine());
            assert_eq!(HEXLOWER.encode(shared.raw_secret_bytes()), case.shared);
            let shared = Secret::from_slice(shared.raw_secret_bytes()).unwrap();
            assert_eq!(HEXLOWER.encode(output(&input, &shared).expose()), case.output);
        }
    }

    /// RFC 9380, J.1.1.
    #[test]
    fn the_suite_is_that_of_the_standard() {
        let domain: &[u8] = b"QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_";
        let point = NistP256::hash_from_bytes::<ExpandMsgXmd<Sha256>>(&[b"abc"], &[domain]).unwrap();
        let x = point.to_affine().to_encoded_point(false).x().copied().unwrap();
        assert_eq!(HEXLOWER.encode(&x), "0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f");
    }
}
