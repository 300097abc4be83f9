//! Every trial that there is for a target, on this CPU if it is the one. No emulator of the CPU alone runs them elsewhere:
//! code and trials share memory, and a word's bytes lie the other way round.

#[cfg(all(target_arch = "s390x", unix))]
maru_trials::trial_tests!(Some(maru_trials::Bench::on_host(&maru_s390x::TARGET)));

#[cfg(not(all(target_arch = "s390x", unix)))]
#[test]
fn on_this_host() {
    eprintln!("NOT RUN: trials of s390x run in a process of that CPU; under qemu-s390x as well");
}
