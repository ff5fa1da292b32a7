//! A mail in words: as plain text and as HTML, from the same blocks.

use std::fmt::Display;

use askama::Template;
use jiff::Timestamp;
use qrcode::{Color, EcLevel, QrCode};
use symbolon_core::activation::{ServerAddress, Ticket};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::{Name, Text};
use zeroize::Zeroizing;

use crate::service::mail::{Mail, MailedTicket, Occasion};
use crate::texts::Texts;

/// What the organisation says of itself in every mail.
pub(super) struct Organisation<'o> {
    pub(super) issuer: &'o Name,
    pub(super) text: Option<&'o Text<1000>>,
    pub(super) address: Option<&'o ServerAddress>,
}

/// A mail in words.
#[derive(Template)]
#[template(path = "letter.html")]
pub(super) struct Letter {
    pub(super) subject: String,
    language: &'static str,
    issuer: String,
    automatic: String,
    blocks: Vec<Block>,
}

/// A piece of a mail.
enum Block {
    Text(String),
    Link(Zeroizing<String>),
    Values(Vec<(String, Zeroizing<String>)>),
    /// A picture in the HTML; in plain text there is none.
    Qr {
        text: Zeroizing<String>,
        name: String,
    },
}

impl Letter {
    /// The name by which the HTML shows the picture.
    pub(super) const QR: &'static str = "qr";

    /// Puts a mail into words.
    pub(super) fn write(mail: &Mail, organisation: &Organisation<'_>) -> Self {
        let texts = Texts::of(mail.language);
        let issuer: &dyn Display = organisation.issuer;
        let at = moment(mail.at);
        let say = |id: &str, values: &[(&str, &dyn Display)]| Block::Text(texts.say(id, values));
        let mut blocks = vec![say("greeting", &[("account", &mail.account)])];
        blocks.extend(organisation.text.map(|text| Block::Text(text.to_string())));
        let told = |what: &str, serial: &SerialNumber| say(what, &[("at", &at), ("serial", serial)]);
        let subject = match &mail.occasion {
            Occasion::Activation { expires_at, ticket, .. } => {
                blocks.push(say("activation-what", &[("issuer", issuer), ("until", &moment(*expires_at))]));
                blocks.extend(ticket_blocks(texts, ticket, organisation.address));
                "activation-subject"
            }
            Occasion::TokenAdded { serial } => {
                blocks.push(told("token-added-what", serial));
                "token-added-subject"
            }
            Occasion::TokenActive { serial, model } => {
                blocks.push(told("token-active-what", serial));
                blocks.extend(model.as_ref().map(|model| say("token-active-model", &[("model", model)])));
                "token-active-subject"
            }
            Occasion::TokenDisabled { serial } => {
                blocks.push(told("token-disabled-what", serial));
                "token-disabled-subject"
            }
            Occasion::UnlockCode { serial } => {
                blocks.push(told("unlock-code-what", serial));
                "unlock-code-subject"
            }
            Occasion::TemporaryCodes { until } => {
                blocks.push(say("temporary-codes-what", &[("at", &at), ("until", &moment(*until))]));
                "temporary-codes-subject"
            }
            Occasion::Concern { application } => {
                blocks.push(say("concern-what", &[("at", &at), ("application", application)]));
                blocks.push(say("concern-next", &[]));
                "concern-subject"
            }
            Occasion::SignIn { link, expires_at } => {
                blocks.push(say("sign-in-what", &[("until", &moment(*expires_at))]));
                blocks.push(Block::Link(link.clone()));
                "sign-in-subject"
            }
        };
        blocks.push(match &mail.occasion {
            Occasion::SignIn { .. } => say("sign-in-not-you", &[]),
            _ => say("unexpected", &[("issuer", issuer)]),
        });
        Self {
            subject: texts.say(subject, &[("issuer", issuer)]),
            language: mail.language.tag(),
            issuer: organisation.issuer.to_string(),
            automatic: texts.say("automatic", &[]),
            blocks,
        }
    }

    /// As plain text.
    pub(super) fn plain(&self) -> Zeroizing<String> {
        let mut plain = Zeroizing::new(String::with_capacity(4096));
        for block in &self.blocks {
            match block {
                Block::Text(text) => plain.push_str(text),
                Block::Link(link) => plain.push_str(link),
                Block::Values(values) => {
                    for (name, value) in values {
                        for part in ["    ", name, ": ", value, "\n"] {
                            plain.push_str(part);
                        }
                    }
                    plain.push('\n');
                    continue;
                }
                Block::Qr { .. } => continue,
            }
            plain.push_str("\n\n");
        }
        for part in ["-- \n", &self.issuer, "\n", &self.automatic, "\n"] {
            plain.push_str(part);
        }
        plain
    }

    /// The picture of the QR, if there is one.
    ///
    /// # Errors
    /// When the text is too long for one.
    pub(super) fn picture(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let text = self.blocks.iter().find_map(|block| match block {
            Block::Qr { text, .. } => Some(text),
            _ => None,
        });
        text.map(|text| picture(text)).transpose()
    }
}

fn ticket_blocks(texts: Texts, ticket: &MailedTicket, server: Option<&ServerAddress>) -> Vec<Block> {
    let say = |id| Block::Text(texts.say(id, &[]));
    let named = |id, value: Zeroizing<String>| (texts.say(id, &[]), value);
    let qr = |text: &Zeroizing<String>| Block::Qr { text: text.clone(), name: texts.say("qr", &[]) };
    let mut blocks = Vec::new();
    match ticket {
        MailedTicket::Online { link, typed } => {
            if let Some(link) = link {
                blocks.extend([say("activation-scan"), qr(link)]);
                if let Ok(ticket) = link.parse::<Ticket>() {
                    // Whoever serves the page could read what its link holds, so the code is beside it.
                    blocks.extend([say("activation-open"), Block::Link(Zeroizing::new(ticket.page()))]);
                    let code = Zeroizing::new(ticket.password.grouped());
                    blocks.push(Block::Values(vec![named("code", code)]));
                }
            }
            if let Some(typed) = typed {
                blocks.push(say("activation-type"));
                blocks.push(Block::Values(vec![
                    named("address", Zeroizing::new(typed.address.clone())),
                    named("serial", Zeroizing::new(typed.serial.to_string())),
                    named("code", typed.code.clone()),
                ]));
            }
            blocks.push(say("activation-keep"));
        }
        MailedTicket::Offline { qr: text } => {
            let address = server.map(ToString::to_string).unwrap_or_default();
            blocks.push(Block::Text(texts.say("activation-offline", &[("address", &address)])));
            blocks.push(qr(text));
        }
    }
    blocks
}

/// A time for people whose zone is not known: in UTC, and it says so.
fn moment(time: Timestamp) -> String {
    jiff::fmt::strtime::format("%Y-%m-%d %H:%M UTC", time).unwrap_or_else(|_| time.to_string())
}

/// Pixels for a module, so that a camera reads it from a screen; and modules of white around it, as the standard says.
const MODULE: usize = 6;
const QUIET: usize = 4;

fn picture(text: &str) -> anyhow::Result<Vec<u8>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)?;
    let side = (code.width() + 2 * QUIET) * MODULE;
    let colors = code.to_colors();
    let mut pixels = vec![u8::MAX; side * side];
    for (at, pixel) in pixels.iter_mut().enumerate() {
        let module = |pixels: usize| (pixels / MODULE).checked_sub(QUIET).filter(|module| *module < code.width());
        if let (Some(x), Some(y)) = (module(at % side), module(at / side))
            && colors.get(y * code.width() + x) == Some(&Color::Dark)
        {
            *pixel = 0;
        }
    }
    let mut written = Vec::new();
    let side = u32::try_from(side)?;
    let mut encoder = png::Encoder::new(&mut written, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::mail::Language;

    const LINK: &str = "symbolon://activate?v=1&a=https%3A%2F%2Fs.example&s=1234567890&p=1111222233334444\
                        &k=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn letter(language: Language, occasion: Occasion) -> Letter {
        let account = "<b>Ana & Söhne</b>".parse().unwrap();
        let (issuer, text) = ("Example".parse().unwrap(), "Questions? Call 4711.".parse().unwrap());
        let organisation = Organisation { issuer: &issuer, text: Some(&text), address: None };
        let mail = Mail { language, account, at: Timestamp::UNIX_EPOCH, occasion };
        Letter::write(&mail, &organisation)
    }

    fn activation() -> Occasion {
        let ticket = MailedTicket::Online { link: Some(LINK.to_owned().into()), typed: None };
        Occasion::Activation { serial: "12345-67890".parse().unwrap(), expires_at: Timestamp::UNIX_EPOCH, ticket }
    }

    #[test]
    fn every_occasion_has_its_words_in_every_language() {
        let serial = "12345-67890".parse().unwrap();
        for language in Language::ALL {
            let occasions = [
                activation(),
                Occasion::TokenAdded { serial },
                Occasion::TokenActive { serial, model: Some("Phone 3".parse().unwrap()) },
                Occasion::TokenDisabled { serial },
                Occasion::UnlockCode { serial },
                Occasion::TemporaryCodes { until: Timestamp::UNIX_EPOCH },
                Occasion::Concern { application: "Shop".parse().unwrap() },
                Occasion::SignIn {
                    link: "https://s.example/me/link#x".to_owned().into(),
                    expires_at: Timestamp::UNIX_EPOCH,
                },
            ];
            for occasion in occasions {
                let letter = letter(language, occasion);
                let (plain, html) = (letter.plain(), letter.render().unwrap());
                assert!(!letter.subject.is_empty());
                for text in [plain.as_str(), &html] {
                    assert!(text.contains("1970-01-01 00:00 UTC"), "{text}");
                    assert!(text.contains("Questions? Call 4711."), "{text}");
                    assert!(!text.contains('{') || text == html, "{text}");
                }
                assert!(!html.contains("<b>"), "a name is no markup");
            }
        }
    }

    #[test]
    fn the_password_is_beside_the_pages_link_and_not_in_it() {
        let letter = letter(Language::English, activation());
        let plain = letter.plain();
        assert!(plain.contains("https://s.example/activate#v=1"), "{}", *plain);
        assert!(plain.contains("1111 2222 3333 4444"));
        assert!(!plain.contains("1111222233334444"));
        assert!(letter.picture().unwrap().is_some_and(|png| png.starts_with(b"\x89PNG")));
    }
}
