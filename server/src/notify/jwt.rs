//! The tokens by which the server identifies itself to push services (RFC 7519).

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use symbolon_core::signed::SigningKey;

/// A JWT, signed by `sign`.
pub(super) fn encode<E>(
    header: &Value,
    claims: &Value,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<String, E> {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = sign(input.as_bytes())?;
    Ok(format!("{input}.{}", BASE64URL_NOPAD.encode(&signature)))
}

/// A JWT, signed with ES256.
pub(super) fn es256(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let signed = encode(header, claims, |input| Ok::<_, std::convert::Infallible>(key.sign(input).as_bytes().to_vec()));
    match signed {
        Ok(jwt) => jwt,
        Err(never) => match never {},
    }
}
