//! Structures whose contents are a function of a seed, built, dropped and checked while collections go on.

use super::*;

/// Which structure a seed stands for: list, tree, array of lists, raw bytes, array, closure.
fn build(mutator: &mut Mutator, seed: u64) -> Value {
    match seed % 6 {
        0 => (0..seed / 6 % 60).fold(Value::NIL, |list, index| mutator.cons(number(seed, index), list)),
        1 => tree(mutator, seed, 6),
        2 => {
            let count = (seed / 6 % 40) as usize;
            let array = mutator.object(Kind::Slots, &vec![Value::NIL; count]);
            for index in 0..count {
                let pair = mutator.cons(number(seed, index as u64), Value::TRUE);
                mutator.set_word(array.address(), 1 + index, pair.0);
            }
            array
        }
        3 => mutator.raw((seed / 6 % 3000) as usize, seed),
        4 => {
            let fields: Vec<Value> = (0..seed / 6 % 400).map(|index| number(seed, index)).collect();
            mutator.object(Kind::Slots, &fields)
        }
        _ => {
            let code = mutator.object(Kind::Code, &[number(seed, 1), Value::fixnum(-1)]);
            mutator.object(Kind::Closure, &[code, number(seed, 2)])
        }
    }
}

fn number(seed: u64, index: u64) -> Value {
    Value::fixnum((mix(seed.wrapping_mul(31).wrapping_add(index)) >> 8) as i64)
}

fn tree(mutator: &mut Mutator, seed: u64, depth: u64) -> Value {
    if depth == 0 {
        return number(seed, 0);
    }
    let left = tree(mutator, seed * 2, depth - 1);
    let right = tree(mutator, seed * 2 + 1, depth - 1);
    mutator.cons(left, right)
}

/// Panics unless the structure is what [`build`] makes of the seed.
fn check(mutator: &Mutator, seed: u64, value: Value) {
    match seed % 6 {
        0 => {
            let mut list = value;
            for index in (0..seed / 6 % 60).rev() {
                assert_eq!(mutator.slot(list, 0), number(seed, index));
                list = mutator.slot(list, 1);
            }
            assert_eq!(list, Value::NIL);
        }
        1 => check_tree(mutator, seed, 6, value),
        2 => (0..(seed / 6 % 40) as usize).for_each(|index| {
            let pair = mutator.slot(value, 1 + index);
            assert_eq!(mutator.slot(pair, 0), number(seed, index as u64));
            assert_eq!(mutator.slot(pair, 1), Value::TRUE);
        }),
        3 => {
            let size = field(0) as usize + (seed / 6 % 3000) as usize;
            assert_eq!(mutator.word(value.address(), 0), header(Kind::Bytes, size));
            (1..size / 8).for_each(|index| assert_eq!(mutator.word(value.address(), index), mix(seed + index as u64)));
        }
        4 => (0..seed / 6 % 400).for_each(|index| {
            assert_eq!(mutator.slot(value, 1 + index as usize), number(seed, index));
        }),
        _ => {
            assert_eq!(mutator.slot(value, 2), number(seed, 2));
            assert_eq!(mutator.slot(mutator.slot(value, 1), 1), number(seed, 1));
        }
    }
}

fn check_tree(mutator: &Mutator, seed: u64, depth: u64, value: Value) {
    if depth == 0 {
        return assert_eq!(value, number(seed, 0));
    }
    check_tree(mutator, seed * 2, depth - 1, mutator.slot(value, 0));
    check_tree(mutator, seed * 2 + 1, depth - 1, mutator.slot(value, 1));
}

/// Replaces random structures of a table for some rounds. What is being built is on the stack only.
fn churn(options: HeapOptions, slots: usize, rounds: usize, random: u64) -> Mutator {
    let mut mutator = Mutator::new(options);
    mutator.tables.roots = vec![Value::NIL; slots];
    let mut seeds = vec![None; slots];
    mutator.with_stack(|mutator| {
        for round in 0..rounds {
            let dice = mix(random + round as u64);
            let place = (dice % slots as u64) as usize;
            let seed = mix(dice) >> 24;
            let value = build(mutator, seed);
            mutator.tables.roots[place] = value;
            seeds[place] = Some(seed);
            let other = (mix(dice + 1) % slots as u64) as usize;
            if let Some(seed) = seeds[other] {
                check(mutator, seed, mutator.tables.roots[other]);
            }
        }
        for (seed, value) in seeds.iter().zip(&mutator.tables.roots) {
            seed.iter().for_each(|&seed| check(mutator, seed, *value));
        }
        mutator.verify();
    });
    mutator
}

#[test]
fn stress() {
    for random in 0..3 {
        let mutator = churn(HeapOptions::stress(), 20, 80, random * 1000);
        assert!(mutator.collections() > 1000, "every allocation collects: {}", mutator.collections());
    }
}

#[test]
fn small_budgets() {
    for budget in [4 << 10, 40 << 10, 333 << 10] {
        let options = HeapOptions { initial_budget: budget, growth_percent: 10, poison: true, ..Default::default() };
        let mutator = churn(options, 300, 6000, budget as u64);
        assert!(mutator.collections() > 10, "{}", mutator.collections());
    }
}

#[test]
fn usual_budgets() {
    let mut mutator = churn(HeapOptions { initial_budget: 1 << 20, ..Default::default() }, 1000, 60_000, 7);
    assert!(mutator.collections() > 5);
    mutator.tables.roots.clear();
    mutator.collect();
    assert_eq!(mutator.heap.statistics(&mutator.context).live_bytes, 0);
}

#[test]
fn allocation_inline_and_by_call_mix() {
    let mut mutator = Mutator::new(HeapOptions { initial_budget: 64 << 10, poison: true, ..Default::default() });
    mutator.tables.roots = vec![Value::NIL];
    for round in 0..200_000u64 {
        let size = 16 * (1 + mix(round) as usize % 8);
        // As native code does it: bump if there is room; fill the header and all slots at once.
        let address = if mutator.context.allocation_pointer + size <= mutator.context.allocation_limit {
            let address = mutator.context.allocation_pointer;
            mutator.context.allocation_pointer += size;
            address
        } else {
            mutator.allocate(size)
        };
        let previous = if round % 1000 == 0 { Value::NIL } else { mutator.tables.roots[0] };
        mutator.set_word(address, 0, header(Kind::Slots, size));
        mutator.set_word(address, 1, previous.0);
        (2..size / 8).for_each(|index| mutator.set_word(address, index, Value::fixnum(round as i64).0));
        mutator.tables.roots[0] = Value::object_at(address);
    }
    let mut object = mutator.tables.roots[0];
    for round in (199_000..200_000).rev() {
        let size = mutator.word(object.address(), 0) as usize >> 16;
        (2..size / 8).for_each(|index| assert_eq!(mutator.slot(object, index), Value::fixnum(round)));
        object = mutator.slot(object, 1);
    }
    assert_eq!(object, Value::NIL);
    assert!(mutator.collections() > 10);
}
