//! Limits that a program or a case file runs under, named by its first line: `; limits: fuel=1000 depth=50`.
//!
//! They travel in the text, so that whatever runs it again (a shrinker, a replay, a regression) sets them again.

use maru_core::runtime::{Options, Runtime};
use std::fmt;

const START: &str = "; limits:";

/// What a program may use up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// Calls of functions and turns of loops.
    pub fuel: Option<i64>,
    /// How deep calls of functions may nest.
    pub depth: Option<i64>,
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
            let wrong = || format!("'{setting}' is no limit: a limit is fuel=NUMBER or depth=NUMBER");
            let (name, number) = setting.split_once('=').ok_or_else(wrong)?;
            let number = number.parse().ok().filter(|number| *number >= 0).ok_or_else(wrong)?;
            match name {
                "fuel" => limits.fuel = Some(number),
                "depth" => limits.depth = Some(number),
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
        for (name, limit) in [("fuel", self.fuel), ("depth", self.depth)] {
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
            Limits { fuel: Some(3), depth: None },
            Limits { fuel: None, depth: Some(1) },
            Limits { fuel: Some(0), depth: Some(50) },
        ] {
            assert_eq!(Limits::of(&format!("{limits}\n(f)")), Ok(Some(limits)));
        }
        assert_eq!(Limits::of("(f) ; limits: fuel=1"), Ok(None));
        for wrong in ["; limits: ", "; limits: fuel=-1", "; limits: fuel", "; limits: memory=1"] {
            assert!(Limits::of(wrong).is_err(), "{wrong}");
        }
    }
}
