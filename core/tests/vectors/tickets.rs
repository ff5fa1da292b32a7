//! Tickets, as links.

use serde_json::{Value, json};
use symbolon_core::activation::Ticket;

use crate::by_hand::check;

#[test]
fn tickets() {
    let with = |server: &str, tls: Option<[u8; 32]>, digits: &str| Ticket {
        server: server.parse().unwrap(),
        serial: "12345-67890".parse().unwrap(),
        password: digits.parse().unwrap(),
        identity: Some([1; 32].into()),
        tls: tls.map(Into::into),
    };
    let shown = |ticket: &Ticket| {
        json!({
            "server": ticket.server.to_string(),
            "serial": ticket.serial.to_string(),
            "password": ticket.password.expose(),
            "identity": ticket.identity.as_ref().map(ToString::to_string),
            "tls": ticket.tls.as_ref().map(ToString::to_string),
        })
    };
    let written: Vec<Value> = [
        ("a server with its own authority", with("https://symbolon.example:8443", Some([2; 32]), "1234567890123456")),
        (
            "a server that a public authority vouches for",
            with("symbolon.example", None, "12345678901234567890123456789012"),
        ),
        ("a server on this machine", with("http://127.0.0.1:8080", None, "0000000000000000")),
    ]
    .into_iter()
    .map(|(about, ticket)| {
        assert_eq!(ticket.link().parse::<Ticket>().unwrap(), ticket);
        json!({"about": about, "ticket": shown(&ticket), "link": ticket.link(), "page": ticket.page()})
    })
    .collect();

    let ticket = with("https://symbolon.example", Some([2; 32]), "1234567890123456");
    let link = ticket.link();
    let read: Vec<Value> = [
        ("white space around it", format!("  {link}\n")),
        ("a part that this version does not know", format!("{link}&z=1")),
        ("another order", format!("symbolon://activate?{}&v=1", link.split_once("v=1&").unwrap().1)),
        ("the https twin with the password", format!("{}&p=1234567890123456", ticket.page())),
        ("a serial number with its hyphen", link.replace("1234567890&p", "12345-67890&p")),
        ("a password in groups", link.replace("p=1234567890123456", "p=1234+5678+9012-3456")),
    ]
    .into_iter()
    .map(|(about, text)| {
        assert_eq!(text.parse::<Ticket>().unwrap(), ticket, "{about}");
        json!({"about": about, "text": text})
    })
    .collect();
    let refused: Vec<Value> = [
        ("nothing", String::new()),
        ("another scheme", link.replace("symbolon:", "other:")),
        ("a later version", link.replace("v=1", "v=2")),
        ("no version", link.replace("v=1&", "")),
        ("no address", link.replace("&a=", "&b=")),
        ("no serial number", link.replace("&s=", "&u=")),
        ("no identity", link.replace("&k=", "&x=")),
        ("the https twin without the password", ticket.page()),
        ("the https twin on another server", link.replace("symbolon://activate?", "https://evil.example/activate#")),
        ("a part twice", format!("{link}&s=1234567890")),
        ("a serial number of eleven digits", link.replace("&s=", "&s=1")),
        ("a password of fifteen digits", link.replace("p=1", "p=")),
        ("a password of 33 digits", link.replace("p=1", "p=123456789012345678")),
        ("a hash that is too long", link.replace("&k=", "&k=A")),
        ("a hash with padding", link.replace("&t=", "=&t=")),
        ("http:// to a name", link.replace("https%3A", "http%3A")),
        ("an address with a path", link.replace("symbolon.example", "symbolon.example%2Fpath")),
    ]
    .into_iter()
    .map(|(about, text)| {
        let error = text.parse::<Ticket>().expect_err(about);
        json!({"about": about, "text": text, "error": error.to_string()})
    })
    .collect();
    let typed = Ticket::from_typed("symbolon.example", "1234567890", "1234 5678 9012 3456").unwrap();
    check(
        "tickets-v1.json",
        &json!({
            "about": "Tickets. Every text under `read` is the ticket under `ticket`. The texts of errors are not part of the protocol.",
            "written": written,
            "ticket": shown(&ticket),
            "read": read,
            "refused": refused,
            "typed": {"address": "symbolon.example", "serial": "1234567890", "code": "1234 5678 9012 3456", "ticket": shown(&typed)},
        }),
    );
}
