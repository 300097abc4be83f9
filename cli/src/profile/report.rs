//! The answer of a profile: shares by function and by line, and a flame graph.

use super::sampler::{Sampler, PERIOD};
use super::stacks::{Names, Place};
use crate::trouble::{self, Trouble};
use maru_compiler::unit::HasUnits;
use maru_language::runtime::Runtime;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// As many functions and lines are shown.
const SHOWN: usize = 20;
/// What samples are of in which no function of the program ran: reading, expanding, compiling.
const ITSELF: &str = "(maru itself)";

/// Stop a sampler, say on standard error where the time went, and draw it to a file.
///
/// # Errors
/// When the file cannot be written.
pub fn write(sampler: &mut Sampler, runtime: &Runtime, graph: &Path) -> Result<(), Trouble> {
    let (samples, lost) = sampler.stop();
    let mut names = Names::of(runtime, runtime.native.units().code());
    let stacks: Vec<Vec<Place>> = samples.iter().map(|sample| names.stack(sample)).collect();
    let mut text = format!(
        "profile: {} samples of the program's thread, one in {} ms in which it worked\n",
        stacks.len(),
        PERIOD.as_millis()
    );
    if lost > 0 {
        let _ = writeln!(text, "profile: {lost} more found no room: these are the first of them");
    }
    text.push_str(&shares(&stacks));
    // When standard error is closed, there is nobody to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
    if stacks.is_empty() {
        trouble::say("no flame graph is drawn: the program ended before the first sample");
        return Ok(());
    }
    draw(&stacks, graph)?;
    let _ = writeln!(std::io::stderr(), "profile: the flame graph is in {}", graph.display());
    Ok(())
}

/// Shares by function: of its own, and with all that it called; and by line.
fn shares(stacks: &[Vec<Place>]) -> String {
    let mut own: HashMap<&str, u64> = HashMap::new();
    let mut whole: HashMap<&str, u64> = HashMap::new();
    let mut lines: HashMap<String, u64> = HashMap::new();
    for stack in stacks {
        let innermost = stack.first();
        let name = innermost.map_or(ITSELF, |place| place.function.as_str());
        *own.entry(name).or_default() += 1;
        let mut all: HashSet<&str> = stack.iter().map(|place| place.function.as_str()).collect();
        all.insert(name);
        all.into_iter().for_each(|name| *whole.entry(name).or_default() += 1);
        if let Some((file, line)) = innermost.and_then(|place| place.line.as_ref()) {
            *lines.entry(format!("{file}:{line}")).or_default() += 1;
        }
    }
    let percent = |count: u64| 100.0 * count as f64 / stacks.len().max(1) as f64;
    let mut text = String::from("    own  with callees  function\n");
    let mut functions: Vec<(&str, u64)> = whole.into_iter().collect();
    let own_of = |name: &str| own.get(name).copied().unwrap_or(0);
    functions.sort_by_key(|(name, count)| (std::cmp::Reverse((own_of(name), *count)), *name));
    for (name, count) in functions.into_iter().take(SHOWN) {
        let _ = writeln!(text, "{:6.1}%  {:11.1}%  {name}", percent(own_of(name)), percent(count));
    }
    let mut lines: Vec<(String, u64)> = lines.into_iter().collect();
    lines.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    text.push_str("    own  line\n");
    for (line, count) in lines.into_iter().take(SHOWN) {
        let _ = writeln!(text, "{:6.1}%  {line}", percent(count));
    }
    text
}

/// Stacks as lines of names, the outermost first, with how often each was seen.
fn folded(stacks: &[Vec<Place>]) -> Vec<String> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for stack in stacks {
        // What separates names must not be in them.
        let names = stack.iter().rev().map(|place| place.function.replace([';', '\n'], ","));
        let line = if stack.is_empty() { ITSELF.into() } else { names.collect::<Vec<_>>().join(";") };
        *counts.entry(line).or_default() += 1;
    }
    let mut lines: Vec<String> = counts.into_iter().map(|(line, count)| format!("{line} {count}")).collect();
    lines.sort_unstable();
    lines
}

fn draw(stacks: &[Vec<Place>], graph: &Path) -> Result<(), Trouble> {
    let lines = folded(stacks);
    let mut options = inferno::flamegraph::Options::default();
    options.title = "Where the time went".into();
    let mut picture = Vec::new();
    let drawn = inferno::flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut picture);
    drawn.map_err(|error| Trouble::failed(format!("--profile: the flame graph cannot be drawn: {error}")))?;
    std::fs::write(graph, picture).map_err(|error| Trouble::output(graph, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(functions: &[&str]) -> Vec<Place> {
        let place = |name: &&str| Place { function: name.to_string(), line: Some(("f.l".into(), name.len() as u32)) };
        functions.iter().map(place).collect()
    }

    #[test]
    fn shares_are_of_samples_and_count_recursion_once() {
        let stacks = [stack(&["fib", "fib", "main"]), stack(&["main"]), stack(&[]), stack(&["fib", "main"])];
        let text = shares(&stacks);
        for line in ["  50.0%         50.0%  fib", "  25.0%         75.0%  main", "  50.0%  f.l:3", "  25.0%  f.l:4"] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.contains("  25.0%         25.0%  (maru itself)"), "{text}");
    }

    #[test]
    fn stacks_are_folded_from_the_outside() {
        let stacks = [stack(&["a;b", "main"]), stack(&["a;b", "main"]), stack(&[])];
        assert_eq!(folded(&stacks), ["(maru itself) 1", "main;a,b 2"]);
    }
}
