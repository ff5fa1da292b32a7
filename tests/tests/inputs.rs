//! Every input that somebody else chooses, as good examples that were changed: read or refused, and never more than that.
//! A short form of what `cargo xtask fuzz` does at length.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in tests a surprise ends the test"
)]

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use symbolon_tests::inputs::INPUTS;

/// So many changed examples of each input.
const CASES: u32 = 2_000;

/// What is done to an example, at a place of it.
#[derive(Debug, Clone)]
enum Change {
    /// One bit is another one.
    Flip(u8),
    /// A byte comes in: the ends of ranges, and what separates things.
    Insert(u8),
    /// So many bytes are missing.
    Cut(usize),
    /// So many bytes are there twice.
    Double(usize),
    /// It goes on with the rest of another example.
    Splice(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let length = 1_usize..64;
    let byte =
        prop_oneof![Just(0), Just(0x7f), Just(0x80), Just(0xff), Just(b'"'), Just(b'&'), Just(b'<'), any::<u8>()];
    prop_oneof![
        4 => (0_u8..8).prop_map(Change::Flip),
        2 => byte.prop_map(Change::Insert),
        2 => length.clone().prop_map(Change::Cut),
        2 => length.prop_map(Change::Double),
        1 => any::<(Index, Index)>().prop_map(|(other, from)| Change::Splice(other, from)),
    ]
}

impl Change {
    fn apply(&self, place: &Index, bytes: &mut Vec<u8>, examples: &[Vec<u8>]) {
        let at = place.index(bytes.len() + 1);
        let range = |length: &usize| at..bytes.len().min(at + length);
        match self {
            Self::Flip(bit) => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit),
            Self::Insert(byte) => bytes.insert(at, *byte),
            Self::Cut(length) => drop(bytes.drain(range(length))),
            Self::Double(length) => drop(bytes.splice(at..at, bytes[range(length)].to_vec())),
            Self::Splice(other, from) => {
                let other = other.get(examples);
                bytes.truncate(at);
                bytes.extend(&other[from.index(other.len() + 1)..]);
            }
        }
    }
}

#[test]
fn changed_examples_of_every_input_are_read_or_refused() {
    for input in &INPUTS {
        let examples = (input.examples)();
        assert!(!examples.is_empty(), "{} has no example", input.name);
        examples.iter().for_each(|example| (input.read)(example));
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let changed = (any::<Index>(), prop::collection::vec((any::<Index>(), change()), 0..6));
        let outcome = TestRunner::new(config).run(&changed, |(example, changes)| {
            let mut bytes = example.get(&examples).clone();
            changes.iter().for_each(|(place, change)| change.apply(place, &mut bytes, &examples));
            (input.read)(&bytes);
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{}: {failure}", input.name));
    }
}
