//! `completions`: what a shell needs to complete this program's arguments.

use clap::CommandFactory;

use super::output::{Failure, Output};

pub(super) fn print<C: CommandFactory>(shell: clap_complete::Shell, output: &Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut C::command(), "symbolon-server", &mut script);
    output.text(String::from_utf8(script).map_err(Failure::internal)?.trim_end())
}
