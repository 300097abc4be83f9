//! Functions that touch no memory, run by an engine and evaluated: every operation at boundary values, and control flow that
//! no loops and blocks express. Modules are those that the format writes, and a validator accepts them.

use maru_core::abi::{Helper, Word};
use maru_core::codegen::Architecture;
use maru_core::format::{CodePlacement, Image, ObjectFormat};
use maru_core::ir::evaluate::{Environment, EvaluateError, Evaluator};
use maru_core::ir::{parse, FunctionId};
use maru_wasm::TARGET;
use maru_wasm_format::WASM;
use wasmi::{
    Engine, Extern, Func, Global, Instance, Memory, MemoryType, Module, Mutability, Nullable, Ref, RefType, Store,
    Table, TableType, Val,
};

const WORDS: [i64; 16] =
    [0, 1, 2, 3, 7, 63, 64, 127, 128, 0x7fff_ffff, 0xffff_ffff, 0x0123_4567_89ab_cdef, i64::MAX, i64::MIN, -1, -128];
const DOUBLES: [f64; 12] =
    [0.0, -0.0, 1.0, -1.0, 0.5, -2.75, 1e300, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

/// A world without anything in it.
struct Nothing;

impl Environment for Nothing {
    fn context_address(&mut self) -> Word {
        0
    }
    fn helper(&mut self, helper: Helper, _: &[Word]) -> Result<Word, EvaluateError> {
        Err(EvaluateError::Environment(format!("a call of {helper:?}")))
    }
    fn data(&mut self, _: Word, index: u32) -> Result<Word, EvaluateError> {
        Err(EvaluateError::Environment(format!("data word {index}")))
    }
    fn call_address(&mut self, address: Word, _: &[Word]) -> Result<Word, EvaluateError> {
        Err(EvaluateError::Environment(format!("a call of {address:#x}")))
    }
}

/// A function in an engine, and its IR.
struct Both {
    store: Store<()>,
    function: Func,
    evaluator: Evaluator,
}

impl Both {
    fn new(text: &str) -> Both {
        let functions = parse::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut image = Image::new("test", "");
        for function in &functions {
            let compiled = TARGET.compile(function).unwrap_or_else(|error| panic!("{error}"));
            image.push(function.name.clone(), compiled, CodePlacement { alignment: 1, filling: &[] });
        }
        let machine = TARGET.identity("wasm").expect("its own format");
        let layout = WASM.layout(&image, machine).expect("laid out");
        let file = WASM.write(&image, &layout, machine).expect("written");
        wasmparser::Validator::new().validate_all(&file).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let module = Module::new(&engine, &file).expect("a module");
        let nobody = Ref::Func(Nullable::Null);
        let provided: Vec<Extern> = module
            .imports()
            .map(|import| match import.ty() {
                wasmi::ExternType::Func(of) => {
                    Func::new(&mut store, of.clone(), |_, _, _| Err(wasmi::Error::new("a helper was called"))).into()
                }
                wasmi::ExternType::Memory(_) => {
                    Memory::new(&mut store, MemoryType::new64(0, None)).expect("memory").into()
                }
                wasmi::ExternType::Table(_) => {
                    Table::new(&mut store, TableType::new(RefType::Func, 100, None), nobody).expect("a table").into()
                }
                wasmi::ExternType::Global(of) => {
                    let value = if of.content() == wasmi::ValType::I32 { Val::I32(0) } else { Val::I64(0) };
                    Global::new(&mut store, value, Mutability::Const).into()
                }
            })
            .collect();
        let instance = Instance::new(&mut store, &module, &provided).expect("instantiated");
        let function = instance.get_func(&store, &functions[0].name).expect("exported");
        Both { store, function, evaluator: Evaluator::new(functions).expect("verified") }
    }

    /// The result of both for some words; `None` where it is undefined.
    fn run(&mut self, words: [u64; 2]) -> Option<u64> {
        // SAFETY: the functions touch no memory.
        let evaluated = unsafe { self.evaluator.call(&mut Nothing, FunctionId(0), &words) };
        let expected = match evaluated {
            Err(EvaluateError::Undefined { .. }) => return None,
            result => result.unwrap_or_else(|error| panic!("{error}")),
        };
        let mut arguments = vec![Val::I64(0)];
        arguments.extend(words.map(|word| Val::I64(word as i64)));
        arguments.resize(7, Val::I64(0));
        let mut result = [Val::I64(0)];
        self.function.call(&mut self.store, &arguments, &mut result).unwrap_or_else(|error| panic!("{error}"));
        let found = result[0].i64().expect("a word") as u64;
        let nan = |word| f64::from_bits(word).is_nan();
        assert!(found == expected || nan(found) && nan(expected), "{words:x?}: {found:#x}, not {expected:#x}");
        Some(found)
    }
}

/// A function of two words, with the second operand in turn a parameter and each constant.
fn check(body: &str, seconds: &[u64], firsts: &[u64]) {
    let start = "entry function t(v0: w, v1: w) -> w {\nb0:\n";
    let mut plain = Both::new(&format!("{start}{body}}}\n"));
    let mut defined = 0;
    for second in seconds {
        let constant = body.replace("v1", "v99");
        let mut with_constant = Both::new(&format!("{start}  v99 = const {}\n{constant}}}\n", *second as i64));
        for first in firsts {
            defined += usize::from(plain.run([*first, *second]).is_some());
            with_constant.run([*first, *second]);
        }
    }
    assert!(defined > firsts.len() * seconds.len() / 2, "{body}: hardly ever defined");
}

#[test]
fn operations_on_words() {
    let words = WORDS.map(|word| word as u64);
    for name in ["add", "sub", "mul", "div", "rem", "and", "or", "xor", "shl", "lshr", "ashr", "rotl"] {
        check(&format!("  v2 = {name} v0 v1\n  return v2\n"), &words, &words);
    }
    for name in ["add", "sub", "mul"] {
        let both = format!("  v2, v3 = {name}.overflow v0 v1\n  v4 = rotl v2 v3\n  v5 = xor v4 v3\n  return v5\n");
        check(&both, &words, &words);
        check(&format!("  v2, v3 = {name}.overflow v0 v1\n  return v3\n"), &words, &words);
    }
    for name in ["eq", "ne", "lt", "le", "gt", "ge", "below", "at_least"] {
        check(&format!("  v2 = compare.{name} v0 v1\n  return v2\n"), &words, &words);
        let branch = format!(
            "  branch compare.{name} v0 v1, b1, b2\nb1:\n  v3 = const 5\n  return v3\nb2:\n  v4 = const 6\n  return v4\n"
        );
        check(&branch, &words, &words);
    }
    for mask in [0, 1, 2, 0x80, 0x55, 0xff] {
        check(&format!("  v2 = has_tag {mask} v0\n  v3 = add v2 v1\n  return v3\n"), &[0], &words);
    }
}

#[test]
fn operations_on_doubles() {
    let doubles = DOUBLES.map(f64::to_bits);
    let operands = "  v2 = float_from_bits v0\n  v3 = float_from_bits v1\n";
    for name in ["add", "sub", "mul", "div"] {
        let body = format!("{operands}  v4 = float.{name} v2 v3\n  v5 = float_bits v4\n  return v5\n");
        check(&body, &doubles, &doubles);
    }
    for name in ["neg", "abs", "sqrt"] {
        let body = format!("{operands}  v4 = float.{name} v2\n  v5 = float_bits v4\n  return v5\n");
        check(&body, &[0], &doubles);
    }
    for name in ["eq", "ne", "lt", "le", "gt", "ge"] {
        check(&format!("{operands}  v4 = float.{name} v2 v3\n  return v4\n"), &doubles, &doubles);
    }
    let words = WORDS.map(|word| word as u64);
    check("  v2 = int_to_float v0\n  v3 = float_bits v2\n  return v3\n", &[0], &words);
    check(&format!("{operands}  v4 = float_to_int v2\n  return v4\n"), &[0], &[0, 1, 0x4045_0000_0000_0000]);
}

/// Two loops into each other, entered at both.
#[test]
fn control_flow_that_is_not_structured() {
    let text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = const 0\n  v3 = const 1\n  v4 = const 7\n  \
                v5 = and v0 v3\n  branch v5, b1(v0, v1), b2(v0, v1)\n\
                b1(v10: w, v11: w):\n  v12 = add v11 v4\n  v13 = sub v10 v3\n  branch compare.le v13 v2, b3(v12), b2(v13, v12)\n\
                b2(v20: w, v21: w):\n  v22 = mul v21 v4\n  v23 = sub v20 v3\n  branch compare.le v23 v2, b3(v22), b1(v23, v22)\n\
                b3(v30: w):\n  return v30\n}\n";
    let mut both = Both::new(text);
    for turns in 0..20 {
        both.run([turns, 3]);
    }
}

/// Loops in loops, ways that meet, and parameters that change places.
#[test]
fn control_flow_that_is_structured() {
    let text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = const 0\n  v3 = const 1\n  jump b1(v0, v1, v2)\n\
                b1(v10: w, v11: w, v12: w):\n  v13 = const 7\n  v14 = and v11 v13\n  \
                branch compare.le v10 v2, b6(v12), b2(v14, v12)\n\
                b2(v20: w, v21: w):\n  v22 = and v20 v3\n  branch v22, b3, b4\n\
                b3:\n  v30 = add v21 v20\n  jump b5(v30, v20)\n\
                b4:\n  v40 = xor v21 v10\n  jump b5(v20, v40)\n\
                b5(v50: w, v51: w):\n  v52 = sub v20 v3\n  v53 = add v50 v51\n  \
                branch compare.gt v52 v2, b2(v52, v53), b7(v53, v10)\n\
                b6(v60: w):\n  return v60\n\
                b7(v70: w, v71: w):\n  v72 = sub v71 v3\n  jump b1(v72, v70, v71)\n}\n";
    let mut both = Both::new(text);
    for turns in 0..4 {
        both.run([turns, 5]);
    }
}
