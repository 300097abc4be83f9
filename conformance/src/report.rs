//! The report: what ran, what did not and why, what failed; as text, JSON, JUnit and Markdown.

mod json;
mod text;

use crate::engine::{Configuration, Mode, Planned, Skipped};
use crate::executed::{self, Executed};
use crate::generate::{cases_for_boundaries, Coverage, CASES_FOR_COVERAGE};
use maru_language::runtime::OptimisationLevel;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The columns of the matrix.
pub const COLUMNS: [&str; 11] = [
    "typed",
    "planted",
    "untyped",
    "metamorphic",
    "metered",
    "shifting",
    "boundary",
    "primitives",
    "cases",
    "regressions",
    "files",
];

/// One cell of the matrix. Never blank.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// So many passed and failed.
    Ran {
        /// Passed.
        passed: u64,
        /// Failed.
        failed: u64,
    },
    /// There is no such combination.
    Unsupported(String),
    /// There is, but it was not run.
    NotRun(String),
}

impl Cell {
    /// As text: `PASS n`, `FAIL n of m`, `UNSUPPORTED` or `NOT RUN`.
    pub fn text(&self) -> String {
        match self {
            Cell::Ran { passed, failed: 0 } => format!("PASS {passed}"),
            Cell::Ran { passed, failed } => format!("FAIL {failed} of {}", passed + failed),
            Cell::Unsupported(_) => "UNSUPPORTED".into(),
            Cell::NotRun(_) => "NOT RUN".into(),
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Cell::Ran { .. } => None,
            Cell::Unsupported(reason) | Cell::NotRun(reason) => Some(reason),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Cell::Ran { failed: 0, .. } => "pass",
            Cell::Ran { .. } => "fail",
            Cell::Unsupported(_) => "unsupported",
            Cell::NotRun(_) => "not run",
        }
    }
}

/// Checks of a row in a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// How long they took.
    pub time: Duration,
}

impl Count {
    /// All of them.
    pub fn checks(&self) -> u64 {
        self.passed + self.failed
    }

    /// Checks per second; `None` where no time was measured.
    pub fn rate(&self) -> Option<f64> {
        (!self.time.is_zero()).then(|| self.checks() as f64 / self.time.as_secs_f64())
    }
}

/// A row of the matrix: an engine.
#[derive(Clone, Debug)]
pub struct Row {
    /// The engine.
    pub configuration: Configuration,
    /// Why it was not run at all, if so.
    pub skipped: Option<Skipped>,
    /// Checks by column.
    pub counts: BTreeMap<&'static str, Count>,
    /// Units that it compiled.
    pub units: u64,
    /// Case files and regressions were not to be run.
    pub without_files: bool,
    /// What of the IR its code executed, in an engine of which that is known.
    pub executed: Executed,
    /// Programs that it had no opinion on, by the reason why.
    pub silent: BTreeMap<String, u64>,
}

impl Row {
    /// A row without counts.
    pub fn new(planned: &Planned) -> Row {
        Row {
            configuration: planned.configuration.clone(),
            skipped: planned.skipped.clone(),
            counts: BTreeMap::new(),
            units: 0,
            without_files: false,
            executed: Executed::default(),
            silent: BTreeMap::new(),
        }
    }

    /// Count a case.
    pub fn count(&mut self, column: &'static str, passed: u64, failed: u64) {
        let count = self.counts.entry(column).or_default();
        count.passed += passed;
        count.failed += failed;
    }

    /// Count a program that it had no opinion on.
    pub fn keep_silent(&mut self, why: &str) {
        *self.silent.entry(why.to_string()).or_default() += 1;
    }

    /// Count how long cases took.
    pub fn spend(&mut self, column: &'static str, time: Duration) {
        self.counts.entry(column).or_default().time += time;
    }

    /// All generated programs.
    pub fn generated(&self) -> Count {
        let generated = self.counts.iter().filter(|(column, _)| !["cases", "regressions", "files"].contains(column));
        generated.fold(Count::default(), |sum, (_, count)| Count {
            passed: sum.passed + count.passed,
            failed: sum.failed + count.failed,
            time: sum.time + count.time,
        })
    }

    /// Generated programs per second, as text.
    fn rate(&self) -> String {
        self.generated().rate().map_or_else(|| "-".into(), |rate| format!("{rate:.0}"))
    }

    /// The cell of a column.
    pub fn cell(&self, column: &'static str) -> Cell {
        match (&self.skipped, self.counts.get(column)) {
            (Some(Skipped::Unsupported(reason)), _) => Cell::Unsupported(reason.clone()),
            (Some(Skipped::NotRun(reason)), _) => Cell::NotRun(reason.clone()),
            (None, Some(count)) => Cell::Ran { passed: count.passed, failed: count.failed },
            (None, None) if column == "files" && !self.configuration.mode.is_native() => {
                Cell::Unsupported("no files are written".into())
            }
            (None, None) if ["cases", "regressions"].contains(&column) && self.without_files => {
                Cell::NotRun("the files of the source tree were left out, or another shard runs them".into())
            }
            (None, None) => Cell::NotRun("no case came up".into()),
        }
    }
}

/// Something that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The engine's name.
    pub engine: String,
    /// The column.
    pub column: &'static str,
    /// The case: `typed:1f`, or a file and line.
    pub case: String,
    /// What differed.
    pub what: String,
    /// The smallest program found that shows it.
    pub program: Option<String>,
    /// Where everything about it was written.
    pub bundle: Option<PathBuf>,
}

/// What a run found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The version of the suite, and the commit if it is known.
    pub version: String,
    /// The number that all cases follow from.
    pub seed: u64,
    /// Which part of the cases was run, counted from 1, and of how many.
    pub shard: (u64, u64),
    /// How many cases were asked for, over all shards.
    pub wanted: u64,
    /// Why not all of them were run, if so.
    pub partial: Option<String>,
    /// The matrix.
    pub rows: Vec<Row>,
    /// Generated cases that were run.
    pub cases: u64,
    /// What the generated programs contained.
    pub coverage: Coverage,
    /// The first failures of each kind.
    pub failures: Vec<Failure>,
    /// What went wrong with the run itself: no case failed, but it must not pass.
    pub mishaps: Vec<String>,
    /// How long it took.
    pub time: Duration,
}

impl Report {
    /// Whether anything failed.
    pub fn failed(&self) -> bool {
        !self.faults().is_empty() || self.failure_count() > 0
    }

    /// Whether machine code of a target was run at all.
    pub fn ran_native(&self) -> bool {
        self.rows.iter().any(|row| row.configuration.mode.is_native() && row.skipped.is_none() && row.units > 0)
    }

    fn counts(&self) -> impl Iterator<Item = &Count> {
        self.rows.iter().flat_map(|row| row.counts.values())
    }

    /// How many checks failed.
    pub fn failure_count(&self) -> u64 {
        self.counts().map(|count| count.failed).sum()
    }

    /// What makes a run worth nothing although no case failed.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.mishaps.clone();
        let missing = self.coverage.missing();
        if self.cases >= CASES_FOR_COVERAGE as u64 && !missing.is_empty() {
            faults.push(format!("no generated program contained: {}", missing.join(", ")));
        }
        for row in self.rows_that_count().filter(|_| self.cases >= cases_for_boundaries()) {
            let missing = row.executed.missing();
            if !missing.is_empty() {
                faults.push(format!("{} never executed: {}", row.configuration.name(), missing.join("; ")));
            }
        }
        for row in &self.rows {
            // Scripts of case files do not say what was compiled for them; generated programs do.
            let ran = row.generated().checks();
            if row.configuration.mode.compiles() && row.skipped.is_none() && ran > 100 && row.units == 0 {
                faults.push(format!("{} compiled nothing in {ran} checks", row.configuration.name()));
            }
            let silent: u64 = row.silent.values().sum();
            if ran + silent > 100 && silent > ran / 2 {
                let name = row.configuration.name();
                faults.push(format!("{name} had no opinion on {silent} of {} programs", ran + silent));
            }
        }
        faults
    }

    /// The engines of which it is known what they execute: where the evaluator ran, those that compile what it does.
    fn rows_that_count(&self) -> impl Iterator<Item = &Row> {
        // At lower levels, and in a share of the programs, there is less than is wanted.
        let full = |row: &Row| {
            let Configuration { level, every, .. } = row.configuration;
            level == OptimisationLevel::Full && every == 1 && row.generated().checks() > 0
        };
        let ran = move |row: &&Row, mode| row.configuration.mode == mode && full(row);
        let known = self.rows.iter().any(|row| ran(&row, Mode::Evaluator));
        self.rows.iter().filter(move |row| known && (ran(row, Mode::Evaluator) || ran(row, Mode::Native)))
    }

    /// What each of these engines executed, and how much of what it must is missing; none if nothing is known.
    fn executed(&self) -> Vec<String> {
        let counts = |row: &Row| {
            let missing = match row.executed.missing().len() {
                0 => String::new(),
                missing => format!(", {missing} of those wanted missing"),
            };
            format!("  {}: {}{missing}", row.configuration.name(), row.executed.len())
        };
        let mut lines: Vec<String> = self.rows_that_count().map(counts).collect();
        if !lines.is_empty() {
            lines.insert(0, format!(
                "executed, of the IR's operations by operands and widths of constants ({} are wanted of {} cases or more):",
                executed::wanted(),
                cases_for_boundaries()
            ));
        }
        lines
    }

    fn head(&self) -> Vec<String> {
        let checks: u64 = self.counts().map(Count::checks).sum();
        let mut lines = vec![
            format!("Maru conformance {}", self.version),
            format!(
                "{} generated cases (seed {:x}, shard {}/{}), {checks} checks in {:.1} s",
                self.cases,
                self.seed,
                self.shard.0,
                self.shard.1,
                self.time.as_secs_f64()
            ),
            "compared with the interpreter: values, error kinds, irritants, positions and backtraces, exit status, output, fuel left".into(),
        ];
        if let Some(reason) = &self.partial {
            lines.push(format!("PARTIAL, {} cases were asked for: {reason}", self.wanted));
        }
        if self.failure_count() == 0 && self.cases > 0 {
            lines.push(format!(
                "0 failures in {n} cases means: at most {:.2e} failures per case of this distribution (3/{n}, 95 %)",
                3.0 / self.cases as f64,
                n = self.cases
            ));
        }
        lines
    }

    /// The report as JUnit XML: an engine is a suite, a cell a test case.
    pub fn junit(&self) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
        for row in &self.rows {
            let name = row.configuration.name();
            let cells: Vec<(&str, Cell)> = COLUMNS.iter().map(|column| (*column, row.cell(column))).collect();
            let failed = cells.iter().filter(|(_, cell)| cell.word() == "fail").count();
            let skipped = cells.iter().filter(|(_, cell)| cell.reason().is_some()).count();
            text.push_str(&format!(
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\">\n",
                escape(&name),
                cells.len()
            ));
            for (column, cell) in cells {
                text.push_str(&format!("    <testcase classname=\"{}\" name=\"{column}\">", escape(&name)));
                match &cell {
                    Cell::Ran { failed: 0, .. } => {}
                    Cell::Ran { .. } => {
                        let own = self.failures.iter().filter(|f| f.engine == name && f.column == column);
                        let details: String = own.map(|f| format!("{}: {}\n", f.case, f.what)).collect();
                        text.push_str(&format!(
                            "<failure message=\"{}\">{}</failure>",
                            escape(&cell.text()),
                            escape(&details)
                        ));
                    }
                    other => {
                        let reason = format!("{} ({})", other.text(), other.reason().unwrap_or(""));
                        text.push_str(&format!("<skipped message=\"{}\"/>", escape(&reason)));
                    }
                }
                text.push_str("</testcase>\n");
            }
            text.push_str("  </testsuite>\n");
        }
        let faults = self.faults();
        if !faults.is_empty() {
            let faults = escape(&faults.join("\n"));
            text.push_str("  <testsuite name=\"the run itself\" tests=\"1\" failures=\"1\">\n");
            text.push_str(&format!(
                "    <testcase classname=\"run\" name=\"run\"><failure message=\"{faults}\"/></testcase>\n  </testsuite>\n"
            ));
        }
        text.push_str("</testsuites>\n");
        text
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n", self.head().join("\n\n"));
        text.push_str(&text::table(&self.summary(), true));
        text.push('\n');
        text.push_str(&text::table(&self.cells(), true));
        text.push('\n');
        for line in self.reasons().iter().chain(&self.executed()).chain(&self.faults()) {
            text.push_str(&format!("- {line}\n"));
        }
        for failure in &self.failures {
            text.push_str(&format!("\n## {} {}\n\n{}\n", failure.engine, failure.case, failure.what));
            if let Some(program) = &failure.program {
                text.push_str(&format!("\n```lisp\n{program}\n```\n"));
            }
        }
        text
    }
}

fn escape(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect::<String>();
    printable.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::engine::Mode;

    pub(crate) fn report() -> Report {
        let planned =
            |mode, skipped| Planned { configuration: Configuration { mode, ..Configuration::interpreter() }, skipped };
        let mut first = Row::new(&planned(Mode::Interpreter, None));
        first.count("typed", 10, 0);
        let mut second = Row::new(&planned(Mode::Evaluator, None));
        second.count("typed", 8, 2);
        let skipped = Some(Skipped::Unsupported("no <number>".into()));
        Report {
            version: "0".into(),
            seed: 1,
            shard: (1, 1),
            wanted: 10,
            partial: None,
            rows: vec![first, second, Row::new(&planned(Mode::Native, skipped))],
            cases: 10,
            coverage: Coverage::default(),
            failures: vec![Failure {
                engine: "ir-evaluator".into(),
                column: "typed",
                case: "typed:1".into(),
                what: "1 < 2".into(),
                program: Some("(+ 1 2)".into()),
                bundle: None,
            }],
            mishaps: Vec::new(),
            time: Duration::from_secs(1),
        }
    }

    #[test]
    fn no_cell_is_blank_and_failures_show_everywhere() {
        let report = report();
        assert!(report.failed());
        assert_eq!(report.rows[0].cell("typed"), Cell::Ran { passed: 10, failed: 0 });
        assert_eq!(report.rows[0].cell("cases"), Cell::NotRun("no case came up".into()));
        let text = report.text();
        assert!(text.contains("FAIL 2 of 10") && text.contains("UNSUPPORTED (no <number>)"), "{text}");
        assert!(report.markdown().contains("| FAIL 2 of 10"));
        assert!(report.junit().contains("<failure message=\"FAIL 2 of 10\">typed:1: 1 &lt; 2"));
        assert_eq!(report.json()["rows"][1]["cells"][0]["result"], "fail");
        assert!(report.cells().iter().flatten().all(|cell| !cell.is_empty()));
    }

    #[test]
    fn a_run_that_met_too_little_or_compiled_nothing_fails() {
        let mut poor = report();
        poor.rows.truncate(2);
        poor.rows[1].count("typed", 792, 0);
        poor.rows[1].counts.values_mut().for_each(|count| count.failed = 0);
        poor.rows[1].units = 1;
        assert!(!poor.failed());
        poor.cases = 800;
        poor.rows[1].units = 0;
        assert!(poor.failed());
        assert_eq!(poor.faults().len(), 2, "{:?}", poor.faults());
    }

    #[test]
    fn a_run_without_opinions_fails_and_says_why_there_are_none() {
        let mut silent = report();
        silent.rows[1].counts.values_mut().for_each(|count| count.failed = 0);
        silent.rows[1].configuration.mode = Mode::Model;
        (0..4).for_each(|_| silent.rows[1].keep_silent("it is long"));
        assert!(!silent.failed(), "{:?}", silent.faults());
        assert!(silent.text().contains("model: no opinion on 4 of 12 programs, mostly for: it is long (4)"));
        (0..100).for_each(|_| silent.rows[1].keep_silent("it is long"));
        assert_eq!(silent.faults(), ["model had no opinion on 104 of 112 programs"]);
        let read = Report::from_json(&silent.json().to_string()).expect("a report");
        assert_eq!(read.faults(), silent.faults());
    }
}
