//! What a CPU must offer to run compiled code in this process: [`Processor`], from which [`Foreign`] makes a machine.
//!
//! A CPU made of software implements these few methods, and everything else (libraries mapped into memory, helpers of
//! the runtime, two stacks and their limits, faults that become errors) is the same for all of them.

use crate::arena::Arena;
use crate::mapping;
use maru_compiler::load::{LoadError, LoadedImage};
use maru_compiler::machine::Machine;
use maru_core::abi::layout::{Value, Word};
use maru_core::abi::Context;
use maru_core::ir::Helper;
use maru_language::interp::helpers;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Answers a call that code makes of a function outside: the gate's number and the words in the first argument
/// registers, of which the called function uses as many as it has; the result.
pub type Serve<'s> = dyn FnMut(usize, [u64; 6]) -> u64 + 's;

/// Runs code of one CPU on memory of this process: the same bytes at the same addresses.
pub trait Processor {
    /// Where code must jump to in order to call function `number` outside; `number` is less than
    /// [`Context::HELPERS`].
    fn gate(&self, number: usize) -> usize;
    /// Addresses that the stack pointer of the next call may have.
    fn stack(&self) -> Range<usize>;
    /// Code will be put into this memory, which stays: for processors that do not see all of a process's memory at once.
    fn show(&self, _memory: Range<usize>) {}
    /// Code was put at these addresses: whatever is remembered of them is wrong now.
    fn code_changed(&self, code: Range<usize>);
    /// Memory that code which is being run may hold values and return addresses in, as it is now: registers, stack.
    /// Nothing while no call is under way.
    fn frames(&self) -> Vec<Range<usize>>;
    /// Call a function of the CPU's C convention with at most six words. `serve` may call again, to any depth.
    ///
    /// # Errors
    /// When the code does what it should not. The registers are then as they were before the call.
    ///
    /// # Panics
    /// If there are more words.
    ///
    /// # Safety
    /// At `entry` there is code for this CPU, and what it does to this process's memory is what the caller wants.
    unsafe fn call(&self, entry: usize, words: &[u64], serve: &mut Serve) -> Result<u64, Fault>;
}

/// Why code stopped where it should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub what: String,
    /// Where.
    pub counter: u64,
    /// The bytes there, if they can be read.
    pub bytes: Vec<u8>,
    /// All registers by name.
    pub registers: Vec<(&'static str, u64)>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} at {:#x} (bytes", self.what, self.counter)?;
        self.bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
        f.write_str("; registers")?;
        self.registers.iter().try_for_each(|(name, word)| write!(f, " {name}={word:x}"))?;
        f.write_str(")")
    }
}

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
