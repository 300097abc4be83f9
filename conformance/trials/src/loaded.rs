//! A unit in memory, on a processor, with a context whose helpers the trial provides.

use crate::library::Library;
use maru_core::abi::Context;
use maru_core::codegen::{Architecture, System};
use maru_core::format::{CodePlacement, Image, Layout};
use maru_core::ir::{parse, verify, Function, Helper};
use maru_processor::memory::Block;
use maru_processor::Processor;
use std::collections::BTreeMap;

/// Words of the argument area.
const AREA: usize = 300;
const PAGE: usize = 4096;
/// Words of the data table.
const DATA_WORDS: usize = 64;

/// A target and something that runs its code.
pub struct Bench {
    /// The target.
    pub architecture: &'static dyn Architecture,
    /// The CPU's system that is compiled for, and whose calls the processor makes.
    pub system: System,
    /// What runs its code.
    pub processor: Box<dyn Processor>,
}

/// A helper as the trial wants it: given the context and the words in argument registers, of which the first is the
/// context again. It must not panic: there are frames of compiled code between it and the test.
pub type HelperFunction = Box<dyn Fn(*mut Context, [u64; 6]) -> u64>;

/// Compiled functions ready to run. Function 0 is an entry.
pub struct Loaded<'b> {
    bench: &'b Bench,
    code: Code,
    area: Memory,
    helpers: BTreeMap<usize, HelperFunction>,
    /// The context.
    pub context: InReach<Context>,
}

/// Words where code finds them.
pub type Memory = InReach<[u64]>;

/// Something in memory that code reaches.
pub struct InReach<T: ?Sized> {
    /// Keeps the memory.
    _block: Block,
    value: *mut T,
}

impl<T: ?Sized> std::ops::Deref for InReach<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the value was made in the block, which lives as long; code changes it only while it is called.
        unsafe { &*self.value }
    }
}

impl<T: ?Sized> std::ops::DerefMut for InReach<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`.
        unsafe { &mut *self.value }
    }
}

/// Where a unit lies.
enum Code {
    Mapped { block: Block, data: *mut u64, offsets: Vec<u32> },
    Library(Library),
}

/// Read and verify a unit.
pub fn unit(text: &str) -> Vec<Function> {
    let functions = parse::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify::verify_unit(&functions).unwrap_or_else(|error| panic!("{error}\n{text}"));
    functions
}

/// An entry that calls a function which keeps 40 words and 40 doubles alive, so that it uses every register.
pub fn busy_unit() -> String {
    let mut text = "entry function t() -> w {\nb0:\n  v0 = const 3\n  v1 = call f1(v0, v0, v0) -> w\n  return v1\n}\n\
                    function busy(v0: w, v1: w, v2: w) -> w {\nb0:\n  v3 = int_to_float v2\n"
        .to_string();
    let (mut word, mut double) = ("v2".to_string(), "v3".to_string());
    for n in 10..50 {
        text += &format!("  v{n} = mul v2 {word}\n  v{} = float.add v3 {double}\n", n + 200);
        (word, double) = (format!("v{n}"), format!("v{}", n + 200));
    }
    for n in 10..50 {
        text += &format!("  v{} = xor {word} v{n}\n  v{} = float.sub {double} v{}\n", n + 90, n + 300, n + 200);
        (word, double) = (format!("v{}", n + 90), format!("v{}", n + 300));
    }
    text + &format!("  v5 = float_to_int {double}\n  v6 = add v5 {word}\n  return v6\n}}\n")
}

impl Bench {
    /// Read, verify, compile and load a unit.
    pub fn load(&self, text: &str) -> Loaded<'_> {
        self.load_functions(&unit(text))
    }

    /// The text of a function's code.
    pub fn listing(&self, function: &Function) -> String {
        let lines = self.architecture.listing(function).unwrap_or_else(|error| panic!("{error}"));
        lines.iter().map(|line| format!("{:4x}  {}\n", line.offset, line.text)).collect()
    }

    /// Compile and load a unit.
    pub fn load_functions(&self, functions: &[Function]) -> Loaded<'_> {
        let code = match self.architecture.source() {
            Some(source) => Code::Library(Library::open(source, functions, DATA_WORDS)),
            None => self.map(functions),
        };
        let mut area = self.memory(AREA);
        let context = self.context(&mut area);
        Loaded { bench: self, code, area, helpers: BTreeMap::new(), context }
    }

    fn block(&self, size: usize) -> Block {
        Block::below(self.processor.reach(), size.next_multiple_of(PAGE), true)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// So many words where code reaches them, all zero.
    pub fn memory(&self, words: usize) -> Memory {
        let block = self.block(8 * words);
        let value = std::ptr::slice_from_raw_parts_mut(block.range().start as *mut u64, words);
        InReach { _block: block, value }
    }

    /// Compile a unit into a mapping.
    fn map(&self, functions: &[Function]) -> Code {
        let mut image = Image::new("test", "");
        for function in functions {
            let compiled =
                self.architecture.compile_for(function, self.system).unwrap_or_else(|error| panic!("{error}"));
            let placement = CodePlacement { alignment: 16, filling: self.architecture.trap() };
            image.push(function.name.clone(), compiled, placement);
        }
        let code_size = image.code.len().next_multiple_of(PAGE);
        let size = code_size + PAGE;
        let block = self.block(size);
        let base = block.range().start as *mut u8;
        let code = base as u64;
        let layout = Layout { code, data: code + code_size as u64, ..Layout::default() };
        image.link(&layout, self.architecture).unwrap_or_else(|error| panic!("{error}"));
        // SAFETY: the mapping has room for the code, and nobody runs it before it is made executable.
        unsafe {
            base.copy_from_nonoverlapping(image.code.as_ptr(), image.code.len());
            assert_eq!(libc::mprotect(base.cast(), code_size, libc::PROT_READ | libc::PROT_EXEC), 0);
        }
        self.processor.code_changed(base as usize..base as usize + image.code.len());
        let offsets = image.functions.iter().map(|function| function.offset).collect();
        // SAFETY: the data words lie in the last page of the mapping.
        let data = unsafe { base.add(code_size).cast() };
        Code::Mapped { block, data, offsets }
    }

    /// A context with addresses for helpers, and all of the stack.
    fn context(&self, area: &mut [u64]) -> InReach<Context> {
        let block = self.block(size_of::<Context>());
        let value = block.range().start as *mut Context;
        // All fields are integers and raw pointers, for which zero is valid.
        let mut context = InReach { _block: block, value };
        context.arguments = area.as_mut_ptr().cast();
        context.helpers = self.helpers();
        context.stack_limit = self.processor.stack().start;
        context
    }

    /// What code calls in order to reach helpers.
    pub fn helpers(&self) -> [usize; Context::HELPERS] {
        std::array::from_fn(|number| self.processor.gate(number))
    }
}

impl Loaded<'_> {
    /// Let compiled code call this.
    pub fn helper(mut self, helper: Helper, function: impl Fn(*mut Context, [u64; 6]) -> u64 + 'static) -> Self {
        self.helpers.insert(helper as usize, Box::new(function));
        self
    }

    /// A word of the data table.
    pub fn set_data(&mut self, word: usize, value: u64) {
        assert!(word < DATA_WORDS);
        let data = match &self.code {
            Code::Mapped { data, .. } => *data,
            Code::Library(library) => library.data,
        };
        // SAFETY: a word of the page behind `data`, or of the library's data table, which stay writable.
        unsafe { data.add(word).write(value) };
    }

    /// A word of the argument area.
    pub fn argument(&self, index: usize) -> u64 {
        self.area[index]
    }

    /// Address of a function.
    pub fn address(&self, function: usize) -> u64 {
        match &self.code {
            Code::Mapped { block, offsets, .. } => block.range().start as u64 + u64::from(offsets[function]),
            Code::Library(library) => library.functions[function],
        }
    }

    /// Bytes of what the target made: code, or text.
    pub fn code_size(&self) -> usize {
        match &self.code {
            Code::Mapped { block, data, .. } => *data as usize - block.range().start,
            Code::Library(library) => library.size,
        }
    }

    /// Call function 0.
    pub fn run(&mut self, words: [u64; 4]) -> u64 {
        let context = &raw mut *self.context;
        self.run_in(context as u64, words)
    }

    /// Call function 0 with a context of the trial's own.
    pub fn run_in(&mut self, context: u64, words: [u64; 4]) -> u64 {
        let [a, b, c, d] = words;
        let mut missing = None;
        let mut serve = |number: usize, words: [u64; 6]| match self.helpers.get(&number) {
            Some(helper) => helper(words[0] as *mut Context, words),
            // Code of narrow words has some of its arithmetic done.
            None => Helper::ALL[number].arithmetic(words[1], words[2]).unwrap_or_else(|| {
                missing = Some(number);
                0
            }),
        };
        // SAFETY: function 0 was compiled from verified IR by the entry convention.
        let result = unsafe { self.bench.processor.call(self.address(0) as usize, &[context, a, b, c, d], &mut serve) };
        assert_eq!(missing, None, "code called a helper that this trial does not have");
        result.unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Call function 0 with two words.
    pub fn run2(&mut self, a: u64, b: u64) -> u64 {
        self.run([a, b, 0, 0])
    }

    /// Let no frame lie lower than so many bytes below the start of the stack.
    pub fn limit_stack(&mut self, bytes: usize) {
        self.context.stack_limit = self.bench.processor.stack().end - bytes;
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
