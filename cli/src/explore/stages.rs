//! A program's stages, line by line, each with the line of the source that it belongs to.

use crate::session;
use crate::trouble::Trouble;
use maru_compiler::unit::{self, LoweringTarget};
use maru_core::codegen::Architecture;
use maru_core::ir::Function;
use maru_language::interp::tree_text::TreeLine;
use maru_language::runtime::{OptimisationLevel, Options};
use std::time::{Duration, Instant};

/// How often a function is compiled to see how long that takes: what counts is the shortest time.
const ROUNDS: u32 = 3;

/// A line of a stage.
pub struct Line {
    /// The line of the source that it comes from, if that is known.
    pub source: Option<u32>,
    /// The line.
    pub text: String,
}

/// A function on a target.
pub struct Code {
    /// Its instructions.
    pub lines: Vec<Line>,
    /// How many bytes it has.
    pub size: usize,
    /// How long it took to compile.
    pub time: Duration,
    /// Nanoseconds of that for selecting, allocating, encoding, where the target tells them.
    pub nanoseconds: [u64; 3],
}

/// A function, a top-level form among them.
pub struct Stages {
    /// What it is called.
    pub name: String,
    /// The first line of the source that it has code for.
    pub source: Option<u32>,
    /// Its optimised IR.
    pub ir: Vec<Line>,
    /// How many operations that has.
    pub operations: usize,
    /// Its code on each target; or why there is none.
    pub code: Vec<Result<Code, String>>,
}

/// A program in all its stages.
pub struct Exploration {
    /// The file's name.
    pub name: String,
    /// Its text.
    pub source: String,
    /// The resolved tree of each top-level form.
    pub trees: Vec<Vec<TreeLine>>,
    /// The targets that code was made for.
    pub targets: Vec<&'static str>,
    /// All functions, in the order of the unit.
    pub functions: Vec<Stages>,
}

/// Put a program through all stages for some targets, the first of which the IR is shown for.
///
/// # Errors
/// What is wrong with the program.
pub fn explore(
    name: &str,
    source: &str,
    targets: &[&'static dyn Architecture],
    level: OptimisationLevel,
) -> Result<Exploration, Trouble> {
    let trees = with_runtime(level, |runtime| unit::program_tree_lines(runtime, name, source))?;
    let mut functions: Vec<Stages> = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let lowered =
            with_runtime(level, |runtime| unit::program_ir(runtime, name, source, LoweringTarget::of(*target)))?;
        if index == 0 {
            functions = lowered.iter().map(stages).collect();
        }
        for (index, stages) in functions.iter_mut().enumerate() {
            let function = lowered.get(index).filter(|function| function.name == stages.name);
            let missing = || Err(format!("for {} the program has other functions", target.name()));
            stages.code.push(function.map_or_else(missing, |function| code(*target, function)));
        }
    }
    let targets = targets.iter().map(|target| target.name()).collect();
    Ok(Exploration { name: name.into(), source: source.into(), trees, targets, functions })
}

/// Do something with a new runtime: each stage reads the program, whose definitions must not be there before.
fn with_runtime<T>(
    level: OptimisationLevel,
    body: impl FnOnce(&mut maru_language::runtime::Runtime) -> Result<T, String>,
) -> Result<T, Trouble> {
    let options = Options { level, ..Options::default() };
    session::with_runtime(options, None, |runtime| body(runtime).map_err(Trouble::rendered))
}

fn stages(function: &Function) -> Stages {
    let ir = ir_lines(&function.to_string());
    Stages {
        name: function.name.clone(),
        source: function.lines.iter().map(|(_, _, line)| *line).filter(|line| *line > 0).min(),
        operations: function.blocks.iter().map(|block| block.insts.len()).sum(),
        ir,
        code: Vec::new(),
    }
}

/// IR text by lines. A mark `@12` holds from its operation on, to the next one or the end of the block.
fn ir_lines(text: &str) -> Vec<Line> {
    let mut source = None;
    let line = |text: &str| {
        let (shown, mark) = match text.rsplit_once(" @") {
            Some((shown, mark)) if mark.chars().all(|c| c.is_ascii_digit()) => (shown, mark.parse().ok()),
            _ => (text, None),
        };
        if !text.starts_with("  ") {
            source = None;
        }
        source = mark.or(source);
        Line { source, text: shown.into() }
    };
    text.lines().map(line).collect()
}

fn code(target: &dyn Architecture, function: &Function) -> Result<Code, String> {
    let compile = || {
        let start = Instant::now();
        let compiled = target.compile(function).map_err(|error| error.message)?;
        Ok::<_, String>((start.elapsed(), compiled))
    };
    let (mut time, mut best) = compile()?;
    for _ in 1..ROUNDS {
        let (next_time, next) = compile()?;
        if next_time < time {
            (time, best) = (next_time, next);
        }
    }
    let listing = target.listing(function).map_err(|error| error.message)?;
    let line_of = |offset: u32| {
        let after = best.lines.partition_point(|(at, _)| *at <= offset);
        best.lines[..after].last().map(|(_, line)| *line).filter(|line| *line > 0)
    };
    let lines = listing.iter().map(|line| {
        let bytes: String = line.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Line { source: line_of(line.offset), text: format!("{:5x} {bytes:<16} {}", line.offset, line.text) }
    });
    Ok(Code { lines: lines.collect(), size: best.bytes.len(), time, nanoseconds: best.nanoseconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_lines_hold_to_the_end_of_the_block() {
        let lines =
            ir_lines("function f(v0: w) -> w {\nb0:\n  v1 = const 2 @12\n  v2 = add v0 v1\nb1:\n  return v2 @13\n}");
        let found: Vec<(Option<u32>, &str)> = lines.iter().map(|line| (line.source, line.text.as_str())).collect();
        assert_eq!(
            found[2..],
            [
                (Some(12), "  v1 = const 2"),
                (Some(12), "  v2 = add v0 v1"),
                (None, "b1:"),
                (Some(13), "  return v2"),
                (None, "}"),
            ]
        );
    }
}
