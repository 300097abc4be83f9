//! A unit in executable memory, with a context whose helpers the test provides.
#![allow(dead_code)] // Each test program uses a part of it.

use maru_core::format::{Image, Layout};
use maru_core::ir::{parse, verify, Function, Helper};
use maru_core::runtime::Context;
use maru_core::target::{Architecture, CompiledFunction};
use maru_x64::TARGET;

/// Words of the argument area.
const AREA: usize = 300;
const PAGE: usize = 4096;
const DATA_WORDS: usize = 64;

/// A runtime helper as compiled code calls it.
pub type RuntimeHelper = extern "sysv64" fn(*mut Context, u64, u64, u64, u64, u64) -> u64;
type Entry = extern "sysv64" fn(*mut Context, u64, u64, u64, u64) -> u64;

/// Compiled functions ready to run. Function 0 is an entry.
pub struct Loaded {
    base: *mut u8,
    size: usize,
    data: *mut u64,
    offsets: Vec<u32>,
    area: Vec<u64>,
    pub context: Box<Context>,
}

/// Read and verify a unit.
pub fn unit(text: &str) -> Vec<Function> {
    let functions = parse::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify::verify_unit(&functions).unwrap_or_else(|error| panic!("{error}\n{text}"));
    functions
}

/// Compile one function; allocation is verified.
pub fn compile(function: &Function) -> CompiledFunction {
    TARGET.compile(function).unwrap_or_else(|error| panic!("{error}"))
}

/// The text of a function's code.
pub fn listing(function: &Function) -> String {
    let lines = TARGET.listing(function).unwrap_or_else(|error| panic!("{error}"));
    lines.iter().map(|line| format!("{:4x}  {}\n", line.offset, line.text)).collect()
}

impl Loaded {
    pub fn from_text(text: &str) -> Loaded {
        Loaded::new(&unit(text))
    }

    pub fn new(functions: &[Function]) -> Loaded {
        let mut image = Image::new("test", "");
        for function in functions {
            image.push(function.name.clone(), compile(function), TARGET.trap());
        }
        let code_size = image.code.len().next_multiple_of(PAGE);
        let size = code_size + PAGE;
        // SAFETY: a fresh private mapping at an address that the system chooses.
        let base = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(std::ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        assert_ne!(base, libc::MAP_FAILED);
        let base = base.cast::<u8>();
        let code = base as u64;
        let layout = Layout { code, data: code + code_size as u64, ..Layout::default() };
        image.link(&layout, &TARGET).unwrap();
        // SAFETY: the mapping has room for the code, and nobody runs it before it is made executable.
        unsafe {
            base.copy_from_nonoverlapping(image.code.as_ptr(), image.code.len());
            assert_eq!(libc::mprotect(base.cast(), code_size, libc::PROT_READ | libc::PROT_EXEC), 0);
        }
        let mut area = vec![0u64; AREA];
        // SAFETY: all fields are integers and raw pointers, for which zero is valid.
        let mut context: Box<Context> = unsafe { Box::new(std::mem::zeroed()) };
        context.arguments = area.as_mut_ptr().cast();
        let offsets = image.functions.iter().map(|function| function.offset).collect();
        // SAFETY: the data words lie in the last page of the mapping.
        let data = unsafe { base.add(code_size).cast() };
        Loaded { base, size, data, offsets, area, context }
    }

    /// Let compiled code call this.
    pub fn helper(mut self, helper: Helper, function: RuntimeHelper) -> Loaded {
        self.context.helpers[helper as usize] = function as usize;
        self
    }

    /// A word of the data table.
    pub fn set_data(&mut self, word: usize, value: u64) {
        assert!(word < DATA_WORDS);
        // SAFETY: a word of the page behind `data`, which stays writable.
        unsafe { self.data.add(word).write(value) };
    }

    /// A word of the argument area.
    pub fn argument(&self, index: usize) -> u64 {
        self.area[index]
    }

    /// Address of a function.
    pub fn address(&self, function: usize) -> u64 {
        self.base as u64 + u64::from(self.offsets[function])
    }

    /// Call function 0.
    pub fn run(&mut self, words: [u64; 4]) -> u64 {
        let context = &raw mut *self.context;
        self.run_in(context as u64, words)
    }

    /// Call function 0 with a context of the test's own.
    pub fn run_in(&mut self, context: u64, words: [u64; 4]) -> u64 {
        let [a, b, c, d] = words;
        // SAFETY: function 0 was compiled from verified IR by the entry convention.
        unsafe {
            let entry: Entry = std::mem::transmute(self.base.add(self.offsets[0] as usize));
            entry(context as *mut Context, a, b, c, d)
        }
    }

    /// Call function 0 with two words.
    pub fn run2(&mut self, a: u64, b: u64) -> u64 {
        self.run([a, b, 0, 0])
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: unmaps what `new` mapped.
        unsafe { libc::munmap(self.base.cast(), self.size) };
    }
}

/// Numbers where integer arithmetic changes its mind.
pub const WORDS: [i64; 24] = [
    0,
    1,
    2,
    3,
    7,
    8,
    10,
    63,
    64,
    127,
    128,
    255,
    256,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x0123_4567_89ab_cdef,
    i64::MAX,
    i64::MIN,
    -1,
    -2,
    -128,
    -0x8000_0000,
];

/// Doubles where floating-point arithmetic changes its mind.
pub const DOUBLES: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1.5,
    -2.75,
    3.0,
    1e10,
    -1e300,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];
