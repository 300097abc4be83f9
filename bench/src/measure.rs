//! Runs the programs in the systems, in turns, and finds the median times.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::catalogue::Program;
use crate::prepare::{self, Prepared, Surroundings};
use crate::system::{Installed, System};

/// What one system made of one program.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// It ran, and its checksum is right.
    Time {
        /// The median, for the program's full count.
        seconds: f64,
        /// Every run, likewise.
        runs: Vec<f64>,
        /// Whether it ran with a smaller count.
        scaled: bool,
    },
    /// The language cannot express the program, or the machine lacks a part of it.
    NotApplicable(String),
    /// The system is not on this machine.
    NotInstalled,
    /// It did not compile or run.
    Failed(String),
    /// It ran longer than this.
    TimedOut(Duration),
    /// It ran, and its checksum is wrong.
    Wrong {
        /// What it printed.
        printed: String,
        /// What is right.
        expected: String,
    },
}

impl Cell {
    /// The median time, if there is one.
    pub fn seconds(&self) -> Option<f64> {
        match self {
            Cell::Time { seconds, .. } => Some(*seconds),
            _ => None,
        }
    }
}

/// A system and what was found of it.
pub struct Column {
    /// The system.
    pub system: &'static System,
    /// Where it is, if it is.
    pub installed: Option<Installed>,
}

/// A program and what each system made of it, in the order of the columns.
pub struct Row {
    /// The program.
    pub program: Program,
    /// A cell for each column.
    pub cells: Vec<Cell>,
}

/// Runs one program `runs` times in every system. Each round goes through all systems, so that a disturbance of the
/// machine falls on all of them and not on one.
pub fn measure(program: &Program, columns: &[Column], runs: u32, around: &Surroundings) -> Row {
    let mut ready: BTreeMap<usize, Prepared> = BTreeMap::new();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); columns.len()];
    let mut cells = vec![Cell::NotInstalled; columns.len()];
    for (index, column) in columns.iter().enumerate() {
        let Some(installed) = &column.installed else { continue };
        match prepare::prepare(program, column.system, installed, around) {
            Ok(prepared) => drop(ready.insert(index, prepared)),
            Err(cell) => cells[index] = cell,
        }
    }
    for _ in 0..runs {
        ready.retain(|&index, prepared| match time(program, prepared, around.timeout) {
            Ok(seconds) => {
                times[index].push(seconds * f64::from(program.count) / f64::from(prepared.count));
                true
            }
            Err(cell) => {
                cells[index] = cell;
                false
            }
        });
    }
    for (index, prepared) in ready {
        let runs = std::mem::take(&mut times[index]);
        cells[index] = Cell::Time { seconds: median(&runs), runs, scaled: prepared.count != program.count };
    }
    Row { program: program.clone(), cells }
}

/// One run: its time, if its checksum is right.
fn time(program: &Program, prepared: &Prepared, timeout: Duration) -> Result<f64, Cell> {
    let output = prepare::run(prepared, timeout)?;
    let line = |label: &str| output.out.lines().find_map(|line| line.trim().strip_prefix(label).map(str::trim));
    let printed = line("checksum:").ok_or_else(|| Cell::Failed("prints no checksum".into()))?;
    if !same_checksum(printed, &program.checksum) {
        return Err(Cell::Wrong { printed: printed.to_owned(), expected: program.checksum.clone() });
    }
    let seconds = line("time:").and_then(|text| text.parse::<f64>().ok());
    match seconds {
        Some(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
        _ => Err(Cell::Failed("prints no time".into())),
    }
}

/// Whether two checksums are the same. Integers must have the same digits; the texts of doubles differ between
/// languages, so these must have the same bits.
pub fn same_checksum(printed: &str, expected: &str) -> bool {
    let double = |text: &str| text.contains(['.', 'e', 'E']).then(|| text.parse::<f64>().ok()).flatten();
    match (double(printed), double(expected)) {
        (Some(printed), Some(expected)) => printed.to_bits() == expected.to_bits(),
        _ => printed == expected,
    }
}

/// The middle of the values; the mean of the middle two when there is no middle one.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even_counts() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
    }

    #[test]
    fn integers_are_compared_by_their_digits() {
        assert!(same_checksum("9227465", "9227465"));
        assert!(!same_checksum("9227465", "9227465.0"), "an integer that became a double is wrong");
        // Both are the same double.
        assert!(!same_checksum("9007199254740993", "9007199254740992"));
    }

    #[test]
    fn doubles_are_compared_by_their_bits() {
        assert!(same_checksum("0.10000000000000001", "0.1"));
        assert!(same_checksum(".5", "0.5"));
        assert!(same_checksum("25.", "2.5e1"));
        assert!(!same_checksum("0.30000000000000004", "0.3"));
    }
}
