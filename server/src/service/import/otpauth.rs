//! Lists of `otpauth://` links, as authenticator apps and other servers export them: one link a line.
//!
//! `otpauth://totp|hotp/LABEL?secret=BASE32&issuer=&algorithm=&digits=&period=&counter=`. Blank lines and lines that
//! begin with `#` are passed over. LABEL is `issuer:account` or `account`; the account is the user, the issuer the
//! token's label. Such a link names no serial number, unless its maker adds `serial=`; without one the serial number is
//! `otpauth-` and the first 16 hexadecimal digits of the SHA-256 of `issuer:account`, so that the same list is not
//! imported twice. It is never made from the secret. Two tokens of one account need labels that differ, or `serial=`.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use sha2::{Digest as _, Sha256};
use symbolon_core::otp::window::TimeState;
use symbolon_core::otp::{Digits, Hash, Period};
use symbolon_core::secret::SecretBytes;
use zeroize::Zeroizing;

use super::{LAST_EVENT, Parsed, Reading, checked_secret, hash, number};
use crate::storage::Counter;

/// No link is longer, in bytes.
const LONGEST_LINE: usize = 16 * 1024;

/// Reads a list.
pub(super) fn read(bytes: &[u8]) -> Reading {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reading = Reading::default();
    for (line, text) in (1_u64..).zip(bytes.split(|byte| *byte == b'\n')) {
        let text = text.trim_ascii();
        if !text.is_empty() && !text.starts_with(b"#") {
            reading.take(line, link(line, text));
        }
    }
    reading
}

/// The parameters of a link, each at most once.
#[derive(Default)]
struct Parameters {
    secret: Option<Zeroizing<String>>,
    issuer: Option<Zeroizing<String>>,
    algorithm: Option<Zeroizing<String>>,
    digits: Option<Zeroizing<String>>,
    period: Option<Zeroizing<String>>,
    counter: Option<Zeroizing<String>>,
    serial: Option<Zeroizing<String>>,
}

impl Parameters {
    /// Reads what follows the question mark. Unknown parameters (`image` and the like) are passed over.
    fn read(query: &str) -> Result<Self, String> {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = name.to_ascii_lowercase();
            let slot = match name.as_str() {
                "secret" => &mut parameters.secret,
                "issuer" => &mut parameters.issuer,
                "algorithm" => &mut parameters.algorithm,
                "digits" => &mut parameters.digits,
                "period" => &mut parameters.period,
                "counter" => &mut parameters.counter,
                "serial" => &mut parameters.serial,
                _ => continue,
            };
            if slot.is_some() {
                return Err(format!("{name}: is given twice"));
            }
            let value = decoded(value, true).ok_or_else(|| format!("{name}: is not percent-encoded UTF-8"))?;
            *slot = Some(value).filter(|value| !value.trim().is_empty());
        }
        Ok(parameters)
    }
}

fn link(line: u64, bytes: &[u8]) -> Result<Parsed, String> {
    if bytes.len() > LONGEST_LINE {
        return Err("must not be longer than 16 KiB".into());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "must be UTF-8".to_owned())?;
    let (scheme, rest) = text.split_once("://").ok_or("must be a link that begins with otpauth://")?;
    if scheme.eq_ignore_ascii_case("otpauth-migration") {
        return Err("is an export of Google Authenticator, which is not a list of otpauth links".into());
    }
    if !scheme.eq_ignore_ascii_case("otpauth") {
        return Err("must be a link that begins with otpauth://".into());
    }
    let (address, query) = rest.split_once('?').ok_or("secret: is missing")?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let (kind, label) = address.split_once('/').ok_or("the label is missing")?;
    let parameters = Parameters::read(query)?;

    let label = decoded(label, false).ok_or("the label is not percent-encoded UTF-8")?;
    let (prefix, account) = label.split_once(':').map_or((None, label.as_str()), |(issuer, rest)| (Some(issuer), rest));
    let account = account.trim();
    let issuer = parameters.issuer.as_ref().map(|issuer| issuer.trim()).or(prefix.map(str::trim)).unwrap_or_default();
    let serial = match &parameters.serial {
        Some(serial) => serial.trim().to_owned(),
        None => serial_of(issuer, account),
    };

    let secret = parameters.secret.as_ref().ok_or("secret: is missing")?;
    let counter = match kind.to_ascii_lowercase().as_str() {
        "totp" => {
            let seconds = parameters.period.as_ref().map_or(Ok(30), |period| number("period", period, 1..=3600))?;
            let period = u16::try_from(seconds).ok().and_then(Period::from_seconds).unwrap_or(Period::STANDARD);
            Counter::Time { period, state: TimeState::NEW }
        }
        "hotp" => {
            let counter = parameters.counter.as_ref().ok_or("counter: is missing, and hotp needs it")?;
            Counter::Event { next: number("counter", counter, 0..=LAST_EVENT)? }
        }
        _ => return Err("the type must be totp or hotp".into()),
    };
    let digits = parameters.digits.as_ref().map_or(Ok(6), |digits| number("digits", digits, 6..=10))?;
    let hash = parameters.algorithm.as_ref().map_or(Some(Hash::Sha1), |name| hash(name));
    Ok(Parsed {
        line,
        user: account.parse().map_err(|error| format!("account: {error}"))?,
        serial: serial.parse().map_err(|error| format!("serial: {error}"))?,
        secret: checked_secret("secret", base32(secret)?)?,
        hash: hash.ok_or("algorithm: must be one of SHA1, SHA256, SHA512")?,
        digits: u8::try_from(digits).ok().and_then(Digits::new).ok_or("digits: must be a number from 6 to 10")?,
        counter,
        label: issuer.parse().ok(),
        disabled: false,
    })
}

/// The serial number of a link that names none.
fn serial_of(issuer: &str, account: &str) -> String {
    let hash = Sha256::new().chain_update(issuer).chain_update(":").chain_update(account).finalize();
    format!("otpauth-{}", HEXLOWER.encode(hash.get(..8).unwrap_or_default()))
}

/// Base32 as people and apps write it: in any case, with or without padding, spaces or hyphens.
fn base32(text: &str) -> Result<SecretBytes, String> {
    let plain = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'-');
    let mut plain = Zeroizing::new(plain.map(|byte| byte.to_ascii_uppercase()).collect::<Vec<_>>());
    while plain.last() == Some(&b'=') {
        plain.pop();
    }
    BASE32_NOPAD.decode(&plain).map(SecretBytes::take).map_err(|_| "secret: must be base32".into())
}

/// Undoes percent-encoding; in a query a plus sign is a space. `None` when it is not that, or not UTF-8.
fn decoded(text: &str, query: bool) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                (digit(bytes.next()?)? << 4) | digit(bytes.next()?)?
            }
            b'+' if query => b' ',
            other => other,
        });
    }
    std::str::from_utf8(&out).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Result<Parsed, String> {
        link(1, text.as_bytes())
    }

    #[test]
    fn a_list_with_comments_and_blank_lines() {
        let list = "\u{feff}# moved from the old server\r\n\r\n\
            otpauth://totp/ACME%20Co:ana%40example.org?secret=gezd%20gnbv%20gy3t%20qojq%20gezd%20gnbv%20gy3t%20qojq&\
            issuer=ACME+Co&algorithm=SHA256&digits=8&period=60&image=x\r\n\
            \t otpauth://HOTP/bo?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ====&counter=7\n";
        let reading = read(list.as_bytes());
        assert!(reading.errors.is_empty(), "{:?}", reading.errors);
        let [ana, bo] = reading.parsed.as_slice() else { panic!("{reading:?}") };
        assert_eq!((ana.line, ana.user.as_str(), ana.digits.get()), (3, "ana@example.org", 8));
        assert_eq!(ana.secret.expose(), b"12345678901234567890");
        assert_eq!((ana.hash, ana.label.as_ref().unwrap().as_str()), (Hash::Sha256, "ACME Co"));
        assert!(matches!(ana.counter, Counter::Time { period, .. } if period.seconds() == 60));
        assert_eq!((bo.line, bo.user.as_str(), bo.counter), (4, "bo", Counter::Event { next: 7 }));
        assert_eq!((bo.hash, bo.digits, bo.secret.expose()), (Hash::Sha1, Digits::SIX, ana.secret.expose()));
    }

    #[test]
    fn the_serial_number_comes_from_the_label_and_never_from_the_secret() {
        let serial = |text: &str| one(text).unwrap().serial.as_str().to_owned();
        let first = serial("otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQ");
        assert_eq!(first, format!("otpauth-{}", &HEXLOWER.encode(&Sha256::digest("A:b"))[..16]));
        assert_eq!(first, serial("otpauth://totp/A%3A%20b?secret=MFRGGZDFMZTWQ2LK&issuer=A"));
        assert_ne!(first, serial("otpauth://totp/A:c?secret=GEZDGNBVGY3TQOJQ"));
        assert_eq!(serial("otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQ&serial=X-7"), "X-7");
    }

    #[test]
    fn what_is_refused_and_why() {
        for (text, word) in [
            ("hello", "otpauth://"),
            ("https://example.org/?secret=GEZDGNBVGY3TQOJQ", "otpauth://"),
            ("otpauth-migration://offline?data=x", "Google"),
            ("otpauth://totp/a", "secret"),
            ("otpauth://totp?secret=GEZDGNBVGY3TQOJQ", "label"),
            ("otpauth://totp/?secret=GEZDGNBVGY3TQOJQ", "account"),
            ("otpauth://totp/a%2?secret=GEZDGNBVGY3TQOJQ", "label"),
            ("otpauth://totp/a%ff?secret=GEZDGNBVGY3TQOJQ", "label"),
            ("otpauth://ocra/a?secret=GEZDGNBVGY3TQOJQ", "totp or hotp"),
            ("otpauth://totp/a?secret=", "secret: is missing"),
            ("otpauth://totp/a?secret=GEZD0189", "base32"),
            ("otpauth://totp/a?secret=GEZDGNBV", "10 to 128"),
            ("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ&secret=GEZDGNBVGY3TQOJQ", "twice"),
            ("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ&digits=5", "digits"),
            ("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ&period=0", "period"),
            ("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ&algorithm=MD5", "algorithm"),
            ("otpauth://hotp/a?secret=GEZDGNBVGY3TQOJQ", "counter"),
            ("otpauth://hotp/a?secret=GEZDGNBVGY3TQOJQ&counter=9223372036854775807", "counter"),
        ] {
            let error = one(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
            assert!(!error.contains("GEZD"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            read(&bytes);
            read(&[b"otpauth://totp/".as_slice(), &bytes].concat());
            read(&[b"otpauth://hotp/a?secret=GEZDGNBVGY3TQOJQ&".as_slice(), &bytes].concat());
        }
    }
}
