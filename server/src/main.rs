//! `symbolon-server`: see `commands`.

use std::process::ExitCode;

fn main() -> ExitCode {
    symbolon_server::commands::run()
}
