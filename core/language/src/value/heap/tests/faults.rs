//! The verifier finds what it is there to find.

use super::*;

fn damaged(fault: &str, damage: impl FnOnce(&mut Mutator)) {
    let mut mutator = Mutator::new(HeapOptions { poison: true, ..Default::default() });
    // Every fourth object survives the collection; then a few more are born.
    for number in 0..4000 {
        let value = mutator.cons(Value::fixnum(number), Value::NIL);
        if number % 4 == 0 {
            mutator.tables.roots.push(value);
        }
    }
    let array = mutator.object(Kind::Slots, &[Value::NIL; 50]);
    mutator.tables.roots.push(array);
    mutator.collect();
    let young = mutator.object(Kind::Slots, &[Value::NIL; 5]);
    mutator.tables.roots.push(young);
    mutator.verify();
    damage(&mut mutator);
    let found = mutator.heap.verify(&mutator.context).unwrap_err();
    assert!(found.contains(fault), "{found}");
}

#[test]
fn a_pointer_to_the_dead() {
    damaged("leads to no object", |mutator| {
        let dead = mutator.tables.roots[3000 / 4].address() + 16;
        mutator.set_word(mutator.tables.roots[10].address(), 1, Value::pair_at(dead).0);
    });
}

#[test]
fn a_pointer_of_the_wrong_sort() {
    damaged("leads to no object", |mutator| {
        let pair = mutator.tables.roots[7].address();
        mutator.set_word(mutator.tables.roots[10].address(), 0, Value::object_at(pair).0);
    });
}

#[test]
fn a_pointer_into_an_object() {
    damaged("leads to no object", |mutator| {
        let array = mutator.tables.roots[1000].address();
        mutator.set_word(array, 3, Value::pair_at(array + 16).0);
    });
}

#[test]
fn a_header_that_is_none() {
    damaged("is no header", |mutator| {
        let array = mutator.tables.roots[1000].address();
        mutator.set_word(array, 0, mutator.word(array, 0) | 0x40);
    });
}

#[test]
fn a_survivor_that_shrank() {
    damaged("body bits differ", |mutator| {
        let array = mutator.tables.roots[1000].address();
        mutator.set_word(array, 0, header(Kind::Slots, 32));
    });
}

#[test]
fn a_young_object_that_overshoots_its_hole() {
    damaged("handed out", |mutator| {
        let young = mutator.tables.roots[1001].address();
        mutator.set_word(young, 0, header(Kind::Slots, 8 << 20));
    });
}

#[test]
fn a_write_to_freed_memory() {
    damaged("wrote to freed memory", |mutator| {
        let dead = mutator.tables.roots[3000 / 4].address() + 16;
        mutator.set_word(dead, 1, Value::NIL.0);
    });
}

#[test]
fn a_slot_read_from_freed_memory() {
    damaged("is freed memory", |mutator| {
        mutator.set_word(mutator.tables.roots[1000].address(), 5, crate::value::heap::POISON);
    });
}
