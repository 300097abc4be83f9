//! What a CPU must offer to run compiled code in this process: [`Processor`].

use std::fmt;
use std::ops::Range;

/// Answers a call that code makes of a function outside: the gate's number and the words in the first argument
/// registers, of which the called function uses as many as it has; the result.
pub type Serve<'s> = dyn FnMut(usize, [u64; 6]) -> u64 + 's;

/// Runs code of one CPU on memory of this process: the same bytes at the same addresses.
pub trait Processor {
    /// Where code must jump to in order to call function `number` outside; `number` is less than
    /// [`maru_core::abi::Context::HELPERS`].
    fn gate(&self, number: usize) -> usize;
    /// Addresses that the stack pointer of the next call may have.
    fn stack(&self) -> Range<usize>;
    /// Where the addresses end that code can name: all memory that it is to see must lie below. `None`: nowhere.
    fn reach(&self) -> Option<usize> {
        None
    }
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
    unsafe fn call(&self, entry: usize, words: &[u64], serve: &mut Serve) -> Result<u64, ProcessorFault>;
}

/// Why code stopped where it should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessorFault {
    /// What happened.
    pub what: String,
    /// Where.
    pub counter: u64,
    /// The bytes there, if they can be read.
    pub bytes: Vec<u8>,
    /// All registers by name.
    pub registers: Vec<(&'static str, u64)>,
}

impl fmt::Display for ProcessorFault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} at {:#x} (bytes", self.what, self.counter)?;
        self.bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
        f.write_str("; registers")?;
        self.registers.iter().try_for_each(|(name, word)| write!(f, " {name}={word:x}"))?;
        f.write_str(")")
    }
}
