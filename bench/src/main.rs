//! `maru-bench`: times the programs of `bench/programs/` in Maru, interpreted and native, and in other systems.

mod catalogue;
mod curves;
mod json;
mod measure;
mod odd;
mod phases;
mod prepare;
mod process;
mod summary;
mod system;
mod table;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use catalogue::Program;
use measure::Column;
use prepare::Surroundings;
use summary::Report;
use system::{System, SYSTEMS};

/// Times programs in Maru and in other systems
#[derive(Parser)]
#[command(name = "maru-bench", version, args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[command(flatten)]
    compare: Compare,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Shows where the time from a request to callable code goes
    Phases(PhaseOptions),
    /// Times every operation on operands that compiled code does not expect
    Odd(odd::Options),
    /// Shows how compile time and memory grow with the length of a function
    Curves(curves::Options),
}

#[derive(Args)]
struct Compare {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only these programs
    #[arg(long, value_delimiter = ',', value_name = "PROGRAM,…")]
    only: Vec<String>,
    /// Only these systems; ratios are to the first that is installed
    #[arg(long, value_delimiter = ',', value_name = "SYSTEM,…")]
    systems: Vec<String>,
    /// How often each program runs
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Where Maru is
    #[arg(long, value_name = "PATH")]
    maru: Option<PathBuf>,
    /// Seconds that one run may take
    #[arg(long, default_value_t = 60.0, value_parser = positive)]
    timeout: f64,
    /// Repeat the work this many times as often, for a quick look
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    scale: f64,
    /// Where the programs are
    #[arg(long, value_name = "FOLDER", default_value_os_t = own_folder().join("programs"))]
    programs: PathBuf,
    /// Where sources are put together and compiled
    #[arg(long, value_name = "FOLDER", default_value_os_t = workspace().join("target/bench"))]
    work: PathBuf,
}

#[derive(Args)]
struct PhaseOptions {
    /// The program to compile
    #[arg(value_name = "FILE", default_value_os_t = workspace().join("examples/math-env.l"))]
    program: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// How often it runs
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Where Maru is
    #[arg(long, value_name = "PATH")]
    maru: Option<PathBuf>,
    /// Seconds that one run may take
    #[arg(long, default_value_t = 60.0, value_parser = positive)]
    timeout: f64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match &options.command {
        Some(Subcommands::Phases(options)) => show_phases(options),
        Some(Subcommands::Odd(options)) => odd::show(options),
        Some(Subcommands::Curves(options)) => curves::show(options),
        None => compare(&options.compare),
    };
    result.unwrap_or_else(|message| {
        eprintln!("maru-bench: {message}");
        ExitCode::from(2)
    })
}

/// Measures and reports. A wrong checksum makes the exit status 1; an error is a wrong call.
fn compare(options: &Compare) -> Result<ExitCode, String> {
    let maru = existing(options.maru.as_deref())?;
    let programs = catalogue::read_programs(&options.programs)?;
    let programs = choose(&programs, &options.only, |program: &Program| &program.name, "program")?;
    let all: Vec<&'static System> = SYSTEMS.iter().collect();
    let systems = choose(&all, &options.systems, |system: &&'static System| system.name, "system")?;
    let columns: Vec<Column> =
        systems.into_iter().map(|system| Column { system, installed: system.find(maru.as_deref()) }).collect();
    std::fs::create_dir_all(&options.work).map_err(|error| format!("{}: {error}", options.work.display()))?;
    let work = absolute(&options.work)?;
    let around = Surroundings {
        programs: &options.programs,
        work: &work,
        timeout: Duration::from_secs_f64(options.timeout),
        scale: options.scale,
    };
    let rows = programs.iter().map(|program| {
        if std::io::stderr().is_terminal() {
            eprintln!("{}: {}", program.name, program.what);
        }
        measure::measure(program, &columns, options.runs, &around)
    });
    let rows = rows.collect();
    let report = Report::new(columns, rows, options.runs);
    if options.json {
        println!("{:#}", json::render(&report));
    } else {
        print!("{}", table::render(&report));
    }
    Ok(if report.any_wrong() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs one program several times for its phases.
fn show_phases(options: &PhaseOptions) -> Result<ExitCode, String> {
    let maru = find_maru(options.maru.as_deref())?;
    let program = absolute(&options.program)?;
    let folder = workspace().join("target/bench/phases");
    let timeout = Duration::from_secs_f64(options.timeout);
    let mut runs = Vec::new();
    for _ in 0..options.runs {
        match phases::run(&maru, &program, &folder, timeout) {
            Ok(phases) => runs.push(phases),
            Err(message) => {
                eprintln!("maru-bench: {message}");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    let medians = phases::medians(&runs);
    if options.json {
        println!("{:#}", phases::render_json(&medians, options.runs));
    } else {
        print!("{}", phases::render(&medians, options.runs));
    }
    Ok(ExitCode::SUCCESS)
}

/// The named items in the order of the names, or all; an unknown name is an error that lists the known ones.
fn choose<T: Clone>(all: &[T], names: &[String], name: impl Fn(&T) -> &str, kind: &str) -> Result<Vec<T>, String> {
    if names.is_empty() {
        return Ok(all.to_vec());
    }
    let find = |wanted: &String| {
        all.iter().find(|item| name(item) == wanted).cloned().ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(&name).collect();
            format!("no {kind} is called {wanted}; there are {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

/// Maru's executable: the one named, or else the first that is found.
fn find_maru(given: Option<&Path>) -> Result<PathBuf, String> {
    let given = existing(given)?;
    Ok(SYSTEMS[0].find(given.as_deref()).ok_or("maru is not installed; --maru says where it is")?.path)
}

/// The path as given, made absolute, since commands run in folders of their own.
fn existing(path: Option<&Path>) -> Result<Option<PathBuf>, String> {
    path.map(absolute).transpose()
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1e6 => Ok(number),
        _ => Err("must be a number above 0".into()),
    }
}

/// The folder of this crate.
fn own_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the workspace.
fn workspace() -> &'static Path {
    own_folder().parent().unwrap_or(own_folder())
}
