//! Roots: interior pointers, registers, objects that stand for something outside the heap, weak references.

use super::*;

#[test]
fn any_address_inside_finds_the_object() {
    for collect_first in [false, true] {
        for bytes in [16, 24, 48, 128, 504, 5000, 16 << 10, 40_000, 200_000] {
            let mut mutator = Mutator::new(HeapOptions { poison: true, ..Default::default() });
            let before = mutator.raw(100, 1);
            let object = mutator.object(Kind::Slots, &vec![Value::TRUE; bytes / 8 - 1]);
            let after = mutator.raw(100, 2);
            mutator.tables.roots = vec![before, object, after];
            if collect_first {
                mutator.collect();
            }
            let (address, end) = (object.address(), object.address() + bytes.next_multiple_of(16));
            for word in (address..end).step_by(if bytes > 1000 { 61 } else { 1 }).chain([end - 1]) {
                assert_eq!(mutator.heap.resolve(&mutator.context, word as Word), Some(address), "{bytes}");
            }
            for word in [address - 1, end] {
                assert_ne!(mutator.heap.resolve(&mutator.context, word as Word), Some(address), "{bytes}");
            }
            assert_eq!(mutator.heap.resolve(&mutator.context, mutator.context.allocation_pointer as Word), None);
            assert_eq!(mutator.heap.resolve(&mutator.context, mutator.heap.base() as Word - 1), None);
        }
    }
}

#[test]
fn a_word_keeps_an_object_alive_and_nothing_else() {
    for kept in 0..40usize {
        let mut mutator = Mutator::new(HeapOptions { poison: true, ..Default::default() });
        let objects: Vec<Value> = (0..40).map(|index| mutator.raw(16 + index * 8, index as u64)).collect();
        mutator.tables.words = vec![objects[kept].address() as Word + 16 + kept as Word % 8];
        mutator.collect();
        for (index, &object) in objects.iter().enumerate() {
            assert_eq!(mutator.heap.is_marked(object), index == kept);
        }
        assert_eq!(mutator.word(objects[kept].address(), 1), mix(kept as u64 + 1));
        // A survivor's interior is found again in the next collection, the dead are not.
        mutator.tables.words.extend(objects.iter().map(|object| object.address() as Word));
        mutator.collect();
        let size = (24 + kept * 8).next_multiple_of(16);
        assert_eq!(mutator.heap.statistics(&mutator.context).live_bytes, size);
    }
}

#[test]
fn what_only_the_stack_holds_stays_alive() {
    let mut mutator = Mutator::new(HeapOptions::stress());
    mutator.with_stack(|mutator| {
        let values: [Value; 12] = std::array::from_fn(|index| mutator.raw(40, index as u64 * 100));
        let list = (0..50).fold(Value::NIL, |list, index| mutator.cons(Value::fixnum(index), list));
        for (index, value) in values.iter().enumerate() {
            assert_eq!(mutator.word(value.address(), 1), mix(index as u64 * 100 + 1));
        }
        assert_eq!(mutator.slot(mutator.slot(list, 1), 0), Value::fixnum(48));
    });
}

#[test]
fn entries_outside_the_heap_are_traced_when_their_objects_are() {
    let mut mutator = Mutator::new(HeapOptions { poison: true, ..Default::default() });
    let leaf = mutator.cons(Value::fixnum(1), Value::NIL);
    let lost = mutator.cons(Value::fixnum(2), Value::NIL);
    let class = mutator.object(Kind::Class, &[Value::fixnum(1)]);
    let environment = mutator.object(Kind::Environment, &[Value::fixnum(0)]);
    let selector = mutator.object(Kind::Selector, &[Value::NIL, Value::fixnum(3)]);
    let code = mutator.object(Kind::Code, &[Value::fixnum(8), Value::fixnum(2)]);
    let trampoline = mutator.object(Kind::Code, &[Value::fixnum(8), Value::fixnum(-1)]);
    let dead = mutator.object(Kind::Environment, &[Value::fixnum(4)]);
    mutator.tables.externals =
        vec![vec![class, environment], vec![code, trampoline], vec![selector], vec![leaf], vec![lost]];
    mutator.tables.roots = vec![environment];
    mutator.collect();
    mutator.tables.reported.sort_by_key(|&(_, index)| index);
    assert_eq!(
        mutator.tables.reported,
        [(Kind::Environment, 0), (Kind::Class, 1), (Kind::Code, 2), (Kind::Selector, 3)]
    );
    assert!([leaf, class, environment, selector, code, trampoline].iter().all(|&value| mutator.heap.is_marked(value)));
    assert!(![lost, dead].iter().any(|&value| mutator.heap.is_marked(value)));
    assert!(mutator.heap.is_marked(Value::fixnum(5)) && mutator.heap.is_marked(Value::NIL));
}

#[test]
fn dead_large_objects_are_not_marked() {
    let mut mutator = Mutator::new(HeapOptions::default());
    let large = mutator.raw(4 << 20, 1);
    assert!(!mutator.heap.is_marked(large), "not before the first collection");
    mutator.tables.roots = vec![large];
    mutator.collect();
    assert!(mutator.heap.is_marked(large));
    mutator.tables.roots.clear();
    mutator.collect();
    assert!(!mutator.heap.is_marked(large));
}
