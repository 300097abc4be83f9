//! Limits that a program or a case file runs under, named by its first line: `; limits: fuel=1000 depth=50`. Those on what
//! the compiler may do, `budget=20` or `memory=1`, change nothing that can be seen.
//!
//! They travel in the text, so that whatever runs it again (a shrinker, a replay, a regression) sets them again.

use maru_language::runtime::{LoweringBounds, Options, Runtime};
use std::fmt;

const START: &str = "; limits:";

/// What a program may use up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// Calls of functions and turns of loops.
    pub fuel: Option<i64>,
    /// How deep calls of functions may nest.
    pub depth: Option<i64>,
    /// What the lowering may emit for a function before its blocks have no more versions.
    pub budget: Option<usize>,
    /// Whether variables of compiled functions live in memory (1), as they do in large ones.
    pub memory: bool,
}

impl Limits {
    /// The limits that a text's first line sets; `None` without such a line.
    ///
    /// # Errors
    /// When the line starts like one, and is none.
    pub fn of(text: &str) -> Result<Option<Limits>, String> {
        let Some(rest) = text.lines().next().and_then(|line| line.strip_prefix(START)) else { return Ok(None) };
        let mut limits = Limits::default();
        for setting in rest.split_whitespace() {
            let wrong = || format!("'{setting}' is no limit: there are fuel, depth, budget, memory, each with =NUMBER");
            let (name, number) = setting.split_once('=').ok_or_else(wrong)?;
            let number: i64 = number.parse().ok().filter(|number| *number >= 0).ok_or_else(wrong)?;
            match name {
                "fuel" => limits.fuel = Some(number),
                "depth" => limits.depth = Some(number),
                "budget" => limits.budget = Some(number as usize),
                "memory" => limits.memory = number > 0,
                _ => return Err(wrong()),
            }
        }
        if limits == Limits::default() {
            return Err(format!("'{START}' is followed by no limit"));
        }
        Ok(Some(limits))
    }

    /// Make them a runtime's settings.
    pub fn set(self, options: &mut Options) {
        (options.fuel, options.max_depth) = (self.fuel, self.depth);
        options.bounds = LoweringBounds { budget: self.budget, in_memory: self.memory };
    }

    /// Grant them anew to a runtime whose code counts.
    pub fn grant(self, runtime: &mut Runtime) {
        self.set(&mut runtime.options);
        runtime.refill();
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(START)?;
        let budget = self.budget.map(|budget| budget as i64);
        let memory = self.memory.then_some(1);
        for (name, limit) in [("fuel", self.fuel), ("depth", self.depth), ("budget", budget), ("memory", memory)] {
            if let Some(limit) = limit {
                write!(f, " {name}={limit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn are_read_as_written() {
        for limits in [
            Limits { fuel: Some(3), ..Limits::default() },
            Limits { depth: Some(1), ..Limits::default() },
            Limits { fuel: Some(0), depth: Some(50), budget: Some(7), memory: true },
            Limits { budget: Some(0), ..Limits::default() },
            Limits { memory: true, ..Limits::default() },
        ] {
            assert_eq!(Limits::of(&format!("{limits}\n(f)")), Ok(Some(limits)));
        }
        assert_eq!(Limits::of("(f) ; limits: fuel=1"), Ok(None));
        for wrong in ["; limits: ", "; limits: fuel=-1", "; limits: fuel", "; limits: heap=1"] {
            assert!(Limits::of(wrong).is_err(), "{wrong}");
        }
    }
}
