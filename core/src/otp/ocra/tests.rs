//! What the RFC's vectors do not show: bounds, refusals, other suites, and Symbolon's own two. The vectors themselves are in
//! `core/tests/rfc6287.rs`. Expected values here come from a second implementation (Python's `hmac` and `hashlib`).

use proptest::prelude::*;
use rand_core::OsRng;
use sha2::{Digest, Sha256};

use super::*;
use crate::otp::{Code, TimeStep};
use crate::secret::{Secret, SecretBytes};
use crate::text::TextError;

fn suite(text: &str) -> OcraSuite {
    text.parse().unwrap()
}

fn secret() -> Secret<32> {
    Secret::take(&mut std::array::from_fn(|n| u8::try_from(n).unwrap()))
}

fn key(text: &str) -> OcraKey {
    OcraKey::prepare(suite(text), secret().expose())
}

fn one(challenge: &str) -> OcraInput<'_> {
    OcraInput::new(OcraQuestion::One(challenge))
}

fn step(number: i64) -> TimeStep {
    TimeStep::from_number(number)
}

fn typed(text: &str) -> TypedChallenge {
    text.parse().unwrap()
}

fn time_steps() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        (1..=59, "[SM]").prop_map(|(count, unit)| format!("-T{count}{unit}")),
        (1..=48).prop_map(|count| format!("-T{count}H")),
    ]
}

/// The text of any suite.
fn suites() -> impl Strategy<Value = String> {
    let hash = "SHA(1|256|512)";
    let digits = prop_oneof![Just(0), 4..=10];
    let session = proptest::option::of(1..=512);
    (hash, digits, "(C-)?", "[ANH]", 4..=64, "(-PSHA(1|256|512))?", session, time_steps()).prop_map(
        |(hash, digits, counter, format, length, pin, session, time)| {
            let session = session.map(|length| format!("-S{length:03}")).unwrap_or_default();
            format!("OCRA-1:HOTP-{hash}-{digits}:{counter}Q{format}{length:02}{pin}{session}{time}")
        },
    )
}

#[test]
fn a_wrong_suite_is_told_by_its_part() {
    use OcraSuiteError::*;
    for (text, error) in [
        ("", Parts),
        ("OCRA-1:HOTP-SHA1-6", Parts),
        ("OCRA-1:HOTP-SHA1-6:QN08:", Parts),
        ("OCRA-2:HOTP-SHA1-6:QN08", Version),
        ("ocra-1:HOTP-SHA1-6:QN08", Version),
        (" OCRA-1:HOTP-SHA1-6:QN08", Version),
        ("OCRA-1:TOTP-SHA1-6:QN08", Function),
        ("OCRA-1:HOTP-SHA1:QN08", Function),
        ("OCRA-1:HOTP-SHA384-6:QN08", Function),
        ("OCRA-1:HOTP-sha1-6:QN08", Function),
        ("OCRA-1:HOTP-SHA1-:QN08", Truncation),
        ("OCRA-1:HOTP-SHA1-3:QN08", Truncation),
        ("OCRA-1:HOTP-SHA1-11:QN08", Truncation),
        ("OCRA-1:HOTP-SHA1-06:QN08", Truncation),
        ("OCRA-1:HOTP-SHA1-+6:QN08", Truncation),
        ("OCRA-1:HOTP-SHA1-6-6:QN08", Truncation),
        ("OCRA-1:HOTP-SHA1-6:", Question),
        ("OCRA-1:HOTP-SHA1-6:C", Question),
        ("OCRA-1:HOTP-SHA1-6:C-C-QN08", Question),
        ("OCRA-1:HOTP-SHA1-6:Q", Question),
        ("OCRA-1:HOTP-SHA1-6:QN8", Question),
        ("OCRA-1:HOTP-SHA1-6:QN03", Question),
        ("OCRA-1:HOTP-SHA1-6:QN65", Question),
        ("OCRA-1:HOTP-SHA1-6:QN+8", Question),
        ("OCRA-1:HOTP-SHA1-6:QX08", Question),
        ("OCRA-1:HOTP-SHA1-6:T1M-QN08", Question),
        ("OCRA-1:HOTP-SHA1-6:QN08-P", PinHash),
        ("OCRA-1:HOTP-SHA1-6:QN08-PMD5", PinHash),
        ("OCRA-1:HOTP-SHA1-6:QN08-S64", Session),
        ("OCRA-1:HOTP-SHA1-6:QN08-S000", Session),
        ("OCRA-1:HOTP-SHA1-6:QN08-S513", Session),
        ("OCRA-1:HOTP-SHA1-6:QN08-T", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-TM", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-T0S", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-T60S", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-T01M", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-T60M", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-T0H", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-T49H", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1D", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-T１M", TimeStep),
        ("OCRA-1:HOTP-SHA1-6:QN08-", Inputs),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1M-PSHA1", Inputs),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1M-T1M", Inputs),
        ("OCRA-1:HOTP-SHA1-6:QN08-QN08", Inputs),
        ("OCRA-1:HOTP-SHA1-6:QN08-X", Inputs),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1M ", TimeStep),
    ] {
        assert_eq!(text.parse::<OcraSuite>(), Err(error), "{text}");
    }
}

#[test]
fn a_suite_says_what_it_asks_for() {
    let full = suite("OCRA-1:HOTP-SHA512-0:C-QH40-PSHA256-S128-T48H");
    assert_eq!((full.digits(), full.has_counter(), full.challenge_length()), (None, true, 40));
    assert_eq!((full.session_length(), full.time_step_seconds()), (Some(128), Some(172_800)));
    let time = jiff::Timestamp::from_second(172_800 * 3 - 1).unwrap();
    assert_eq!(full.time_step_at(time), Some(step(2)));
    assert_eq!(full.hash_pin(b"1234").unwrap().expose(), Sha256::digest(b"1234").as_slice());
    let small = suite("OCRA-1:HOTP-SHA1-4:QN04");
    assert_eq!((small.digits(), small.has_counter(), small.time_step_at(time)), (Some(4), false, None));
    assert_eq!(small.hash_pin(b"1234"), None);
}

#[test]
fn symbolons_suites_are_those_of_the_protocol() {
    assert_eq!(OcraSuite::TYPED.to_string(), "OCRA-1:HOTP-SHA256-8:QN08-T30S");
    assert_eq!(OcraSuite::QUESTION.to_string(), "OCRA-1:HOTP-SHA256-8:QH64-T30S");
}

/// All inputs at once, no truncation, odd nibbles, session data with zeros before them; and 4 and 10 digits.
#[test]
fn suites_that_the_rfc_has_no_vectors_for() {
    let key_of_all = key("OCRA-1:HOTP-SHA512-0:C-QH09-PSHA256-S010-T12H");
    let pin_hash = key_of_all.suite().hash_pin(b"1234").unwrap();
    let input = OcraInput {
        counter: Some(7),
        pin_hash: Some(&pin_hash),
        session: Some(b"session"),
        time_step: Some(step(40_000)),
        ..one("abcDEF123")
    };
    assert_eq!(
        key_of_all.respond(&input).unwrap().to_string(),
        "82d8d95f87b3db2626f32976fba5e12f2fbba408c892e3b57fa2e0c6f4063c93\
         b94673951cfba692bbf295b79420aaccf27963a5e76d7df75a16fd9fe9edf66c"
    );
    let nines = "9".repeat(64);
    let four = key("OCRA-1:HOTP-SHA1-4:QN64").respond(&one(&nines)).unwrap();
    assert_eq!(four.to_string(), "2140");
    let ten = key("OCRA-1:HOTP-SHA1-10:QN64");
    let ten = ten.respond(&OcraInput::new(OcraQuestion::Mutual { asked: &nines, own: &nines })).unwrap();
    assert_eq!(ten.to_string(), "1100207956");
}

#[test]
fn inputs_fit_the_suite_or_are_refused_by_name() {
    use OcraInputError::*;
    let pin_hash = SecretBytes::from_slice(&[1; 20]);
    let short = SecretBytes::from_slice(&[1; 19]);
    let respond = |suite: &str, input: OcraInput<'_>| key(suite).respond(&input).map(|_| ());
    let plain = "OCRA-1:HOTP-SHA1-6:QN08";
    assert_eq!(respond(plain, one("1")), Ok(()));
    let refused = [
        (plain, one(""), ChallengeLength(8)),
        (plain, one("123456789"), ChallengeLength(8)),
        (plain, one("1234567a"), ChallengeCharacters(QuestionFormat::Numeric)),
        (plain, one("١٢٣٤"), ChallengeCharacters(QuestionFormat::Numeric)),
        ("OCRA-1:HOTP-SHA1-6:QH08", one("1234567g"), ChallengeCharacters(QuestionFormat::Hexadecimal)),
        ("OCRA-1:HOTP-SHA1-6:QA08", one("1234-678"), ChallengeCharacters(QuestionFormat::Alphanumeric)),
        (plain, OcraInput::new(OcraQuestion::Mutual { asked: "1", own: "" }), ChallengeLength(8)),
        (plain, OcraInput { counter: Some(0), ..one("1") }, Unexpected(OcraField::Counter)),
        (plain, OcraInput { pin_hash: Some(&pin_hash), ..one("1") }, Unexpected(OcraField::PinHash)),
        (plain, OcraInput { session: Some(b"s"), ..one("1") }, Unexpected(OcraField::Session)),
        (plain, OcraInput { time_step: Some(step(0)), ..one("1") }, Unexpected(OcraField::TimeStep)),
        ("OCRA-1:HOTP-SHA1-6:C-QN08", one("1"), Missing(OcraField::Counter)),
        ("OCRA-1:HOTP-SHA1-6:QN08-PSHA1", one("1"), Missing(OcraField::PinHash)),
        ("OCRA-1:HOTP-SHA1-6:QN08-S001", one("1"), Missing(OcraField::Session)),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1M", one("1"), Missing(OcraField::TimeStep)),
        ("OCRA-1:HOTP-SHA1-6:QN08-PSHA1", OcraInput { pin_hash: Some(&short), ..one("1") }, PinHashLength(20)),
        ("OCRA-1:HOTP-SHA1-6:QN08-S002", OcraInput { session: Some(b""), ..one("1") }, SessionLength(2)),
        ("OCRA-1:HOTP-SHA1-6:QN08-S002", OcraInput { session: Some(b"abc"), ..one("1") }, SessionLength(2)),
    ];
    for (suite, input, error) in refused {
        assert_eq!(respond(suite, input), Err(error), "{suite} {input:?}");
    }
    assert_eq!(Missing(OcraField::PinHash).to_string(), "PIN hash: this OCRA suite needs it");
}

#[test]
fn debug_never_shows_a_key_a_pin_or_a_response() {
    let key = key("OCRA-1:HOTP-SHA1-6:QN08-PSHA1");
    let pin_hash = key.suite().hash_pin(b"1234").unwrap();
    let input = OcraInput { pin_hash: Some(&pin_hash), ..one("12345678") };
    assert_eq!(format!("{key:?} {:?}", key.respond(&input).unwrap()), "[redacted] [redacted]");
    assert!(format!("{input:?}").contains("pin_hash: Some([redacted])"));
}

#[test]
fn typed_responses_are_read() {
    let six = suite("OCRA-1:HOTP-SHA1-6:QN08");
    assert_eq!(OcraResponse::read(&six, "123-4 56").unwrap().to_string(), "123456");
    for text in ["", "12345", "1234567", "12345a", "１２３４５６", "+12345"] {
        assert_eq!(OcraResponse::read(&six, text), Err(OcraResponseError::Digits(6)), "{text}");
    }
    let whole = suite("OCRA-1:HOTP-SHA1-0:QN08");
    assert_eq!(OcraResponse::read(&whole, &"AB".repeat(20)).unwrap().to_string(), "ab".repeat(20));
    assert_eq!(OcraResponse::read(&whole, &"ab".repeat(19)), Err(OcraResponseError::Hexadecimal(40)));
    assert!(OcraResponse::read(&six, "012345").unwrap() != OcraResponse::read(&six, "112345").unwrap());
}

#[test]
fn symbolons_responses() {
    let typed_at = |challenge, number| respond_typed(&secret(), &typed(challenge), step(number)).to_string();
    assert_eq!(typed_at("1234 5678", 58_000_000), "01680190");
    assert_eq!(typed_at("00000000", 0), "59635536");
    assert_eq!(typed_at("9999-9999", 58_000_001), "95250937");
    assert_eq!(typed_at("00000042", 58_000_000), "25658238");
    let question = Sha256::digest(b"transaction").into();
    assert_eq!(respond_question(&secret(), question, step(58_000_000)).to_string(), "26915804");
    assert_eq!(respond_question(&secret(), [0; 32], step(0)).to_string(), "68338275");
}

#[test]
fn a_changed_challenge_time_or_key_changes_the_response() {
    let response = respond_typed(&secret(), &typed("12345678"), step(58_000_000));
    assert!(response != respond_typed(&secret(), &typed("12345679"), step(58_000_000)));
    assert!(response != respond_typed(&secret(), &typed("12345678"), step(58_000_001)));
    assert!(response != respond_typed(&Secret::take(&mut [1; 32]), &typed("12345678"), step(58_000_000)));
    let response = respond_question(&secret(), [1; 32], step(58_000_000));
    assert!(response != respond_question(&secret(), [2; 32], step(58_000_000)));
    assert!(response != respond_question(&secret(), [1; 32], step(58_000_001)));
    assert!(response != respond_question(&Secret::take(&mut [1; 32]), [1; 32], step(58_000_000)));
}

#[test]
fn typed_challenges_are_read_and_written() {
    assert_eq!(typed("0000 0042").to_string(), "0000 0042");
    assert_eq!(typed("0000-0042").digits(), "00000042");
    assert_eq!(serde_json::to_string(&typed("00000042")).unwrap(), "\"00000042\"");
    assert_eq!(serde_json::from_str::<TypedChallenge>("\"0000 0042\"").unwrap(), typed("00000042"));
    for text in ["", "1234567", "123456789", "1234567a", "１２３４５６７８", "+2345678"] {
        assert_eq!(text.parse::<TypedChallenge>(), Err(TypedChallengeError), "{text}");
    }
}

#[test]
fn generated_challenges_are_read_again() {
    for _ in 0..100 {
        let challenge = TypedChallenge::generate(&mut OsRng);
        assert_eq!(typed(&challenge.to_string()), challenge);
    }
}

#[test]
fn details_become_a_challenge() {
    let challenge = |values: &[&str]| details_challenge(values).map(|challenge| challenge.digits());
    assert_eq!(challenge(&["100.00 EUR", "DE02120300000000202051"]).unwrap(), "71341381");
    assert_eq!(challenge(&[" 100.00 EUR\t", "DE02120300000000202051"]).unwrap(), "71341381");
    assert_eq!(challenge(&["100.00 EUR"]).unwrap(), "82996956");
    assert_eq!(challenge(&["100.00", "EUR"]).unwrap(), "01448850");
    assert_eq!(challenge(&["Zürich"]).unwrap(), "16816701");
    assert!(challenge(&["x"; 10]).is_ok());
    assert!(challenge(&[&"ß".repeat(100)]).is_ok());
    assert_eq!(challenge(&[]), Err(DetailsError::Count));
    assert_eq!(challenge(&["x"; 11]), Err(DetailsError::Count));
    let value = |position, error| Err(DetailsError::Value { position, error });
    assert_eq!(challenge(&["x", " "]), value(2, TextError::Empty));
    assert_eq!(challenge(&[&"x".repeat(101)]), value(1, TextError::TooLong(100)));
    assert_eq!(challenge(&["1\u{202e}2"]), value(1, TextError::Character));
    assert_eq!(challenge(&["x", ""]).unwrap_err().to_string(), "detail 2 must not be empty");
}

proptest! {
    #[test]
    fn a_suite_is_read_as_it_is_written(text in suites()) {
        prop_assert_eq!(suite(&text).to_string(), text);
    }

    #[test]
    fn any_text_is_read_or_refused(text: String, near in "(OCRA-1:HOTP-SHA1-)?[-:0-9CQANHPSTMß]{0,20}") {
        for text in [text, near] {
            if let Ok(suite) = text.parse::<OcraSuite>() {
                prop_assert_eq!(suite.to_string(), text.clone());
            }
            let _ = text.parse::<TypedChallenge>();
            let _ = OcraResponse::read(&OcraSuite::TYPED, &text);
            let _ = details_challenge(&[&text]);
        }
    }

    /// Whatever comes in, a suite answers with a response that it reads again, or with the field that is wrong.
    #[test]
    fn any_input_is_answered_or_refused(
        text in suites(),
        secret: Vec<u8>,
        counter: Option<u64>,
        asked in "[0-9]{0,70}|[0-9a-fA-F]{0,70}|[0-9a-zA-Z]{0,70}|.{0,10}",
        own in proptest::option::of("[0-9]{0,70}|[0-9a-fA-F]{0,70}|[0-9a-zA-Z]{0,70}|.{0,10}"),
        pin: Option<Vec<u8>>,
        session in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..600)),
        time: Option<i64>,
        fitting: bool,
    ) {
        let suite = suite(&text);
        let hashed = pin.as_deref().map(|pin| suite.hash_pin(pin).unwrap_or_else(|| SecretBytes::from_slice(pin)));
        let default_hash = suite.hash_pin(b"");
        let question = match &own {
            None => OcraQuestion::One(&asked),
            Some(own) => OcraQuestion::Mutual { asked: &asked, own },
        };
        let mut input = OcraInput {
            counter,
            question,
            pin_hash: hashed.as_ref(),
            session: session.as_deref(),
            time_step: time.map(TimeStep::from_number),
        };
        if fitting {
            input = OcraInput {
                counter: suite.has_counter().then_some(counter.unwrap_or(1)),
                question: OcraQuestion::One("1234"),
                pin_hash: default_hash.as_ref(),
                session: suite.session_length().map(|_| b"s".as_slice()),
                time_step: suite.time_step_seconds().map(|_| TimeStep::from_number(time.unwrap_or(1))),
            };
        }
        let response = OcraKey::prepare(suite, &secret).respond(&input);
        prop_assert!(response.is_ok() || !fitting);
        if let Ok(response) = response {
            prop_assert!(OcraResponse::read(&suite, &response.to_string()).unwrap() == response);
        }
    }

    /// Without truncation, so that nothing is equal by chance.
    #[test]
    fn every_input_counts(
        secrets: ([u8; 20], [u8; 20]), counters: (u64, u64), questions in ("[A-Z0-9]{1,64}", "[A-Z0-9]{1,64}"),
        pins: (u32, u32), sessions in ("[a-z]{1,64}", "[a-z]{1,64}"), times: (i64, i64),
    ) {
        let suite = suite("OCRA-1:HOTP-SHA256-0:C-QA64-PSHA256-S064-T30S");
        let respond = |secret: &[u8], counter, question, pin: u32, session: &str, time| {
            let pin_hash = suite.hash_pin(&pin.to_be_bytes()).unwrap();
            let input = OcraInput {
                counter: Some(counter),
                question: OcraQuestion::One(question),
                pin_hash: Some(&pin_hash),
                session: Some(session.as_bytes()),
                time_step: Some(step(time)),
            };
            OcraKey::prepare(suite, secret).respond(&input).unwrap()
        };
        let (s, c, q, p, i, t) = (&secrets.0, counters.0, questions.0.as_str(), pins.0, sessions.0.as_str(), times.0);
        let response = respond(s, c, q, p, i, t);
        prop_assert_eq!(response == respond(&secrets.1, c, q, p, i, t), secrets.0 == secrets.1);
        prop_assert_eq!(response == respond(s, counters.1, q, p, i, t), counters.0 == counters.1);
        prop_assert_eq!(response == respond(s, c, &questions.1, p, i, t), questions.0 == questions.1);
        prop_assert_eq!(response == respond(s, c, q, pins.1, i, t), pins.0 == pins.1);
        prop_assert_eq!(response == respond(s, c, q, p, &sessions.1, t), sessions.0 == sessions.1);
        prop_assert_eq!(response == respond(s, c, q, p, i, times.1), times.0 == times.1);
    }

    /// The short way to Symbolon's responses is the long way of the RFC.
    #[test]
    fn symbolons_responses_are_those_of_their_suites(
        secret: [u8; 32], number in 0_u32..100_000_000, question: [u8; 32], time: i64,
    ) {
        let key = Secret::from_slice(&secret).unwrap();
        let challenge = typed(&format!("{number:08}"));
        let long_way = |suite, question: &str| {
            let input = OcraInput { time_step: Some(step(time)), ..one(question) };
            OcraKey::prepare(suite, &secret).respond(&input).unwrap().to_string()
        };
        let response = respond_typed(&key, &challenge, step(time)).to_string();
        prop_assert_eq!(response, long_way(OcraSuite::TYPED, &challenge.digits()));
        let hexadecimal = data_encoding::HEXUPPER.encode(&question);
        let response = respond_question(&key, question, step(time)).to_string();
        prop_assert_eq!(response, long_way(OcraSuite::QUESTION, &hexadecimal));
    }

    /// Numbers of up to 19 digits against the machine's own arithmetic.
    #[test]
    fn a_number_becomes_its_hexadecimal_digits(number: u64) {
        let text = format!("{:0<256}", format!("{number:X}"));
        let block = input::numeric_block(number.to_string().bytes());
        prop_assert_eq!(data_encoding::HEXUPPER.encode(&block), text);
    }

    #[test]
    fn a_response_is_found_within_the_window(
        question: [u8; 32], number in 0_u32..100_000_000, drift in -20_i64..20, distance in -15_i64..=15,
        window in 0_u32..12,
    ) {
        let now = step(58_000_000);
        let at = now.moved(drift + distance);
        let wanted = (distance.unsigned_abs() <= u64::from(window)).then_some(at);
        let typed = typed(&format!("{number:08}"));
        let pairs: [(Challenge, Code); 2] = [
            (Challenge::Typed(typed), respond_typed(&secret(), &typed, at)),
            (Challenge::Question(question), respond_question(&secret(), question, at)),
        ];
        for (challenge, response) in pairs {
            prop_assert_eq!(judge_response(&secret(), &challenge, &response, now, drift, window), wanted);
        }
    }

    #[test]
    fn judging_takes_any_numbers(time: i64, drift: i64, code in "[0-9]{6,10}") {
        let challenge = Challenge::Question([0; 32]);
        let _ = judge_response(&secret(), &challenge, &code.parse().unwrap(), step(time), drift, 10);
    }
}
