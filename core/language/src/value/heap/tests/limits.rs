//! Limits: bounded memory for garbage, exhaustion that can be survived, deep and long structures, large objects.

use super::*;

#[test]
fn garbage_takes_bounded_memory() {
    let mut mutator = Mutator::new(HeapOptions { initial_budget: 4 << 20, ..Default::default() });
    mutator.verify = false;
    for number in 0..10_000_000 {
        mutator.cons(Value::fixnum(number), Value::NIL);
    }
    let statistics = mutator.heap.statistics(&mutator.context);
    assert!(statistics.extent_bytes <= 5 << 20, "{statistics:?}");
    assert_eq!(statistics.allocated_bytes / 16, 10_000_000);
    assert!(statistics.collections >= 30);
}

#[test]
fn garbage_of_all_sizes_takes_bounded_memory() {
    let mut mutator = Mutator::new(HeapOptions { initial_budget: 4 << 20, ..Default::default() });
    mutator.tables.roots = vec![Value::NIL; 64];
    for round in 0..60_000u64 {
        let exponent = mix(round) % 13;
        let bytes = (mix(round + 1) % (32 << exponent)) as usize;
        let address = mutator.try_allocate(bytes + 8).unwrap();
        mutator.set_word(address, 0, header(Kind::Bytes, bytes + 8));
        if round % 100 == 0 {
            mutator.tables.roots[(round / 100 % 64) as usize] = Value::object_at(address);
        }
    }
    let statistics = mutator.heap.statistics(&mutator.context);
    assert!(statistics.extent_bytes <= 16 << 20, "{statistics:?}");
}

#[test]
fn exhaustion_is_an_error_that_can_be_survived() {
    for stress in [0, u64::MAX] {
        let max_bytes = if stress > 0 { 128 << 10 } else { 8 << 20 };
        let mut mutator = Mutator::new(HeapOptions { max_bytes, stress, poison: true, ..Default::default() });
        mutator.verify = false;
        mutator.tables.roots = vec![Value::NIL];
        for _ in 0..3 {
            let mut length = 0;
            while let Some(address) = mutator.try_allocate(16) {
                mutator.set_word(address, 0, Value::fixnum(length).0);
                mutator.set_word(address, 1, mutator.tables.roots[0].0);
                mutator.tables.roots[0] = Value::pair_at(address);
                length += 1;
            }
            assert!(length as usize >= max_bytes / 16 * 9 / 10, "{length} pairs in {max_bytes} bytes");
            assert!(mutator.try_allocate(16).is_none(), "still full");
            mutator.heap.open_reserve(true);
            assert!(mutator.try_allocate(16).is_some(), "the reserve is open");
            mutator.heap.open_reserve(false);
            mutator.heap.verify(&mutator.context).unwrap();
            let mut list = mutator.tables.roots[0];
            for number in (0..length).rev() {
                assert_eq!(mutator.slot(list, 0), Value::fixnum(number));
                list = mutator.slot(list, 1);
            }
            // The list dies, and all of its memory is to be had again.
            mutator.tables.roots[0] = Value::NIL;
        }
        assert!(mutator.try_allocate(max_bytes / 2).is_some());
        assert!(mutator.try_allocate(max_bytes * 2).is_none());
        assert!(mutator.try_allocate(usize::MAX).is_none());
        assert!(mutator.try_allocate(usize::MAX / 2).is_none());
        assert!(mutator.try_allocate(16).is_some());
    }
}

#[test]
fn a_full_heap_does_not_collect_for_ever() {
    let mut mutator = Mutator::new(HeapOptions { max_bytes: 16 << 20, ..Default::default() });
    mutator.verify = false;
    mutator.tables.roots = vec![Value::NIL];
    while let Some(address) = mutator.try_allocate(16) {
        mutator.set_word(address, 0, Value::NIL.0);
        mutator.set_word(address, 1, mutator.tables.roots[0].0);
        mutator.tables.roots[0] = Value::pair_at(address);
    }
    assert!(mutator.collections() < 20, "{}", mutator.collections());
}

#[test]
fn little_address_space_will_do() {
    let options = HeapOptions { reserve: 1 << 62, initial_budget: 1 << 20, ..Default::default() };
    let heap = Heap::new(options).unwrap();
    assert!(heap.reserved_bytes() >= 1 << 20);
    let options = HeapOptions { reserve: 0, max_bytes: 0, ..Default::default() };
    let mut mutator = Mutator { heap: Heap::new(options).unwrap(), ..Mutator::new(HeapOptions::default()) };
    assert_eq!(mutator.heap.reserved_bytes(), 1 << 20);
    assert!(mutator.try_allocate(600 << 10).is_some());
    assert!(mutator.try_allocate((1 << 20) + 1).is_none());
}

#[test]
fn long_lists_and_deep_trees_need_no_stack() {
    for stack_max in [None, Some(64)] {
        let mut mutator = Mutator::new(HeapOptions { initial_budget: 256 << 20, ..Default::default() });
        mutator.heap.marking.stack_max = stack_max;
        let count = 300_000;
        mutator.tables.roots = vec![Value::NIL; 3];
        for number in 0..count {
            let leaf = mutator.cons(Value::fixnum(number), Value::NIL);
            mutator.tables.roots[0] = mutator.cons(leaf, mutator.tables.roots[0]);
            mutator.tables.roots[1] = mutator.cons(mutator.tables.roots[1], leaf);
            mutator.tables.roots[2] = mutator.object(Kind::Slots, &[mutator.tables.roots[2], leaf]);
        }
        mutator.collect();
        let expected = count as usize * (3 * 16 + 32);
        assert_eq!(mutator.heap.statistics(&mutator.context).live_bytes, expected);
    }
}

#[test]
fn wide_arrays_are_scanned_in_parts() {
    for stack_max in [None, Some(64)] {
        let mut mutator = Mutator::new(HeapOptions { initial_budget: 256 << 20, ..Default::default() });
        mutator.heap.marking.stack_max = stack_max;
        // Lengths on both sides of the chunks' ends.
        let length = |outer: usize| 500 + outer % 25 + outer / 25 % 3 * 512;
        let mut inner = Vec::new();
        let mut expected = 0;
        for outer in 0..100 {
            let leaves: Vec<Value> = (0..length(outer))
                .map(|number| mutator.cons(Value::fixnum((outer * 10_000 + number) as i64), Value::NIL))
                .collect();
            inner.push(mutator.object(Kind::Slots, &leaves));
            expected += length(outer) * 16 + (8 + length(outer) * 8).next_multiple_of(16);
        }
        let array = mutator.object(Kind::Slots, &inner);
        expected += (8 + inner.len() * 8).next_multiple_of(16);
        mutator.tables.roots = vec![array];
        mutator.collect();
        mutator.collect();
        assert_eq!(mutator.heap.statistics(&mutator.context).live_bytes, expected);
        for (outer, &array) in inner.iter().enumerate() {
            for number in 0..length(outer) {
                let leaf = mutator.slot(array, 1 + number);
                assert_eq!(mutator.slot(leaf, 0), Value::fixnum((outer * 10_000 + number) as i64));
            }
        }
    }
}

#[test]
fn large_objects_come_and_go() {
    let mut mutator = Mutator::new(HeapOptions { initial_budget: 1 << 20, ..Default::default() });
    mutator.tables.roots = vec![Value::NIL; 8];
    let mut seeds = [None; 8];
    for round in 0..600u64 {
        let place = (mix(round) % 8) as usize;
        let bytes = (16 << 10) + (mix(round + 1) % (3 << 20)) as usize;
        mutator.tables.roots[place] = mutator.raw(bytes, round);
        seeds[place] = Some((round, bytes));
        for _ in 0..100 {
            mutator.cons(Value::NIL, Value::NIL);
        }
        for (value, seed) in mutator.tables.roots.iter().zip(seeds) {
            let Some((seed, bytes)) = seed else { continue };
            for index in [1, bytes / 16, bytes / 8] {
                assert_eq!(mutator.word(value.address(), index), mix(seed + index as u64));
            }
        }
    }
    let statistics = mutator.heap.statistics(&mutator.context);
    assert!(statistics.extent_bytes < 96 << 20, "{statistics:?}");
    mutator.tables.roots.clear();
    mutator.collect();
    let statistics = mutator.heap.statistics(&mutator.context);
    assert_eq!(statistics.live_bytes, 0);
}

#[test]
fn bytes_elsewhere_count_towards_the_limit() {
    let mut mutator = Mutator::new(HeapOptions { max_bytes: 8 << 20, ..Default::default() });
    mutator.heap.hold_outside(16 << 20);
    assert!(mutator.heap.has_room_outside(16 << 20), "before they count");
    mutator.heap.count_outside();
    assert!(mutator.heap.has_room_outside(7 << 20) && !mutator.heap.has_room_outside(8 << 20));
    mutator.heap.hold_outside(9 << 20);
    let refused = (0..1 << 20).any(|_| mutator.try_allocate(16).is_none());
    assert!(refused, "nothing is left for objects");
    mutator.heap.let_go_outside(9 << 20);
    assert!((0..1 << 20).all(|_| mutator.try_allocate(16).is_some()), "garbage finds room again");
}
