//! Prints how long the steps from an image to its first call take: medians in microseconds.
//!
//! `cargo run --release -p maru-elf --example load_latency [functions]`; the code is for x86-64.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{machine, target};
use libloading::os::unix::{Library, Symbol, RTLD_LOCAL, RTLD_NOW};
use maru_compiler::load::{Candidate, ExecutableDirectory, ImageHeader};
use maru_core::codegen::{image_stamp, CompiledFunction, UnwindRow};
use maru_core::format::{CodePlacement, Image, ObjectFormat};
use maru_elf::ELF;
use std::path::{Path, PathBuf};
use std::time::Instant;

const ROUNDS: usize = 1000;

/// An image of functions of 200 bytes, with or without lines.
fn image(functions: u32, source: &str) -> Image {
    let mut image = Image::new("latency", source);
    for number in 0..functions {
        let mut bytes = vec![0x90; 194];
        bytes.push(0xb8);
        bytes.extend(number.to_le_bytes());
        bytes.push(0xc3);
        let row = |offset, cfa_offset, saved: &[(u16, i64)]| UnwindRow { offset, cfa_offset, saved: saved.to_vec() };
        let unwind =
            vec![row(1, 16, &[(3, -16)]), row(8, 48, &[(3, -16)]), row(190, 16, &[(3, -16)]), row(191, 8, &[])];
        let lines = (0..10).map(|line| (line * 19, number * 12 + line + 1)).collect();
        let function = CompiledFunction { bytes, unwind, lines, ..CompiledFunction::default() };
        image.push(format!("maru_function_{number}"), function, CodePlacement { alignment: 16, filling: &[0xcc] });
    }
    image.data_words = 64;
    ImageHeader::build(&mut image, &[b'm'; 1000], image_stamp(&target())).expect("a header");
    image
}

/// Times of one step, by round.
struct Step {
    name: &'static str,
    nanoseconds: Vec<u128>,
}

/// The steps in the order in which they were first timed.
#[derive(Default)]
struct Clock(Vec<Step>);

impl Clock {
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let elapsed = start.elapsed().as_nanos();
        match self.0.iter_mut().find(|step| step.name == name) {
            Some(step) => step.nanoseconds.push(elapsed),
            None => self.0.push(Step { name, nanoseconds: vec![elapsed] }),
        }
        result
    }
    fn print(mut self, title: &str) {
        println!("{title}");
        let mut sum = 0.0;
        for step in &mut self.0 {
            step.nanoseconds.sort_unstable();
            let median = step.nanoseconds[step.nanoseconds.len() / 2] as f64 / 1000.0;
            sum += median;
            println!("  {:<28}{median:>8.2}", step.name);
        }
        println!("  {:<28}{sum:>8.2}", "sum");
    }
}

/// The smallest library with functions of the same size that a loader takes: what the format costs beside it.
fn bare_steps(path: &Path, bytes: &[u8], symbol: &str, clock: &mut Clock) {
    clock.time("write", || std::fs::write(path, bytes)).expect("written");
    // SAFETY: the library has nothing that runs when it is loaded.
    let library = clock.time("dlopen", || unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }).expect("opened");
    // SAFETY: the functions of the image have this type.
    let function: Symbol<extern "C" fn() -> u32> =
        clock.time("dlsym", || unsafe { library.get(symbol) }).expect("exported");
    clock.time("first call", || function());
    clock.time("dlclose", || library.close()).expect("closed");
    std::fs::remove_file(path).expect("removed");
}

fn measure_image(title: &str, image: &Image, directory: &mut ExecutableDirectory) {
    let machine = machine();
    let mut clock = Clock::default();
    for _ in 0..ROUNDS {
        let layout = clock.time("layout", || ELF.layout(image, &machine)).expect("a layout");
        let bytes = clock.time("write into memory", || ELF.write(image, &layout, &machine)).expect("a file");
        // No fixups here: only the distances in the header, which linking would fill in.
        std::hint::black_box(bytes);
    }
    let mut linked = image.clone();
    let layout = ELF.layout(&linked, &machine).expect("a layout");
    fill_distances(&mut linked, &layout);
    let bytes = ELF.write(&linked, &layout, &machine).expect("a file");
    for _ in 0..ROUNDS {
        let loaded =
            clock.time("load (check, file, dlopen)", || directory.load(&ELF, &target(), &bytes)).expect("loaded");
        let address = loaded.function_address(0).expect("a function");
        // SAFETY: the image's functions have this type.
        let function = unsafe { std::mem::transmute::<usize, extern "C" fn() -> u32>(address) };
        clock.time("first call", || function());
        clock.time("drop (dlclose, remove)", || drop(loaded));
    }
    clock.print(&format!("{title}: {} bytes", bytes.len()));
    let mut clock = Clock::default();
    let path: PathBuf = directory.path().expect("used above").join("latency.so");
    for _ in 0..ROUNDS {
        bare_steps(&path, &bytes, "maru_function_0", &mut clock);
    }
    clock.print("  the same by hand");
}

fn fill_distances(image: &mut Image, layout: &maru_core::format::Layout) {
    use maru_core::format::Place;
    for (at, place) in image.distances.clone() {
        let to = match place {
            Place::Code(offset) => layout.code + u64::from(offset),
            Place::Function(number) => layout.code + u64::from(image.functions[number as usize].offset),
            Place::Constants(offset) => layout.constants + u64::from(offset),
            Place::Data(offset) => layout.data + u64::from(offset),
        };
        let distance = to.wrapping_sub(layout.constants) as u32;
        image.constants[at as usize..at as usize + 4].copy_from_slice(&distance.to_le_bytes());
    }
}

fn main() {
    let functions = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(10);
    for candidate in Candidate::usual() {
        if let Err(problem) = candidate.prepare() {
            println!("{}: {problem}", candidate.base.display());
            continue;
        }
        println!("in {}", candidate.base.display());
        let mut directory = ExecutableDirectory::among(vec![candidate]);
        measure_image("without lines", &image(functions, ""), &mut directory);
        measure_image("with lines", &image(functions, "/nowhere/program.l"), &mut directory);
    }
}
