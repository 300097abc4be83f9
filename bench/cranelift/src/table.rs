//! The tables: compile time and code bytes, and seconds where the programs are run.

use crate::program::{self, Program};
use crate::target::OWN;
use crate::Compare;
use maru_core::ir::Function;
use maru_core::registry::find_architecture;
use maru_core::codegen::Architecture;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The targets, in the order of the columns; ratios are to the first.
const TARGETS: [&str; 3] = [OWN, "cranelift-none", "cranelift-speed"];

/// What a target makes of a program, or of one function.
#[derive(Clone, Copy, Default)]
struct Made {
    /// Seconds, for Cranelift with the translation of the IR.
    seconds: f64,
    /// Of these, the translation.
    translation: f64,
    /// Bytes of machine code.
    bytes: usize,
}

/// Measures and prints.
///
/// # Errors
/// What cannot be read, compiled or run.
pub fn show(options: &Compare, root: &Path) -> Result<(), String> {
    let programs = program::read(root, &options.only)?;
    if programs.is_empty() {
        return Err("there are no such programs".into());
    }
    show_compilation(options, &programs)?;
    if options.run {
        show_runs(options, &programs)?;
    }
    Ok(())
}

fn show_compilation(options: &Compare, programs: &[Program]) -> Result<(), String> {
    let targets: Vec<&dyn Architecture> =
        TARGETS.iter().map(|name| find_architecture(name, "").map(|target| target as _)).collect::<Result<_, _>>()?;
    println!(
        "microseconds from optimised IR to machine code (of these translating), sums of the best of {} runs; code bytes\n",
        options.runs
    );
    print!("{:<18} {:>9}", "program", "functions");
    TARGETS.iter().for_each(|name| print!(" {name:>17} {:>8}", "bytes"));
    println!(" {:>7} {:>7} {:>7} {:>7}", "none", "bytes", "speed", "bytes");
    let mut logarithms = [0.0; 4];
    for program in programs {
        let functions = program.functions(targets[0])?;
        let made = measure(&targets, &functions, options.runs)?;
        print!("{:<18} {:>9}", program.name, functions.len());
        for made in &made {
            let time = format!("{:.0} ({:.0})", 1e6 * made.seconds, 1e6 * made.translation);
            print!(" {time:>17} {:>8}", made.bytes);
        }
        let time = |index: usize| made[index].seconds / made[0].seconds;
        let bytes = |index: usize| made[index].bytes as f64 / made[0].bytes as f64;
        let ratios = [time(1), bytes(1), time(2), bytes(2)];
        println!(" {}", ratios_text(&ratios));
        logarithms.iter_mut().zip(ratios).for_each(|(sum, ratio)| *sum += ratio.ln());
    }
    let means = logarithms.map(|sum| (sum / programs.len() as f64).exp());
    println!("{:<106} {}\n", "geometric mean, times x64", ratios_text(&means));
    Ok(())
}

fn ratios_text(ratios: &[f64]) -> String {
    ratios.iter().map(|ratio| format!("{:>7}", format!("{ratio:.2}×"))).collect::<Vec<_>>().join(" ")
}

/// The sums of the best of each function, which a disturbance of the machine does not reach. The targets take turns.
fn measure(targets: &[&dyn Architecture], functions: &[Function], runs: u32) -> Result<Vec<Made>, String> {
    let mut sums = vec![Made::default(); targets.len()];
    for function in functions {
        let mut samples: Vec<Vec<Made>> = vec![Vec::new(); targets.len()];
        for _ in 0..runs {
            for (samples, target) in samples.iter_mut().zip(targets) {
                samples.push(compile(*target, function)?);
            }
        }
        for (sum, mut samples) in sums.iter_mut().zip(samples) {
            samples.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
            let best = samples[0];
            sum.seconds += best.seconds;
            sum.translation += best.translation;
            sum.bytes += best.bytes;
        }
    }
    Ok(sums)
}

fn compile(target: &dyn Architecture, function: &Function) -> Result<Made, String> {
    let start = Instant::now();
    let compiled = target.compile(function).map_err(|error| error.to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    let translation = if target.name() == OWN { 0.0 } else { compiled.nanoseconds[0] as f64 / 1e9 };
    Ok(Made { seconds, translation, bytes: compiled.bytes.len() })
}

fn show_runs(options: &Compare, programs: &[Program]) -> Result<(), String> {
    println!("seconds of the programs, best of {} runs\n", options.runs);
    print!("{:<18}", "program");
    TARGETS.iter().for_each(|name| print!(" {name:>16}"));
    println!(" {:>7} {:>7}", "none", "speed");
    let mut means: Vec<[f64; 2]> = Vec::new();
    for program in programs {
        let times = run(options, program)?;
        print!("{:<18}", program.name);
        for time in &times {
            match time {
                Ok(seconds) => print!(" {seconds:>16.4}"),
                Err(why) => print!(" {:>16}", why.chars().take(16).collect::<String>()),
            }
        }
        if let [Ok(own), Ok(none), Ok(speed)] = times[..] {
            println!(" {}", ratios_text(&[none / own, speed / own]));
            means.push([none / own, speed / own]);
        } else {
            println!();
        }
    }
    let mean = |index: usize| (means.iter().map(|pair| pair[index].ln()).sum::<f64>() / means.len() as f64).exp();
    if !means.is_empty() {
        println!("{:<69} {}", "geometric mean, times x64", ratios_text(&[mean(0), mean(1)]));
    }
    Ok(())
}

/// The best seconds with each target, in processes of their own.
fn run(options: &Compare, program: &Program) -> Result<Vec<Result<f64, String>>, String> {
    let path = std::env::temp_dir().join(format!("maru-cranelift-{}-{}.l", std::process::id(), program.name));
    std::fs::write(&path, program.text(options.scale)?).map_err(|error| format!("{}: {error}", path.display()))?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut times: Vec<Vec<Result<f64, String>>> = vec![Vec::new(); TARGETS.len()];
    for _ in 0..options.runs {
        for (times, target) in times.iter_mut().zip(TARGETS) {
            if times.iter().all(Result::is_ok) {
                times.push(run_once(&own, &path, target, Duration::from_secs_f64(options.timeout)));
            }
        }
    }
    let _ = std::fs::remove_file(&path);
    let best = |times: Vec<Result<f64, String>>| {
        times.into_iter().try_fold(f64::INFINITY, |best, time| time.map(|time: f64| best.min(time)))
    };
    Ok(times.into_iter().map(best).collect())
}

/// The time that one run prints. What it prints otherwise is little, so that a pipe holds it.
fn run_once(own: &PathBuf, path: &Path, target: &str, limit: Duration) -> Result<f64, String> {
    let mut command = Command::new(own);
    command.arg("run").arg(path).args(["--target", target]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let start = Instant::now();
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if start.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return Err("takes too long".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let time = text.lines().find_map(|line| line.strip_prefix("time: ")?.parse().ok());
    time.ok_or_else(|| output.status.to_string())
}
