//! Writing a module.

use crate::{DIGEST_SECTION, IMAGE_SECTION, IMPORTED};
use maru_core::abi::{fingerprint, Helper};
use maru_core::codegen::MachineIdentity;
use maru_core::format::Image;
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    FunctionSection, GlobalType, ImportSection, MemoryType, Module, RefType, TableType, TypeSection, ValType,
};

/// Bytes of the fingerprint, which are the last of the file.
pub const DIGEST: usize = 16;
/// The most words that a helper takes besides the context.
const HELPER_WORDS: usize = 5;
/// Number of the global that says where in the table the functions' places start.
const FIRST_PLACE: u32 = 3;

/// The whole file.
pub fn file(image: &Image, machine: &MachineIdentity) -> Vec<u8> {
    let mut module = Module::new();
    module.section(&types(machine.subtype as usize)).section(&imports());
    let (mut functions, mut exports, mut code) = (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for (number, function) in image.functions.iter().enumerate() {
        functions.function(0);
        exports.export(&function.symbol, ExportKind::Func, (Helper::ALL.len() + number) as u32);
        code.raw(&image.code[function.offset as usize..][..function.size as usize]);
    }
    module.section(&functions).section(&exports).section(&elements(image.functions.len() as u32)).section(&code);
    module.section(&CustomSection { name: IMAGE_SECTION.into(), data: (&image.constants[..]).into() });
    module.section(&CustomSection { name: DIGEST_SECTION.into(), data: (&[0; DIGEST][..]).into() });
    let mut bytes = module.finish();
    let digest = digest(&bytes);
    let at = bytes.len() - DIGEST;
    bytes[at..].copy_from_slice(&digest);
    bytes
}

/// The fingerprint of a file whose last bytes count as zero.
pub fn digest(file: &[u8]) -> [u8; DIGEST] {
    let mut copy = file.to_vec();
    let start = copy.len().saturating_sub(DIGEST);
    copy[start..].fill(0);
    let mut bytes = [0; DIGEST];
    for (half, place) in fingerprint(&copy).iter().zip(bytes.chunks_exact_mut(8)) {
        place.copy_from_slice(&half.to_le_bytes());
    }
    bytes
}

/// The functions' places in the table, one after another from where whoever loads the module says.
fn elements(count: u32) -> ElementSection {
    let numbers: Vec<u32> = (0..count).map(|number| Helper::ALL.len() as u32 + number).collect();
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::global_get(FIRST_PLACE), Elements::Functions(numbers.into()));
    elements
}

fn types(words: usize) -> TypeSection {
    let mut types = TypeSection::new();
    let mut function = |words: usize| types.ty().function(vec![ValType::I64; words], [ValType::I64]);
    function(words);
    (0..=HELPER_WORDS).for_each(|count| function(1 + count));
    types
}

fn imports() -> ImportSection {
    let mut imports = ImportSection::new();
    for helper in Helper::ALL {
        imports.import(IMPORTED, helper.name(), EntityType::Function(1 + helper.parameters() as u32));
    }
    let memory = MemoryType { minimum: 0, maximum: None, memory64: true, shared: false, page_size_log2: None };
    imports.import(IMPORTED, "memory", memory);
    let table = TableType { element_type: RefType::FUNCREF, table64: false, minimum: 0, maximum: None, shared: false };
    imports.import(IMPORTED, "functions", table);
    let mut global = |name: &str, val_type| {
        imports.import(IMPORTED, name, GlobalType { val_type, mutable: false, shared: false });
    };
    ["code", "data", "first_code"].iter().for_each(|name| global(name, ValType::I64));
    global("first_place", ValType::I32);
    imports
}
