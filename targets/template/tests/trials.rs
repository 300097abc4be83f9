//! Every trial that there is for a target, on the CPU made of software.

use maru_template::TARGET;
use maru_template_cpu::Cpu;
use maru_trials::Bench;

maru_trials::trial_tests!(Some(Bench::new(&TARGET, Box::new(Cpu::default()))));
