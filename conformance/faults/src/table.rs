//! Who found which faults: by category, and the survivors by name.

use crate::hunt::Found;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

/// The table of a hunt.
#[derive(Clone, Debug)]
pub struct Table {
    /// What came of each fault.
    pub found: Vec<Found>,
    /// The time that each had.
    pub time: Duration,
}

/// How a fault was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Programs,
    Files,
    Trials,
}

impl Found {
    fn kind(&self) -> Option<By> {
        self.by.as_ref()?;
        Some(match self.among.as_str() {
            "trials" => By::Trials,
            "cases" | "regressions" => By::Files,
            _ => By::Programs,
        })
    }

    /// Whether it ought to have been found.
    fn counts(&self) -> bool {
        self.fault.equivalent.is_none()
    }
}

impl Table {
    /// Whether all were found that anything could tell from the original.
    pub fn all_found(&self) -> bool {
        self.survivors().next().is_none()
    }

    fn survivors(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(|found| found.counts() && found.by.is_none())
    }

    /// The table for machines.
    pub fn json(&self) -> Value {
        let faults = self.found.iter().map(|found| {
            json!({
                "name": found.fault.name,
                "category": found.fault.category,
                "equivalent": found.fault.equivalent,
                "by": found.by,
                "among": found.among,
                "what": found.what,
                "seconds": found.spent.as_secs_f64(),
            })
        });
        json!({ "time": self.time.as_secs(), "faults": faults.collect::<Vec<_>>() })
    }

    fn row(&self, name: &str, found: &[&Found]) -> String {
        let counting: Vec<_> = found.iter().filter(|found| found.counts()).collect();
        let by = |kind: By| counting.iter().filter(|found| found.kind() == Some(kind)).count();
        let killed = counting.iter().filter(|found| found.by.is_some()).count();
        let percent = if counting.is_empty() { 100.0 } else { 100.0 * killed as f64 / counting.len() as f64 };
        let mut times: Vec<Duration> =
            counting.iter().filter(|found| found.by.is_some()).map(|found| found.spent).collect();
        times.sort_unstable();
        let seconds = |at: usize| times.get(at).map_or("-".to_string(), |time| format!("{:.1}", time.as_secs_f64()));
        let mut engines: BTreeMap<&str, usize> = BTreeMap::new();
        counting
            .iter()
            .filter(|found| found.kind() != Some(By::Trials))
            .filter_map(|found| found.by.as_deref())
            .for_each(|engine| *engines.entry(engine).or_default() += 1);
        let first = engines.iter().max_by_key(|(_, count)| **count).map_or("-", |(engine, _)| engine);
        format!(
            "{name:<12} {:>7} {:>10} {:>5} {:>4}% {:>9} {:>6} {:>7}  {:>6} {:>5}  {first}\n",
            found.len(),
            found.len() - counting.len(),
            killed,
            percent.floor(),
            by(By::Programs),
            by(By::Files),
            by(By::Trials),
            seconds(times.len() / 2),
            seconds(times.len().saturating_sub(1)),
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut text = String::new();
        writeln!(
            text,
            "faults, each looked for in {} s of processor time; medians of those found",
            self.time.as_secs()
        )?;
        text.push('\n');
        text.push_str(
            "category     planted equivalent found       programs  files  trials  median   max  found most by\n",
        );
        for of in self.found.chunk_by(|a, b| a.fault.category == b.fault.category) {
            text.push_str(&self.row(&of[0].fault.category, &of.iter().collect::<Vec<_>>()));
        }
        text.push_str(&self.row("all", &self.found.iter().collect::<Vec<_>>()));
        let mut list = |title: &str, found: Vec<&Found>| {
            if !found.is_empty() {
                _ = writeln!(text, "\n{title}:");
                for found in found {
                    _ = writeln!(text, "  {:<12} {}", found.fault.category, found.fault.name);
                }
            }
        };
        list("not found", self.survivors().collect());
        let told = |found: &&Found| !found.counts() && found.by.is_some();
        list("said to be equivalent, and found", self.found.iter().filter(told).collect());
        f.write_str(&text)
    }
}
