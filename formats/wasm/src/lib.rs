//! WebAssembly modules: a module an image.
//!
//! What is peculiar: code is a list of functions that has no addresses, and nothing of a module is in memory unless it is
//! copied there. So functions are named by their numbers, code and constants each have addresses of their own that start
//! at 0, and whoever loads a module puts constants and data table somewhere and gives code an address to go by.
//!
//! ```text
//! magic, version
//! type section       0: all functions, of so many words; 1 + n: helpers of n words besides the context
//! import section     helpers in the order of their numbers; memory, table, four globals
//! function section   all of type 0
//! export section     the functions, by their symbols
//! element section    all functions, for the table, from a place that whoever loads the module says
//! code section       the functions' bodies
//! maru_image         custom: the constants, which start with the header
//! maru_digest        custom: the fingerprint of the file, in which it counts as zero
//! ```
//!
//! How many words functions take the target says, as the second number of its identity.

mod read;
mod write;

use maru_core::codegen::MachineIdentity;
use maru_core::format::{CodePlacement, Contents, FormatError, FunctionNames, Image, Layout, ObjectFormat};

/// The format.
pub struct Wasm;

/// The one that is registered.
pub static WASM: Wasm = Wasm;
maru_core::register_format!(WASM);

/// The custom section with the constants.
pub const IMAGE_SECTION: &str = "maru_image";
/// The custom section with the fingerprint.
pub const DIGEST_SECTION: &str = "maru_digest";
/// The module that everything is imported from.
pub const IMPORTED: &str = "maru";

impl ObjectFormat for Wasm {
    fn name(&self) -> &'static str {
        "wasm"
    }
    fn is_host(&self) -> bool {
        false
    }
    fn file_name(&self, stem: &str) -> String {
        format!("{stem}.wasm")
    }
    fn symbol(&self, name: &str) -> String {
        name.into()
    }
    fn code_placement(&self, _: &MachineIdentity, _: &'static [u8]) -> CodePlacement {
        CodePlacement { alignment: 1, filling: &[] }
    }
    fn layout(&self, image: &Image, machine: &MachineIdentity) -> Result<Layout, FormatError> {
        image.check_extents()?;
        if !image.imports.is_empty() {
            return Err(FormatError(format!("{}: a module imports nothing but the runtime", image.name)));
        }
        let file_size = write::file(image, machine).len() as u64;
        let data = (image.constants.len() as u64).next_multiple_of(8);
        Ok(Layout { data, file_size, functions: FunctionNames::Numbers { first: 0 }, ..Layout::default() })
    }
    fn write(&self, image: &Image, _: &Layout, machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
        Ok(write::file(image, machine))
    }
    fn read(&self, file: &[u8]) -> Result<Contents, FormatError> {
        read::read(file).map_err(FormatError)
    }
}
