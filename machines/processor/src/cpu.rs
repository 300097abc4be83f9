//! What the emulator must know of a CPU: a row of a table.

use maru_core::codegen::System;

/// A CPU in the emulator's numbers.
#[derive(Debug)]
pub struct Cpu {
    /// The target's name.
    pub name: &'static str,
    /// The target's number of the system by whose convention C functions are called.
    pub(crate) system: System,
    /// The emulator's number for the family.
    pub(crate) family: i32,
    /// The emulator's mode bits.
    pub(crate) mode: i32,
    /// Program counter.
    pub(crate) counter: i32,
    /// Stack pointer.
    pub(crate) stack: i32,
    /// The register that holds the return address in a called function; `None` if it is on the stack.
    pub(crate) link: Option<i32>,
    /// Words of a call by the C convention; those for which there is no register lie on the stack, where the first has as
    /// many bytes as an address: it is one.
    pub(crate) arguments: &'static [i32],
    /// Words at the stack pointer of the caller, before the first argument there.
    pub(crate) home_words: u64,
    /// Its result.
    pub(crate) result: i32,
    /// The upper half of its result, where registers are half as wide as words.
    pub(crate) high_result: Option<i32>,
    /// Bytes of an address.
    pub(crate) address: u64,
    /// All registers that may hold a word, by name.
    pub(crate) general: &'static [(&'static str, i32)],
    /// Bits to set in a register at the start.
    pub(crate) enable: Option<(i32, u64)>,
    /// An instruction that ends a block: what gates are filled with.
    pub(crate) filler: &'static [u8],
}

impl Cpu {
    /// Where its addresses end, if that is before those of this process do.
    pub(crate) fn reach(&self) -> Option<usize> {
        let bits = 8 * self.address as u32;
        (bits < usize::BITS).then(|| 1 << bits)
    }
}

/// All CPUs that the emulator runs code of.
pub const CPUS: &[&Cpu] = &[&X64, &X64_WINDOWS, &ARM64, &RISCV64, &X86];

/// The row of a target and one of its systems.
pub fn find(name: &str, system: System) -> Option<&'static Cpu> {
    CPUS.iter().find(|cpu| cpu.name == name && cpu.system == system).copied()
}

const X64: Cpu = Cpu {
    name: "x64",
    system: System(0),
    family: 4,
    mode: 1 << 3,
    counter: 41,
    stack: 44,
    link: None,
    arguments: &[39, 43, 40, 38, 106, 107],
    home_words: 0,
    result: 35,
    high_result: None,
    address: 8,
    general: &[
        ("rax", 35),
        ("rcx", 38),
        ("rdx", 40),
        ("rbx", 37),
        ("rsp", 44),
        ("rbp", 36),
        ("rsi", 43),
        ("rdi", 39),
        ("r8", 106),
        ("r9", 107),
        ("r10", 108),
        ("r11", 109),
        ("r12", 110),
        ("r13", 111),
        ("r14", 112),
        ("r15", 113),
    ],
    enable: None,
    filler: &[0xc3],
};

const X64_WINDOWS: Cpu = Cpu { system: System(1), arguments: &[38, 40, 106, 107], home_words: 4, ..X64 };

const ARM64: Cpu = Cpu {
    name: "arm64",
    system: System(0),
    family: 2,
    mode: 0,
    counter: 260,
    stack: 4,
    link: Some(2),
    arguments: &[199, 200, 201, 202, 203, 204],
    home_words: 0,
    result: 199,
    high_result: None,
    address: 8,
    general: &[
        ("x0", 199),
        ("x1", 200),
        ("x2", 201),
        ("x3", 202),
        ("x4", 203),
        ("x5", 204),
        ("x6", 205),
        ("x7", 206),
        ("x8", 207),
        ("x9", 208),
        ("x10", 209),
        ("x11", 210),
        ("x12", 211),
        ("x13", 212),
        ("x14", 213),
        ("x15", 214),
        ("x16", 215),
        ("x17", 216),
        ("x18", 217),
        ("x19", 218),
        ("x20", 219),
        ("x21", 220),
        ("x22", 221),
        ("x23", 222),
        ("x24", 223),
        ("x25", 224),
        ("x26", 225),
        ("x27", 226),
        ("x28", 227),
        ("x29", 1),
        ("x30", 2),
        ("sp", 4),
    ],
    enable: None,
    filler: &[0xc0, 0x03, 0x5f, 0xd6],
};

const RISCV64: Cpu = Cpu {
    name: "riscv64",
    system: System(0),
    family: 8,
    mode: 1 << 3,
    counter: 190,
    stack: 3,
    link: Some(2),
    arguments: &[11, 12, 13, 14, 15, 16],
    home_words: 0,
    result: 11,
    high_result: None,
    address: 8,
    general: &[
        ("ra", 2),
        ("sp", 3),
        ("gp", 4),
        ("tp", 5),
        ("t0", 6),
        ("t1", 7),
        ("t2", 8),
        ("s0", 9),
        ("s1", 10),
        ("a0", 11),
        ("a1", 12),
        ("a2", 13),
        ("a3", 14),
        ("a4", 15),
        ("a5", 16),
        ("a6", 17),
        ("a7", 18),
        ("s2", 19),
        ("s3", 20),
        ("s4", 21),
        ("s5", 22),
        ("s6", 23),
        ("s7", 24),
        ("s8", 25),
        ("s9", 26),
        ("s10", 27),
        ("s11", 28),
        ("t3", 29),
        ("t4", 30),
        ("t5", 31),
        ("t6", 32),
    ],
    // Floating point is off after reset: mstatus.FS.
    enable: Some((116, 0x6000)),
    filler: &[0x67, 0x80, 0x00, 0x00],
};

const X86: Cpu = Cpu {
    name: "x86",
    system: System(0),
    family: 4,
    mode: 1 << 2,
    counter: 26,
    stack: 30,
    link: None,
    arguments: &[],
    home_words: 0,
    result: 19,
    high_result: Some(24),
    address: 4,
    general: &[("eax", 19), ("ecx", 22), ("edx", 24), ("ebx", 21), ("esp", 30), ("ebp", 20), ("esi", 29), ("edi", 23)],
    enable: None,
    filler: &[0xc3],
};
