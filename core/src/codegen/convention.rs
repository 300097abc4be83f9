//! The convention of a register machine as facts, which are a part of the stamp of its images.

use super::{Architecture, CallKind, CallLayout, RegisterMachine, System};
use crate::abi::{abi_stamp, fingerprint, Fact};
use regalloc2::{PReg, PRegSet, RegClass};

/// The stamp of images for a target.
pub fn image_stamp(architecture: &dyn Architecture) -> u64 {
    abi_stamp(&architecture.convention_facts())
}

/// All that two images of a machine must agree on, or an image and the runtime.
pub(super) fn facts(machine: &impl RegisterMachine) -> Vec<Fact> {
    let spec = machine.spec();
    let mut facts = vec![
        Fact::new("target.name", fingerprint(spec.name.as_bytes())[0]),
        Fact::new("target.context", register(spec.frame.context)),
        Fact::new("target.stack_alignment", spec.frame.stack_alignment.into()),
        Fact::new("target.red_zone", spec.frame.red_zone.into()),
    ];
    if let Some((_, identity)) = spec.identities.first() {
        facts.extend([
            Fact::new("target.pointer_size", identity.pointer_size.into()),
            Fact::new("target.little_endian", identity.little_endian.into()),
            Fact::new("target.entry_cfa_offset", identity.unwind.entry_cfa_offset as u64),
            Fact::new("target.return_address", identity.unwind.return_address.into()),
        ]);
    }
    let mut systems: Vec<System> = spec.identities.iter().map(|(_, identity)| identity.system).collect();
    systems.push(System::default());
    systems.sort_unstable_by_key(|system| system.0);
    systems.dedup();
    for system in systems {
        let layouts = machine.call_layouts_on(system);
        for (name, kind) in [("maru", CallKind::Maru), ("entry", CallKind::Entry), ("helper", CallKind::Helper)] {
            call(&format!("system.{}.{name}", system.0), &layouts[kind as usize], &mut facts);
        }
    }
    facts
}

fn call(name: &str, layout: &CallLayout, facts: &mut Vec<Fact>) {
    let mut state = |what: &str, value| facts.push(Fact::new(format!("{name}.{what}"), value));
    for (number, word) in layout.words.iter().enumerate() {
        state(&format!("word.{number}"), register(*word));
    }
    for (number, double) in layout.doubles.iter().enumerate() {
        state(&format!("double.{number}"), register(*double));
    }
    state("words", layout.words.len() as u64);
    state("doubles", layout.doubles.len() as u64);
    state("area", layout.has_area.into());
    // One more than the slots that are left free, so that no words on the stack is told from those from slot 0 on.
    state("stack", layout.stack.map_or(0, |stack| 1 + u64::from(stack.reserved)));
    state("word_result", register(layout.word_result));
    if let Some(high) = layout.high_result {
        state("high_result", register(high));
    }
    state("double_result", register(layout.double_result));
    state("clobbered_words", registers(layout.clobbers, RegClass::Int));
    state("clobbered_doubles", registers(layout.clobbers, RegClass::Float));
}

fn register(register: PReg) -> u64 {
    register.index() as u64
}

/// The registers of a class in a set, as bits.
fn registers(set: PRegSet, class: RegClass) -> u64 {
    let members = set.into_iter().filter(|register| register.class() == class);
    members.fold(0, |bits, register| bits | 1 << register.hw_enc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::stamp_of;
    use crate::codegen::StackWords;
    use std::collections::HashSet;

    fn layout(words: &[usize], area: bool) -> CallLayout {
        let word = |number: usize| PReg::new(number, RegClass::Int);
        let double = |number: usize| PReg::new(number, RegClass::Float);
        CallLayout {
            words: words.iter().map(|number| word(*number)).collect(),
            has_area: area,
            stack: None,
            doubles: vec![double(0), double(1)],
            word_result: word(0),
            high_result: None,
            double_result: double(0),
            clobbers: [word(1), double(3)].into_iter().collect(),
        }
    }

    fn facts_of(layout: &CallLayout) -> Vec<Fact> {
        let mut facts = Vec::new();
        call("maru", layout, &mut facts);
        facts
    }

    #[test]
    fn each_part_of_a_layout_changes_the_stamp() {
        let changes: [fn(&mut CallLayout); 9] = [
            |_| (),
            |layout| layout.words.swap(0, 1),
            |layout| layout.words.truncate(2),
            |layout| layout.has_area = false,
            |layout| layout.stack = Some(StackWords { reserved: 0 }),
            |layout| layout.doubles.swap(0, 1),
            |layout| layout.word_result = layout.words[1],
            |layout| layout.double_result = layout.doubles[1],
            |layout| layout.clobbers = PRegSet::empty(),
        ];
        let stamps: HashSet<u64> = changes
            .iter()
            .map(|change| {
                let mut changed = layout(&[3, 1, 2], true);
                change(&mut changed);
                stamp_of(0, &facts_of(&changed))
            })
            .collect();
        assert_eq!(stamps.len(), changes.len());
    }

    #[test]
    fn names_are_unique() {
        let facts = facts_of(&layout(&[3, 1, 2], true));
        let names: HashSet<_> = facts.iter().map(|fact| &fact.name).collect();
        assert_eq!(names.len(), facts.len());
    }
}
