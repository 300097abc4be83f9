//! Joining the reports of shards into one matrix.

use crate::report::{Report, Row};
use std::collections::BTreeMap;

/// Join the reports of all shards of a run; each has a name for messages, such as its file's.
///
/// # Errors
/// When they are not parts of one run, or some are missing or there twice; the message names the files.
pub fn merge(reports: Vec<(String, Report)>) -> Result<Report, String> {
    let mut reports = reports.into_iter();
    let (first_name, mut whole) = reports.next().ok_or("name the reports of all shards to merge")?;
    let mut names = BTreeMap::from([(whole.shard.0, first_name.clone())]);
    for (name, part) in reports {
        check_same_run(&first_name, &whole, &name, &part)?;
        if let Some(other) = names.insert(part.shard.0, name.clone()) {
            let (shard, shards) = part.shard;
            return Err(format!("{other} and {name} are both of shard {shard}/{shards}; name each shard once"));
        }
        add(&mut whole, part);
    }
    let (_, shards) = whole.shard;
    let missing: Vec<String> =
        (1..=shards).filter(|shard| !names.contains_key(shard)).map(|shard| format!("{shard}/{shards}")).collect();
    if !missing.is_empty() {
        let names: Vec<String> = names.into_values().collect();
        return Err(format!(
            "shard {} is missing beside {}; run it with `maru conform --shard` and the same seed and cases",
            missing.join(", "),
            names.join(", ")
        ));
    }
    whole.shard = (1, 1);
    Ok(whole)
}

/// Whether two reports are of one run, so that their counts may be added.
fn check_same_run(one: &str, whole: &Report, other: &str, part: &Report) -> Result<(), String> {
    let settings = |report: &Report| {
        [
            ("version", report.version.clone()),
            ("seed", format!("{:x}", report.seed)),
            ("number of cases", report.wanted.to_string()),
            ("number of shards", report.shard.1.to_string()),
        ]
    };
    for ((what, mine), (_, theirs)) in settings(whole).into_iter().zip(settings(part)) {
        if mine != theirs {
            return Err(format!("{one} and {other} are not of one run: their {what} is {mine} and {theirs}"));
        }
    }
    check_rows(one, whole, other, part)?;
    check_rows(other, part, one, whole)
}

fn check_rows(one: &str, whole: &Report, other: &str, part: &Report) -> Result<(), String> {
    for row in &whole.rows {
        let name = row.configuration.name();
        let same = part.rows.iter().find(|candidate| candidate.configuration == row.configuration);
        let same = same.ok_or_else(|| {
            format!("{other} has no row '{name}', which {one} has; run all shards with the same targets and modes")
        })?;
        if row.skipped.is_none() && same.skipped.is_some() {
            return Err(format!(
                "'{name}' ran in {one}, but not in {other}; run all shards where the same machines are installed"
            ));
        }
    }
    Ok(())
}

/// Add a shard's counts. Shards run at the same time: the longest counts.
fn add(whole: &mut Report, part: Report) {
    for row in part.rows {
        if let Some(sum) = whole.rows.iter_mut().find(|sum| sum.configuration == row.configuration) {
            add_row(sum, &row);
        }
    }
    whole.cases += part.cases;
    whole.coverage.merge(&part.coverage);
    whole.failures.extend(part.failures);
    whole.time = whole.time.max(part.time);
    whole.mishaps.extend(part.mishaps);
    let (shard, shards) = part.shard;
    let reason = part.partial.map(|reason| format!("shard {shard}/{shards}: {reason}"));
    whole.partial = match (whole.partial.take(), reason) {
        (Some(one), Some(other)) => Some(format!("{one}; {other}")),
        (one, other) => one.or(other),
    };
}

fn add_row(sum: &mut Row, row: &Row) {
    for (column, count) in &row.counts {
        sum.count(column, count.passed, count.failed);
        sum.spend(column, count.time);
    }
    sum.units += row.units;
    sum.executed.merge(&row.executed);
    for (why, count) in &row.silent {
        *sum.silent.entry(why.clone()).or_default() += count;
    }
    sum.without_files &= row.without_files;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;
    use crate::report::Cell;

    fn shards(count: u64) -> Vec<(String, Report)> {
        let shard = |part| (format!("{part}.json"), Report { shard: (part, count), ..report() });
        (1..=count).map(shard).collect()
    }

    #[test]
    fn shards_add_up() {
        let whole = merge(shards(3)).expect("a matrix");
        assert_eq!((whole.cases, whole.shard, whole.failures.len()), (30, (1, 1), 3));
        assert_eq!(whole.rows[1].cell("typed"), Cell::Ran { passed: 24, failed: 6 });
        assert!(whole.failed());
    }

    #[test]
    fn what_is_not_one_run_is_refused() {
        let with = |change: fn(&mut Report)| {
            let mut all = shards(2);
            change(&mut all[1].1);
            merge(all).expect_err("not one run")
        };
        assert!(with(|report| report.seed = 255).contains("their seed is 1 and ff"));
        assert!(with(|report| report.wanted = 11).contains("number of cases is 10 and 11"));
        assert!(with(|report| report.shard.1 = 3).contains("number of shards is 2 and 3"));
        assert!(with(|report| report.version = "1".into()).contains("their version is 0 and 1"));
        assert!(with(|report| report.shard.0 = 1).contains("1.json and 2.json are both of shard 1/2"));
        assert!(with(|report| drop(report.rows.pop())).contains("2.json has no row 'native'"));
        assert!(with(|report| report.rows[2].skipped = None).contains("'native' ran in 2.json, but not in 1.json"));
        let mut all = shards(4);
        all.remove(2);
        assert!(merge(all).expect_err("incomplete").starts_with("shard 3/4 is missing beside 1.json, 2.json, 4.json"));
        assert!(merge(Vec::new()).is_err());
    }

    #[test]
    fn a_partial_shard_makes_the_whole_partial() {
        let mut all = shards(2);
        all[1].1.partial = Some("interrupted".into());
        assert_eq!(merge(all).expect("a matrix").partial.as_deref(), Some("shard 2/2: interrupted"));
    }
}
