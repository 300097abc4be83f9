//! The report for machines, and a report read back from it.

use super::{Count, Failure, Report, Row, COLUMNS};
use crate::engine::{Configuration, Mode, Skipped};
use crate::executed::Executed;
use crate::generate::Coverage;
use maru_language::runtime::OptimisationLevel;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::time::Duration;

impl Report {
    /// The report for machines.
    pub fn json(&self) -> Value {
        let failures: Vec<Value> = self.failures.iter().map(failure_json).collect();
        json!({
            "version": self.version,
            "seed": format!("{:x}", self.seed),
            "shard": self.shard.0,
            "shards": self.shard.1,
            "wanted": self.wanted,
            "partial": self.partial,
            "cases": self.cases,
            "seconds": self.time.as_secs_f64(),
            "failed": self.failed(),
            "faults": self.faults(),
            "mishaps": self.mishaps,
            "coverage": self.coverage.counts().into_iter().collect::<BTreeMap<_, _>>(),
            "rows": self.rows.iter().map(row_json).collect::<Vec<_>>(),
            "failures": failures,
        })
    }

    /// The report that a JSON text holds.
    ///
    /// # Errors
    /// What is missing in it, or wrong.
    pub fn from_json(text: &str) -> Result<Report, String> {
        let json: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
        let json = Part { json: &json, place: "the report".into() };
        Ok(Report {
            version: json.text("version")?,
            seed: u64::from_str_radix(&json.text("seed")?, 16).map_err(|error| format!("seed: {error}"))?,
            shard: (json.number("shard")?, json.number("shards")?),
            wanted: json.number("wanted")?,
            partial: json.optional("partial"),
            cases: json.number("cases")?,
            time: json.seconds("seconds")?,
            mishaps: json.parts("mishaps")?.iter().filter_map(|part| part.json.as_str().map(Into::into)).collect(),
            coverage: Coverage::from_counts(|feature| json.json["coverage"][feature].as_u64().unwrap_or(0)),
            rows: json.parts("rows")?.iter().map(row).collect::<Result<_, _>>()?,
            failures: json.parts("failures")?.iter().map(failure).collect::<Result<_, _>>()?,
        })
    }
}

fn row_json(row: &Row) -> Value {
    let cell = |column: &&'static str| {
        let cell = row.cell(column);
        let count = row.counts.get(column).copied().unwrap_or_default();
        json!({ "column": column, "result": cell.word(), "passed": count.passed, "failed": count.failed,
                "seconds": count.time.as_secs_f64(), "per_second": count.rate(), "reason": cell.reason() })
    };
    json!({
        "engine": row.configuration.mode.name(),
        "target": row.configuration.target,
        "format": row.configuration.format,
        "machine": row.configuration.machine,
        "level": row.configuration.level.number(),
        "every": row.configuration.every,
        "skipped": row.skipped.as_ref().map(|skipped| match skipped {
            Skipped::Unsupported(_) => "unsupported",
            Skipped::NotRun(_) => "not run",
        }),
        "reason": row.skipped.as_ref().map(|(Skipped::Unsupported(reason) | Skipped::NotRun(reason))| reason),
        "without_files": row.without_files,
        "compiled_units": row.units,
        "executed": row.executed.counts(),
        "no_opinion": row.silent,
        "programs_per_second": row.generated().rate(),
        "cells": COLUMNS.iter().map(cell).collect::<Vec<_>>(),
    })
}

fn failure_json(failure: &Failure) -> Value {
    json!({ "engine": failure.engine, "column": failure.column, "case": failure.case,
            "what": failure.what, "program": failure.program, "bundle": failure.bundle })
}

/// A part of the report, with what it is called in messages.
struct Part<'j> {
    json: &'j Value,
    place: String,
}

impl Part<'_> {
    fn missing(&self, name: &str) -> String {
        format!("{} has no '{name}', or one of another kind; write it again with this version of Maru", self.place)
    }
    fn number(&self, name: &str) -> Result<u64, String> {
        self.json[name].as_u64().ok_or_else(|| self.missing(name))
    }
    fn text(&self, name: &str) -> Result<String, String> {
        self.optional(name).ok_or_else(|| self.missing(name))
    }
    fn optional(&self, name: &str) -> Option<String> {
        self.json[name].as_str().map(Into::into)
    }
    fn seconds(&self, name: &str) -> Result<Duration, String> {
        let seconds = self.json[name].as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.ok_or_else(|| self.missing(name))
    }
    fn parts(&self, name: &str) -> Result<Vec<Part<'_>>, String> {
        let list = self.json[name].as_array().ok_or_else(|| self.missing(name))?;
        Ok(list.iter().zip(1..).map(|(json, n)| Part { json, place: format!("item {n} of '{name}'") }).collect())
    }
    fn column(&self) -> Result<&'static str, String> {
        let name = self.text("column")?;
        COLUMNS.into_iter().find(|column| *column == name).ok_or_else(|| format!("there is no column '{name}'"))
    }
}

fn row(part: &Part) -> Result<Row, String> {
    let name = part.text("engine")?;
    let mode = Mode::ALL.into_iter().find(|mode| mode.name() == name);
    let number = part.number("level")?;
    let level = OptimisationLevel::ALL.into_iter().find(|level| u64::from(level.number()) == number);
    let configuration = Configuration {
        mode: mode.ok_or_else(|| format!("there is no engine '{name}'"))?,
        target: part.optional("target"),
        format: part.optional("format"),
        machine: part.optional("machine"),
        level: level.ok_or_else(|| part.missing("level"))?,
        fault: None,
        every: part.number("every")?,
    };
    let reason = part.optional("reason").unwrap_or_default();
    let skipped = match part.optional("skipped").as_deref() {
        Some("unsupported") => Some(Skipped::Unsupported(reason)),
        Some(_) => Some(Skipped::NotRun(reason)),
        None => None,
    };
    let mut counts = BTreeMap::new();
    for cell in part.parts("cells")? {
        let count =
            Count { passed: cell.number("passed")?, failed: cell.number("failed")?, time: cell.seconds("seconds")? };
        if count != Count::default() {
            counts.insert(cell.column()?, count);
        }
    }
    let without_files = part.json["without_files"].as_bool().unwrap_or(false);
    let executed = Executed::from_counts(|cell| part.json["executed"][cell].as_u64().unwrap_or(0));
    let reasons = part.json["no_opinion"].as_object();
    let silent = reasons.into_iter().flatten().map(|(why, count)| (why.clone(), count.as_u64().unwrap_or(0))).collect();
    Ok(Row { configuration, skipped, counts, units: part.number("compiled_units")?, without_files, executed, silent })
}

fn failure(part: &Part) -> Result<Failure, String> {
    Ok(Failure {
        engine: part.text("engine")?,
        column: part.column()?,
        case: part.text("case")?,
        what: part.text("what")?,
        program: part.optional("program"),
        bundle: part.optional("bundle").map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;
    use crate::report::Cell;

    #[test]
    fn a_report_is_read_back_as_it_was() {
        let mut report = report();
        report.rows[1].spend("typed", Duration::from_millis(250));
        report.partial = Some("interrupted".into());
        let read = Report::from_json(&report.json().to_string()).expect("a report");
        assert_eq!(read.json(), report.json());
        assert_eq!(read.text(), report.text());
        assert!(read.rows.iter().any(|row| row.cell("typed") == Cell::Ran { passed: 8, failed: 2 }));
        assert_eq!(report.json()["rows"][1]["programs_per_second"], 40.0);
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut json = report().json();
        json["rows"][1].as_object_mut().expect("a row").remove("compiled_units");
        let problem = Report::from_json(&json.to_string()).expect_err("incomplete");
        assert!(problem.starts_with("item 2 of 'rows' has no 'compiled_units'"), "{problem}");
        assert!(Report::from_json("[").is_err());
    }
}
