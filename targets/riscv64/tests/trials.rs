//! Every trial that there is for a target, on this CPU if it is the one, or on the emulator.

use maru_trials::Bench;

#[cfg(all(target_arch = "riscv64", unix))]
mod host {
    use super::Bench;
    maru_trials::trial_tests!(Some(Bench::on_host(&maru_riscv64::TARGET)));
}

mod emulator {
    use super::Bench;
    maru_trials::trial_tests!(Bench::on_emulator(&maru_riscv64::TARGET));
}
