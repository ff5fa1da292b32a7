//! Writes the Kotlin and the Swift of this crate from the built library.

fn main() {
    uniffi::uniffi_bindgen_main();
}
