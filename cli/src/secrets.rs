//! Where PINs and codes come from: a prompt without echo, or a file descriptor; never the command line.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read};

use symbolon_core::secret::SecretBytes;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// What a person may type, or a script writes into file descriptors.
#[derive(Default)]
pub(crate) struct Secrets {
    open: HashMap<u32, File>,
}

/// No line that is read here is longer.
const MAX_LINE: usize = 4096;

impl Secrets {
    /// Whether there is a person to ask.
    pub(crate) fn can_ask() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// A secret from `descriptor` if there is one, else by asking.
    pub(crate) fn read(&mut self, descriptor: Option<u32>, prompt: &str, option: &str) -> Result<SecretBytes, Failure> {
        match descriptor {
            Some(number) => self.line(number),
            None if Self::can_ask() => ask(prompt),
            None => Err(Failure::input(format!("there is no terminal to ask at; give it with {option}"))),
        }
    }

    /// The next line of a file descriptor, without its end. It is read byte by byte, so that what follows stays unread:
    /// for the next secret, or for another program.
    pub(crate) fn line(&mut self, descriptor: u32) -> Result<SecretBytes, Failure> {
        let cannot = |error: io::Error| Failure::input(format!("file descriptor {descriptor} can't be read: {error}"));
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE));
        let mut stdin = io::stdin();
        let source: &mut dyn Read = match descriptor {
            0 => &mut stdin,
            _ => self.descriptor(descriptor).map_err(cannot)?,
        };
        let mut byte = Zeroizing::new([0]);
        while source.read(&mut *byte).map_err(cannot)? == 1 {
            match *byte {
                [b'\n'] => break,
                _ if line.len() == MAX_LINE => return Err(cannot(io::Error::other("the line is too long"))),
                [other] => line.push(other),
            }
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(SecretBytes::from_slice(&line))
    }

    /// Opened once, so that the next line is read where the last one ended.
    fn descriptor(&mut self, number: u32) -> io::Result<&mut File> {
        match self.open.entry(number) {
            std::collections::hash_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                Ok(entry.insert(File::open(format!("/dev/fd/{number}"))?))
            }
        }
    }
}

fn ask(prompt: &str) -> Result<SecretBytes, Failure> {
    let typed = rpassword::prompt_password(format!("{prompt}: "))
        .map_err(|error| Failure::input(format!("nothing could be read from the terminal: {error}")))?;
    Ok(SecretBytes::take(typed.into_bytes()))
}

/// Asks a question that is answered by yes or no; anything but yes is no.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    let answer = line(&format!("{question} [y/N] "))?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a line that is no secret.
pub(crate) fn line(question: &str) -> Result<String, Failure> {
    crate::output::ask(question);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| Failure::input(error.to_string()))?;
    Ok(answer.trim().to_owned())
}
