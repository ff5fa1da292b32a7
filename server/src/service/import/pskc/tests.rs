//! The list of `shared/testdata/pskc`, read where it lies, and containers made here.

use std::path::PathBuf;

use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use proptest::prelude::*;
use serde_json::Value as Json;
use symbolon_core::secret::SecretBytes;

use super::*;
use crate::service::import::{self, Format};
use crate::storage::Counter;

fn testdata() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/testdata");
    let folder = std::env::var_os("SYMBOLON_TESTDATA").map_or_else(beside, PathBuf::from).join("pskc");
    folder.is_dir().then_some(folder)
}

fn now() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

fn credential(expected: &Json) -> Option<Credential> {
    let given = &expected["credentials"];
    let key =
        given["key_hex"].as_str().map(|hex| Credential::Key(SecretBytes::take(HEX.decode(hex.as_bytes()).unwrap())));
    key.or(given["password"].as_str().map(|text| Credential::Password(SecretBytes::from_slice(text.as_bytes()))))
}

/// Each file of the list with what is given to open it.
fn listed(test: &str) -> Vec<(String, Vec<u8>, Json)> {
    let Some(folder) = testdata() else {
        #[expect(clippy::print_stderr, reason = "whoever runs the tests should know what was left out")]
        {
            eprintln!("SKIPPED {test}: there is no testdata/pskc; say where with SYMBOLON_TESTDATA");
        }
        return Vec::new();
    };
    let list: Json = serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let list = list.as_object().unwrap().iter();
    list.map(|(path, expected)| (path.clone(), std::fs::read(folder.join(path)).unwrap(), expected.clone())).collect()
}

/// Files that are read in another way than the list says, and why.
const OTHERWISE: [(&str, &str); 1] = [(
    "python-pskc/encryption/aes128-cbc-noiv.pskcxml",
    "its initialization vector comes from elsewhere; RFC 6030 puts it before the value, and no command takes one",
)];

#[test]
fn containers_are_read_as_their_list_says() {
    for (path, bytes, expected) in listed("containers_are_read_as_their_list_says") {
        let read = keys(&bytes, credential(&expected).as_ref());
        if !expected["parse_error"].is_null() {
            assert!(read.is_err() || read.unwrap().keys.iter().any(|(_, key)| key.is_err()), "{path}");
            continue;
        }
        let read = read.unwrap_or_else(|error| panic!("{path}: {error}"));
        let listed = expected["keys"].as_array().unwrap();
        assert_eq!(read.keys.len(), listed.len(), "{path}");
        assert_eq!(read.signed.is_some(), expected["signed"] == true, "{path}");
        for ((_, key), listed) in read.keys.iter().zip(listed) {
            let otherwise = OTHERWISE.iter().any(|(other, _)| *other == path);
            if otherwise || !listed["secret_error"].is_null() {
                assert!(key.is_err(), "{path}: {key:?}");
                continue;
            }
            let key = key.as_ref().unwrap_or_else(|error| panic!("{path}: {error}"));
            let secret = key.secret.as_ref().map(|secret| HEX.encode(secret.expose()));
            assert_eq!(secret.as_deref(), listed["secret_hex"].as_str(), "{path}");
            for (ours, name) in [
                (&key.id, "id"),
                (&key.serial, "serial"),
                (&key.user, "key_userid"),
                (&key.friendly_name, "friendly_name"),
                (&key.algorithm, "algorithm"),
                (&key.suite, "algorithm_suite"),
                (&key.encoding, "response_encoding"),
            ] {
                assert_eq!(ours.as_deref(), listed[name].as_str(), "{path}: {name}");
            }
            for (ours, name) in [
                (key.counter, "counter"),
                (key.time, "time_offset"),
                (key.interval, "time_interval"),
                (key.drift, "time_drift"),
                (key.length, "response_length"),
            ] {
                // That library says 0 for the time of a token that says only its interval.
                let listed =
                    listed[name].as_i64().filter(|number| ours.is_some() || *number != 0 || name != "time_offset");
                assert_eq!(ours, listed, "{path}: {name}");
            }
            let listed = &listed["policy"];
            assert_eq!(key.policy.pin_key.as_deref(), listed["pin_key_id"].as_str(), "{path}");
            assert_eq!(key.policy.pin_mode.as_deref(), listed["pin_usage"].as_str(), "{path}");
            let usages = listed["key_usage"].as_array().cloned().unwrap_or_default();
            assert_eq!(key.policy.usages, usages.iter().filter_map(Json::as_str).collect::<Vec<_>>(), "{path}");
        }
    }
}

/// What becomes of each file: how many tokens are imported, or why not.
const IMPORTED: [(&str, Result<usize, &str>); 39] = [
    ("actividentity/test.pskcxml", Ok(1)),
    ("draft-hoyer-keyprov-portable-symmetric-key-container-00/non-encrypted.pskcxml", Ok(1)),
    ("draft-hoyer-keyprov-portable-symmetric-key-container-01/non-encrypted.pskcxml", Ok(1)),
    ("draft-hoyer-keyprov-pskc-algorithm-profiles-01/actividentity-3des.pskcxml", Err("neither HOTP nor TOTP")),
    ("draft-hoyer-keyprov-pskc-algorithm-profiles-01/securid-aes-counter.pskcxml", Err("neither HOTP nor TOTP")),
    ("draft-ietf-keyprov-pskc-02/figure2.pskcxml", Ok(1)),
    ("draft-ietf-keyprov-pskc-02/figure4.pskcxml", Ok(1)),
    ("draft-ietf-keyprov-pskc-02/figure6.pskcxml", Err("rsa_1_5")),
    ("draft-ietf-keyprov-pskc-02/figure8.pskcxml", Ok(1)),
    ("encryption/aes128-cbc-noiv.pskcxml", Err("wrong MAC")),
    // These hold a secret and nothing that would make a token of it.
    ("encryption/aes192-cbc.pskcxml", Err("Algorithm: is missing")),
    ("encryption/camellia128-cbc.pskcxml", Err("Algorithm: is missing")),
    ("encryption/camellia256-cbc.pskcxml", Err("Algorithm: is missing")),
    ("encryption/kw-aes192.pskcxml", Err("Algorithm: is missing")),
    ("encryption/kw-camellia128.pskcxml", Err("Algorithm: is missing")),
    ("encryption/kw-camellia256.pskcxml", Err("Algorithm: is missing")),
    ("encryption/mac-over-plaintext.pskcxml", Err("Algorithm: is missing")),
    ("encryption/tripledes-cbc.pskcxml", Err("Algorithm: is missing")),
    ("misc/integers.pskcxml", Err("Algorithm: is missing")),
    ("misc/partialxml.pskcxml", Err("Algorithm: is missing")),
    ("feitian/20120919-test001-4282.xml", Ok(2)),
    ("invalid/incomplete-derivation.pskcxml", Err("a key or a password is needed")),
    ("invalid/mac-value.pskcxml", Err("wrong MAC")),
    ("invalid/missing-encryption.pskcxml", Err("no encryption algorithm")),
    ("invalid/not-boolean.pskcxml", Err("true or false")),
    ("invalid/not-integer.pskcxml", Err("NumberOfTransactions")),
    ("invalid/unknown-encryption.pskcxml", Err("xmlenc#unknown")),
    ("invalid/wrongversion.pskcxml", Err("Version")),
    // A time step of two days, and OCRA.
    ("misc/SampleFullyQualifiedNS.xml", Err("TimeInterval")),
    ("multiotp/tokens_hotp_aes.pskc", Ok(2)),
    ("multiotp/tokens_ocra_aes.pskc", Err("neither HOTP nor TOTP")),
    ("multiotp/tokens_totp_aes.pskc", Ok(2)),
    ("rfc6030/figure10.pskcxml", Ok(4)),
    // A secret of four bytes, and no length of codes.
    ("rfc6030/figure2.pskcxml", Err("ResponseFormat Length")),
    // It names a secret that is elsewhere.
    ("rfc6030/figure4.pskcxml", Err("Secret: is missing")),
    ("rfc6030/figure6.pskcxml", Ok(1)),
    ("rfc6030/figure8.pskcxml", Err("rsa_1_5")),
    ("yubico/example1.pskcxml", Err("neither HOTP nor TOTP")),
    ("yubico/example3.pskcxml", Err("neither HOTP nor TOTP")),
];

#[test]
fn each_listed_file_is_imported_or_refused_for_its_reason() {
    for (path, bytes, expected) in listed("each_listed_file_is_imported_or_refused_for_its_reason") {
        let found = IMPORTED.iter().find(|(known, _)| path.ends_with(known));
        let (_, outcome) = found.unwrap_or_else(|| panic!("{path} is not in the table"));
        let read = import::read(Format::Pskc, &bytes, credential(&expected).as_ref(), now());
        let said = match &read {
            Err(error) => vec![error.to_string()],
            Ok(reading) => reading.errors.iter().map(|error| error.message.clone()).collect(),
        };
        match outcome {
            Ok(count) => {
                assert_eq!(said, Vec::<String>::new(), "{path}");
                assert_eq!(read.unwrap().parsed.len(), *count, "{path}");
            }
            Err(reason) => assert!(said.iter().any(|said| said.contains(reason)), "{path}: {said:?}"),
        }
    }
}

fn container(header: &str, keys: &str) -> String {
    format!(
        r#"<?xml version="1.0"?>
<p:KeyContainer Version="1.0" xmlns:p="urn:ietf:params:xml:ns:keyprov:pskc" xmlns:e="http://www.w3.org/2001/04/xmlenc#"
 xmlns:d="http://www.w3.org/2009/xmlenc11#">{header}{keys}</p:KeyContainer>"#
    )
}

/// A TOTP key with more in its package, in its key, and for a secret.
fn package(device: &str, more: &str, secret: &str) -> String {
    format!(
        "\n<p:KeyPackage><p:DeviceInfo><p:SerialNo>S-1</p:SerialNo>{device}</p:DeviceInfo>\
         <p:Key Id=\"k\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:totp\"><p:AlgorithmParameters>\
         <p:ResponseFormat Length=\"6\" Encoding=\"DECIMAL\"/></p:AlgorithmParameters>\
         <p:Data><p:Secret>{secret}</p:Secret></p:Data>{more}</p:Key></p:KeyPackage>"
    )
}

const PLAIN: &str = "<p:PlainValue> MTIzNDU2Nzg5MDEy\n MzQ1Njc4OTA </p:PlainValue>";

fn read_text(text: &str, credential: Option<&Credential>) -> Reading {
    import::read(Format::Pskc, text.as_bytes(), credential, now()).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    match import::read(Format::Pskc, text.as_bytes(), None, now()) {
        Err(error) => error.to_string(),
        Ok(reading) => reading.errors.first().unwrap_or_else(|| panic!("{reading:?}")).message.clone(),
    }
}

#[test]
fn a_plain_key_with_its_defaults_user_and_label() {
    let more = "<p:UserId>UID=an, CN=Ana</p:UserId><p:FriendlyName>Desk &amp; door</p:FriendlyName>";
    let reading = read_text(&container("", &package("<p:UserId>other</p:UserId>", more, PLAIN)), None);
    let [token] = reading.parsed.as_slice() else { panic!("{reading:?}") };
    assert_eq!((token.user.as_str(), token.serial.as_str(), token.line), ("Ana", "S-1", 4));
    assert_eq!((token.secret.expose(), token.disabled), (b"12345678901234567890".as_slice(), false));
    assert_eq!(token.label.as_ref().unwrap().as_str(), "Desk & door");
    assert!(matches!(token.counter, Counter::Time { period, .. } if period.seconds() == 30));
    let reading = read_text(&container("", &package("", "", PLAIN)), None);
    assert_eq!(reading.parsed[0].user.as_str(), "S-1");
}

#[test]
fn what_a_document_may_not_be() {
    let key = package("", "", PLAIN);
    let whole = container("", &key);
    let root = "<KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" Version=\"1.0\">";
    let laughs: String = (1..20).map(|n| format!("<!ENTITY l{n} \"&l{};&l{};\">", n - 1, n - 1)).collect();
    for (text, word) in [
        (format!("<!DOCTYPE x [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{root}&x;</KeyContainer>"), "DOCTYPE"),
        (format!("<!DOCTYPE x [<!ENTITY l0 \"ha\">{laughs}]>{root}<a>&l19;</a></KeyContainer>"), "DOCTYPE"),
        (format!("<!DOCTYPE KeyContainer>{root}</KeyContainer>"), "DOCTYPE"),
        (format!("{root}<a>&l19;</a></KeyContainer>"), "entity"),
        (format!("{root}<a b=\"&l19;\"/></KeyContainer>"), "entity"),
        (format!("{root}{}", "<a>".repeat(100_000)), "32 deep"),
        (format!("{root}<a>{}</a></KeyContainer>", "<b/>".repeat(20_000)), "too many elements"),
        (format!("{root}<x:a/></KeyContainer>"), "prefix"),
        (format!("{root}<a></b></KeyContainer>"), "well-formed"),
        (format!("{root}</KeyContainer><KeyContainer/>"), "second"),
        (format!("{root}</KeyContainer>"), "has no keys"),
        ("<html/>".into(), "not a key container"),
        ("<KeyContainer xmlns=\"http://example.org/\" Version=\"1.0\"/>".into(), "not a key container"),
        (whole.replace("Version=\"1.0\" ", "Version=\"2.0\" "), "Version"),
        (String::new(), "no XML"),
        (key.clone(), "prefix"),
        (container(&key, "<p:EncryptionKey/>"), "after the first key"),
    ] {
        let said = refused(&text);
        assert!(said.contains(word), "{word}: {said}");
    }
    // Cut short anywhere, it is refused.
    for length in 0..whole.len() {
        assert!(import::read(Format::Pskc, &whole.as_bytes()[..length], None, now()).is_err(), "{length}");
    }
    // 31 elements below the document's element are few enough.
    let deep = format!("{root}{}{}{key}</KeyContainer>", "<a>".repeat(31), "</a>".repeat(31)).replace("p:", "");
    assert_eq!(read_text(&deep, None).parsed.len(), 1);
    let deep = deep.replace("<a><a>", "<a><a><a>").replace("</a></a>", "</a></a></a>");
    assert!(refused(&deep).contains("32 deep"));
}

#[test]
fn what_a_key_may_not_ask_for() {
    let policy = |rule: &str| package("", &format!("<p:Policy>{rule}</p:Policy>"), PLAIN);
    let value = |value: &str| package("", "", value);
    for (keys, word) in [
        (policy("<p:PINPolicy PINUsageMode=\"Append\" MinLength=\"4\"/>"), "PIN"),
        (policy("<p:PINPolicy MinLength=\"4\"/>"), "PIN"),
        (policy("<p:KeyUsage>CR</p:KeyUsage>"), "KeyUsage"),
        (policy("<p:NumberOfTransactions>9</p:NumberOfTransactions>"), "NumberOfTransactions"),
        (policy("<p:Moon phase=\"full\"/>"), "Moon"),
        (policy("<x:StartDate xmlns:x=\"http://example.org/\"/>"), "StartDate"),
        (policy("<p:ExpiryDate>soon</p:ExpiryDate>"), "ExpiryDate: must be a date"),
        (value("<p:PlainValue>#</p:PlainValue>"), "Secret: must be base64"),
        (value("<p:PlainValue>MTIzNA==</p:PlainValue>"), "10 to 128"),
        (value(""), "Secret: is missing"),
        (value(PLAIN).replace("Length=\"6\"", "Length=\"5\""), "Length"),
        (value(PLAIN).replace("DECIMAL", "HEXADECIMAL"), "DECIMAL"),
        (value(PLAIN).replace("Length", "CheckDigits=\"1\" Length"), "check digits"),
        (value(PLAIN).replace(":totp", ":ocra"), "neither"),
        (value(PLAIN).replace("</p:Secret>", "</p:Secret><p:Secret/>"), "twice"),
        (value(PLAIN).replace("</p:Secret>", "</p:Secret><p:Time><p:PlainValue>9</p:PlainValue></p:Time>"), "Time"),
        (format!("{}{}", value(PLAIN), value(PLAIN)), "another key"),
    ] {
        let said = refused(&container("", &keys));
        assert!(said.contains(word), "{word}: {said}");
        assert!(!said.contains("MTIz") && !said.contains("1234"), "{said}");
    }
}

#[test]
fn keys_that_are_not_valid_now_are_imported_as_disabled() {
    let dated = |name: &str, date: &str| {
        let policy = format!("<p:Policy><p:{name}>{date}</p:{name}></p:Policy>");
        let reading = read_text(&container("", &package("", &policy, PLAIN)), None);
        (reading.parsed[0].disabled, reading.warnings.len())
    };
    assert_eq!(dated("ExpiryDate", "2022-09-01T00:00:00Z"), (true, 1));
    assert_eq!(dated("ExpiryDate", "2032-09-01T00:00:00"), (false, 1));
    assert_eq!(dated("StartDate", "2032-09-01"), (true, 1));
    assert_eq!(dated("StartDate", "2022-09-01T00:00:00+02:00"), (false, 0));
}

#[test]
fn a_device_with_several_keys_and_a_pin_that_it_checks_itself() {
    let pin = "<p:Policy><p:PINPolicy PINUsageMode=\"Local\" PINKeyId=\"pin\"/></p:Policy>";
    let first = package("", pin, PLAIN);
    let second = package("", "", PLAIN).replace("Id=\"k\"", "Id=\"k2\"");
    let third = package("", "", "<p:PlainValue>MTIzNA==</p:PlainValue>");
    let third = third.replace("Id=\"k\"", "Id=\"pin\"").replace(":totp", ":pin");
    let reading = read_text(&container("", &[first, second, third.clone()].concat()), None);
    assert_eq!(reading.errors, []);
    let serials: Vec<_> = reading.parsed.iter().map(|token| token.serial.as_str()).collect();
    assert_eq!(serials, ["S-1", "S-1#k2"]);
    assert_eq!(reading.warnings.len(), 1);
    assert!(refused(&container("", &third)).contains("neither"));
}

/// RFC 6030, figure 7: PBKDF2 and the password `qwerty`; with another text in place of one of its own.
fn figure_7(from: &str, to: &str) -> String {
    let header = r#"<p:EncryptionKey><d:DerivedKey><d:KeyDerivationMethod
        Algorithm="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2">
        <k:PBKDF2-params xmlns:k="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#">
        <Salt><Specified>Ej7/PEpyEpw=</Specified></Salt><IterationCount>1000</IterationCount><KeyLength>16</KeyLength>
        <PRF/></k:PBKDF2-params></d:KeyDerivationMethod></d:DerivedKey></p:EncryptionKey>
        <p:MACMethod Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1"><p:MACKey>
        <e:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/><e:CipherData><e:CipherValue>
        2GTTnLwM3I4e5IO5FkufoOEiOhNj91fhKRQBtBJYluUDsPOLTfUvoU2dStyOwYZx</e:CipherValue></e:CipherData></p:MACKey>
        </p:MACMethod>"#;
    let secret = r#"<p:EncryptedValue><e:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>
        <e:CipherData><e:CipherValue>oTvo+S22nsmS2Z/RtcoF8Hfh+jzMe0RkiafpoDpnoZTjPYZu6V+A4aEn032yCr4f</e:CipherValue>
        </e:CipherData></p:EncryptedValue><p:ValueMAC>LP6xMvjtypbfT9PdkJhBZ+D6O4w=</p:ValueMAC>"#;
    container(header, &package("", "", secret)).replace(from, to)
}

#[test]
fn a_password_a_wrong_one_and_a_changed_container() {
    let password = |text: &str| Credential::Password(SecretBytes::from_slice(text.as_bytes()));
    let reading = read_text(&figure_7("", ""), Some(&password("qwerty")));
    assert_eq!(reading.errors, []);
    assert_eq!(reading.parsed[0].secret.expose(), b"12345678901234567890");
    let said = |text: &str, credential: Option<&Credential>| {
        let reading = read_text(text, credential);
        assert!(reading.parsed.is_empty());
        reading.errors[0].message.clone()
    };
    let right = password("qwerty");
    let key = Credential::Key(SecretBytes::from_slice(&[1; 16]));
    let short = Credential::Key(SecretBytes::from_slice(&[1; 15]));
    for (from, to, credential, word) in [
        ("", "", None, "a key or a password is needed"),
        ("", "", Some(&password("qwertz")), "wrong"),
        ("", "", Some(&key), "wrong"),
        ("", "", Some(&short), "wrong"),
        ("oTvo+", "oTvp+", Some(&right), "wrong MAC"),
        ("yCr4f<", "yCr4e<", Some(&right), "wrong"),
        ("LP6x", "LP6y", Some(&right), "wrong MAC"),
        ("LP6xMvjtypbfT9PdkJhBZ+D6O4w=", "", Some(&right), "no MAC"),
        ("hmac-sha1", "hmac-sha2", Some(&right), "hmac-sha2"),
        (">1000<", ">4294967295<", Some(&right), "IterationCount"),
        (">16<", ">0<", Some(&right), "KeyLength"),
        (">Ej7/PEpyEpw=<", "><", Some(&right), "Salt"),
        ("#pbkdf2", "#scrypt", Some(&right), "scrypt"),
        ("<d:DerivedKey>", "<d:OtherKey>", None, "well-formed"),
    ] {
        if word == "well-formed" {
            assert!(refused(&figure_7(from, to)).contains(word));
            continue;
        }
        let said = said(&figure_7(from, to), credential);
        assert!(said.contains(word), "{from} {to}: {said}");
        assert!(!said.contains("qwert"), "{said}");
    }
    // Without its MAC the value could have been changed unnoticed.
    let text = figure_7("<p:ValueMAC>LP6xMvjtypbfT9PdkJhBZ+D6O4w=</p:ValueMAC>", "");
    let method = text.find("<p:MACMethod").unwrap()..text.find("</p:MACMethod>").unwrap() + "</p:MACMethod>".len();
    let bare = [&text[..method.start], &text[method.end..]].concat();
    assert!(said(&bare, Some(&right)).contains("without a MAC"));
    // Where an old container is encrypted as a whole, a secret can't pass as plain.
    let text = container("<p:EncryptionMethod Algorithm=\"x\"/>", &package("", "", PLAIN));
    assert!(said(&text.replace("PlainValue", "Value"), Some(&right)).contains("encrypted with x"));
}

#[test]
fn only_a_key_container_takes_a_key() {
    let key = Credential::Key(SecretBytes::from_slice(&[1; 16]));
    assert!(import::read(Format::Csv, b"user", Some(&key), now()).is_err());
    assert!(import::read(Format::Otpauth, b"otpauth://", Some(&key), now()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let key = Credential::Key(SecretBytes::from_slice(&[1; 16]));
        for format in [Format::Csv, Format::Otpauth, Format::Pskc] {
            let _ = import::read(format, &bytes, None, now());
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = import::read(Format::Pskc, container("", &package("", &text, PLAIN)).as_bytes(), None, now());
        let _ = import::read(Format::Pskc, container("", &package("", "", &text)).as_bytes(), Some(&key), now());
    }

    #[test]
    fn any_change_to_a_container_is_read_or_refused(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(), drop in 0_usize..60,
    ) {
        let mut bytes = figure_7("", "").replace(">1000<", ">1<").into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let cut = cut.index(bytes.len());
        bytes.drain(cut..(cut + drop).min(bytes.len()));
        let password = Credential::Password(SecretBytes::from_slice(b"qwerty"));
        let _ = import::read(Format::Pskc, &bytes, Some(&password), now());
    }

    #[test]
    fn any_text_is_a_value_or_none(text in "[0-9A-Za-z+/= \n-]{0,24}") {
        let value = format!("<p:PlainValue>{text}</p:PlainValue>");
        let _ = keys(container("", &package("", "", "").replace("<p:Secret></p:Secret>", &format!(
            "<p:Secret>{value}</p:Secret><p:Counter>{value}</p:Counter><p:TimeDrift>{value}</p:TimeDrift>"
        ))).as_bytes(), None);
    }
}
