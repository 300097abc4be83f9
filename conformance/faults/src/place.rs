//! Where faults are: each text must be in its file exactly once, and no two overlap but at the same place.

use crate::bank::{Bank, Fault};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Faults at a place of a file: the first that is chosen counts.
pub(crate) struct Place<'a> {
    pub(crate) range: Range<usize>,
    pub(crate) faults: Vec<&'a Fault>,
}

/// The places of each file, in order.
pub(crate) type Places<'a> = BTreeMap<&'a str, (String, Vec<Place<'a>>)>;

/// Check that each fault has its place in a source tree.
///
/// # Errors
/// All faults that have none, or several, or part of another's; a line each.
pub fn check_places(bank: &Bank, root: &Path) -> Result<(), String> {
    places(bank, root).map(|_| ())
}

/// Find the places of all faults.
pub(crate) fn places<'a>(bank: &'a Bank, root: &Path) -> Result<Places<'a>, String> {
    let mut files: Places = BTreeMap::new();
    let mut problems = Vec::new();
    for fault in &bank.faults {
        let Fault { name, file, .. } = fault;
        if !files.contains_key(file.as_str()) {
            match std::fs::read_to_string(root.join(file)) {
                Ok(text) => _ = files.insert(file, (text, Vec::new())),
                Err(error) => {
                    problems.push(format!("{name}: {file}: {error}"));
                    continue;
                }
            }
        }
        let Some((text, places)) = files.get_mut(file.as_str()) else { continue };
        match text.match_indices(&fault.old).collect::<Vec<_>>().as_slice() {
            [(at, _)] => add(places, *at..at + fault.old.len(), fault, &mut problems),
            found => problems.push(format!("{name}: its text is {} times in {file}:\n{}", found.len(), fault.old)),
        }
    }
    for (_, places) in files.values_mut() {
        places.sort_by_key(|place| place.range.start);
    }
    match problems.is_empty() {
        true => Ok(files),
        false => Err(problems.join("\n")),
    }
}

fn add<'a>(places: &mut Vec<Place<'a>>, range: Range<usize>, fault: &'a Fault, problems: &mut Vec<String>) {
    let meets = |place: &&mut Place| place.range.start < range.end && range.start < place.range.end;
    match places.iter_mut().find(meets) {
        None => places.push(Place { range, faults: vec![fault] }),
        Some(place) if place.range == range && place.faults[0].form == fault.form => place.faults.push(fault),
        Some(place) => problems.push(format!("{} is at a part of the place of {}", fault.name, place.faults[0].name)),
    }
}
