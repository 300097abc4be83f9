//! The CPU itself, made of software, so that the template's code runs wherever Maru does.
//!
//! [`Processor`] is all that a CPU must offer. A target for a CPU of silicon needs none of its own: on its own host code
//! runs as it is, and elsewhere on the emulator, if that knows the CPU.
//!
//! This one executes on this process's memory, at the same addresses. It keeps the rules that hardware does not: a
//! function that does not preserve what it must is a fault, and a helper destroys all that it may.

use maru_core::abi::Context;
use maru_core::codegen::System;
use maru_processor::{Processor, ProcessorFault, Serve};
use maru_template::abi::{ON_STACK, RESERVED, SAVED_DOUBLES, SAVED_WORDS, STACK};
use maru_template::instruction::*;
use std::cell::Cell;
use std::ops::Range;

/// Words of the stack; committed by use.
const STACK_WORDS: usize = 8 << 20;
/// Bytes at its low end that are left for what a limit notices late.
const RESERVE: usize = 1 << 16;
/// Functions outside have the lowest addresses, where no memory is; 0 is where the outermost function returns to.
const OUTSIDE: u64 = 0;
const GATES: Range<u64> = 1..Context::HELPERS as u64 + 1;
/// Addresses below are never valid.
const LOWEST: u64 = 4096;
/// What a helper leaves in registers that it need not preserve.
const DESTROYED: u64 = 0x0bad_0bad_0bad_0bad;

/// The registers, and the stack.
pub struct Cpu {
    words: [Cell<u64>; 16],
    doubles: [Cell<u64>; 16],
    stack: Box<[Cell<u64>]>,
    /// Calls that have not returned.
    active: Cell<u32>,
    /// Whose C functions the code calls.
    system: System,
}

impl Default for Cpu {
    fn default() -> Cpu {
        // Zeroed memory is not touched until it is used; a vector of cells would be written.
        let stack = Box::leak(vec![0u64; STACK_WORDS].into_boxed_slice());
        // SAFETY: a cell has the layout of what is in it, and the box was given up just now.
        let stack = unsafe { Box::from_raw(std::ptr::from_mut(stack) as *mut [Cell<u64>]) };
        let cpu = Cpu {
            words: Default::default(),
            doubles: Default::default(),
            stack,
            active: Cell::new(0),
            system: System(0),
        };
        cpu.set(STACK, cpu.bounds().end);
        cpu
    }
}

impl Cpu {
    /// The CPU, on one of its systems.
    pub fn on(system: System) -> Cpu {
        Cpu { system, ..Cpu::default() }
    }
}

/// What an instruction does to the flow of control.
type Step = Result<u64, String>;

impl Cpu {
    fn bounds(&self) -> Range<u64> {
        let start = self.stack.as_ptr() as u64;
        start..start + 8 * self.stack.len() as u64
    }
    fn word(&self, register: u8) -> u64 {
        self.words[register as usize & 15].get()
    }
    fn set(&self, register: u8, word: u64) {
        self.words[register as usize & 15].set(word);
    }
    fn double(&self, register: u8) -> f64 {
        f64::from_bits(self.doubles[register as usize & 15].get())
    }
    fn set_double(&self, register: u8, double: f64) {
        self.doubles[register as usize & 15].set(double.to_bits());
    }

    /// All registers by name.
    fn registers(&self) -> Vec<(&'static str, u64)> {
        const NAMES: [&str; 16] =
            ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
        NAMES.into_iter().zip(self.words.iter().map(Cell::get)).collect()
    }

    fn push(&self, word: u64) -> Result<(), String> {
        let top = self.word(STACK).wrapping_sub(8);
        self.set(STACK, top);
        self.write(8, top, word)
    }

    fn pop(&self) -> Step {
        let top = self.word(STACK);
        self.set(STACK, top.wrapping_add(8));
        self.read(8, top)
    }

    fn read(&self, size: usize, address: u64) -> Step {
        if address < LOWEST {
            return Err(format!("invalid read of {size} bytes at {address:#x}"));
        }
        let mut word = [0; 8];
        // SAFETY: whoever called the code vouches for the addresses that it uses.
        unsafe { std::ptr::copy_nonoverlapping(address as *const u8, word.as_mut_ptr(), size) };
        Ok(u64::from_le_bytes(word))
    }

    fn write(&self, size: usize, address: u64, word: u64) -> Result<(), String> {
        if address < LOWEST {
            return Err(format!("invalid write of {size} bytes at {address:#x}"));
        }
        // SAFETY: as for `read`.
        unsafe { std::ptr::copy_nonoverlapping(word.to_le_bytes().as_ptr(), address as *mut u8, size) };
        Ok(())
    }

    /// The words of a call of a function outside, which the return address was pushed for.
    fn passed(&self) -> Result<[u64; 6], String> {
        let mut words = std::array::from_fn(|register| self.word(register as u8));
        if self.system == ON_STACK {
            let first = self.word(STACK) + 8 + 8 * u64::from(RESERVED);
            for (word, place) in words[2..].iter_mut().zip((first..).step_by(8)) {
                *word = self.read(8, place)?;
            }
            // What is the function's, it uses.
            (1..=u64::from(RESERVED)).try_for_each(|slot| self.write(8, self.word(STACK) + 8 * slot, !0))?;
        }
        Ok(words)
    }

    /// Run until the outermost function returns. `counter` is where the CPU is.
    fn go(&self, counter: &mut u64, serve: &mut Serve) -> Result<(), String> {
        while *counter != OUTSIDE {
            if GATES.contains(counter) {
                let words = self.passed()?;
                let result = serve((*counter - GATES.start) as usize, words);
                self.destroy();
                self.set(0, result);
                *counter = self.pop()?;
            } else {
                *counter = self.step(*counter)?;
            }
        }
        Ok(())
    }

    fn destroy(&self) {
        for register in 0..SAVED_WORDS.start {
            self.set(register, DESTROYED);
            self.set_double(register, f64::from_bits(DESTROYED));
        }
    }

    /// Execute the instruction at an address; the next one's address.
    fn step(&self, at: u64) -> Step {
        let [number, d, a, b, i0, i1, i2, i3] = self.read(SIZE, at)?.to_le_bytes();
        let immediate = i64::from(i32::from_le_bytes([i0, i1, i2, i3])) as u64;
        let place = at.wrapping_add(immediate);
        let next = at + SIZE as u64;
        match u16::from(number) {
            GO => return Ok(place),
            GO_IF => return Ok(if self.word(d) != 0 { place } else { next }),
            GO_UNLESS => return Ok(if self.word(d) == 0 { place } else { next }),
            GO_REGISTER => return Ok(self.word(d)),
            CALL => return self.push(next).map(|()| place),
            CALL_REGISTER => return self.push(next).map(|()| self.word(d)),
            RETURN => return self.pop(),
            ADDRESS => self.set(d, place),
            FETCH => self.set(d, self.read(8, place)?),
            CONST => self.set(d, immediate),
            HIGH => self.set(d, self.word(d) & 0xffff_ffff | immediate << 32),
            MOVE => self.set(d, self.word(a)),
            ADD_IMM => self.set(d, self.word(a).wrapping_add(immediate)),
            AND_IMM => self.set(d, self.word(a) & immediate),
            TAG => self.set(d, immediate >> (self.word(a) & 7) & 1),
            words @ ADD..=ROTL | words @ ADD_OVERFLOWS..=AT_LEAST => {
                self.set(d, on_words(words, self.word(a), self.word(b))?);
            }
            TO_DOUBLE => self.set_double(d, self.word(a) as i64 as f64),
            TO_WORD => self.set(d, self.double(a) as i64 as u64),
            BITS => self.set(d, self.double(a).to_bits()),
            FROM_BITS => self.set_double(d, f64::from_bits(self.word(a))),
            comparison @ FEQ..=FGE => self.set(d, compare_doubles(comparison, self.double(a), self.double(b))),
            doubles @ FMOVE..=FSQRT => self.set_double(d, on_doubles(doubles, self.double(a), self.double(b))),
            access @ LOAD_BYTE..=STORE_DOUBLE_INDEXED => self.access(access - LOAD_BYTE, d, a, b, immediate)?,
            TRAP => return Err("a trap".into()),
            _ => return Err("an instruction that does not exist".into()),
        }
        Ok(next)
    }

    /// A load or a store. Their numbers count widths, then whether there is an index, then loads before stores.
    fn access(&self, number: u16, d: u8, a: u8, b: u8, offset: u64) -> Result<(), String> {
        let (size, is_double) = ([1, 4, 8, 8][number as usize & 3], number & 3 == 3);
        let index = if number & 4 != 0 { self.word(b) } else { 0 };
        let address = self.word(a).wrapping_add(index).wrapping_add(offset);
        let register = if is_double { &self.doubles[d as usize & 15] } else { &self.words[d as usize & 15] };
        if number & 8 != 0 {
            self.write(size, address, register.get())
        } else {
            self.read(size, address).map(|word| register.set(word))
        }
    }
}

fn on_words(instruction: u16, a: u64, b: u64) -> Step {
    let (x, y) = (a as i64, b as i64);
    Ok(match instruction {
        ADD => a.wrapping_add(b),
        SUB => a.wrapping_sub(b),
        MUL => a.wrapping_mul(b),
        DIV => x.checked_div(y).ok_or("a division that has no result")? as u64,
        REM => x.checked_rem(y).ok_or("a division that has no result")? as u64,
        AND => a & b,
        OR => a | b,
        XOR => a ^ b,
        SHL => a << (b & 63),
        LSHR => a >> (b & 63),
        ASHR => (x >> (b & 63)) as u64,
        ROTL => a.rotate_left(b as u32 & 63),
        ADD_OVERFLOWS => x.checked_add(y).is_none().into(),
        SUB_OVERFLOWS => x.checked_sub(y).is_none().into(),
        MUL_OVERFLOWS => x.checked_mul(y).is_none().into(),
        EQ => (a == b).into(),
        NE => (a != b).into(),
        LT => (x < y).into(),
        LE => (x <= y).into(),
        GT => (x > y).into(),
        GE => (x >= y).into(),
        BELOW => (a < b).into(),
        AT_LEAST => (a >= b).into(),
        _ => return Err("an instruction that does not exist".into()),
    })
}

fn on_doubles(instruction: u16, a: f64, b: f64) -> f64 {
    match instruction {
        FADD => a + b,
        FSUB => a - b,
        FMUL => a * b,
        FDIV => a / b,
        FNEG => -a,
        FABS => a.abs(),
        FSQRT => a.sqrt(),
        _ => a,
    }
}

fn compare_doubles(instruction: u16, a: f64, b: f64) -> u64 {
    let holds = match instruction {
        FEQ => a == b,
        FNE => a != b,
        FLT => a < b,
        FLE => a <= b,
        FGT => a > b,
        _ => a >= b,
    };
    holds.into()
}

impl Processor for Cpu {
    fn gate(&self, number: usize) -> usize {
        GATES.start as usize + number
    }

    fn stack(&self) -> Range<usize> {
        self.bounds().start as usize + RESERVE..self.bounds().end as usize
    }

    fn code_changed(&self, _code: Range<usize>) {
        // Nothing is remembered of code.
    }

    fn frames(&self) -> Vec<Range<usize>> {
        if self.active.get() == 0 {
            return Vec::new();
        }
        let registers = self.words.as_ptr() as usize;
        vec![registers..registers + size_of_val(&self.words), self.word(STACK) as usize..self.bounds().end as usize]
    }

    unsafe fn call(&self, entry: usize, words: &[u64], serve: &mut Serve) -> Result<u64, ProcessorFault> {
        assert!(words.len() <= 6, "too many words for a call");
        let before = (self.words.clone(), self.doubles.clone());
        self.active.set(self.active.get() + 1);
        for (register, word) in words.iter().enumerate() {
            self.set(register as u8, *word);
        }
        let mut counter = entry as u64;
        let end = self.push(OUTSIDE).and_then(|()| self.go(&mut counter, serve));
        self.active.set(self.active.get() - 1);
        let kept = |register: u8| self.words[register as usize] == before.0[register as usize];
        let kept_double = |register: u8| self.doubles[register as usize] == before.1[register as usize];
        let preserved = SAVED_WORDS.chain([STACK]).all(kept) && SAVED_DOUBLES.into_iter().all(kept_double);
        let end = end.and_then(|()| match preserved {
            true => Ok(self.word(0)),
            false => Err("a function did not preserve what the C convention says".into()),
        });
        end.map_err(|what| {
            let fault = ProcessorFault { what, counter, bytes: code_at(counter), registers: self.registers() };
            self.words.iter().zip(&before.0).chain(self.doubles.iter().zip(&before.1)).for_each(|(now, old)| {
                now.set(old.get());
            });
            fault
        })
    }
}

/// The instruction at an address where one was executed.
fn code_at(counter: u64) -> Vec<u8> {
    if counter < LOWEST {
        return Vec::new();
    }
    // SAFETY: the CPU has just read an instruction there.
    unsafe { std::slice::from_raw_parts(counter as *const u8, SIZE) }.to_vec()
}
