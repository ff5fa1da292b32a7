//! As much of XML as a key container needs: elements with their attributes and text, one child of the document's element
//! at a time, so that a long file does not have to fit in memory as a tree.
//!
//! A document type is refused, whatever it says, and with it every entity that a document could declare or fetch. Depth,
//! attributes, and elements below each child are bounded.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;
use zeroize::Zeroizing;

/// The document's element is at depth one.
const DEEPEST: usize = 32;

/// An element has no more attributes.
const MOST_ATTRIBUTES: usize = 64;

/// A child of the document's element has no more elements in it: a device with some hundred keys.
const MOST_ELEMENTS: usize = 16 * 1024;

/// Namespaces of key containers, of their drafts, and of what they borrow for encryption; each with all that begins so.
const KNOWN: [&str; 6] = [
    "urn:ietf:params:xml:ns:keyprov",
    "http://www.openauthentication.org/OATH/",
    "http://www.w3.org/2000/09/xmldsig",
    "http://www.w3.org/2001/04/xml",
    "http://www.w3.org/2009/xml",
    "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5",
];

/// What is wrong with the document, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub(super) struct XmlError {
    pub(super) line: u64,
    pub(super) message: &'static str,
}

/// An element. Its text may be a secret, and is wiped.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Without its prefix.
    pub(super) name: String,
    /// The namespace is one that key containers use, or none.
    pub(super) known: bool,
    /// Where it begins; counts from one.
    pub(super) line: u64,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: Zeroizing<String>,
}

impl Element {
    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.named(name).next()
    }

    /// The first child that has one of the names; earlier names come first.
    pub(super) fn child_of(&self, names: &[&str]) -> Option<&Self> {
        names.iter().find_map(|name| self.child(name))
    }

    /// All children of that name.
    pub(super) fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.known && child.name == name)
    }

    /// All children, whatever their names.
    pub(super) fn children(&self) -> &[Self] {
        &self.children
    }

    /// The first of the attributes that is there, without white space around it.
    pub(super) fn attribute(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            self.attributes.iter().find(|(attribute, _)| attribute == name).map(|(_, value)| value.trim())
        })
    }

    /// All attributes.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.trim()))
    }

    /// Its text without white space around it; `None` when there is none.
    pub(super) fn text(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }

    /// The text of the first child of that name.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).and_then(Self::text)
    }

    /// Adds to the text; what is left behind when it grows is wiped.
    fn append(&mut self, more: &str) {
        let needed = self.text.len() + more.len();
        if needed > self.text.capacity() {
            let mut grown = Zeroizing::new(String::with_capacity(needed.max(self.text.capacity() * 2)));
            grown.push_str(&self.text);
            self.text = grown;
        }
        self.text.push_str(more);
    }
}

/// A document that is being read.
pub(super) struct Document<'a> {
    text: &'a str,
    reader: NsReader<&'a [u8]>,
    /// The line of `counted`.
    line: u64,
    counted: usize,
    ended: bool,
}

impl<'a> Document<'a> {
    /// Reads as far as the document's element, which is given without its children.
    ///
    /// # Errors
    /// When it is not XML in UTF-8, or has a document type.
    pub(super) fn open(bytes: &'a [u8]) -> Result<(Self, Element), XmlError> {
        let at = |line, message| XmlError { line, message };
        let text = std::str::from_utf8(bytes).map_err(|_| at(1, "must be UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut document = Self { text, reader: NsReader::from_str(text), line: 1, counted: 0, ended: false };
        loop {
            match document.next()? {
                Event::Start(start) => {
                    let root = document.element(&start)?;
                    return Ok((document, root));
                }
                Event::Empty(start) => {
                    let root = document.element(&start)?;
                    document.ended = true;
                    document.close()?;
                    return Ok((document, root));
                }
                Event::Eof => return Err(document.wrong("has no XML element")),
                event => document.between(&event)?,
            }
        }
    }

    /// The next child of the document's element; `None` at its end.
    ///
    /// # Errors
    /// When it is not well-formed, too deep or too large.
    pub(super) fn next_child(&mut self) -> Result<Option<Element>, XmlError> {
        let mut open: Vec<Element> = Vec::new();
        let mut elements = 0_usize;
        while !self.ended {
            let event = self.next()?;
            let complete = match event {
                Event::Start(start) => {
                    open.push(self.element(&start)?);
                    elements += 1;
                    None
                }
                Event::Empty(start) => {
                    elements += 1;
                    Some(self.element(&start)?)
                }
                Event::End(_) => match open.pop() {
                    Some(element) => Some(element),
                    None => {
                        self.ended = true;
                        self.close()?;
                        None
                    }
                },
                Event::Eof => return Err(self.wrong("ends in the middle")),
                event => {
                    match open.last_mut() {
                        Some(element) => self.content(element, &event)?,
                        None => self.between(&event)?,
                    }
                    None
                }
            };
            // The document's element, and the one that was just closed or not opened at all, count too.
            if open.len() + 1 + usize::from(complete.is_some()) > DEEPEST {
                return Err(self.wrong("has elements more than 32 deep"));
            }
            if elements > MOST_ELEMENTS {
                return Err(self.wrong("has too many elements in one key package"));
            }
            match (complete, open.last_mut()) {
                (Some(element), Some(parent)) => parent.children.push(element),
                (Some(element), None) => return Ok(Some(element)),
                (None, _) => {}
            }
        }
        Ok(None)
    }

    /// After the document's element there is nothing but comments.
    fn close(&mut self) -> Result<(), XmlError> {
        loop {
            match self.next()? {
                Event::Eof => return Ok(()),
                Event::Start(_) | Event::Empty(_) => return Err(self.wrong("has a second document's element")),
                event => self.between(&event)?,
            }
        }
    }

    fn next(&mut self) -> Result<Event<'a>, XmlError> {
        let position = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let passed = self.text.as_bytes().get(self.counted..position).unwrap_or_default();
        self.line += passed.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        self.counted = position.max(self.counted);
        // What the library would say could hold text of the document.
        self.reader.read_event().map_err(|_| self.wrong("is not well-formed XML"))
    }

    const fn wrong(&self, message: &'static str) -> XmlError {
        XmlError { line: self.line, message }
    }

    /// What may stand outside of elements that hold text.
    fn between(&self, event: &Event<'a>) -> Result<(), XmlError> {
        match event {
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => Ok(()),
            Event::Text(text) if text.xml10_content().trim().is_empty() => Ok(()),
            Event::DocType(_) => Err(self.wrong("has a document type (DOCTYPE), which is not allowed")),
            _ => Err(self.wrong("has text where only elements may stand")),
        }
    }

    /// What may stand within an element, next to others.
    fn content(&self, element: &mut Element, event: &Event<'a>) -> Result<(), XmlError> {
        match event {
            Event::Text(text) => element.append(&text.xml10_content()),
            Event::CData(text) => element.append(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let unknown = || self.wrong("has an entity that XML does not define, which is not allowed");
                match reference.resolve_char_ref().map_err(|_| unknown())? {
                    Some(character) => element.append(character.encode_utf8(&mut [0; 4])),
                    None => element.append(resolve_predefined_entity(&reference.xml10_content()).ok_or_else(unknown)?),
                }
            }
            Event::Comment(_) | Event::PI(_) => {}
            _ => return self.between(event),
        }
        Ok(())
    }

    fn element(&self, start: &BytesStart<'a>) -> Result<Element, XmlError> {
        let (namespace, name) = self.reader.resolver().resolve_element(start.name());
        let known = match namespace {
            ResolveResult::Unbound => true,
            ResolveResult::Bound(Namespace(name)) => KNOWN.iter().any(|known| name.starts_with(known)),
            ResolveResult::Unknown(_) => return Err(self.wrong("has an element whose prefix is not declared")),
        };
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| self.wrong("has an element with broken attributes"))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            if attributes.len() == MOST_ATTRIBUTES {
                return Err(self.wrong("has an element with too many attributes"));
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|_| self.wrong("has an attribute with an entity that XML does not define"))?;
            let (name, prefix) = attribute.key.decompose();
            let attribute = (name.into_inner().to_owned(), value.into_owned());
            // One without a prefix is the element's own, and is found first.
            let at = if prefix.is_none() { 0 } else { attributes.len() };
            attributes.insert(at, attribute);
        }
        let name = name.into_inner().to_owned();
        Ok(Element { name, known, line: self.line, attributes, ..Element::default() })
    }
}
