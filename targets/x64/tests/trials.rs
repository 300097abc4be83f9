//! Every trial that there is for a target, on this CPU, and once more on the emulator: for each of the CPU's systems.

#[cfg(all(target_arch = "x86_64", unix))]
mod host {
    use maru_trials::Bench;
    maru_trials::trial_tests!(Some(Bench::on_host(&maru_x64::TARGET)));
}

mod emulator {
    use maru_trials::Bench;
    maru_trials::trial_tests!(Bench::on_emulator(&maru_x64::TARGET));
}

#[cfg(all(target_arch = "x86_64", unix))]
mod host_as_windows {
    use maru_core::codegen::System;
    use maru_trials::Bench;
    maru_trials::trial_tests!(Some(Bench::on_host_as(&maru_x64::TARGET, System(1))));
}

mod emulator_as_windows {
    use maru_core::codegen::System;
    use maru_trials::Bench;
    maru_trials::trial_tests!(Bench::on_emulator_as(&maru_x64::TARGET, System(1)));
}
