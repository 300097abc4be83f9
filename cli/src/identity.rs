//! Which compiler this is: code that another one made is not taken for its own.

use crate::options;
use crate::trouble::Trouble;
use maru_compiler::load::USUAL_SIZE;
use maru_language::runtime::KeptCode;
use object::read::{Object, ReadCache};
use std::fs::File;

/// How much code is kept; 0: none.
const SIZE_VARIABLE: &str = "MARU_CACHE_SIZE";

/// How compiled code is kept; `None`: it is not, because nobody wants that, or because this program has no identity.
///
/// # Errors
/// When the variable has a value that means nothing.
pub fn kept_code() -> Result<Option<KeptCode>, Trouble> {
    let limit = options::bytes(SIZE_VARIABLE)?.unwrap_or(USUAL_SIZE);
    let compiler = if limit == 0 { None } else { compiler() };
    Ok(compiler.map(|compiler| KeptCode { compiler, limit }))
}

/// The name that the linker gave to this very program: all that is linked into it decides about that.
fn compiler() -> Option<String> {
    let file = ReadCache::new(File::open(std::env::current_exe().ok()?).ok()?);
    let program = object::File::parse(&file).ok()?;
    let build = program.build_id().ok()?.map(<[u8]>::to_vec);
    let build = build.or_else(|| program.mach_uuid().ok()?.map(|uuid| uuid.to_vec()))?;
    Some(build.iter().map(|byte| format!("{byte:02x}")).collect())
}
