//! The command line's grammar.

use crate::commands::{check_output, lost_output};
use crate::trouble::Trouble;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Maru: a small Lisp whose environments compile straight to shared libraries.
#[derive(Parser, Debug)]
#[command(name = "maru", version, max_term_width = 100)]
#[command(after_help = "\
`maru FILE …` is `maru run FILE …`, and `maru -e EXPRESSION` runs an expression, `maru -p EXPRESSION` prints its value, too.
Without a command, maru reads expressions from standard input and prints their values.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Subcommand, Debug)]
#[allow(clippy::large_enum_variant)] // there is one of these in a process
pub enum Command {
    /// Run a program: a source file, or a library made by `maru build`
    Run(Run),
    /// Compile a program to a library for any target and format
    Build(Build),
    /// List targets and formats, and what can be done here with each pair
    Targets(Targets),
    /// Run the conformance suite: the same programs interpreted and compiled, results compared
    Conform(crate::commands::conform::Conform),
    /// Show the machine code of a program's functions
    Disasm(Disasm),
    /// Write a page that shows a program's source, tree, IR and machine code side by side
    Explore(Explore),
    /// Say what this host can do: targets, directories, tools
    Doctor(Doctor),
    /// A prompt: read expressions and print their values
    Repl(Repl),
    /// Write completions of this command for a shell
    Completions(Completions),
    /// Write a page of the manual, in roff
    Manual(Manual),
    /// Make keys and sign files with them, for `maru run --trust`
    #[command(subcommand)]
    Key(KeyCommand),
    /// What is kept of compiled code: list it, verify it, say why something is not found, clear it
    Cache(CacheCommand),
}

/// What code is made: for which target and format, and how much is done for its speed.
#[derive(Args, Debug, Default)]
pub struct Selection {
    /// The target's architecture, by name or synonym [default: $MARU_TARGET_ARCH, else this host's]
    #[arg(long, value_name = "ARCHITECTURE")]
    pub target: Option<String>,
    /// The object format, by name or synonym [default: $MARU_TARGET_FORMAT, else this host's]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// How much is done for the speed of compiled code: 0 nothing, 1 what is known of types is used, 2 they are
    /// guessed as well [default: $MARU_OPT, else 2]
    #[arg(short = 'O', value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(0..=2))]
    pub level: Option<u8>,
    /// How code comes to life: as libraries written directly (direct), as libraries that the system's linker makes of
    /// objects (linker), the same with an assembler before it (assembler), in memory without a file (memory), or, for a
    /// target whose code is text, by its compiler, by the target's name (c) [default: $MARU_STRATEGY, else direct]
    #[arg(long, value_name = "STRATEGY")]
    pub strategy: Option<String>,
}

/// How programs are run.
#[derive(Args, Debug, Default)]
pub struct Execution {
    /// When functions are compiled: never, when their environment is hot, or before their first call
    #[arg(long, value_enum, default_value_t = Jit::Auto, value_name = "WHEN")]
    pub jit: Jit,
    /// Print counts and times on standard error at the end
    #[arg(long, value_name = "AS", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub stats: Option<Report>,
    /// Collect garbage at every allocation (slow)
    #[arg(long)]
    pub stress: bool,
    /// Check the heap after every collection, and every stage of compiling
    #[arg(long)]
    pub verify: bool,
    /// The most memory that objects may take, such as 512M or 2G [default: three quarters of the machine's]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_heap: Option<usize>,
    /// The most memory that nested calls may take [default: an eighth of the machine's, 1G to 4G]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_stack: Option<usize>,
    /// How many calls of functions and turns of loops the program may make [default: any number]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(0..))]
    pub fuel: Option<i64>,
    /// How deep calls of functions may nest [default: as deep as --max-stack allows]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(1..))]
    pub max_depth: Option<i64>,
    /// How many seconds the program may take, such as 10 or 0.5 [default: any number]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub time: Option<std::time::Duration>,
    /// Evaluate the intermediate representation in place of running machine code (slow)
    #[arg(long)]
    pub evaluate_ir: bool,
}

/// When functions are compiled.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jit {
    /// Never.
    Off,
    /// When their environment is hot.
    #[default]
    Auto,
    /// Before their first call.
    Always,
}

/// For whom a report is.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// What is done with keys.
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Make a key: NAME.key, which signs files, and NAME.pub, which checks them
    New {
        /// What the two files are called, without their endings
        name: PathBuf,
    },
    /// Sign files: the signature of FILE goes to FILE.sig
    Sign {
        /// The file with the key that signs
        key: PathBuf,
        /// What is signed
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// What a program may touch outside of itself.
#[derive(Args, Debug, Default)]
pub struct Sandbox {
    /// Keep the program from files, other programs, variables and machine code, but for what the following flags grant
    #[arg(long)]
    pub sandbox: bool,
    /// Let a program in a sandbox read this file or directory and all below; may be given several times
    #[arg(long, value_name = "PATH", requires = "sandbox")]
    pub allow_read: Vec<PathBuf>,
    /// Let a program in a sandbox change this file or directory and all below; may be given several times
    #[arg(long, value_name = "PATH", requires = "sandbox")]
    pub allow_write: Vec<PathBuf>,
    /// Let a program in a sandbox use this variable of the environment; may be given several times
    #[arg(long, value_name = "NAME", requires = "sandbox")]
    pub allow_env: Vec<String>,
    /// Let a program in a sandbox run other programs, which may then do anything
    #[arg(long, requires = "sandbox")]
    pub allow_run: bool,
    /// Let a program in a sandbox load machine code (dlopen, load-compiled-environment), which may then do anything
    #[arg(long, requires = "sandbox")]
    pub allow_native: bool,
}

/// Arguments of `maru run`.
#[derive(Args, Debug)]
pub struct Run {
    /// Say at the end where the time went, by function and line, and draw that as a flame graph
    #[arg(long, value_name = "SVG", num_args = 0..=1, require_equals = true, default_missing_value = "profile.svg")]
    pub profile: Option<PathBuf>,
    /// Run this in place of a file; several are one program
    #[arg(short, long, value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub evaluate: Vec<String>,
    /// As -e, and print the value
    #[arg(short, long, value_name = "EXPRESSION", allow_hyphen_values = true, conflicts_with = "evaluate")]
    pub print: Vec<String>,
    /// Run only what is signed with the key that this file checks (NAME.pub of `maru key new`); may be given several times.
    /// It holds for the program, and for machine code that it loads
    #[arg(long, value_name = "KEY")]
    pub trust: Vec<PathBuf>,
    /// What it may touch.
    #[command(flatten)]
    pub sandbox: Sandbox,
    /// Which target and format.
    #[command(flatten)]
    pub selection: Selection,
    /// How it is run.
    #[command(flatten)]
    pub execution: Execution,
    /// The program: Maru source, or a library made by `maru build`; `-` is source on standard input. All that follows it
    /// is given to the program as *arguments*: flags for maru stand before it
    #[arg(trailing_var_arg = true, required_unless_present_any = ["evaluate", "print"])]
    #[arg(value_names = ["FILE|LIBRARY", "ARGUMENT"])]
    pub program: Vec<OsString>,
}

impl Run {
    /// The file with the program, if one is named, and what the program is given.
    ///
    /// # Errors
    /// When what it is given is no text.
    pub fn split(&self) -> Result<(Option<PathBuf>, Vec<String>), Trouble> {
        let is_written = !self.evaluate.is_empty() || !self.print.is_empty();
        let (file, arguments) = match self.program.split_first() {
            Some((file, arguments)) if !is_written => (Some(PathBuf::from(file)), arguments),
            _ => (None, &self.program[..]),
        };
        Ok((file, texts(arguments)?))
    }
}

/// Arguments of `maru build`.
#[derive(Args, Debug)]
pub struct Build {
    /// The program's source
    pub file: PathBuf,
    /// Where to write the result [needed for libraries; text goes to standard output without it; `-` is standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Sign what is written with the key in this file (NAME.key of `maru key new`): the signature goes to OUTPUT.sig
    #[arg(long, value_name = "KEY", requires = "output")]
    pub sign: Option<PathBuf>,
    /// Which target and format.
    #[command(flatten)]
    pub selection: Selection,
    /// What to make
    #[arg(long, value_enum, default_value_t = Emit::Lib)]
    pub emit: Emit,
    /// With `--emit ir`: the representation as it is first, and after each pass
    #[arg(long)]
    pub passes: bool,
}

/// What `maru build` makes.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// A shared library for `maru run`
    Lib,
    /// A relocatable object, of which a linker makes the library
    Obj,
    /// The optimised intermediate representation, as text
    Ir,
    /// The resolved tree, as text
    Tree,
    /// The linear form between tree and intermediate representation, as text
    Linear,
    /// Assembly text, of which an assembler makes the relocatable object
    Asm,
    /// The library as C, of which a compiler makes it
    C,
}

/// Arguments of `maru targets`.
#[derive(Args, Debug)]
pub struct Targets {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `maru disasm`.
#[derive(Args, Debug)]
pub struct Disasm {
    /// The program's source
    pub file: PathBuf,
    /// Only the functions with this name
    pub function: Option<String>,
    /// Which target and format.
    #[command(flatten)]
    pub selection: Selection,
}

/// Arguments of `maru explore`.
#[derive(Args, Debug)]
pub struct Explore {
    /// The program's source
    pub file: PathBuf,
    /// Where to write the page, `-` for standard output [default: in the working directory, called as the program]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The targets whose machine code is shown, with commas between [default: $MARU_TARGET_ARCH, else this host's]
    #[arg(long, value_name = "ARCHITECTURE", value_delimiter = ',')]
    pub target: Vec<String>,
    /// How much is done for the speed of the code [default: $MARU_OPT, else 2]
    #[arg(short = 'O', value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(0..=2))]
    pub level: Option<u8>,
}

/// Arguments of `maru doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `maru repl`.
#[derive(Args, Debug, Default)]
pub struct Repl {
    /// Which target and format.
    #[command(flatten)]
    pub selection: Selection,
    /// How it is run.
    #[command(flatten)]
    pub execution: Execution,
    /// A program to run first, whose definitions are then there; what follows it is given to it as *arguments*
    #[arg(trailing_var_arg = true, value_names = ["FILE", "ARGUMENT"])]
    pub program: Vec<OsString>,
}

impl Repl {
    /// The program to run first, if one is named, and what it is given.
    ///
    /// # Errors
    /// When what it is given is no text.
    pub fn split(&self) -> Result<(Option<PathBuf>, Vec<String>), Trouble> {
        match self.program.split_first() {
            Some((file, arguments)) => Ok((Some(file.into()), texts(arguments)?)),
            None => Ok((None, Vec::new())),
        }
    }
}

/// Arguments of `maru completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell; its own manual says where the completions go
    pub shell: clap_complete::Shell,
}

/// Arguments of `maru manual`.
#[derive(Args, Debug)]
pub struct Manual {
    /// The command that the page is about [default: all of maru]
    pub command: Option<String>,
}

/// Arguments of `maru cache`.
#[derive(Args, Debug)]
pub struct CacheCommand {
    /// What to do.
    #[command(subcommand)]
    pub action: CacheAction,
}

/// What `maru cache` does.
#[derive(Subcommand, Debug)]
pub enum CacheAction {
    /// List saved environments and compiled units
    List,
    /// Print where the cache is, or where the environment saved under a name is
    Path {
        /// The name it was saved under
        name: Option<String>,
    },
    /// Check every entry; the status is 1 if some cannot be used
    Verify,
    /// Say why a saved environment, or what was compiled of a program, is not found
    Why {
        /// The name it was saved under, or the program's file, as it is named to `maru run`
        name: String,
    },
    /// Remove everything
    Clear,
}

/// What the command line asks for. Help and version are printed here, and end the process.
///
/// # Errors
/// When an argument is no text, or help cannot be printed. Other wrong calls the parser itself explains, and ends the
/// process with status 2.
pub fn parse() -> Result<Command, Trouble> {
    match Cli::try_parse_from(with_command(std::env::args_os().collect())) {
        Ok(cli) => Ok(cli.command.unwrap_or_else(|| Command::Repl(Repl::default()))),
        Err(error) if error.kind() == ErrorKind::InvalidUtf8 => Err(not_text()),
        Err(error) if error.use_stderr() => error.exit(),
        Err(help) => {
            let printed = help.print().and_then(|()| std::io::stdout().flush());
            printed.map_err(|error| lost_output(&error))?;
            check_output()?;
            std::process::exit(0)
        }
    }
}

/// The words of a call, the command that they leave out put in: who names what is there or can only be a file, or a flag
/// that is not about maru itself, wants to run a program.
fn with_command(mut words: Vec<OsString>) -> Vec<OsString> {
    let Some(first) = words.get(1) else { return words };
    let mut known = Cli::command();
    known.build();
    let is_known = match first.to_str() {
        Some("-h" | "--help" | "-V" | "--version") => true,
        Some(name) => known.find_subcommand(name).is_some(),
        None => false,
    };
    let has = |byte| first.as_encoded_bytes().contains(byte);
    let names_program =
        first.as_encoded_bytes().starts_with(b"-") || has(&b'.') || has(&b'/') || Path::new(first).exists();
    if !is_known && names_program {
        words.insert(1, "run".into());
    }
    words
}

/// Arguments as texts.
fn texts(arguments: &[OsString]) -> Result<Vec<String>, Trouble> {
    arguments.iter().map(|argument| argument.to_str().map(String::from).ok_or_else(not_text)).collect()
}

/// Names the arguments that are not UTF-8.
fn not_text() -> Trouble {
    let wrong = std::env::args_os().skip(1).filter(|argument| argument.to_str().is_none());
    let shown: Vec<String> = wrong.map(|argument| format!("{argument:?}")).collect();
    Trouble::wrong_call(format!("not UTF-8 text: the argument {}", shown.join(", ")))
}

/// A time, no shorter than what the system's clock tells apart.
fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let number = text.parse().ok().and_then(|number| std::time::Duration::try_from_secs_f64(number).ok());
    let time = number.filter(|time| time.as_micros() > 0 && time.as_secs() < 1 << 31);
    time.ok_or_else(|| "not a number of seconds such as 10 or 0.5".into())
}

/// A number of bytes with an optional unit.
pub fn bytes(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().trim_end_matches('B').trim_end_matches('I') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err("units are K, M and G".into()),
    };
    let number: usize = digits.parse().map_err(|_| "not a number of bytes such as 512M".to_string())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(|| "out of range".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_file_is_the_programs() {
        let run = |words: &[&str]| {
            let words = ["maru"].iter().chain(words).map(OsString::from).collect();
            let cli = Cli::try_parse_from(with_command(words)).unwrap();
            let Some(Command::Run(run)) = cli.command else { panic!("not run") };
            let (file, arguments) = run.split().unwrap();
            (run.execution.jit, file.map(|file| file.display().to_string()), arguments.join(" "))
        };
        for given in ["-v", "--help", "--stats --jit always", "-5 x", "-", "--", "-- -v", "a -- b"] {
            let given: Vec<&str> = given.split(' ').collect();
            let words = [&["run", "--jit", "off", "f.l"][..], &given].concat();
            assert_eq!(run(&words), (Jit::Off, Some("f.l".into()), given.join(" ")));
            let words = [&["--jit", "off", "-e", "(f)"][..], &["x"], &given].concat();
            assert_eq!(run(&words), (Jit::Off, None, format!("x {}", given.join(" "))));
        }
        assert_eq!(run(&["-"]), (Jit::Auto, Some("-".into()), String::new()));
        assert_eq!(run(&["Cargo.toml", "-h"]), (Jit::Auto, Some("Cargo.toml".into()), "-h".into()));
    }

    #[test]
    fn byte_counts_have_units() {
        assert_eq!(bytes("512"), Ok(512));
        assert_eq!(bytes("4k"), Ok(4096));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        assert!(
            bytes("many").is_err() && bytes("0").is_err() && bytes("99999999999G").is_err() && bytes("5X").is_err()
        );
    }
}
