//! libFuzzer over one of the inputs of `symbolon_tests::inputs`: `SYMBOLON_FUZZ_INPUT` names it, and its examples are put
//! into the folder `SYMBOLON_FUZZ_CORPUS` before the corpus is read. Without a name it prints all of them.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use symbolon_tests::inputs::{INPUTS, Input};

static INPUT: LazyLock<&Input> = LazyLock::new(|| {
    let named = std::env::var("SYMBOLON_FUZZ_INPUT").ok();
    INPUTS.iter().find(|input| named.as_deref() == Some(input.name)).unwrap_or_else(|| {
        INPUTS.iter().for_each(|input| println!("{}", input.name));
        std::process::exit(i32::from(named.is_some()))
    })
});

fn begin() {
    let input = *INPUT;
    let Some(corpus) = std::env::var_os("SYMBOLON_FUZZ_CORPUS") else { return };
    for (place, example) in (input.examples)().iter().enumerate() {
        let file = Path::new(&corpus).join(format!("example-{place}"));
        std::fs::write(&file, example).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

fuzz_target!(init: begin(), |bytes: &[u8]| (INPUT.read)(bytes));
