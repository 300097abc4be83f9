//! The report for people: a head, a table, means, budgets, and what went wrong.

use std::fmt::Write;

use crate::measure::Cell;
use crate::summary::Report;

/// Cells longer than this are cut; the notes below the table have them in full.
const LONGEST_CELL: usize = 22;

/// The whole report as text.
pub fn render(report: &Report) -> String {
    let mut text = head(report);
    text.push_str(&align(&lines(report)));
    text.push_str(&notes(report));
    let budgets = report.budgets();
    if !budgets.is_empty() {
        text.push_str("\nbudgets\n");
    }
    for budget in budgets {
        let measured = budget.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}×, "));
        let _ = writeln!(text, "  {}, at least {}×: {measured}{}", budget.what, budget.least, budget.verdict());
    }
    text
}

/// Which systems there are, and how to read the table.
fn head(report: &Report) -> String {
    let mut text = String::from("systems\n");
    for column in &report.columns {
        let version = column.installed.as_ref().map_or("not installed", |installed| &installed.version);
        let _ = writeln!(text, "  {:<17} {version} ({})", column.system.name, column.system.about);
    }
    let _ = write!(text, "\nseconds, median of {} runs", report.runs);
    if let Some(base) = report.base {
        let base = report.columns[base].system.name;
        let _ = write!(text, "; ×: as many times as long as {base}");
    }
    text.push_str("; ≈: scaled up from fewer repetitions\n\n");
    text
}

/// The table's texts, row by row.
fn lines(report: &Report) -> Vec<Vec<String>> {
    let with_interpreter = report.rows.iter().any(|row| report.native_against_interpreted(row).is_some());
    let mut head = vec!["program".to_owned()];
    head.extend(report.columns.iter().map(|column| column.system.name.to_owned()));
    if with_interpreter {
        head.push("native vs interpreted".into());
    }
    let mut lines = vec![head];
    for row in &report.rows {
        let mut line = vec![row.program.name.clone()];
        for (index, cell) in row.cells.iter().enumerate() {
            let ratio = report.ratio(row, index).filter(|_| report.base != Some(index));
            line.push(short(cell_text(cell), ratio));
        }
        if with_interpreter {
            line.push(report.native_against_interpreted(row).map_or("–".into(), |ratio| format!("{ratio:.1}×")));
        }
        lines.push(line);
    }
    let mut means = vec!["geometric mean".to_owned()];
    means.extend((0..report.columns.len()).map(|column| match report.mean(column) {
        Some(mean) if report.base != Some(column) => format!("{:.2}× of {}", mean.ratio, mean.programs),
        _ => String::new(),
    }));
    lines.push(means);
    lines
}

fn cell_text(cell: &Cell) -> String {
    match cell {
        Cell::Time { seconds, scaled, .. } => format!("{}{seconds:.3}", if *scaled { "≈" } else { "" }),
        Cell::NotApplicable(_) => "n/a".into(),
        Cell::NotInstalled => "not installed".into(),
        Cell::Failed(why) => format!("fails: {why}"),
        Cell::TimedOut(limit) => format!("over {} s", limit.as_secs_f64()),
        Cell::Wrong { printed, .. } => format!("WRONG: {printed}"),
    }
}

fn short(text: String, ratio: Option<f64>) -> String {
    match ratio {
        Some(ratio) => format!("{text} {ratio:>6.2}×"),
        None if text.chars().count() > LONGEST_CELL => text.chars().take(LONGEST_CELL - 1).chain(['…']).collect(),
        None => text,
    }
}

/// What the cells have no room for.
fn notes(report: &Report) -> String {
    let mut text = String::new();
    for row in &report.rows {
        for (column, cell) in report.columns.iter().zip(&row.cells) {
            let note = match cell {
                Cell::NotApplicable(reason) => format!("n/a: {reason}"),
                Cell::Failed(why) => format!("fails: {why}"),
                Cell::TimedOut(limit) => format!("took longer than {} s", limit.as_secs_f64()),
                Cell::Wrong { printed, expected } => format!("WRONG: prints {printed}, should print {expected}"),
                Cell::Time { .. } | Cell::NotInstalled => continue,
            };
            let _ = writeln!(text, "  {} in {}: {note}", row.program.name, column.system.name);
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("\nnotes\n{text}")
    }
}

/// Lays the texts out in columns: the first to the left, the others to the right.
fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |text: &String| text.chars().count();
    let widths: Vec<usize> = (0..columns)
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(width).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (index, cell) in line.iter().enumerate() {
            let _ = match index {
                0 => write!(row, "{cell:<0$}", widths[index]),
                _ => write!(row, "  {cell:>0$}", widths[index]),
            };
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::{report, seconds};

    #[test]
    fn every_kind_of_cell_is_shown() {
        let failed = Cell::Failed("unbound: define-class is not defined here".into());
        let interpreted = Cell::Time { seconds: 50.0, runs: vec![50.0], scaled: true };
        let report = report(
            &["maru", "maru-interpreted", "chez", "luajit"],
            &[
                ("fib", &[seconds(1.0), interpreted, seconds(1.5), Cell::NotInstalled]),
                (
                    "dispatch",
                    &[
                        failed,
                        Cell::TimedOut(std::time::Duration::from_secs(60)),
                        Cell::Wrong { printed: "7".into(), expected: "8".into() },
                        Cell::NotApplicable("Lua has no classes".into()),
                    ],
                ),
            ],
        );
        let text = render(&report);
        let table: Vec<&str> =
            text.lines().filter(|line| line.starts_with("fib") || line.starts_with("disp")).collect();
        assert_eq!(
            table[0].split_whitespace().collect::<Vec<_>>(),
            ["fib", "1.000", "≈50.000", "50.00×", "1.500", "1.50×", "not", "installed", "50.0×"]
        );
        assert!(table[1].contains("fails: unbound: defin…"), "{}", table[1]);
        assert!(table[1].contains("over 60 s") && table[1].contains("WRONG: 7") && table[1].contains("n/a"));
        assert!(text.contains("  dispatch in maru: fails: unbound: define-class is not defined here\n"));
        assert!(text.contains("  dispatch in chez: WRONG: prints 7, should print 8\n"));
        assert!(text.contains("fib, native against interpreted, at least 30×: 50.00×, met\n"));
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "≈1".to_owned()], vec!["bcd".to_owned(), "100".to_owned()]];
        assert_eq!(align(&rows), "a     ≈1\nbcd  100\n");
    }
}
