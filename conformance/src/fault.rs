//! Seeded faults: does the suite see them? A fault stands between an engine and the suite and makes the engine behave
//! as one with this mistake would.

use crate::engine::Engine;
use crate::outcome::{FormResult, Observation, Outcome};
use maru_core::abi::layout::{FIXNUM_MAX, FIXNUM_MIN};
use std::collections::HashSet;

/// A mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Fault {
    /// `<` holds for equal numbers.
    WrongCondition,
    /// Operands of a subtraction of two variables are swapped.
    SwappedOperands,
    /// `remainder` takes the divisor's sign.
    WrongRemainder,
    /// Integers wrap at the end of the fixnums.
    LostOverflow,
    /// `/` of integers reports a type error when it divides by zero.
    WrongErrorKind,
    /// Irritants are lost.
    LostIrritants,
    /// Errors are placed one column to the right.
    WrongPosition,
    /// The innermost frame of a backtrace is lost.
    LostFrame,
    /// A function defined again keeps its first definition.
    StaleDefinition,
    /// Negative zero loses its sign.
    LostSignOfZero,
    /// The seventh argument of a call arrives in place of the eighth.
    WrongArgument,
    /// One call is not counted against the fuel.
    SkippedCount,
    /// The last line printed is lost.
    LostOutput,
    /// A named let in a program with an integer that ends in 12 ends the process.
    Crash,
    /// A program with a `letrec` never ends.
    Hang,
    /// `append` panics.
    Panic,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 16] = {
        use Fault::*;
        [
            WrongCondition,
            SwappedOperands,
            WrongRemainder,
            LostOverflow,
            WrongErrorKind,
            LostIrritants,
            WrongPosition,
            LostFrame,
            StaleDefinition,
            LostSignOfZero,
            WrongArgument,
            SkippedCount,
            LostOutput,
            Crash,
            Hang,
            Panic,
        ]
    };

    /// The program that an engine without the fault must run to behave as if it had it.
    fn program(self, text: &str) -> String {
        match self {
            Fault::WrongCondition => text.replace("(> ", "(>= "),
            Fault::SwappedOperands => swap_operands(text),
            Fault::WrongRemainder => text.replace("(remainder -", "(modulo -").replace("(% -", "(modulo -"),
            Fault::StaleDefinition => without_second_definitions(text),
            Fault::WrongArgument => text.replace(" 7 8", " 7 7"),
            _ => text.to_string(),
        }
    }

    /// What an engine with the fault would show.
    fn observation(self, mut observation: Observation, program: &str) -> Observation {
        match self {
            Fault::LostOverflow => {
                for value in &mut observation.values {
                    if let Ok(number) = value.parse::<i128>() {
                        if number > i128::from(FIXNUM_MAX) || number < i128::from(FIXNUM_MIN) {
                            *value = ((number << 67) >> 67).to_string();
                        }
                    }
                }
            }
            Fault::LostSignOfZero => {
                observation.values.iter_mut().filter(|value| *value == "-0.0").for_each(|value| *value = "0.0".into());
            }
            Fault::SkippedCount => observation.fuel = observation.fuel.map(|fuel| fuel + 1),
            Fault::LostOutput => {
                let kept = observation.output.trim_end_matches('\n').rfind('\n').map_or(0, |at| at + 1);
                observation.output.truncate(kept);
            }
            Fault::WrongErrorKind | Fault::LostIrritants | Fault::WrongPosition | Fault::LostFrame => {
                if let Outcome::Error { kind, irritants, position, frames, .. } = &mut observation.outcome {
                    match self {
                        Fault::WrongErrorKind if kind == "division-by-zero" => *kind = "type".into(),
                        Fault::LostIrritants => *irritants = "()".into(),
                        Fault::WrongPosition => *position = position.map(|(line, column)| (line, column + 1)),
                        Fault::LostFrame => {
                            *frames = frames.split_once(", ").map_or(String::new(), |(_, outer)| outer.to_string());
                        }
                        _ => {}
                    }
                }
            }
            Fault::Crash if program.contains("12 ") && program.contains("(loop") => std::process::abort(),
            Fault::Hang if program.contains("(letrec") => std::thread::sleep(std::time::Duration::from_secs(3600)),
            Fault::Panic if program.contains("(append") => panic!("index out of bounds"),
            _ => {}
        }
        observation
    }
}

/// `(- x1 x2)` becomes `(- x2 x1)`.
fn swap_operands(text: &str) -> String {
    let mut swapped = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("(- x") {
        let (before, call) = rest.split_at(at);
        swapped.push_str(before);
        let end = call.find(')').unwrap_or(call.len());
        let operands: Vec<&str> = call[3..end].split(' ').collect();
        match operands.as_slice() {
            [left, right] if !right.contains('(') => swapped.push_str(&format!("(- {right} {left}")),
            _ => swapped.push_str(&call[..end]),
        }
        rest = &call[end..];
    }
    swapped + rest
}

/// Lines that start a second definition of a function, with what belongs to them, left out.
fn without_second_definitions(text: &str) -> String {
    let mut seen = HashSet::new();
    let mut kept = String::new();
    let mut keep = true;
    for line in text.lines() {
        if !line.starts_with(' ') && !line.is_empty() {
            let name = line.split(['(', ')', ' ']).find(|word| word.starts_with('f') && word.len() < 5);
            let defines = line.starts_with("(define");
            keep = !defines || name.is_none_or(|name| seen.insert(name));
        }
        // What is left out keeps its lines, so that positions stay.
        kept.push_str(if keep { line } else { "" });
        kept.push('\n');
    }
    kept
}

/// An engine with a fault.
pub struct Faulty {
    /// What does the work.
    pub engine: Box<dyn Engine>,
    /// Its fault.
    pub fault: Fault,
}

impl Engine for Faulty {
    fn run(&mut self, program: &str) -> Observation {
        let observation = self.engine.run(&self.fault.program(program));
        self.fault.observation(observation, program)
    }
    fn script(&mut self, text: &str) -> Vec<FormResult> {
        self.engine.script(text)
    }
    fn reset(&mut self) {
        self.engine.reset();
    }
    fn abandon(&mut self) {
        self.engine.abandon();
    }
}
