//! How compile time, code and memory grow with the length of one function: sizes `n` and `2n` of several shapes.

mod family;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Args;
use serde_json::{json, Value};

use crate::phases;
use crate::process::{self, Trouble};
use family::{Family, FAMILIES};

/// What the time or memory of a doubled function may be, in times.
const BUDGET: f64 = 2.2;
/// A ratio of shorter times than this, in milliseconds, is noise.
const SIGNIFICANT: f64 = 1.0;
/// Functions up to this length are compiled several times.
const SHORT: usize = 2000;

/// The command line of `curves`.
#[derive(Args)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only these shapes
    #[arg(long, value_delimiter = ',', value_name = "SHAPE,…")]
    only: Vec<String>,
    /// Numbers of forms; each is measured with its double
    #[arg(long, value_delimiter = ',', value_name = "COUNT,…", default_value = "10,100,1000,10000,100000")]
    sizes: Vec<usize>,
    /// How often short functions are compiled
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Where Maru is
    #[arg(long, value_name = "PATH")]
    maru: Option<PathBuf>,
    /// Seconds that one point may take
    #[arg(long, default_value_t = 20.0, value_parser = crate::positive)]
    timeout: f64,
}

/// What one length of one shape takes.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    /// Milliseconds in the phases of compilation.
    compile: f64,
    /// Bytes of machine code.
    code: f64,
    /// Most memory that the process had, in bytes, where the system tells.
    memory: Option<f64>,
}

/// A length and its double; the error says what became of it.
struct Pair {
    size: usize,
    single: Result<Point, String>,
    double: Result<Point, String>,
}

/// Measures and reports.
pub fn show(options: &Options) -> Result<ExitCode, String> {
    let all: Vec<&Family> = FAMILIES.iter().collect();
    let chosen = crate::choose(&all, &options.only, |family| family.name, "shape")?;
    let runner = Runner {
        maru: crate::find_maru(options.maru.as_deref())?,
        folder: crate::workspace().join("target/bench/curves"),
        timeout: Duration::from_secs_f64(options.timeout),
        runs: options.runs,
    };
    let mut report = Vec::new();
    for family in chosen {
        let pairs = runner.measure(family, &options.sizes)?;
        if !options.json {
            print!("{}", render(family, &pairs));
        }
        report.push((family, pairs));
    }
    if options.json {
        println!("{:#}", render_json(&report));
    } else {
        print!("{}", summary(&report));
    }
    Ok(ExitCode::SUCCESS)
}

struct Runner {
    maru: PathBuf,
    folder: PathBuf,
    timeout: Duration,
    runs: u32,
}

impl Runner {
    /// All lengths of a shape. After one that fails, longer ones are not tried.
    fn measure(&self, family: &Family, sizes: &[usize]) -> Result<Vec<Pair>, String> {
        let mut pairs = Vec::new();
        let mut failed = false;
        for size in sizes {
            let mut point = |size: usize| {
                let result = match failed {
                    true => Err("not tried".to_owned()),
                    false => self.point(family, size)?,
                };
                failed |= result.is_err();
                Ok::<_, String>(result)
            };
            pairs.push(Pair { size: *size, single: point(*size)?, double: point(2 * size)? });
        }
        Ok(pairs)
    }

    /// The best of several runs for a short function. The outer error is one of the surroundings.
    fn point(&self, family: &Family, size: usize) -> Result<Result<Point, String>, String> {
        let runs = if size <= SHORT { self.runs } else { 1 };
        let mut best: Option<Point> = None;
        for _ in 0..runs {
            match self.run(family, size)? {
                Err(why) => return Ok(Err(why)),
                Ok(point) if best.as_ref().is_some_and(|best| best.compile <= point.compile) => {}
                Ok(point) => best = Some(point),
            }
        }
        Ok(best.ok_or_else(|| "not run".to_owned()))
    }

    fn run(&self, family: &Family, size: usize) -> Result<Result<Point, String>, String> {
        let cache = self.folder.join("cache");
        let _ = std::fs::remove_dir_all(&cache);
        phases::make_private_folder(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
        let path = self.folder.join(format!("{}-{size}.l", family.name));
        std::fs::write(&path, family.program(size)).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = Command::new(&self.maru);
        // Only the function is compiled, not the program around it.
        command.arg("run").args(["--jit", "off", "--stats"]).arg(&path).env("XDG_CACHE_HOME", &cache);
        let (mut peak, pause) = (None, Duration::from_micros(200));
        let mut look = |process| peak = process::peak_memory(process).max(peak);
        let result = process::run_watched(&mut command, "", &self.folder, self.timeout, pause, &mut look);
        // What was seen before the program itself had started is no answer.
        let peak = peak.filter(|bytes| *bytes > 1 << 20);
        let _ = std::fs::remove_file(&path);
        Ok(match result {
            Err(Trouble::NotRun(why)) => return Err(why),
            Err(Trouble::TimedOut) => Err(format!("over {} s", self.timeout.as_secs_f64())),
            Ok(output) if !output.status.success() => {
                Err(format!("fails: {}", output.err.lines().next().unwrap_or("says nothing")))
            }
            Ok(output) if output.out.trim() != "#t" => Err("is not compiled".into()),
            Ok(output) => Ok(read(&output.err, peak)),
        })
    }
}

/// A point from what `--stats` prints.
fn read(statistics: &str, peak_memory: Option<u64>) -> Point {
    let compile = phases::parse(statistics).into_iter().filter(|(name, _)| name != "first call").map(|(_, time)| time);
    let code = statistics.lines().find_map(|line| line.strip_prefix("count: code bytes ")?.trim().parse().ok());
    Point {
        compile: compile.sum::<f64>() / 1000.0,
        code: code.unwrap_or(0.0),
        memory: peak_memory.map(|bytes| bytes as f64),
    }
}

impl Pair {
    fn is_significant(&self) -> bool {
        self.single.as_ref().is_ok_and(|point| point.compile >= SIGNIFICANT)
    }

    /// How many times as much the double takes.
    fn ratio(&self, quantity: fn(&Point) -> Option<f64>) -> Option<f64> {
        let (single, double) = (self.single.as_ref().ok()?, self.double.as_ref().ok()?);
        Some(quantity(double)? / quantity(single)?)
    }
}

const COMPILE: fn(&Point) -> Option<f64> = |point| Some(point.compile);
const MEMORY: fn(&Point) -> Option<f64> = |point| point.memory;

/// The table of one shape.
fn render(family: &Family, pairs: &[Pair]) -> String {
    let mut text = format!("{}: {}\n", family.name, family.what);
    let _ = writeln!(
        text,
        "{:>10} {:>12} {:>12} {:>9} {:>10}   doubled: time, memory",
        "forms", "compile ms", "code bytes", "a form", "peak MB"
    );
    for pair in pairs {
        let ratio = |quantity| pair.ratio(quantity).map_or("–".into(), |ratio: f64| format!("{ratio:.2}×"));
        for (size, point) in [(pair.size, &pair.single), (2 * pair.size, &pair.double)] {
            let _ = write!(text, "{size:>10} ");
            let _ = match point {
                Err(why) => write!(text, "{why}"),
                Ok(point) => write!(
                    text,
                    "{:>12.2} {:>12} {:>9.1} {:>10}",
                    point.compile,
                    point.code,
                    point.code / size as f64,
                    point.memory.map_or("–".into(), |bytes| format!("{:.1}", bytes / 1e6)),
                ),
            };
            if size != pair.size && point.is_ok() {
                let _ = write!(text, "   {} {}", ratio(COMPILE), ratio(MEMORY));
            }
            text.push('\n');
        }
    }
    text.push('\n');
    text
}

/// What is over the budget.
fn summary(report: &[(&Family, Vec<Pair>)]) -> String {
    let mut text = format!("over {BUDGET}× a doubling, or not measured\n");
    for (family, pairs) in report {
        for pair in pairs {
            let over = |quantity| pair.ratio(quantity).filter(|ratio| *ratio > BUDGET && pair.is_significant());
            let name = format!("  {} from {} to {}", family.name, pair.size, 2 * pair.size);
            if let Err(why) = pair.single.as_ref().and(pair.double.as_ref()) {
                let _ = writeln!(text, "{name}: {why}");
            }
            for (what, ratio) in [("time", over(COMPILE)), ("memory", over(MEMORY))] {
                if let Some(ratio) = ratio {
                    let _ = writeln!(text, "{name}: {what} {ratio:.2}×");
                }
            }
        }
    }
    text
}

fn render_json(report: &[(&Family, Vec<Pair>)]) -> Value {
    let point = |size: usize, point: &Result<Point, String>| match point {
        Ok(point) => json!({
            "forms": size,
            "compile-milliseconds": point.compile,
            "code-bytes": point.code,
            "peak-bytes": point.memory,
        }),
        Err(why) => json!({ "forms": size, "failed": why }),
    };
    let shapes: Vec<Value> = report
        .iter()
        .map(|(family, pairs)| {
            let points: Vec<Value> = pairs
                .iter()
                .flat_map(|pair| [point(pair.size, &pair.single), point(2 * pair.size, &pair.double)])
                .collect();
            json!({ "name": family.name, "what": family.what, "points": points })
        })
        .collect();
    json!({ "shapes": shapes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(compile: f64, memory: f64) -> Result<Point, String> {
        Ok(Point { compile, code: 100.0, memory: Some(memory) })
    }

    #[test]
    fn statistics_are_read() {
        let text = "stats: lower 500\nstats: encode 1500.0\nstats: first call 100\ncount: code bytes 4096\n";
        assert_eq!(read(text, None), Point { compile: 2.0, code: 4096.0, memory: None });
    }

    #[test]
    fn what_grows_too_fast_is_said() {
        let pairs = vec![
            Pair { size: 5, single: point(0.1, 8e6), double: point(0.4, 8e6) },
            Pair { size: 10, single: point(1.0, 8e6), double: point(2.1, 8e6) },
            Pair { size: 100, single: point(10.0, 9e6), double: point(40.0, 30e6) },
            Pair { size: 1000, single: Err("over 20 s".into()), double: Err("not tried".into()) },
        ];
        let text = summary(&[(&FAMILIES[0], pairs)]);
        assert!(!text.contains("lines from 5 ") && !text.contains("lines from 10 "), "{text}");
        assert!(text.contains("lines from 100 to 200: time 4.00×\n"), "{text}");
        assert!(text.contains("lines from 100 to 200: memory 3.33×\n"), "{text}");
        assert!(text.contains("lines from 1000 to 2000: over 20 s\n"), "{text}");
    }
}
