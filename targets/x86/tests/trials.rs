//! Every trial that there is for a target, on the emulator.

use maru_trials::Bench;

maru_trials::trial_tests!(Bench::on_emulator(&maru_x86::TARGET));
