//! The report for people: a summary by target, format and strategy, then the engines that ran; each reason for what was
//! not run is said once. The long form has a column for each family of programs.

use super::{Cell, Count, Report, Row, COLUMNS};
use crate::engine::{Mode, Skipped};
use maru_compiler::machine::HOST;
use maru_language::runtime::Strategy;
use std::collections::BTreeMap;

/// Lines of a failing program that the report shows.
const LINES: usize = 40;
/// Columns of text that a line of reasons should not pass.
const WIDTH: usize = 100;

impl Report {
    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = self.opening();
        let summary = self.summary();
        if summary.len() > 1 {
            text.push_str(&table(&summary, false));
            text.push('\n');
        }
        text.push_str(&table(&self.engines(), false));
        text.push_str(&self.closing());
        text
    }

    /// The same with all rows and a column for each family of programs.
    pub fn long_text(&self) -> String {
        format!("{}{}{}", self.opening(), table(&self.cells(), false), self.closing())
    }

    fn opening(&self) -> String {
        format!("{}\n\n", self.head().join("\n"))
    }

    fn closing(&self) -> String {
        let mut text = String::new();
        for reason in self.reasons() {
            text.push_str(&format!("{reason}\n"));
        }
        for line in self.silences().into_iter().chain(self.executed()) {
            text.push_str(&format!("{line}\n"));
        }
        for fault in self.faults() {
            text.push_str(&format!("\nThis run is no good: {fault}\n"));
        }
        for failure in &self.failures {
            text.push_str(&format!("\n{} {}: {}\n", failure.engine, failure.case, failure.what));
            if let Some(program) = &failure.program {
                program.lines().take(LINES).for_each(|line| text.push_str(&format!("    {line}\n")));
                if program.lines().count() > LINES {
                    text.push_str("    …\n");
                }
            }
            if let Some(bundle) = &failure.bundle {
                text.push_str(&format!("  replay: maru conform replay {}\n", bundle.display()));
            }
        }
        text
    }

    /// Print the report.
    pub fn print(&self) {
        print!("{}", self.text());
    }

    /// A row for each target and format, a column for each strategy: all checks there.
    pub(super) fn summary(&self) -> Vec<Vec<String>> {
        let mut lines: Vec<((&str, &str), Vec<&Row>)> = Vec::new();
        for row in &self.rows {
            let configuration = &row.configuration;
            let (Some(target), Some(format)) = (&configuration.target, &configuration.format) else { continue };
            let pair = (target.as_str(), format.as_str());
            match lines.iter_mut().find(|(known, _)| *known == pair) {
                Some((_, rows)) => rows.push(row),
                None => lines.push((pair, vec![row])),
            }
        }
        let used = |strategy: &Strategy| lines.iter().any(|(_, rows)| of(rows, *strategy).next().is_some());
        let strategies: Vec<Strategy> = Strategy::ALL.into_iter().filter(used).collect();
        let head = ["target", "format"].into_iter().chain(strategies.iter().map(|strategy| strategy.name()));
        let mut table = vec![head.map(String::from).collect::<Vec<_>>()];
        for ((target, format), rows) in &lines {
            let cells = strategies.iter().map(|strategy| total(of(rows, *strategy)));
            table.push([target.to_string(), format.to_string()].into_iter().chain(cells).collect());
        }
        table
    }

    /// A row for each engine that ran.
    fn engines(&self) -> Vec<Vec<String>> {
        let head = ["engine", "share", "programs", "case files", "libraries", "programs/s"];
        let mut table = vec![head.map(String::from).to_vec()];
        for row in self.rows.iter().filter(|row| row.skipped.is_none()) {
            let cell = |columns: &[&str]| {
                let count = columns.iter().filter_map(|column| row.counts.get(column)).fold((0, 0), add);
                if count == (0, 0) {
                    return "-".to_string();
                }
                Cell::Ran { passed: count.0, failed: count.1 }.text()
            };
            let Count { passed, failed, .. } = row.generated();
            table.push(vec![
                short_name(row),
                if row.configuration.every == 1 { "all".into() } else { format!("1/{}", row.configuration.every) },
                if passed + failed == 0 { "-".into() } else { Cell::Ran { passed, failed }.text() },
                cell(&["cases", "regressions"]),
                cell(&["files"]),
                row.rate(),
            ]);
        }
        table
    }

    /// All rows with a column for each family of programs.
    pub(super) fn cells(&self) -> Vec<Vec<String>> {
        let head = std::iter::once("engine").chain(COLUMNS).chain(["programs/s"]);
        let mut cells = vec![head.map(String::from).collect::<Vec<_>>()];
        for row in &self.rows {
            let name = std::iter::once(row.configuration.name());
            let results = COLUMNS.iter().map(|column| row.cell(column).text());
            cells.push(name.chain(results).chain([row.rate()]).collect());
        }
        cells
    }

    /// Why cells were not run: each reason once, with what it is the reason for.
    pub(super) fn reasons(&self) -> Vec<String> {
        let mut reasons: BTreeMap<(bool, String), Vec<String>> = BTreeMap::new();
        for row in &self.rows {
            let (is_unsupported, reason) = match &row.skipped {
                Some(Skipped::Unsupported(reason)) => (true, reason),
                Some(Skipped::NotRun(reason)) => (false, reason),
                None => continue,
            };
            let places = reasons.entry((is_unsupported, reason.clone())).or_default();
            let configuration = &row.configuration;
            let mut place: Vec<&str> =
                [&configuration.target, &configuration.format].into_iter().flatten().map(String::as_str).collect();
            let strategy = configuration.mode.strategy();
            if strategy != Strategy::Direct || place.is_empty() {
                place.push(configuration.mode.name());
            }
            let place = place.join(" ");
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let line = |((is_unsupported, reason), places): ((bool, String), Vec<String>)| {
            let word = if is_unsupported { "UNSUPPORTED" } else { "NOT RUN" };
            fold(&format!("{word} ({reason}): {}", places.join(", ")))
        };
        reasons.into_iter().map(line).chain(self.without_files()).collect()
    }

    /// On how many programs engines had no opinion, and the most frequent reasons.
    fn silences(&self) -> Vec<String> {
        const SHOWN: usize = 3;
        let line = |row: &Row| {
            let silent: u64 = row.silent.values().sum();
            let all = silent + row.generated().checks();
            let mut reasons: Vec<_> = row.silent.iter().collect();
            reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let reasons: Vec<String> =
                reasons.into_iter().take(SHOWN).map(|(why, count)| format!("{why} ({count})")).collect();
            let name = row.configuration.name();
            fold(&format!("{name}: no opinion on {silent} of {all} programs, mostly for: {}", reasons.join(", ")))
        };
        self.rows.iter().filter(|row| !row.silent.is_empty()).map(line).collect()
    }

    fn without_files(&self) -> Option<String> {
        let left_out = self.rows.iter().any(|row| row.skipped.is_none() && row.without_files);
        left_out.then(|| "NOT RUN: the files of the source tree were left out, or another shard runs them".into())
    }
}

/// Rows of a strategy, and of ways that strategies do not matter in.
fn of<'r>(rows: &'r [&'r Row], strategy: Strategy) -> impl Iterator<Item = &'r Row> {
    rows.iter().copied().filter(move |row| row.configuration.mode.strategy() == strategy)
}

/// What came of some rows together.
fn total<'r>(rows: impl Iterator<Item = &'r Row>) -> String {
    let (mut passed, mut failed, mut ran) = (0, 0, false);
    let mut skipped = None;
    for row in rows {
        match &row.skipped {
            None => {
                ran = true;
                (passed, failed) = row.counts.values().fold((passed, failed), add);
            }
            // What is only not here weighs more than what is nowhere.
            Some(Skipped::NotRun(_)) => skipped = Some("NOT RUN"),
            Some(Skipped::Unsupported(_)) => skipped = skipped.or(Some("UNSUPPORTED")),
        }
    }
    match (ran, skipped) {
        (true, _) => Cell::Ran { passed, failed }.text(),
        (false, Some(word)) => word.into(),
        (false, None) => "-".into(),
    }
}

fn add(sum: (u64, u64), count: &Count) -> (u64, u64) {
    (sum.0 + count.passed, sum.1 + count.failed)
}

/// An engine's name, without what is true of a format everywhere.
fn short_name(row: &Row) -> String {
    let configuration = &row.configuration;
    let mut name: Vec<&str> =
        [&configuration.target, &configuration.format].into_iter().flatten().map(String::as_str).collect();
    if let Some(machine) = configuration.machine.as_deref().filter(|machine| *machine != HOST) {
        name.extend(["on", machine]);
    }
    name.push(configuration.mode.name());
    let mut name = name.join(" ");
    if configuration.level < configuration.mode.level() && configuration.mode.compiles() {
        name.push_str(&format!(" at -O{}", configuration.level.number()));
    }
    if let (Some(fault), true) = (configuration.fault, configuration.mode != Mode::Interpreter || row.units > 0) {
        name.push_str(&format!(" with {fault:?}"));
    }
    name
}

/// A line cut at spaces, so that no part is wider than a screen.
fn fold(line: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in line.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            text.push_str("\n  ");
            width = 2;
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += length;
    }
    text
}

/// Rows of cells, with columns under each other; for Markdown with bars.
pub(super) fn table(rows: &[Vec<String>], markdown: bool) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        if markdown {
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
            if at == 0 {
                text.push_str(&format!("|{}\n", "---|".repeat(cells.len())));
            }
        } else {
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Configuration, Planned};
    use crate::report::tests::report;

    fn row(target: &str, format: &str, mode: Mode, skipped: Option<Skipped>) -> Row {
        let configuration = Configuration {
            mode,
            target: Some(target.into()),
            format: Some(format.into()),
            every: 4,
            ..Configuration::interpreter()
        };
        Row::new(&Planned { configuration, skipped })
    }

    #[test]
    fn the_summary_has_a_cell_for_each_target_format_and_strategy() {
        let missing = || Some(Skipped::NotRun("no linker".into()));
        let nowhere = || Some(Skipped::Unsupported("no number".into()));
        let mut ran = row("one", "first", Mode::Native, None);
        ran.count("typed", 7, 1);
        let mut hot = row("one", "first", Mode::Hot, None);
        hot.count("cases", 5, 0);
        let mut report = report();
        report.rows.extend([
            ran,
            hot,
            row("one", "first", Mode::Linker, missing()),
            row("two", "second", Mode::Native, nowhere()),
            row("two", "second", Mode::Hot, nowhere()),
        ]);
        let summary = report.summary();
        assert_eq!(summary[0], ["target", "format", "direct", "linker"]);
        assert_eq!(summary[1], ["one", "first", "FAIL 1 of 13", "NOT RUN"]);
        assert_eq!(summary[2], ["two", "second", "UNSUPPORTED", "-"]);
        let text = report.text();
        assert!(text.contains("one first native-hot  1/4"), "{text}");
        assert_eq!(text.matches("no number").count(), 1, "{text}");
        assert!(text.contains("UNSUPPORTED (no number): two second\n"), "{text}");
        assert!(text.contains("NOT RUN (no linker): one first native-linker\n"), "{text}");
    }

    #[test]
    fn lines_of_reasons_are_folded() {
        let line = fold(&"word ".repeat(60));
        assert!(line.lines().all(|line| line.chars().count() <= WIDTH) && line.lines().count() == 4, "{line}");
    }
}
