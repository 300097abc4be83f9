//! The report for machines.

use serde_json::{json, Map, Value};

use crate::measure::Cell;
use crate::summary::Report;

/// The whole report as JSON.
pub fn render(report: &Report) -> Value {
    let systems: Vec<Value> = report
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": column.system.name,
                "about": column.system.about,
                "version": column.installed.as_ref().map(|installed| &installed.version),
            })
        })
        .collect();
    let programs: Vec<Value> = report
        .rows
        .iter()
        .map(|row| {
            let mut cells = Map::new();
            for (index, column) in report.columns.iter().enumerate() {
                cells.insert(column.system.name.into(), cell(&row.cells[index], report.ratio(row, index)));
            }
            json!({
                "name": row.program.name,
                "what": row.program.what,
                "native-against-interpreted": report.native_against_interpreted(row),
                "systems": cells,
            })
        })
        .collect();
    let mut means = Map::new();
    for (index, column) in report.columns.iter().enumerate() {
        if let Some(mean) = report.mean(index) {
            means.insert(column.system.name.into(), json!({ "ratio": mean.ratio, "programs": mean.programs }));
        }
    }
    let budgets: Vec<Value> = report
        .budgets()
        .iter()
        .map(|budget| {
            let verdict = budget.verdict();
            json!({ "what": budget.what, "least": budget.least, "ratio": budget.ratio, "verdict": verdict })
        })
        .collect();
    json!({
        "runs": report.runs,
        "base": report.base.map(|base| report.columns[base].system.name),
        "systems": systems,
        "programs": programs,
        "geometric-means": means,
        "budgets": budgets,
    })
}

fn cell(cell: &Cell, ratio: Option<f64>) -> Value {
    match cell {
        Cell::Time { seconds, runs, scaled } => {
            json!({ "status": "ok", "seconds": seconds, "runs": runs, "scaled": scaled, "ratio": ratio })
        }
        Cell::NotApplicable(reason) => json!({ "status": "not-applicable", "reason": reason }),
        Cell::NotInstalled => json!({ "status": "not-installed" }),
        Cell::Failed(why) => json!({ "status": "failed", "reason": why }),
        Cell::TimedOut(limit) => json!({ "status": "timed-out", "limit": limit.as_secs_f64() }),
        Cell::Wrong { printed, expected } => {
            json!({ "status": "wrong", "printed": printed, "expected": expected })
        }
    }
}
