//! Engines: ways of running a program. All of them are one runtime with different settings.

use crate::evaluate;
use crate::fault::{Fault, Faulty};
use crate::limits::Limits;
use crate::model::Model;
use crate::outcome::{FormResult, Observation, Outcome};
use crate::sampling::Sampling;
use maru_compiler::machine::{self, Ability};
use maru_compiler::unit::{check_strategy, Unable};
use maru_core::codegen::Architecture;
use maru_core::format::{self, ObjectFormat};
use maru_core::registry;
use maru_language::runtime::{JitMode, OptimisationLevel, Options, Runtime, Strategy};
use maru_language::value::heap::HeapOptions;
use std::ops::Range;

/// After so many programs a runtime is replaced: what one program leaves behind must not matter for long, but a
/// fresh runtime for each would cost more than the programs.
const PROGRAMS_PER_RUNTIME: u32 = 200;
/// Values on the interpreter's stack.
const VALUE_STACK: usize = 1 << 24;
/// Bytes that a program's objects may take.
const HEAP_LIMIT: usize = 1 << 30;

/// Runs programs.
pub trait Engine {
    /// Run a program and say what could be seen of it.
    fn run(&mut self, program: &str) -> Observation;
    /// Run each form of a text by itself and go on after errors.
    fn script(&mut self, text: &str) -> Vec<FormResult>;
    /// Forget all earlier programs.
    fn reset(&mut self);
    /// A panic went through the engine: nothing of it may be used, not even to take it apart.
    fn abandon(&mut self);
}

/// How programs are run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Mode {
    /// The interpreter, which all others are compared with.
    Interpreter,
    /// A second interpreter, which shares no code with the first, of as much of the language as it knows.
    Model,
    /// The interpreter with a collection at every allocation.
    Stress,
    /// Everything compiled before its first call.
    Native,
    /// The same, with nothing done for speed.
    NativeO0,
    /// The same, with nothing guessed.
    NativeO1,
    /// Everything compiled, with a collection at every allocation.
    NativeStress,
    /// Compiled after a few calls, so that interpreted and native functions call each other.
    Hot,
    /// The same by a thread of its own while the program goes on: which function is native when is up to chance.
    Background,
    /// As when hot, but every library is made by the system's linker.
    Linker,
    /// The same, of objects that an assembler makes of text.
    Assembler,
    /// Everything compiled, into this process's memory, without libraries.
    Memory,
    /// As when hot, of a target whose code is text: every library is made by the system's compiler.
    Source,
    /// Compiled to IR, which is evaluated.
    Evaluator,
}

impl Mode {
    /// All modes.
    pub const ALL: [Mode; 14] = [
        Mode::Interpreter,
        Mode::Model,
        Mode::Stress,
        Mode::Evaluator,
        Mode::Native,
        Mode::NativeO0,
        Mode::NativeO1,
        Mode::NativeStress,
        Mode::Hot,
        Mode::Background,
        Mode::Linker,
        Mode::Assembler,
        Mode::Memory,
        Mode::Source,
    ];
    /// The modes whose code comes to life in another way than by libraries that Maru writes.
    const OTHER_STRATEGIES: [Mode; 3] = [Mode::Linker, Mode::Assembler, Mode::Memory];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Interpreter => "interpreter",
            Mode::Model => "model",
            Mode::Stress => "interpreter-stress",
            Mode::Native => "native",
            Mode::NativeO0 => "native-O0",
            Mode::NativeO1 => "native-O1",
            Mode::NativeStress => "native-stress",
            Mode::Hot => "native-hot",
            Mode::Background => "native-background",
            Mode::Linker => "native-linker",
            Mode::Assembler => "native-assembler",
            Mode::Memory => "native-memory",
            Mode::Source => "native-source",
            Mode::Evaluator => "ir-evaluator",
        }
    }

    /// Whether it runs machine code of a target.
    pub fn is_native(self) -> bool {
        !matches!(self, Mode::Interpreter | Mode::Model | Mode::Stress | Mode::Evaluator)
    }

    /// Whether something must be compiled for it to have tested anything.
    pub fn compiles(self) -> bool {
        self.is_native() || self == Mode::Evaluator
    }

    /// How its code comes to life.
    pub fn strategy(self) -> Strategy {
        match self {
            Mode::Linker => Strategy::Linker,
            Mode::Assembler => Strategy::Assembler,
            Mode::Memory => Strategy::Memory,
            _ => Strategy::Direct,
        }
    }

    /// The most that is done for the speed of its code.
    pub fn level(self) -> OptimisationLevel {
        match self {
            Mode::NativeO0 => OptimisationLevel::None,
            Mode::NativeO1 => OptimisationLevel::Known,
            _ => OptimisationLevel::Full,
        }
    }

    /// How many times as long as others an engine of this mode may take.
    pub fn patience(self) -> u32 {
        if self == Mode::Source {
            PATIENCE_WITH_COMPILERS
        } else {
            1
        }
    }
}

/// A program may compile dozens of units, each by a compiler that takes a second where many things run.
const PATIENCE_WITH_COMPILERS: u32 = 30;

/// How many allocations of each form of a case file collect, each of them, under stress. Some forms count to a
/// million: what they allocate after that is collected often.
const FORM_STRESS: u64 = 12;

/// An engine by its settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configuration {
    /// How it runs programs.
    pub mode: Mode,
    /// Its target, if it has one.
    pub target: Option<String>,
    /// Its object format, if it has one.
    pub format: Option<String>,
    /// What runs its code, by name, if it has a target.
    pub machine: Option<String>,
    /// A seeded fault.
    pub fault: Option<Fault>,
    /// The most that is done for the speed of compiled code, in whatever mode.
    pub level: OptimisationLevel,
    /// Every so many programs and case files are run on it.
    pub every: u64,
}

impl Configuration {
    /// The interpreter.
    pub fn interpreter() -> Configuration {
        Configuration {
            mode: Mode::Interpreter,
            target: None,
            format: None,
            machine: None,
            fault: None,
            level: OptimisationLevel::Full,
            every: 1,
        }
    }

    /// Its name: mode, and target and format if it has them.
    pub fn name(&self) -> String {
        let mut name = self.mode.name().to_string();
        if self.level < self.mode.level() && self.mode.compiles() {
            name.push_str(&format!(" at -O{}", self.level.number()));
        }
        for part in [&self.target, &self.format].into_iter().flatten() {
            name.push(' ');
            name.push_str(part);
        }
        if let Some(machine) = self.machine.as_ref().filter(|machine| *machine != machine::HOST) {
            name.push_str(&format!(" on {machine}"));
        }
        let foreign = |name: &String| registry::find_format(name, "").is_ok_and(|format| !format.is_host());
        if self.format.as_ref().is_some_and(foreign) {
            name.push_str(&format!(" (format checked on {})", host_system()));
        }
        if let Some(fault) = self.fault {
            name.push_str(&format!(" with {fault:?}"));
        }
        name
    }

    /// The engine, to run on the stack with these bounds.
    pub fn engine(&self, stack: Range<usize>) -> Box<dyn Engine> {
        if self.mode == Mode::Model {
            return Box::new(Model::new(stack));
        }
        let engine = RuntimeEngine { configuration: self.clone(), stack, free: None, metered: None, programs: 0 };
        match self.fault {
            Some(fault) => Box::new(Faulty { engine: Box::new(engine), fault }),
            None => Box::new(engine),
        }
    }

    /// The runtime's settings.
    pub fn options(&self) -> Options {
        let stress = matches!(self.mode, Mode::Stress | Mode::NativeStress);
        let heap = if stress { HeapOptions::stress() } else { HeapOptions { poison: true, ..HeapOptions::default() } };
        Options {
            jit: match self.mode {
                Mode::Interpreter | Mode::Model | Mode::Stress => JitMode::Off,
                Mode::Native
                | Mode::NativeO0
                | Mode::NativeO1
                | Mode::NativeStress
                | Mode::Memory
                | Mode::Evaluator => JitMode::Always,
                Mode::Hot | Mode::Background | Mode::Linker | Mode::Assembler | Mode::Source => JitMode::Auto,
            },
            target: self.target.clone(),
            target_origin: "the conformance suite".into(),
            format: self.format.clone(),
            format_origin: "the conformance suite".into(),
            machine: self.machine.clone(),
            // A program is soon over: what is to be native before its end must be hot at once.
            hot_calls: if self.mode == Mode::Background { 1 } else { 3 },
            background: self.mode == Mode::Background,
            heap: HeapOptions { max_bytes: HEAP_LIMIT, ..heap },
            value_stack: VALUE_STACK,
            level: self.level.min(self.mode.level()),
            strategy: self.mode.strategy(),
            verify_heap: stress,
            verify_code: true,
            inspect_library: self.mode.is_native().then_some(crate::files::inspect),
            evaluator: self.mode == Mode::Evaluator,
            ..Options::default()
        }
    }
}

/// A combination of target, format and mode, and why it is not run, if it is not.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The engine.
    pub configuration: Configuration,
    /// Why it is not run.
    pub skipped: Option<Skipped>,
}

/// Why an engine is not run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Skipped {
    /// There is no such thing.
    Unsupported(String),
    /// There is, but not here.
    NotRun(String),
}

impl From<Unable> for Skipped {
    fn from(unable: Unable) -> Skipped {
        match unable {
            Unable::Unsupported(reason) => Skipped::Unsupported(reason),
            Unable::Missing(reason) => Skipped::NotRun(reason),
        }
    }
}

/// All engines, or those of one target or format. The interpreter comes first.
///
/// # Errors
/// When there is no such target or format.
pub fn plan(target: Option<&str>, format: Option<&str>, sampling: Sampling) -> Result<Vec<Planned>, String> {
    let architectures = match target {
        Some(name) => vec![registry::find_architecture(name, "--target")?],
        None => registry::architectures(),
    };
    let formats = match format {
        Some(name) => vec![registry::find_format(name, "--format")?],
        None => registry::formats(),
    };
    let plain = |mode| Configuration { mode, every: sampling.every(mode, true), ..Configuration::interpreter() };
    let mut all: Vec<Planned> = [Mode::Interpreter, Mode::Model, Mode::Stress, Mode::Evaluator]
        .into_iter()
        .map(|mode| Planned { configuration: plain(mode), skipped: None })
        .collect();
    for architecture in architectures {
        // The first way of running a target's code has all programs, the others are asked for a second opinion.
        let mut first = true;
        for format in &formats {
            for (machine, modes, skipped) in ways(architecture, *format) {
                let is_first = first && skipped.is_none();
                first &= !is_first;
                // Other machines take code from libraries only.
                let is_here = |mode: &Mode| *mode != Mode::Memory || machine.as_deref() == Some(machine::HOST);
                let others: &[Mode] = match architecture.source() {
                    Some(_) => &[Mode::Source],
                    None => &Mode::OTHER_STRATEGIES,
                };
                for mode in modes.iter().chain(others).copied().filter(is_here) {
                    let unable = check_strategy(mode.strategy(), architecture, *format).err();
                    let skipped = skipped.clone().or_else(|| unable.map(Skipped::from));
                    let configuration = Configuration {
                        mode,
                        target: Some(architecture.name().into()),
                        format: Some(format.name().into()),
                        machine: machine.clone(),
                        every: sampling.every(mode, is_first),
                        ..Configuration::interpreter()
                    };
                    all.push(Planned { configuration, skipped });
                }
            }
        }
    }
    Ok(all)
}

/// Modes that run machine code.
const NATIVE: &[Mode] = &[Mode::Native, Mode::NativeStress, Mode::Hot];
/// The same on this host, the only machine whose code another thread can make; at lower levels too, which differ in
/// what all targets have in common.
const HOST: &[Mode] = &[Mode::Native, Mode::NativeO0, Mode::NativeO1, Mode::NativeStress, Mode::Hot, Mode::Background];
/// Those which a second opinion is asked for in: values in an emulator's registers and stack are roots of their own.
const SECOND: &[Mode] = &[Mode::Native, Mode::NativeStress];

/// A machine by name, the modes to run on it, and why it is not run, if it is not.
type Way = (Option<String>, &'static [Mode], Option<Skipped>);

/// All ways of running the code of an architecture in libraries of a format. A second machine for what another runs
/// already is asked for a second opinion in fewer modes.
fn ways(architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Vec<Way> {
    let (cpu, container) = (architecture.name(), format.name());
    if format::identity(architecture, format).is_none() {
        let reason = format!("{container} has no number for {cpu}");
        let modes = if architecture.source().is_some() { &[] } else { NATIVE };
        return vec![(None, modes, Some(Skipped::Unsupported(reason)))];
    }
    let host = architecture.is_host() && format.is_host();
    if architecture.source().is_some() {
        // What its compiler makes is this host's code, in the one mode that is not slow for starting compilers.
        let reason = format!("the compiler of {cpu} makes no libraries of the format {container} here");
        let skipped = (!host).then_some(Skipped::Unsupported(reason));
        return vec![(Some(maru_compiler::machine::HOST.into()), &[], skipped)];
    }
    let mut ways: Vec<Way> = Vec::new();
    if host {
        ways.push((Some(machine::HOST.into()), HOST, None));
    }
    let mut kinds = machine::machines();
    kinds.sort_by_key(|kind| kind.is_emulator());
    for kind in kinds.into_iter().filter(|kind| kind.is_emulator() || !host) {
        let modes = if ways.is_empty() { NATIVE } else { SECOND };
        match kind.ability(architecture, format) {
            Ability::Ready(_) => ways.push((Some(kind.name().into()), modes, None)),
            Ability::Missing(what) => ways.push((Some(kind.name().into()), modes, Some(Skipped::NotRun(what)))),
            Ability::Unsupported => {}
        }
    }
    if ways.is_empty() {
        let reason = format!("no machine here runs {cpu} code in libraries of the format {container}");
        ways.push((None, NATIVE, Some(Skipped::NotRun(reason))));
    }
    ways
}

/// This host's system, as people write it.
fn host_system() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "macOS",
        other => other,
    }
}

/// Runtimes that run programs, each in an environment of its own.
struct RuntimeEngine {
    configuration: Configuration,
    stack: Range<usize>,
    /// For programs without limits.
    free: Option<Box<Runtime>>,
    /// For programs with limits: its code counts.
    metered: Option<Box<Runtime>>,
    programs: u32,
}

impl RuntimeEngine {
    /// The runtime for these settings, which it has had from its start, but for the limits' numbers.
    fn runtime(&mut self, options: Options) -> Result<&mut Runtime, Box<Observation>> {
        if self.programs == PROGRAMS_PER_RUNTIME {
            self.reset();
        }
        self.programs += 1;
        let bounds = options.bounds;
        let runtime = if options.is_metered() { &mut self.metered } else { &mut self.free };
        if runtime.is_none() {
            let made = maru_compiler::runtime(options, self.stack.clone());
            let failed = |message| Box::new(ended_early(format!("no runtime: {message}")));
            *runtime = Some(made.map_err(failed)?);
        }
        let runtime = runtime.as_mut().expect("just made");
        runtime.options.bounds = bounds;
        Ok(runtime)
    }

    /// The settings for a text, and the limits that it names.
    fn settings(&self, text: &str) -> Result<(Options, Option<Limits>), Box<Observation>> {
        let limits = Limits::of(text).map_err(|message| Box::new(ended_early(message)))?;
        let mut options = self.configuration.options();
        if let Some(limits) = limits {
            limits.set(&mut options);
        }
        Ok((options, limits))
    }
}

fn ended_early(message: String) -> Observation {
    Observation::ended(Outcome::Panic(message))
}

impl Engine for RuntimeEngine {
    fn run(&mut self, program: &str) -> Observation {
        let run = |engine: &mut Self| {
            let (options, limits) = engine.settings(program)?;
            Ok(evaluate::program(engine.runtime(options)?, program, limits))
        };
        run(self).unwrap_or_else(|failed: Box<Observation>| *failed)
    }

    fn script(&mut self, text: &str) -> Vec<FormResult> {
        let run = |engine: &mut Self| {
            let (mut options, limits) = engine.settings(text)?;
            if options.heap.stress > 0 {
                options.heap = HeapOptions::stress_for(FORM_STRESS);
            }
            Ok(evaluate::script(engine.runtime(options)?, text, limits))
        };
        let results = run(self);
        // A script leaves its mark on the global environment.
        self.reset();
        results.unwrap_or_else(|failed: Box<Observation>| vec![FormResult { end: 0, observation: *failed }])
    }

    fn reset(&mut self) {
        (self.free, self.metered) = (None, None);
        self.programs = 0;
    }

    fn abandon(&mut self) {
        std::mem::forget((self.free.take(), self.metered.take()));
        self.programs = 0;
    }
}
