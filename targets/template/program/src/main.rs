//! The command `maru` with the template in it.

use maru_with_template as _; // What nobody names is not linked.

fn main() -> std::process::ExitCode {
    maru::main()
}
