use jiff::Timestamp;
use proptest::prelude::*;
use rand_core::OsRng;

use super::phone::Begun;
use super::*;
use crate::otp::{Code, OtpKey, TimeStep};
use crate::policy::{PhonePolicy, Policy, PolicyVersion};

fn offer() -> Offer {
    Offer {
        serial: "12345-67890".parse().unwrap(),
        issuer: "Example & Co".parse().unwrap(),
        account: "ana@symbolon.example".parse().unwrap(),
        label: Some("Ana's phone".parse().unwrap()),
        policy: Policy::default().for_phone(),
        policy_version: PolicyVersion::new(7),
        expires_at: "2026-11-25T12:05:00Z".parse().unwrap(),
        server: Some("https://symbolon.example:8443".parse().unwrap()),
        identity: [1; 32].into(),
        tls: Some([2; 32].into()),
    }
}

fn ticket() -> OfflineTicket {
    OfflineTicket::generate(&mut OsRng, offer()).unwrap()
}

fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

fn code(format: CodeFormat, keys: &OfflineKeys) -> Code {
    OtpKey::prepare(format.hash, keys.code.expose()).totp(TimeStep::at(now(), format.period), format.digits)
}

#[test]
fn both_halves_come_to_the_same_keys() {
    let ticket = ticket();
    let password = OfflinePassword::generate(&mut OsRng, 12);
    let half = Half::scanned(&ticket, &password);
    let half = Half::read(half.write().as_bytes()).unwrap();
    let read: OfflineTicket = ticket.text().parse().unwrap();
    let phone = Begun::scanned(&mut OsRng, read, &password).derive();
    let shown = code(phone.format, &phone.keys);
    let completed = half.register(&phone.registration).judge(&shown, now(), 10).unwrap();
    assert_eq!(completed.keys.code, phone.keys.code);
    assert_eq!(completed.keys.challenge_response, phone.keys.challenge_response);
    assert_eq!(completed.state.last, Some(TimeStep::at(now(), Period::STANDARD)), "the first code is used up");
}

#[test]
fn both_halves_come_to_the_same_keys_by_what_is_typed() {
    let serial = "12345-67890".parse().unwrap();
    let password = ActivationPassword::generate(&mut OsRng, 16);
    let phone = Begun::typed(&mut OsRng, None, serial, &password).derive();
    let half = Half::read(Half::typed(serial, &password).write().as_bytes()).unwrap();
    let shown = code(phone.format, &phone.keys);
    assert!(half.register(&phone.registration).judge(&shown, now(), 10).is_some());
}

/// Each of the inputs, changed alone, leads to other keys: password, registration code, and any letter of the QR.
#[test]
fn every_input_counts() {
    let (ticket, password) = (ticket(), OfflinePassword::generate(&mut OsRng, 12));
    let registration = RegistrationCode::generate(&mut OsRng);
    let keys = |ticket: &OfflineTicket, password: &OfflinePassword, registration: &RegistrationCode| {
        Half::scanned(ticket, password).derive(registration).code
    };
    let right = keys(&ticket, &password, &registration);
    assert!(right == keys(&ticket, &password, &registration));
    let other_password = OfflinePassword::generate(&mut OsRng, 12);
    assert!(right != keys(&ticket, &other_password, &registration));
    assert!(right != keys(&ticket, &password, &RegistrationCode::generate(&mut OsRng)));
    let laxer = ticket.text().replace("require_attestation.false", "require_attestation.false.pin_required.false");
    let changed: OfflineTicket = laxer.parse().unwrap();
    assert!(!changed.offer().policy.pin_required);
    assert!(right != keys(&changed, &password, &registration), "a QR with another policy leads elsewhere");
}

/// The QR is made before there is a password, so nothing in it can depend on one; and a wrong password leads to keys
/// like any other. Whoever holds the QR learns at the server, and only there, whether a password was right.
#[test]
fn a_wrong_password_looks_like_the_right_one_until_the_server_is_asked() {
    let ticket = ticket();
    let right = OfflinePassword::generate(&mut OsRng, 8);
    let wrong = OfflinePassword::generate(&mut OsRng, 8);
    let half = Half::scanned(&ticket, &right);
    let thief = Begun::scanned(&mut OsRng, ticket.text().parse().unwrap(), &wrong).derive();
    assert_eq!(thief.format, half.format);
    let shown = code(thief.format, &thief.keys);
    assert!(half.register(&thief.registration).judge(&shown, now(), 10).is_none());
}

#[test]
fn a_ticket_is_read_as_it_is_written() {
    let bare = Offer { label: None, server: None, tls: None, policy: PhonePolicy::default(), ..offer() };
    for offer in [offer(), bare] {
        let ticket = OfflineTicket::generate(&mut OsRng, offer).unwrap();
        assert!(ticket.text().parse::<OfflineTicket>().unwrap() == ticket);
        assert!(format!("  {}\n", ticket.text()).parse::<OfflineTicket>().unwrap() == ticket);
    }
}

#[test]
fn settings_and_parts_of_a_later_version_are_passed_over() {
    let text = format!("{}&z=1", ticket().text().replace("&p=", "&p=dance.true."));
    assert_eq!(text.parse::<OfflineTicket>().unwrap().offer(), &offer());
}

#[test]
fn damaged_tickets_say_what_is_wrong() {
    use OfflineTicketError::{Form, Missing, Part, Repeated, Version};
    let text = ticket().text().to_owned();
    let cases = [
        (text.replace("v=1", "v=2"), Version),
        (text.replace("v=1&", ""), Missing("v")),
        (text.replace("&q=", "&q=A"), Part("q")),
        (text.replace("&s=", "&s=1"), Part("s")),
        (text.replace("&e=", "&e=x"), Part("e")),
        (text.replace("&a=https", "&a=http"), Part("a")),
        (text.replace("&k=", "&k=A"), Part("k")),
        (text.replace("&k=", "&x="), Missing("k")),
        (text.replace("&n=7", "&n=-7"), Part("n")),
        (text.replace("require_attestation.false", "require_attestation.maybe"), Part("p")),
        (text.replace("require_attestation.false", "pin_length.99"), Part("p")),
        (text.replace("require_attestation.false", "require_attestation"), Part("p")),
        (format!("{text}&s=1234567890"), Repeated("s")),
        (text.replace("offline", "activate"), Form),
        (format!("{text}&z={}", "0".repeat(2000)), Form),
        (String::new(), Form),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<OfflineTicket>().unwrap_err(), error, "{text}");
    }
}

#[test]
fn names_that_no_qr_holds_are_refused_when_it_is_made() {
    let long: crate::text::Name = "語".repeat(100).parse().unwrap();
    let offer = Offer { issuer: long.clone(), account: long, ..offer() };
    assert_eq!(OfflineTicket::generate(&mut OsRng, offer).unwrap_err(), OfflineTicketError::TooLong);
}

#[test]
fn debug_never_shows_a_secret() {
    let (ticket, password) = (ticket(), OfflinePassword::generate(&mut OsRng, 12));
    let half = Half::scanned(&ticket, &password);
    let shown =
        format!("{ticket:?} {half:?} {:?}", Begun::scanned(&mut OsRng, ticket.text().parse().unwrap(), &password));
    assert!(!shown.contains(password.expose()) && !shown.contains("q="), "{shown}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text: String, tail: String) {
        let _ = text.parse::<OfflineTicket>();
        let _ = format!("symbolon://offline?v=1&{tail}").parse::<OfflineTicket>();
        let _ = format!("{}&p={tail}", ticket().text().replace("&p=", "&x=")).parse::<OfflineTicket>();
    }

    #[test]
    fn any_bytes_are_a_half_or_none(bytes: Vec<u8>) {
        let _ = Half::read(&bytes);
    }
}
