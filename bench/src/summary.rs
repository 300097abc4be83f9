//! What the table adds up to: ratios, their geometric means, and the budgets.

use crate::measure::{Column, Row};

/// The measured table and what it is measured against.
pub struct Report {
    /// The systems.
    pub columns: Vec<Column>,
    /// The programs.
    pub rows: Vec<Row>,
    /// How often each program ran.
    pub runs: u32,
    /// The column that ratios are to.
    pub base: Option<usize>,
}

/// A mean over the programs that both systems ran.
pub struct Mean {
    /// The geometric mean of the ratios.
    pub ratio: f64,
    /// Of how many.
    pub programs: usize,
}

/// A promise of the design, and what came of it.
pub struct Budget {
    /// What is promised.
    pub what: String,
    /// The least ratio that keeps it.
    pub least: f64,
    /// What was measured, if it was.
    pub ratio: Option<f64>,
}

impl Budget {
    /// Whether it was kept, in a word.
    pub fn verdict(&self) -> &'static str {
        match self.ratio {
            None => "not measured",
            Some(ratio) if ratio >= self.least => "met",
            Some(_) => "missed",
        }
    }
}

impl Report {
    /// Puts the table together. The first installed column is what ratios are to.
    pub fn new(columns: Vec<Column>, rows: Vec<Row>, runs: u32) -> Report {
        let base = columns.iter().position(|column| column.installed.is_some());
        Report { columns, rows, runs, base }
    }

    /// How many times as long as the base system a system takes.
    pub fn ratio(&self, row: &Row, column: usize) -> Option<f64> {
        Some(row.cells[column].seconds()? / row.cells[self.base?].seconds()?)
    }

    /// The geometric mean of a column's ratios.
    pub fn mean(&self, column: usize) -> Option<Mean> {
        let ratios: Vec<f64> = self.rows.iter().filter_map(|row| self.ratio(row, column)).collect();
        let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
        (!ratios.is_empty()).then(|| Mean { ratio: (sum / ratios.len() as f64).exp(), programs: ratios.len() })
    }

    /// How many times as fast native code is as the interpreter.
    pub fn native_against_interpreted(&self, row: &Row) -> Option<f64> {
        let (native, interpreted) = (self.column("maru")?, self.column("maru-interpreted")?);
        Some(row.cells[interpreted].seconds()? / row.cells[native].seconds()?)
    }

    /// Whether any system computed something wrong.
    pub fn any_wrong(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.cells).any(|cell| matches!(cell, crate::measure::Cell::Wrong { .. }))
    }

    /// The budgets that this table can judge: none unless ratios are to native Maru.
    pub fn budgets(&self) -> Vec<Budget> {
        if self.base.is_none() || self.base != self.column("maru") {
            return Vec::new();
        }
        let fib = self.rows.iter().find(|row| row.program.name == "fib");
        let mut budgets = vec![Budget {
            what: "fib, native against interpreted".into(),
            least: 30.0,
            ratio: fib.and_then(|row| self.native_against_interpreted(row)),
        }];
        for rival in ["chez", "sbcl", "luajit"] {
            let mean = self.column(rival).and_then(|column| self.mean(column));
            budgets.push(Budget {
                what: format!("geometric mean against {rival}"),
                least: 1.0,
                ratio: mean.map(|mean| mean.ratio),
            });
        }
        for row in self.rows.iter().filter(|row| row.program.typed) {
            budgets.push(Budget {
                what: format!("{}, speed against gcc -O2", row.program.name),
                least: 0.7,
                ratio: self.column("gcc").and_then(|column| self.ratio(row, column)),
            });
        }
        budgets
    }

    /// The index of a system's column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.system.name == name)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::catalogue;
    use crate::measure::Cell;
    use crate::system::{Installed, SYSTEMS};
    use std::path::Path;

    pub fn seconds(seconds: f64) -> Cell {
        Cell::Time { seconds, runs: vec![seconds], scaled: false }
    }

    /// A report on the first programs and the named systems.
    pub fn report(systems: &[&str], table: &[(&str, &[Cell])]) -> Report {
        let programs = catalogue::read_programs(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/programs"))).unwrap();
        let columns = systems.iter().map(|name| Column {
            system: SYSTEMS.iter().find(|system| system.name == *name).unwrap(),
            installed: Some(Installed { path: name.into(), version: format!("{name} 1.0") }),
        });
        let rows = table.iter().map(|(name, cells)| Row {
            program: programs.iter().find(|program| program.name == *name).unwrap().clone(),
            cells: cells.to_vec(),
        });
        Report::new(columns.collect(), rows.collect(), 3)
    }

    #[test]
    fn means_leave_out_what_has_no_time() {
        let report = report(
            &["maru", "chez"],
            &[
                ("fib", &[seconds(1.0), seconds(2.0)]),
                ("tak", &[seconds(1.0), seconds(8.0)]),
                ("sieve", &[seconds(1.0), Cell::NotInstalled]),
                ("matrix", &[Cell::Failed("no".into()), seconds(1.0)]),
            ],
        );
        let mean = report.mean(1).unwrap();
        assert!((mean.ratio - 4.0).abs() < 1e-12);
        assert_eq!(mean.programs, 2);
    }

    #[test]
    fn budgets_are_judged() {
        let report = report(
            &["maru", "maru-interpreted", "chez", "gcc"],
            &[
                ("fib", &[seconds(1.0), seconds(31.0), seconds(0.5), seconds(0.5)]),
                ("integer-loop", &[seconds(1.0), seconds(9.0), seconds(0.5), seconds(0.8)]),
                ("double-loop", &[seconds(1.0), seconds(9.0), seconds(0.5), seconds(0.6)]),
            ],
        );
        let verdicts: Vec<(String, &str)> =
            report.budgets().into_iter().map(|budget| (budget.what.clone(), budget.verdict())).collect();
        let expected = [
            ("fib, native against interpreted", "met"),
            ("geometric mean against chez", "missed"),
            ("geometric mean against sbcl", "not measured"),
            ("geometric mean against luajit", "not measured"),
            ("integer-loop, speed against gcc -O2", "met"),
            ("double-loop, speed against gcc -O2", "missed"),
        ];
        assert_eq!(verdicts, expected.map(|(what, verdict)| (what.to_owned(), verdict)));
    }

    #[test]
    fn budgets_need_native_maru() {
        assert!(report(&["chez", "sbcl"], &[("fib", &[seconds(1.0), seconds(1.0)])]).budgets().is_empty());
    }
}
