//! Every trial that there is for a target, on the CPU made of software.

use maru_conformance::trials::Bench;
use maru_template::{machine::Cpu, TARGET};

maru_conformance::trial_tests!(Some(Bench { architecture: &TARGET, processor: Box::new(Cpu::default()) }));
