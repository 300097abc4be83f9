//! From flags and environment variables to the settings of a run. Flags win over variables, variables over defaults;
//! an empty variable counts as unset.

use crate::arguments::{Execution, Jit, Sandbox, Selection};
use crate::trouble::{self, Trouble};
use maru_compiler::load::{Listeners, SYMBOLS_VARIABLE};
use maru_compiler::unit::check_strategy;
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use maru_core::registry;
use maru_language::runtime::{Grants, JitMode, OptimisationLevel, Options, Strategy};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Names the target.
const TARGET_VARIABLE: &str = "MARU_TARGET_ARCH";
/// Names the object format.
const FORMAT_VARIABLE: &str = "MARU_TARGET_FORMAT";
/// The optimisation level.
const LEVEL_VARIABLE: &str = "MARU_OPT";

/// How libraries are made.
const STRATEGY_VARIABLE: &str = "MARU_STRATEGY";

/// The settings that flags and environment ask for.
///
/// # Errors
/// When a flag or variable has a value that means nothing.
pub fn options(selection: &Selection, execution: &Execution) -> Result<Options, Trouble> {
    let mut options = Options {
        jit: match execution.jit {
            Jit::Off => JitMode::Off,
            Jit::Auto => JitMode::Auto,
            Jit::Always => JitMode::Always,
        },
        verify_heap: execution.verify,
        verify_code: execution.verify,
        statistics: execution.stats.is_some(),
        evaluator: execution.evaluate_ir,
        fuel: execution.fuel,
        max_depth: execution.max_depth,
        ..Options::default()
    };
    if let Some((name, origin)) = target(selection)? {
        (options.target, options.target_origin) = (Some(name), origin.into());
    }
    if let Some((name, origin)) = object_format(selection)? {
        (options.format, options.format_origin) = (Some(name), origin.into());
    }
    options.level = level(selection)?;
    set_strategy(&mut options, selection)?;
    options.hot_calls = number("MARU_HOT_CALLS", 1)?.unwrap_or(options.hot_calls);
    options.optimisation_fuel = number("MARU_OPT_FUEL", 0)?;
    options.heap.stress = if execution.stress { u64::MAX } else { 0 };
    options.heap.poison = execution.stress || execution.verify;
    if let Some(bytes) = execution.max_heap {
        options.heap.max_bytes = bytes;
    }
    check_directory("MARU_TMPDIR")?;
    if let Some(names) = variable(SYMBOLS_VARIABLE)? {
        let wrong = |problem| Trouble::wrong_call(format!("{SYMBOLS_VARIABLE}: {problem}; set it again or unset it"));
        Listeners::parse(&names).map_err(wrong)?;
    }
    Ok(options)
}

/// What a program may touch, if it is to run in a sandbox.
///
/// # Errors
/// When a path that is granted does not exist.
pub fn grants(sandbox: &Sandbox) -> Result<Option<Grants>, Trouble> {
    if !sandbox.sandbox {
        return Ok(None);
    }
    let real = |flag: &str, paths: &[PathBuf]| {
        let real = |path: &PathBuf| {
            std::fs::canonicalize(path)
                .map_err(|fault| Trouble::wrong_call(format!("{flag} {}: {fault}", path.display())))
        };
        paths.iter().map(real).collect::<Result<Vec<PathBuf>, Trouble>>()
    };
    Ok(Some(Grants {
        read: real("--allow-read", &sandbox.allow_read)?,
        write: real("--allow-write", &sandbox.allow_write)?,
        run: sandbox.allow_run,
        variables: sandbox.allow_env.clone(),
        native: sandbox.allow_native,
    }))
}

/// The names of target and format that were asked for: those of the plugins, where synonyms were given.
///
/// # Errors
/// When there are none with these names.
pub fn names(selection: &Selection) -> Result<(Option<String>, Option<String>), Trouble> {
    Ok((target(selection)?.map(|(name, _)| name), object_format(selection)?.map(|(name, _)| name)))
}

/// The optimisation level that was asked for.
///
/// # Errors
/// When the variable has a value that is none.
pub fn level(selection: &Selection) -> Result<OptimisationLevel, Trouble> {
    let of = |number: u8| OptimisationLevel::ALL.into_iter().find(|level| level.number() == number);
    if let Some(level) = selection.level.and_then(of) {
        return Ok(level);
    }
    let Some(text) = variable(LEVEL_VARIABLE)? else { return Ok(OptimisationLevel::default()) };
    text.trim().parse().ok().and_then(of).ok_or_else(|| {
        Trouble::wrong_call(format!(
            "{LEVEL_VARIABLE}: '{text}' is not a level from 0 to 2; set it to one, or unset it"
        ))
    })
}

/// Set the strategy that was asked for. The name of a target whose code is text is one, too: that target by its compiler,
/// which is the only way to bring its code to life.
fn set_strategy(options: &mut Options, selection: &Selection) -> Result<(), Trouble> {
    let asked = chosen(selection.strategy.as_ref(), "--strategy", STRATEGY_VARIABLE)?;
    let Some((name, origin)) = asked else { return Ok(()) };
    let wanted = name.trim().to_ascii_lowercase();
    if let Some(strategy) = Strategy::ALL.into_iter().find(|strategy| strategy.name() == wanted) {
        options.strategy = strategy;
        return Ok(());
    }
    let texts = registry::architectures().into_iter().filter(|architecture| architecture.source().is_some());
    let texts: Vec<&str> = texts.map(|architecture| architecture.name()).collect();
    if texts.contains(&wanted.as_str()) {
        return choose_text(options, &wanted, &format!("{origin} {wanted}"));
    }
    let names: Vec<&str> = Strategy::ALL.map(Strategy::name).into_iter().chain(texts).collect();
    let names = names.join(", ");
    Err(Trouble::wrong_call(format!("{origin}: there is no strategy called '{name}'; there are: {names}")))
}

/// Choose the target with this name, whose code is text, because `origin` is about it.
///
/// # Errors
/// When another was asked for, or there is none with this name.
pub fn choose_text(options: &mut Options, name: &str, origin: &str) -> Result<(), Trouble> {
    let found = registry::find_architecture(name, origin).map_err(Trouble::wrong_call)?;
    if let Some(other) = options.target.as_ref().filter(|other| *other != found.name()) {
        let asked = &options.target_origin;
        return Err(Trouble::wrong_call(format!("{origin}: {asked} says {other}; leave one of them out")));
    }
    (options.target, options.target_origin) = (Some(found.name().into()), origin.into());
    Ok(())
}

/// The target's name, and where it was asked for.
fn target(selection: &Selection) -> Result<Option<(String, &'static str)>, Trouble> {
    let Some((name, origin)) = chosen(selection.target.as_ref(), "--target", TARGET_VARIABLE)? else { return Ok(None) };
    let found = registry::find_architecture(&name, origin).map_err(Trouble::wrong_call)?;
    Ok(Some((found.name().into(), origin)))
}

/// The format's name, and where it was asked for.
fn object_format(selection: &Selection) -> Result<Option<(String, &'static str)>, Trouble> {
    let Some((name, origin)) = chosen(selection.format.as_ref(), "--format", FORMAT_VARIABLE)? else { return Ok(None) };
    let found = registry::find_format(&name, origin).map_err(Trouble::wrong_call)?;
    Ok(Some((found.name().into(), origin)))
}

/// The architecture that these settings select.
///
/// # Errors
/// When nothing was asked for and no target is for this host's CPU.
pub fn architecture(options: &Options) -> Result<&'static dyn Architecture, Trouble> {
    match &options.target {
        Some(name) => registry::find_architecture(name, &options.target_origin).map_err(Trouble::wrong_call),
        None => registry::host_architecture()
            .ok_or_else(|| Trouble::wrong_call("no target is for this host's CPU; choose one with --target")),
    }
}

/// The object format that these settings select.
///
/// # Errors
/// When nothing was asked for and no format is this host's.
pub fn format(options: &Options) -> Result<&'static dyn ObjectFormat, Trouble> {
    match &options.format {
        Some(name) => registry::find_format(name, &options.format_origin).map_err(Trouble::wrong_call),
        None => registry::host_format()
            .ok_or_else(|| Trouble::wrong_call("no format is this host's; choose one with --format")),
    }
}

/// Running needs something that runs the target's code, unless nothing is to be compiled or the machine is an
/// evaluator. An emulator is announced.
///
/// # Errors
/// When nothing here runs it.
pub fn check_runnable(options: &Options) -> Result<(), Trouble> {
    const WAYS: &str = "build a library for it with `maru build`, which works anyway, or run with --jit off";
    if options.jit == JitMode::Off || options.evaluator {
        return Ok(());
    }
    let text = options.target.is_some() && architecture(options)?.source().is_some();
    if text || options.strategy != Strategy::Direct {
        // Who names a strategy wants no other; without that, programs are interpreted where they cannot be compiled.
        let architecture = architecture(options)?;
        let name = if text { architecture.name() } else { options.strategy.name() };
        check_strategy(options.strategy, architecture, format(options)?)
            .map_err(|reason| Trouble::wrong_call(format!("strategy '{name}': {reason}")))?;
    }
    if options.target.is_none() && options.format.is_none() {
        return Ok(());
    }
    let origin = if options.target.is_some() { &options.target_origin } else { &options.format_origin };
    check_machine(options, origin, WAYS)
}

/// What the settings must be for a library in this format, for the CPU with this number: those that the file asks for.
///
/// # Errors
/// When others were asked for, or nothing here runs its code.
pub fn fit_library(
    options: &mut Options,
    name: &str,
    format: &'static dyn ObjectFormat,
    architecture: Option<&'static dyn Architecture>,
    machine: u32,
) -> Result<(), Trouble> {
    let container = format.name();
    let architecture = architecture.ok_or_else(|| {
        Trouble::wrong_call(format!(
            "{name}: a library for a CPU that Maru has no target for (number {machine} in the format {container})"
        ))
    })?;
    check_choice(name, &options.target, &options.target_origin, architecture.name())?;
    check_choice(name, &options.format, &options.format_origin, container)?;
    if options.evaluator {
        return Err(Trouble::wrong_call(format!(
            "{name}: a library holds no IR to evaluate; give the program's source, or leave --evaluate-ir out"
        )));
    }
    let is_usual = registry::host_architecture().is_some_and(|host| host.name() == architecture.name());
    if is_usual && format.is_host() {
        return Ok(());
    }
    for (chosen, origin, own) in [
        (&mut options.target, &mut options.target_origin, architecture.name()),
        (&mut options.format, &mut options.format_origin, container),
    ] {
        (*chosen, *origin) = (Some(own.into()), name.into());
    }
    check_machine(options, name, "build it again for this host, with `maru build`")
}

fn check_choice(name: &str, chosen: &Option<String>, origin: &str, own: &str) -> Result<(), Trouble> {
    match chosen {
        Some(other) if other != own => Err(Trouble::wrong_call(format!(
            "{name}: a library for {own}, but {origin} says {other}; leave that out, or build the library for {other}"
        ))),
        _ => Ok(()),
    }
}

/// Whether there is a machine for the target and format; an emulator is announced.
///
/// # Errors
/// When there is none: who wanted it, what to install, and what can be done without it.
fn check_machine(options: &Options, origin: &str, ways: &str) -> Result<(), Trouble> {
    let (architecture, format) = (architecture(options)?, format(options)?);
    let machine = maru_compiler::machine::find_machine(architecture, format, options.machine.as_deref())
        .map_err(|reason| Trouble::wrong_call(format!("{origin}: {reason}; {ways}")))?;
    if let Some(kind) = machine.filter(|kind| kind.is_emulator()) {
        let (name, kind) = (architecture.name(), kind.name());
        trouble::say(format_args!("native code for {name} runs on the emulator {kind}: slower than on its own CPU"));
    }
    Ok(())
}

/// What was asked for by a flag or, failing that, by a variable; and by which.
fn chosen(
    flag: Option<&String>,
    flag_name: &'static str,
    variable_name: &'static str,
) -> Result<Option<(String, &'static str)>, Trouble> {
    match flag {
        Some(value) => Ok(Some((value.clone(), flag_name))),
        None => Ok(variable(variable_name)?.map(|value| (value, variable_name))),
    }
}

fn variable(name: &str) -> Result<Option<String>, Trouble> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let text = value.into_string().map_err(|value| {
        Trouble::wrong_call(format!("{name}: '{}' is not UTF-8 text; set it again or unset it", value.display()))
    })?;
    Ok(Some(text))
}

/// A number of bytes from a variable; 0 is one.
///
/// # Errors
/// When its value is none.
pub fn bytes(name: &str) -> Result<Option<u64>, Trouble> {
    let Some(text) = variable(name)? else { return Ok(None) };
    if text.trim() == "0" {
        return Ok(Some(0));
    }
    let wrong = |problem| Trouble::wrong_call(format!("{name}: '{text}': {problem}; set it again or unset it"));
    crate::arguments::bytes(text.trim()).map(|bytes| Some(bytes as u64)).map_err(wrong)
}

/// A number from a variable, not less than `least`.
fn number<N: FromStr + PartialOrd + From<u32>>(name: &str, least: u32) -> Result<Option<N>, Trouble> {
    let Some(text) = variable(name)? else { return Ok(None) };
    match text.trim().parse::<N>() {
        Ok(number) if number >= N::from(least) => Ok(Some(number)),
        _ => Err(Trouble::wrong_call(format!(
            "{name}: '{text}' is not a whole number of at least {least} that fits {} bits; set it to one, or unset it",
            8 * size_of::<N>()
        ))),
    }
}

fn check_directory(name: &str) -> Result<(), Trouble> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(()) };
    let path = Path::new(&value);
    let problem = if !path.is_absolute() {
        "is not an absolute path"
    } else if !path.exists() {
        "does not exist"
    } else if !path.is_dir() {
        "is not a directory"
    } else {
        return Ok(());
    };
    let path = path.display();
    Err(Trouble::wrong_call(format!("{name}: '{path}' {problem}; name an existing directory, or unset it")))
}
