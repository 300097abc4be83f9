//! The steps of a run, in order: files and generated programs by turns, so that the first results of both come at once,
//! and all processes have work from the start.

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The file with this number.
    File(u64),
    /// The generated program with this number.
    Program(u64),
}

/// How many programs come after each file, at most: of an endless run, the files come near its start.
const PROGRAMS_AFTER_FILE: u64 = 16;

/// The steps of a run of so many files and programs.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    files: u64,
    programs: u64,
}

impl Steps {
    /// Steps for so many files and programs.
    pub fn new(files: u64, programs: u64) -> Steps {
        Steps { files, programs }
    }

    /// How many there are.
    pub fn count(self) -> u64 {
        self.files.saturating_add(self.programs)
    }

    /// The step with a number, from 0; `None` after the last.
    pub fn get(self, number: u64) -> Option<Step> {
        let mixed = self.programs.min(self.files.saturating_mul(PROGRAMS_AFTER_FILE));
        let steps = self.files + mixed;
        if number >= steps {
            let program = number - self.files;
            return (program < self.programs).then_some(Step::Program(program));
        }
        // Spread evenly: of the first n steps, so many are files.
        let files_before =
            |number: u64| (u128::from(number) * u128::from(self.files)).div_ceil(u128::from(steps)) as u64;
        let before = files_before(number);
        Some(if files_before(number + 1) > before { Step::File(before) } else { Step::Program(number - before) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_and_programs_come_once_and_by_turns() {
        for (files, programs) in [(0, 0), (0, 5), (5, 0), (3, 7), (7, 3), (80, 1000), (1, 1), (2, 1000)] {
            let steps = Steps::new(files, programs);
            let all: Vec<Step> = (0..).map_while(|number| steps.get(number)).collect();
            assert_eq!(all.len() as u64, steps.count());
            let of = |files: bool| all.iter().filter(move |step| matches!(step, Step::File(_)) == files).copied();
            assert!(of(true).eq((0..files).map(Step::File)), "{files} {programs}: {all:?}");
            assert!(of(false).eq((0..programs).map(Step::Program)), "{files} {programs}: {all:?}");
        }
        let first: Vec<Step> = (0..40).filter_map(|number| Steps::new(80, 1000).get(number)).collect();
        assert!(matches!(first[0], Step::File(0)) && first.contains(&Step::Program(3)), "{first:?}");
        let endless = Steps::new(80, u64::MAX);
        assert_eq!(endless.get(1_000_000), Some(Step::Program(1_000_000 - 80)));
        assert!((0..80 * 17).filter_map(|number| endless.get(number)).any(|step| step == Step::File(79)));
    }
}
