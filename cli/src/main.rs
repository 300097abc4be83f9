//! The `maru` command with the plugins that Maru comes with, and no other.

use std::process::ExitCode;

fn main() -> ExitCode {
    maru::main()
}
