//! The CBOR of App Attest (RFC 8949): maps with a few known keys. Others are passed over; none may be there twice.

use minicbor::Decoder;
use minicbor::data::Type;

use crate::attestation::Refusal;

type Result<T> = std::result::Result<T, Refusal>;

const MALFORMED: Refusal = Refusal::Malformed("CBOR of the statement");

/// What the format calls itself.
const FORMAT: &str = "apple-appattest";

/// A key of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name<'a> {
    Text(&'a str),
    Number(i64),
}

/// Calls `entry` with each key of a map of known length, and with the decoder at its value.
fn map<'a>(decoder: &mut Decoder<'a>, mut entry: impl FnMut(Name<'a>, &mut Decoder<'a>) -> Result<()>) -> Result<()> {
    let length = decoder.map().map_err(|_| MALFORMED)?.ok_or(MALFORMED)?;
    let mut seen = Vec::new();
    for _ in 0..length {
        let name = match decoder.datatype().map_err(|_| MALFORMED)? {
            Type::String => Name::Text(decoder.str().map_err(|_| MALFORMED)?),
            _ => Name::Number(decoder.i64().map_err(|_| MALFORMED)?),
        };
        if seen.contains(&name) {
            return Err(MALFORMED);
        }
        seen.push(name);
        entry(name, decoder)?;
    }
    Ok(())
}

fn bytes<'a>(decoder: &mut Decoder<'a>) -> Result<&'a [u8]> {
    decoder.bytes().map_err(|_| MALFORMED)
}

fn pass_over(decoder: &mut Decoder<'_>) -> Result<()> {
    decoder.skip().map_err(|_| MALFORMED)
}

/// Reads a map that is all there is.
fn whole<'a>(bytes: &'a [u8], entry: impl FnMut(Name<'a>, &mut Decoder<'a>) -> Result<()>) -> Result<()> {
    let mut decoder = Decoder::new(bytes);
    map(&mut decoder, entry)?;
    if decoder.position() == bytes.len() { Ok(()) } else { Err(Refusal::Malformed("data after the statement")) }
}

/// An attestation object.
pub(super) struct Attestation<'a> {
    /// The certificates, in DER.
    pub(super) chain: Vec<&'a [u8]>,
    /// The authenticator data.
    pub(super) data: &'a [u8],
}

impl<'a> Attestation<'a> {
    pub(super) fn read(statement: &'a [u8]) -> Result<Self> {
        let mut format = None;
        let mut chain = None;
        let mut data = None;
        whole(statement, |name, decoder| {
            match name {
                Name::Text("fmt") => format = Some(decoder.str().map_err(|_| MALFORMED)?),
                Name::Text("attStmt") => map(decoder, |name, decoder| match name {
                    Name::Text("x5c") => read_chain(decoder).map(|read| chain = Some(read)),
                    _ => pass_over(decoder),
                })?,
                Name::Text("authData") => data = Some(bytes(decoder)?),
                _ => pass_over(decoder)?,
            }
            Ok(())
        })?;
        if format != Some(FORMAT) {
            return Err(Refusal::Malformed("the statement is not one of App Attest"));
        }
        Ok(Self { chain: chain.ok_or(MALFORMED)?, data: data.ok_or(MALFORMED)? })
    }
}

fn read_chain<'a>(decoder: &mut Decoder<'a>) -> Result<Vec<&'a [u8]>> {
    let length = decoder.array().map_err(|_| MALFORMED)?.ok_or(MALFORMED)?;
    if !(1..=crate::attestation::certificate::MOST as u64).contains(&length) {
        return Err(Refusal::Malformed("a chain of no length that there is"));
    }
    (0..length).map(|_| bytes(decoder)).collect()
}

/// An assertion.
pub(super) struct Assertion<'a> {
    /// ECDSA, in DER.
    pub(super) signature: &'a [u8],
    /// The authenticator data.
    pub(super) data: &'a [u8],
}

impl<'a> Assertion<'a> {
    pub(super) fn read(assertion: &'a [u8]) -> Result<Self> {
        let mut signature = None;
        let mut data = None;
        whole(assertion, |name, decoder| {
            match name {
                Name::Text("signature") => signature = Some(bytes(decoder)?),
                Name::Text("authenticatorData") => data = Some(bytes(decoder)?),
                _ => pass_over(decoder)?,
            }
            Ok(())
        })?;
        Ok(Self { signature: signature.ok_or(MALFORMED)?, data: data.ok_or(MALFORMED)? })
    }
}

/// Reads a P-256 key in COSE (RFC 9053, 7.1.1), with which the data begin; answers its uncompressed point.
pub(super) fn read_key(data: &[u8]) -> Result<[u8; 65]> {
    let mut kind = None;
    let mut curve = None;
    let (mut x, mut y) = (None, None);
    map(&mut Decoder::new(data), |name, decoder| {
        match name {
            Name::Number(1) => kind = Some(decoder.i64().map_err(|_| MALFORMED)?),
            Name::Number(-1) => curve = Some(decoder.i64().map_err(|_| MALFORMED)?),
            Name::Number(-2) => x = Some(bytes(decoder)?),
            Name::Number(-3) => y = Some(bytes(decoder)?),
            _ => pass_over(decoder)?,
        }
        Ok(())
    })?;
    let point = [&[4], x.unwrap_or_default(), y.unwrap_or_default()].concat();
    match (kind, curve, <[u8; 65]>::try_from(point)) {
        (Some(2), Some(1), Ok(point)) => Ok(point),
        _ => Err(Refusal::Malformed("the key of the authenticator data is not on P-256")),
    }
}
