//! An emulated CPU whose memory is this process's: the same bytes at the same addresses.
//!
//! What the code touches is mapped for it when it touches it the first time, a whole mapping of this process at a
//! time. It leaves through *gates*: addresses, one for the end of a call and one for each function of the host that
//! it may call. Reaching one stops the emulator; the function runs outside of it, on the host's stack, and may let
//! the emulator run again, to any depth.

use crate::cpu::Cpu;
use crate::library::{api, Api, Handle};
use crate::memory::{is_readable, mapping_at, Block};
use crate::processor::{Processor, ProcessorFault, Serve};
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ops::Range;

/// Words of a call, at most.
const WORDS: usize = 6;
/// Bytes of a gate.
const GATE: usize = 16;
/// Bytes that the emulator forgets together.
const PAGE: usize = 4096;
/// Bytes of all of them.
const GATES: usize = 4096;
/// The stack of emulated code; committed by use: a million frames fit that have room for the words of calls. Leaving more of
/// them with an error takes an emulator seconds.
const STACK: usize = 96 << 20;
/// Never accessible, below it.
const GUARD: usize = 64 << 10;
/// What emulated code leaves of the stack for reports.
const RESERVE: usize = 1 << 20;
/// Below the stack pointer of an interrupted function, the next call starts.
const GAP: u64 = 256;

const HOOK_INTERRUPT: c_int = 1;
const HOOK_CODE: c_int = 1 << 2;
const HOOK_BLOCK: c_int = 1 << 3;
const HOOK_MEMORY: c_int = 0x3f0;
/// Addresses of a hook: a first above the last means all.
const EVERYWHERE: (u64, u64) = (1, 0);
const ALL_RIGHTS: u32 = 7;
/// Write two arguments to "forget translations".
const FORGET: c_int = 9 | 2 << 26 | 1 << 30;

/// What the emulator's callbacks see.
struct State {
    api: &'static Api,
    /// What is mapped, by address.
    mapped: RefCell<Vec<Range<usize>>>,
    /// What happened last that ends a run.
    problem: RefCell<Option<String>>,
    /// Blocks of code that may still run.
    fuel: Cell<u64>,
}

impl State {
    /// Map a part of this process's memory, at its own address.
    fn map(&self, engine: Handle, range: Range<usize>) -> Result<(), String> {
        let Range { start, end } = range;
        // SAFETY: the emulator touches the memory only on behalf of the code it runs.
        match unsafe { (self.api.map)(engine, start as u64, end - start, ALL_RIGHTS, start as *mut c_void) } {
            0 => {
                let mut mapped = self.mapped.borrow_mut();
                let at = mapped.partition_point(|other| other.start < start);
                mapped.insert(at, range);
                Ok(())
            }
            code => Err(format!("the emulator does not map {start:#x}..{end:#x} (its error {code})")),
        }
    }

    /// Map what this process has at an address; says why that cannot be.
    fn map_around(&self, engine: Handle, address: usize) -> Result<(), String> {
        let page = address & !(PAGE - 1);
        // The system's list is made a piece at a time while other threads map and unmap: what it leaves out, and can
        // be read, is shown to the emulator a page at a time.
        let whole = match mapping_at(address) {
            Ok(whole) => whole,
            Err(_) if is_readable(page) => page..page + PAGE,
            Err(problem) => return Err(problem),
        };
        let (before, after) = {
            let mapped = self.mapped.borrow();
            let at = mapped.partition_point(|other| other.end <= address);
            let before = at.checked_sub(1).map_or(0, |before| mapped[before].end);
            (before, mapped.get(at).map_or(usize::MAX, |after| after.start))
        };
        if after <= address {
            return Err("the emulator has it already".into());
        }
        self.map(engine, whole.start.max(before)..whole.end.min(after))
    }
}

/// An emulated CPU.
pub struct Emulator {
    cpu: &'static Cpu,
    engine: Handle,
    state: Box<State>,
    gates: Block,
    stack: Block,
    /// Calls that have not returned.
    active: Cell<u32>,
    /// Registers, where a collector can look at them.
    registers: Box<[Cell<u64>]>,
}

unsafe extern "C" fn at_gate(engine: Handle, _address: u64, _size: u32, state: *mut c_void) {
    // SAFETY: the hook was added with the state, which lives as long as the engine.
    let state = unsafe { &*(state as *const State) };
    // SAFETY: the engine is the one that calls.
    unsafe { (state.api.stop)(engine) };
}

unsafe extern "C" fn at_block(engine: Handle, _address: u64, _size: u32, state: *mut c_void) {
    // SAFETY: as for `at_gate`.
    let state = unsafe { &*(state as *const State) };
    match state.fuel.get().checked_sub(1) {
        Some(rest) => state.fuel.set(rest),
        None => {
            state.problem.replace(Some("the code ran for longer than it was allowed to".into()));
            // SAFETY: the engine is the one that calls.
            unsafe { (state.api.stop)(engine) };
        }
    }
}

unsafe extern "C" fn at_interrupt(engine: Handle, number: u32, state: *mut c_void) {
    // SAFETY: as for `at_gate`.
    let state = unsafe { &*(state as *const State) };
    state.problem.replace(Some(format!("trap {number}: an illegal instruction, a division error or a breakpoint")));
    // SAFETY: the engine is the one that calls.
    unsafe { (state.api.stop)(engine) };
}

unsafe extern "C" fn at_memory(
    engine: Handle,
    kind: c_int,
    address: u64,
    size: c_int,
    _value: i64,
    state: *mut c_void,
) -> bool {
    // SAFETY: as for `at_gate`.
    let state = unsafe { &*(state as *const State) };
    let Err(problem) = state.map_around(engine, address as usize) else { return true };
    let what = match kind {
        19 | 23 => "read",
        20 | 22 => "write",
        _ => "jump",
    };
    state.problem.replace(Some(format!("invalid {what} of {size} bytes at {address:#x} ({problem})")));
    false
}

impl Emulator {
    /// The emulator's version and file.
    ///
    /// # Errors
    /// What to install, where there is none.
    pub fn version() -> Result<&'static str, String> {
        api().map(|api| api.version.as_str())
    }

    /// An emulated CPU at rest.
    ///
    /// # Errors
    /// When the emulator is not installed, or memory is out.
    pub fn new(cpu: &'static Cpu) -> Result<Emulator, String> {
        let api = api()?;
        let reach = cpu.reach();
        let (gates, stack) = (Block::below(reach, GATES, true)?, Block::below(reach, STACK + GUARD, true)?);
        let start = stack.range().start;
        stack.protect(start..start + GUARD, libc::PROT_NONE)?;
        let mut engine = std::ptr::null_mut();
        // SAFETY: there is room for the handle.
        let code = unsafe { (api.open)(cpu.family, cpu.mode, &mut engine) };
        if code != 0 {
            return Err(format!("{} does not emulate {}: {}", api.version, cpu.name, api.error(code)));
        }
        let state =
            Box::new(State { api, mapped: RefCell::default(), problem: RefCell::default(), fuel: Cell::new(u64::MAX) });
        let registers = cpu.general.iter().map(|_| Cell::new(0)).collect();
        let emulator = Emulator { cpu, engine, state, gates, stack, active: Cell::new(0), registers };
        emulator.prepare()?;
        Ok(emulator)
    }

    fn prepare(&self) -> Result<(), String> {
        let gates = self.gates.range();
        for (index, byte) in self.cpu.filler.iter().cycle().take(GATES).enumerate() {
            // SAFETY: the block is ours and has so many bytes.
            unsafe { *((gates.start + index) as *mut u8) = *byte };
        }
        let stack = self.stack.range();
        self.state.map(self.engine, gates.clone())?;
        self.state.map(self.engine, stack.start + GUARD..stack.end)?;
        if let Some((register, bits)) = self.cpu.enable {
            self.write(register, self.read(register) | bits);
        }
        self.hook(HOOK_CODE, at_gate as *const c_void, (gates.start as u64, gates.end as u64 - 1))?;
        self.hook(HOOK_INTERRUPT, at_interrupt as *const c_void, EVERYWHERE)?;
        self.hook(HOOK_MEMORY, at_memory as *const c_void, EVERYWHERE)
    }

    fn hook(&self, kind: c_int, callback: *const c_void, (first, last): (u64, u64)) -> Result<(), String> {
        let mut hook = 0;
        let state = std::ptr::from_ref(&*self.state) as *mut c_void;
        // SAFETY: the callback has the signature that the emulator calls hooks of this kind with, and the state
        // lives as long as the engine.
        let code = unsafe { (self.state.api.hook)(self.engine, &mut hook, kind, callback, state, first, last) };
        (code == 0).then_some(()).ok_or_else(|| format!("the emulator takes no hook: {}", self.state.api.error(code)))
    }

    /// Stop the code after so many blocks, in all calls from now on.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn limit(&self, blocks: u64) -> Result<(), String> {
        if self.state.fuel.replace(blocks) == u64::MAX {
            self.hook(HOOK_BLOCK, at_block as *const c_void, EVERYWHERE)?;
        }
        Ok(())
    }

    fn make_visible(&self, address: usize) {
        if !self.state.mapped.borrow().iter().any(|range| range.contains(&address)) {
            // What cannot be mapped now is said when the code that is there runs.
            let _ = self.state.map_around(self.engine, address);
        }
    }

    fn read(&self, register: c_int) -> u64 {
        let mut word = 0;
        // SAFETY: all registers in the table have 64 bits.
        unsafe { (self.state.api.read)(self.engine, register, &mut word) };
        word
    }

    fn write(&self, register: c_int, word: u64) {
        // SAFETY: as for `read`.
        unsafe { (self.state.api.write)(self.engine, register, &word) };
    }

    fn register_values(&self) -> Vec<(&'static str, u64)> {
        let numbers: Vec<c_int> = self.cpu.general.iter().map(|(_, number)| *number).collect();
        let mut words = vec![0u64; numbers.len()];
        let places: Vec<*mut u64> = words.iter_mut().map(std::ptr::from_mut).collect();
        // SAFETY: there is a place for each of the numbers.
        unsafe { (self.state.api.read_many)(self.engine, numbers.as_ptr(), places.as_ptr(), numbers.len() as c_int) };
        self.cpu.general.iter().map(|(name, _)| *name).zip(words).collect()
    }

    fn restore(&self, registers: &[(&'static str, u64)], stack: u64) {
        for ((_, number), (_, word)) in self.cpu.general.iter().zip(registers) {
            self.write(*number, *word);
        }
        self.write(self.cpu.stack, stack);
    }

    /// Run until the call returns, serving calls of gates.
    fn go(&self, entry: u64, serve: &mut Serve) -> Result<u64, ProcessorFault> {
        let gates = self.gates.range();
        let mut from = entry;
        loop {
            // SAFETY: the caller of `call` vouches for the code.
            let code = unsafe { (self.state.api.start)(self.engine, from, gates.start as u64, 0, 0) };
            let counter = self.read(self.cpu.counter);
            let problem = self.state.problem.take();
            if code != 0 || problem.is_some() || !gates.contains(&(counter as usize)) {
                let what = problem.unwrap_or_else(|| match code {
                    0 => "the emulator stopped".into(),
                    _ => self.state.api.error(code),
                });
                return Err(self.fault(what, counter));
            }
            let slot = (counter as usize - gates.start) / GATE;
            let Some(number) = slot.checked_sub(1) else { return Ok(self.result()) };
            // Before serving: the registers of a call are not preserved across one.
            from = self.return_address();
            let words = self.arguments();
            let result = serve(number, words);
            self.write(self.cpu.result, result);
            if let Some(high) = self.cpu.high_result {
                self.write(high, result >> 32);
            }
        }
    }

    fn result(&self) -> u64 {
        let low = self.read(self.cpu.result);
        self.cpu.high_result.map_or(low, |high| low | self.read(high) << 32)
    }

    /// Where a word of a call lies that has no register, if the stack pointer is the caller's, and how many bytes it has:
    /// the first is an address.
    fn place(&self, stack: u64, number: usize) -> (u64, usize) {
        let start = stack + 8 * self.cpu.home_words;
        match number - self.cpu.arguments.len() {
            0 => (start, self.cpu.address as usize),
            number => (start + self.cpu.address + 8 * (number as u64 - 1), 8),
        }
    }

    /// The words of a call; the stack pointer is the caller's.
    fn arguments(&self) -> [u64; WORDS] {
        let stack = self.read(self.cpu.stack);
        std::array::from_fn(|number| match self.cpu.arguments.get(number) {
            Some(register) => self.read(*register),
            None => {
                let ((place, bytes), mut word) = (self.place(stack, number), 0u64);
                // SAFETY: above the frame that called there are others, the last of which `call` keeps from the stack's end.
                unsafe { (place as *const u8).copy_to_nonoverlapping((&raw mut word).cast(), bytes) };
                word
            }
        })
    }

    /// Put the words of a call where a function finds them that is called with a stack pointer; the caller's.
    fn pass(&self, words: &[u64], below: u64) -> u64 {
        assert!(words.len() <= WORDS, "too many words for a call");
        let registers = self.cpu.arguments;
        for (register, word) in registers.iter().zip(words) {
            self.write(*register, *word);
        }
        let start = (below - 8 * (self.cpu.home_words + WORDS as u64)) & !15;
        for (number, word) in words.iter().enumerate().skip(registers.len()) {
            let (place, bytes) = self.place(start, number);
            // SAFETY: the word lies in the emulated stack, below everything in use.
            unsafe { (place as *mut u8).copy_from_nonoverlapping((&raw const *word).cast(), bytes) };
        }
        start
    }

    /// Where the function that called a gate goes on; taken off the stack, if it is there.
    fn return_address(&self) -> u64 {
        match self.cpu.link {
            Some(link) => self.read(link),
            None => {
                let stack = self.read(self.cpu.stack);
                self.write(self.cpu.stack, stack + self.cpu.address);
                let mut address = 0u64;
                let bytes = self.cpu.address as usize;
                // SAFETY: the emulated code has just written there.
                unsafe { (stack as *const u8).copy_to_nonoverlapping((&raw mut address).cast(), bytes) };
                address
            }
        }
    }

    fn fault(&self, what: String, counter: u64) -> ProcessorFault {
        let readable = mapping_at(counter as usize).map_or(0, |range| (range.end - counter as usize).min(16));
        let mapped = self.state.mapped.borrow().iter().any(|range| range.contains(&(counter as usize)));
        let readable = if mapped { readable } else { 0 };
        // SAFETY: so many bytes from there on are mapped.
        let bytes = (0..readable).map(|at| unsafe { *((counter as usize + at) as *const u8) }).collect();
        ProcessorFault { what, counter, bytes, registers: self.register_values() }
    }
}

impl Processor for Emulator {
    fn gate(&self, number: usize) -> usize {
        let address = self.gates.range().start + GATE * (number + 1);
        assert!(address < self.gates.range().end, "there is no gate {number}");
        address
    }

    fn stack(&self) -> Range<usize> {
        self.stack.range().start + GUARD + RESERVE..self.stack.range().end
    }

    fn reach(&self) -> Option<usize> {
        self.cpu.reach()
    }

    fn show(&self, memory: Range<usize>) {
        // What cannot be mapped at once is mapped in parts when it is touched, and said then if it cannot.
        let _ = self.state.map(self.engine, memory);
    }

    fn code_changed(&self, code: Range<usize>) {
        let (start, end) = (code.start & !(PAGE - 1), code.end.next_multiple_of(PAGE));
        // A page at a time: what is forgotten is a range of the emulator's own addresses, which the next page follows
        // only where both were mapped together.
        for page in (start..end).step_by(PAGE) {
            // Memory that is mapped only while code in it is fetched would never be forgotten.
            self.make_visible(page);
            // SAFETY: the request takes two addresses.
            unsafe { (self.state.api.control)(self.engine, FORGET, page as u64, (page + PAGE) as u64) };
        }
    }

    fn frames(&self) -> Vec<Range<usize>> {
        if self.active.get() == 0 {
            return Vec::new();
        }
        for (place, (_, word)) in self.registers.iter().zip(self.register_values()) {
            place.set(word);
        }
        let registers = self.registers.as_ptr() as usize;
        let stack = self.read(self.cpu.stack) as usize & !7;
        vec![registers..registers + 8 * self.registers.len(), stack..self.stack.range().end]
    }

    unsafe fn call(&self, entry: usize, words: &[u64], serve: &mut Serve) -> Result<u64, ProcessorFault> {
        self.make_visible(entry);
        let _call = Call::start(self);
        let outer = self.register_values();
        let below = match self.active.get() {
            1 => self.stack.range().end as u64,
            _ => self.read(self.cpu.stack),
        };
        let mut stack = self.pass(words, below - GAP);
        let back = self.gates.range().start as u64;
        match self.cpu.link {
            Some(link) => self.write(link, back),
            None => {
                stack -= self.cpu.address;
                let bytes = self.cpu.address as usize;
                // SAFETY: the word lies in the emulated stack, below everything in use.
                unsafe { (stack as *mut u8).copy_from_nonoverlapping((&raw const back).cast(), bytes) };
            }
        }
        self.write(self.cpu.stack, stack);
        let result = self.go(entry as u64, serve);
        // What the code must preserve it has restored, unless it failed; the stack pointer is below the gap still.
        match result {
            Ok(_) => self.write(self.cpu.stack, below),
            Err(_) => self.restore(&outer, below),
        }
        result
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // SAFETY: nothing runs on the engine any more.
        unsafe { (self.state.api.close)(self.engine) };
    }
}

/// Counts a call while it lasts, even if it is left by a panic.
struct Call<'a>(&'a Emulator);

impl Call<'_> {
    fn start(emulator: &Emulator) -> Call<'_> {
        emulator.active.set(emulator.active.get() + 1);
        Call(emulator)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
    }
}
