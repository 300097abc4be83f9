//! Tests of the evaluator, by example.

use maru_core::abi::Word;
use maru_core::ir::evaluate::*;
use maru_core::ir::*;
use maru_generate::World;

fn evaluator(text: &str) -> Evaluator {
    let functions = parse::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Evaluator::new(functions).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn call(evaluator: &Evaluator, arguments: &[Word]) -> Result<Word, EvaluateError> {
    let mut world = World::new(0);
    // SAFETY: the functions of these tests touch only the world's context.
    unsafe { evaluator.call(&mut world, FunctionId(0), arguments) }
}

#[test]
fn calls_nest() {
    let fib = "function fib(v0: w) -> w {
b0:
  v1 = const 2
  branch compare.lt v0 v1, b1, b2
b1:
  return v0
b2:
  v2 = const 1
  v3 = sub v0 v2
  v4 = call f0(v3) -> w
  v5 = sub v0 v1
  v6 = function_address f0
  v7 = call [v6](v5) -> w
  v8 = add v4 v7
  return v8
}";
    assert_eq!(call(&evaluator(fib), &[20]), Ok(6765));
}

#[test]
fn tail_calls_and_loops_need_no_stack() {
    let text = "function even(v0: w) -> w {
b0:
  v1 = const 1
  branch v0, b1, b2
b1:
  v2 = sub v0 v1
  tail_call f1(v2) -> w
b2:
  return v1
}
function odd(v0: w) -> w {
b0:
  branch v0, b1, b2
b1:
  v1 = const 1
  v2 = sub v0 v1
  v3 = function_address f0
  tail_call [v3](v2) -> w
b2:
  v4 = const 0
  return v4
}";
    let small = Limits { stack_words: 64, ..Limits::default() };
    let evaluator = evaluator(text).with_limits(small);
    assert_eq!(call(&evaluator, &[1_000_001]), Ok(0));
    assert_eq!(call(&evaluator, &[1_000_000]), Ok(1));
}

#[test]
fn block_parameters_are_set_at_once() {
    let text = "function f(v0: w, v1: w, v2: w) -> w {
b0:
  jump b1(v0, v1, v2)
b1(v3: w, v4: w, v5: w):
  v6 = const 1
  v7 = sub v5 v6
  branch v5, b1(v4, v3, v7), b2
b2:
  v8 = const 100
  v9 = mul v3 v8
  v10 = add v9 v4
  return v10
}";
    assert_eq!(call(&evaluator(text), &[1, 2, 3]), Ok(201));
    assert_eq!(call(&evaluator(text), &[1, 2, 4]), Ok(102));
}

#[test]
fn too_deep_a_call_asks_the_helper() {
    let text = "function f(v0: w) -> w {\nb0:\n v1 = call f0(v0) -> w\n return v1\n}";
    let mut world = World::new(0);
    let expected = world.helper(Helper::StackOverflow, &[77]);
    assert_eq!(call(&evaluator(text), &[77]), expected);
}

#[test]
fn undefined_operations_are_named() {
    let text = "function f(v0: w, v1: w) -> w {\nb0:\n v2 = div v0 v1\n return v2\n}";
    let error = call(&evaluator(text), &[7, 0]).unwrap_err();
    assert_eq!(error.to_string(), "f, b0, instruction 0: undefined: div v0 v1 (0x7, 0x0)");
    let text = "function f(v0: d) -> w {\nb0:\n v1 = float_to_int v0\n return v1\n}";
    let error = call(&evaluator(text), &[f64::INFINITY.to_bits()]).unwrap_err();
    assert_eq!(error.to_string(), "f, b0, instruction 0: undefined: float_to_int v0 (inf)");
    let text = "function f() -> w {\nb0:\n jump b1\nb1:\n unreachable\n}";
    assert_eq!(call(&evaluator(text), &[]).unwrap_err().to_string(), "f, b1, instruction 0: undefined: unreachable");
}

#[test]
fn fuel_ends_a_loop() {
    let text = "function f() -> w {\nb0:\n jump b1\nb1:\n jump b1\n}";
    let evaluator = evaluator(text).with_limits(Limits { fuel: Some(1000), ..Limits::default() });
    assert_eq!(call(&evaluator, &[]), Err(EvaluateError::OutOfFuel));
}

/// With two argument registers, the third argument travels in the argument area.
#[test]
fn arguments_past_the_registers_travel_in_the_context() {
    let text = "function f(v0: w, v1: w, v2: w, v3: w, v4: w, v5: d, v6: w) -> w {
b0:
  v7 = const 10
  v8 = mul v4 v7
  v9 = add v8 v6
  return v9
}
function g(v0: w) -> w {
b0:
  v1 = const 7
  v2 = const 8
  v3 = float 0x0000000000000000
  v4 = call f0(v0, v0, v0, v0, v1, v3, v2) -> w
  return v4
}";
    let limits = Limits { argument_registers: 2, ..Limits::default() };
    let evaluator = evaluator(text).with_limits(limits);
    let mut world = World::new(0);
    // SAFETY: the functions touch no memory but the context.
    let result = unsafe { evaluator.call(&mut world, FunctionId(1), &[1]) };
    assert_eq!(result, Ok(78));
    assert_eq!((world.argument(2), world.argument(3)), (7, 8));
    // A trampoline puts arguments into the area and enters with the registers; what it does not set is garbage.
    world.set_argument(2, 5);
    world.set_argument(3, 6);
    // SAFETY: as above.
    let result = unsafe { evaluator.enter(&mut world, FunctionId(0), &[1, 2, 3, 4]) };
    assert_eq!(result, Ok(56));
}

#[test]
fn a_missing_argument_is_garbage_that_need_not_be_looked_at() {
    let text = "function f(v0: w) -> w {
b0:
  v1 = function_address f1
  v2 = call [v1](v0) -> w
  return v2
}
function g(v0: w, v1: w, v2: w) -> w {
b0:
  v3 = add v1 v0
  v4 = sub v3 v1
  return v4
}";
    assert_eq!(call(&evaluator(text), &[5]), Ok(5));
}

/// Two units that tail-call each other through addresses that the environment knows.
struct Linked {
    world: World,
    units: Vec<Evaluator>,
    foreign_calls: usize,
}

impl Environment for Linked {
    fn context_address(&mut self) -> Word {
        self.world.context_address()
    }
    fn helper(&mut self, helper: Helper, arguments: &[Word]) -> Result<Word, EvaluateError> {
        self.world.helper(helper, arguments)
    }
    fn data(&mut self, unit: Word, index: u32) -> Result<Word, EvaluateError> {
        assert_eq!(index, 3);
        // Each unit's word 3 holds the address of the other.
        let other = self.units.iter().find(|evaluator| evaluator.address(FunctionId(0)) != unit);
        Ok(other.unwrap().address(FunctionId(0)))
    }
    fn evaluator_at(&mut self, address: Word) -> Option<Evaluator> {
        self.units.iter().find(|evaluator| evaluator.function_at(address).is_some()).cloned()
    }
    fn call_address(&mut self, address: Word, words: &[Word]) -> Result<Word, EvaluateError> {
        assert_eq!((address, words), (0xabc0, &[0, 9][..]));
        self.foreign_calls += 1;
        Ok(1234)
    }
}

#[test]
fn units_call_each_other_and_foreign_code() {
    let text = "function f(v0: w, v1: w) -> w {
b0:
  branch v0, b1, b2
b1:
  v2 = const 1
  v3 = sub v0 v2
  v4 = data 3
  tail_call [v4](v3, v1) -> w
b2:
  v5 = const 0xabc0
  v6 = call [v5](v0, v1) -> w
  return v6
}";
    let units: Vec<Evaluator> = (0..2).map(|_| evaluator(text)).collect();
    assert_eq!(units[0].address(FunctionId(0)) & 7, 0);
    let mut linked = Linked { world: World::new(0), units: units.clone(), foreign_calls: 0 };
    // SAFETY: the functions touch no memory.
    let result = unsafe { units[0].call(&mut linked, FunctionId(0), &[100_001, 9]) };
    assert_eq!((result, linked.foreign_calls), (Ok(1234), 1));
}
