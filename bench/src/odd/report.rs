//! What was measured of odd cases: for people, for programs, and beside an earlier measurement.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{json, Value};

/// A legal case should not take longer than this.
const LEGAL_BUDGET: f64 = 15.0;
/// Nor an error longer than this.
const ERROR_BUDGET: f64 = 1000.0;

/// A case and what it takes.
pub struct Measured {
    /// The expression, with `A` and `B` in it.
    pub operation: String,
    /// The names of the operands.
    pub operands: (String, String),
    /// `legal`, or the kind of the error.
    pub outcome: String,
    /// Nanoseconds a turn, for each mode; none where the run failed.
    pub times: Vec<Option<f64>>,
}

impl Measured {
    fn is_error(&self) -> bool {
        self.outcome != "legal"
    }

    /// The longest time of all modes.
    fn cost(&self) -> f64 {
        self.times.iter().flatten().copied().fold(0.0, f64::max)
    }

    fn key(&self) -> String {
        format!("{} {} {}", self.operation, self.operands.0, self.operands.1)
    }

    fn over_budget(&self, mode: usize) -> bool {
        let budget = if self.is_error() { ERROR_BUDGET } else { LEGAL_BUDGET };
        self.times[mode].is_some_and(|time| time > budget)
    }
}

/// All cases, for machines.
pub fn render_json(modes: &[&str], cases: &[Measured]) -> Value {
    let list: Vec<Value> = cases
        .iter()
        .map(|case| {
            let mut entry = json!({
                "operation": case.operation,
                "left": case.operands.0,
                "right": case.operands.1,
                "outcome": case.outcome,
            });
            for (mode, time) in modes.iter().zip(&case.times) {
                entry[*mode] = json!(time);
            }
            entry
        })
        .collect();
    json!({ "unit": "nanoseconds", "cases": list })
}

/// Reads what [`render_json`] wrote.
pub fn parse_json(modes: &[&str], text: &str) -> Result<Vec<Measured>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let list = value["cases"].as_array().ok_or("there are no \"cases\"")?;
    let string = |entry: &Value, key: &str| entry[key].as_str().unwrap_or("").to_owned();
    Ok(list
        .iter()
        .map(|entry| Measured {
            operation: string(entry, "operation"),
            operands: (string(entry, "left"), string(entry, "right")),
            outcome: string(entry, "outcome"),
            times: modes.iter().map(|mode| entry[*mode].as_f64()).collect(),
        })
        .collect())
}

/// The costliest cases and a summary. `top` is how many are shown of the legal ones and of the errors.
pub fn render(modes: &[&str], cases: &[Measured], top: usize) -> String {
    let mut text = String::new();
    for (title, errors) in [("legal", false), ("errors", true)] {
        let mut chosen: Vec<&Measured> = cases.iter().filter(|case| case.is_error() == errors).collect();
        chosen.sort_by(|a, b| b.cost().total_cmp(&a.cost()));
        let _ = writeln!(text, "{title}: nanoseconds a turn, {} of {} cases", top.min(chosen.len()), chosen.len());
        for case in chosen.into_iter().take(top) {
            let times: String = case.times.iter().map(|time| column(*time)).collect();
            let _ = writeln!(text, "{times}  {}{}", case.key(), outcome(case));
        }
    }
    text.push_str(&operations(cases));
    text.push_str(&summary(modes, cases, None));
    text
}

/// Before and after: what changed most comes first.
pub fn render_comparison(modes: &[&str], before: &[Measured], after: &[Measured], top: usize) -> String {
    let known: BTreeMap<String, &Measured> = before.iter().map(|case| (case.key(), case)).collect();
    let both: Vec<(&Measured, &Measured)> =
        after.iter().filter_map(|case| known.get(&case.key()).map(|old| (*old, case))).collect();
    let mut text = String::new();
    for (mode, name) in modes.iter().enumerate() {
        let mut changed: Vec<(f64, f64, &Measured)> =
            both.iter().filter_map(|(old, new)| Some((old.times[mode]?, new.times[mode]?, *new))).collect();
        // Below a few nanoseconds a ratio is noise.
        let ratio = |(old, new, _): &(f64, f64, &Measured)| (new + 2.0) / (old + 2.0);
        changed.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let mean = changed.iter().map(|change| ratio(change).ln()).sum::<f64>() / changed.len().max(1) as f64;
        let _ =
            writeln!(text, "{name}: {} cases in both, geometric mean of after/before {:.3}", changed.len(), mean.exp());
        let half = top.min(changed.len()).div_ceil(2);
        for (title, rows) in [("quickened most", &changed[..half]), ("slowed most", &changed[changed.len() - half..])] {
            let _ = writeln!(text, "  {title}: before, after");
            for (old, new, case) in rows {
                let _ = writeln!(text, "{}{}  {}{}", column(Some(*old)), column(Some(*new)), case.key(), outcome(case));
            }
        }
    }
    let before: Vec<&Measured> = both.iter().map(|(old, _)| *old).collect();
    text.push_str(&summary(modes, after, Some(&before)));
    text
}

fn column(time: Option<f64>) -> String {
    time.map_or(format!("{:>10}", "–"), |time| format!("{time:>10.1}"))
}

fn outcome(case: &Measured) -> String {
    if case.is_error() {
        format!("  ({})", case.outcome)
    } else {
        String::new()
    }
}

/// The operations with legal cases over the budget: how many, and the worst.
fn operations(cases: &[Measured]) -> String {
    let mut found: BTreeMap<&str, (usize, usize, f64)> = BTreeMap::new();
    for case in cases.iter().filter(|case| !case.is_error()) {
        let entry = found.entry(&case.operation).or_default();
        entry.0 += 1;
        entry.1 += usize::from(case.cost() > LEGAL_BUDGET);
        entry.2 = entry.2.max(case.cost());
    }
    let mut list: Vec<_> = found.into_iter().filter(|(_, (_, over, _))| *over > 0).collect();
    list.sort_by(|a, b| b.1 .1.cmp(&a.1 .1).then(a.0.cmp(b.0)));
    let mut text = format!("operations with legal cases over {LEGAL_BUDGET} ns: cases over, of all, the worst\n");
    for (operation, (all, over, worst)) in list {
        let _ = writeln!(text, "  {operation:<36} {over:>4} of {all:>4} {worst:>10.1}");
    }
    text
}

/// How many cases are over the budgets.
fn summary(modes: &[&str], cases: &[Measured], before: Option<&[&Measured]>) -> String {
    let over = |case: &Measured, errors: bool, mode: usize| case.is_error() == errors && case.over_budget(mode);
    let mut text = String::from("summary\n");
    for (what, errors, budget) in [("legal cases", false, LEGAL_BUDGET), ("errors", true, ERROR_BUDGET)] {
        for (mode, name) in modes.iter().enumerate() {
            let all = cases.iter().filter(|case| case.is_error() == errors).count();
            let was = before.map_or(String::new(), |before| {
                format!("{} before, ", before.iter().filter(|case| over(case, errors, mode)).count())
            });
            let now = cases.iter().filter(|case| over(case, errors, mode)).count();
            let _ = writeln!(text, "  {what} over {budget} ns, --jit {name}: {was}{now} of {all}");
        }
    }
    let failed = cases.iter().filter(|case| case.times.iter().any(Option::is_none)).count();
    if failed > 0 {
        let _ = writeln!(text, "  not measured: {failed}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: &[&str] = &["always", "auto"];

    fn case(operation: &str, outcome: &str, times: [Option<f64>; 2]) -> Measured {
        let operands = ("nil".to_owned(), "fixnum".to_owned());
        Measured { operation: operation.into(), operands, outcome: outcome.into(), times: times.to_vec() }
    }

    #[test]
    fn json_reads_back() {
        let cases = [case("(+ A B)", "type", [Some(1200.5), None])];
        let back = parse_json(MODES, &render_json(MODES, &cases).to_string()).unwrap();
        assert_eq!(back[0].key(), "(+ A B) nil fixnum");
        assert_eq!(back[0].outcome, "type");
        assert_eq!(back[0].times, [Some(1200.5), None]);
    }

    #[test]
    fn cases_over_budget_are_counted() {
        let cases = [
            case("(car A)", "legal", [Some(1.0), Some(16.0)]),
            case("(+ A B)", "type", [Some(900.0), Some(1100.0)]),
            case("(- A B)", "type", [None, Some(2.0)]),
        ];
        let text = render(MODES, &cases, 10);
        assert!(text.contains("legal cases over 15 ns, --jit always: 0 of 1\n"), "{text}");
        assert!(text.contains("legal cases over 15 ns, --jit auto: 1 of 1\n"), "{text}");
        assert!(text.contains("errors over 1000 ns, --jit auto: 1 of 2\n"), "{text}");
        assert!(text.contains("not measured: 1\n"), "{text}");
    }

    #[test]
    fn a_comparison_orders_by_change() {
        let before = [case("(car A)", "legal", [Some(100.0); 2]), case("(cdr A)", "legal", [Some(10.0); 2])];
        let after = [case("(car A)", "legal", [Some(8.0); 2]), case("(cdr A)", "legal", [Some(20.0); 2])];
        let text = render_comparison(MODES, &before, &after, 2);
        let (quick, slow) = (text.find("(car A)").unwrap(), text.find("(cdr A)").unwrap());
        assert!(quick < slow, "{text}");
        assert!(text.contains("--jit always: 1 before, 1 of 2"), "{text}");
    }
}
