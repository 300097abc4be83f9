//! The machine made of a [`Processor`].
//!
//! A CPU made of software implements the processor's few methods, and everything else (libraries mapped into memory,
//! helpers of the runtime, two stacks and their limits, faults that become errors) is the same for all of them.

use crate::mapping;
use maru_compiler::load::{LoadError, LoadedImage};
use maru_compiler::machine::Machine;
use maru_core::abi::layout::{Value, Word};
use maru_core::abi::Context;
use maru_core::ir::Helper;
use maru_language::interp::helpers;
use maru_processor::memory::Arena;
use maru_processor::Processor;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The machine made of a processor that is not this host's.
pub struct Foreign<P> {
    name: &'static str,
    processor: P,
    libraries: Arc<Arena>,
}

impl<P: Processor> Foreign<P> {
    /// A machine; the name is for reports.
    ///
    /// # Errors
    /// When memory is out.
    pub fn new(name: &'static str, processor: P) -> Result<Foreign<P>, String> {
        let libraries = Arc::new(Arena::new()?);
        processor.show(libraries.range());
        Ok(Foreign { name, processor, libraries })
    }
}

impl<P: Processor> Machine for Foreign<P> {
    fn name(&self) -> &str {
        self.name
    }

    fn helpers(&self) -> [usize; Context::HELPERS] {
        let mut addresses = [0; Context::HELPERS];
        for helper in Helper::ALL {
            addresses[*helper as usize] = self.processor.gate(*helper as usize);
        }
        addresses
    }

    fn load(&self, file: &[u8], path: &Path) -> Option<Result<LoadedImage, LoadError>> {
        Some(mapping::map(file, Some(&self.libraries)).map_err(|problem| LoadError::refused(path, problem)).and_then(
            |mapped| {
                let image = LoadedImage::from_mapping(Box::new(mapped), path)?;
                self.processor.code_changed(image.code());
                Ok(image)
            },
        ))
    }

    fn frames(&self) -> Vec<Range<usize>> {
        self.processor.frames()
    }

    unsafe fn run(&self, enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word {
        // SAFETY: the context is live by the contract.
        let host_limit = unsafe { (*context).stack_limit };
        let set_limit = |limit| {
            // SAFETY: as above; nothing else uses the context between foreign code and the runtime.
            unsafe { (*context).stack_limit = limit };
        };
        let own_limit = self.processor.stack().start;
        set_limit(own_limit);
        let mut serve = |number: usize, words: [u64; 6]| {
            // The runtime runs on the host's stack, foreign code on its own.
            set_limit(host_limit);
            let result = match Helper::ALL.get(number) {
                // SAFETY: the code was compiled for this runtime and passes what the helper asks for.
                Some(helper) => unsafe { helpers::call(*helper, context, &words[1..=helper.parameters()]) },
                // SAFETY: as above.
                None => unsafe {
                    helpers::machine_fault(context, &format!("a call of helper {number}, which is none"))
                },
            };
            set_limit(own_limit);
            result
        };
        let words = [context as u64, entry as u64, callee.0, count as u64];
        // SAFETY: the caller vouches for context, callee and entry.
        let result = unsafe { self.processor.call(enter, &words, &mut serve) };
        set_limit(host_limit);
        match result {
            Ok(word) => word,
            // SAFETY: the context is live.
            Err(fault) => unsafe { helpers::machine_fault(context, &format!("emulated code failed: {fault}")) },
        }
    }
}
