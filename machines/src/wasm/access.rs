//! Accesses of memory as calls: of functions that read and write this process's memory, at an address and an offset.

use super::Host;
use maru_core::ir::Helper;
use wasm_encoder::reencode::{self, utils, Reencode};
use wasm_encoder::{CodeSection, EntityType, ImportSection, Instruction, Module};
use wasmi::{Func, Store};
use wasmparser::{FunctionBody, ImportSectionReader, MemArg, Operator};

/// How many functions a module of the format imports.
const HELPERS: u32 = Helper::ALL.len() as u32;
/// Numbers of the types of functions of two and of three words, as the format has them.
const TWO_WORDS: u32 = 2;
const THREE_WORDS: u32 = 3;

/// The functions, by their numbers after the helpers'.
#[derive(Clone, Copy)]
enum Access {
    LoadByte,
    LoadFour,
    LoadWord,
    StoreByte,
    StoreFour,
    StoreWord,
}

const ALL: [(Access, &str, u32); 6] = [
    (Access::LoadByte, "load_byte", TWO_WORDS),
    (Access::LoadFour, "load_four", TWO_WORDS),
    (Access::LoadWord, "load_word", TWO_WORDS),
    (Access::StoreByte, "store_byte", THREE_WORDS),
    (Access::StoreFour, "store_four", THREE_WORDS),
    (Access::StoreWord, "store_word", THREE_WORDS),
];

/// The place in this process's memory.
fn place<T>(address: i64, offset: i64) -> *mut T {
    address.wrapping_add(offset) as usize as *mut T
}

/// The functions in the engine, by name.
pub fn functions(store: &mut Store<Host>) -> Vec<(&'static str, Func)> {
    // SAFETY, for all of them: code that was compiled here reaches what machine code would reach, and is trusted as that is.
    let function = |store: &mut Store<Host>, access| match access {
        Access::LoadByte => {
            Func::wrap(store, |at: i64, offset: i64| i64::from(unsafe { place::<u8>(at, offset).read() }))
        }
        Access::LoadFour => {
            Func::wrap(store, |at: i64, offset: i64| i64::from(unsafe { place::<u32>(at, offset).read_unaligned() }))
        }
        Access::LoadWord => {
            Func::wrap(store, |at: i64, offset: i64| unsafe { place::<i64>(at, offset).read_unaligned() })
        }
        Access::StoreByte => Func::wrap(store, |at: i64, value: i64, offset: i64| {
            unsafe { place::<u8>(at, offset).write(value as u8) };
            0i64
        }),
        Access::StoreFour => Func::wrap(store, |at: i64, value: i64, offset: i64| {
            unsafe { place::<u32>(at, offset).write_unaligned(value as u32) };
            0i64
        }),
        Access::StoreWord => Func::wrap(store, |at: i64, value: i64, offset: i64| {
            unsafe { place::<i64>(at, offset).write_unaligned(value) };
            0i64
        }),
    };
    ALL.iter().map(|(access, name, _)| (*name, function(store, *access))).collect()
}

/// A module whose accesses of memory are calls.
pub fn rewritten(file: &[u8]) -> Result<Vec<u8>, String> {
    let mut module = Module::new();
    let parsed = Rewriter.parse_core_module(&mut module, wasmparser::Parser::new(0), file);
    parsed.map_err(|error| format!("the module cannot be read: {error}"))?;
    Ok(module.finish())
}

struct Rewriter;

type Outcome = Result<(), reencode::Error>;

impl Reencode for Rewriter {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(if function < HELPERS { function } else { function + ALL.len() as u32 })
    }

    fn parse_import_section(&mut self, imports: &mut ImportSection, section: ImportSectionReader<'_>) -> Outcome {
        utils::parse_import_section(self, imports, section)?;
        for (_, name, number) in ALL {
            imports.import("memory", name, EntityType::Function(number));
        }
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Outcome {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            let mut call = |access: Access, at: &MemArg| {
                function.instruction(&Instruction::I64Const(at.offset as i64));
                function.instruction(&Instruction::Call(HELPERS + access as u32));
            };
            match &operator {
                Operator::I64Load8U { memarg } => call(Access::LoadByte, memarg),
                Operator::I64Load32U { memarg } => call(Access::LoadFour, memarg),
                Operator::I64Load { memarg } => call(Access::LoadWord, memarg),
                Operator::F64Load { memarg } => {
                    call(Access::LoadWord, memarg);
                    function.instruction(&Instruction::F64ReinterpretI64);
                }
                Operator::I64Store8 { memarg } => call(Access::StoreByte, memarg),
                Operator::I64Store32 { memarg } => call(Access::StoreFour, memarg),
                Operator::I64Store { memarg } => call(Access::StoreWord, memarg),
                Operator::F64Store { memarg } => {
                    function.instruction(&Instruction::I64ReinterpretF64);
                    function.instruction(&Instruction::I64Const(memarg.offset as i64));
                    function.instruction(&Instruction::Call(HELPERS + Access::StoreWord as u32));
                }
                _ => {
                    function.instruction(&self.instruction(operator)?);
                    continue;
                }
            }
            let stores = matches!(
                operator,
                Operator::I64Store8 { .. }
                    | Operator::I64Store32 { .. }
                    | Operator::I64Store { .. }
                    | Operator::F64Store { .. }
            );
            if stores {
                function.instruction(&Instruction::Drop);
            }
        }
        code.function(&function);
        Ok(())
    }
}
