//! Libraries are loaded by the host's loader, called, and unwound through.
#![allow(missing_docs)]

mod common;

use common::*;
use libloading::os::unix::{Library, Symbol, RTLD_LOCAL, RTLD_NOW};
use std::ffi::c_void;

fn load(file: &TestFile) -> Library {
    // SAFETY: nothing runs when one of our libraries is loaded.
    unsafe { Library::open(Some(file.path()), RTLD_NOW | RTLD_LOCAL) }.expect("the loader takes it")
}

fn function(library: &Library, name: &str) -> extern "C" fn() -> u32 {
    // SAFETY: the images' functions have this type, if they have no parameters.
    let symbol: Symbol<extern "C" fn() -> u32> = unsafe { library.get(name) }.expect("exported");
    *symbol
}

#[test]
fn functions_are_found_and_called() {
    if !can_run() {
        return;
    }
    let file = TestFile::new(&written(&sample()).1);
    let library = load(&file);
    assert_eq!(function(&library, "maru_leaf")(), 42);
    assert_eq!(function(&library, "list->string!")(), 7);
    // SAFETY: only the address is used.
    assert!(unsafe { library.get::<extern "C" fn()>("maru_missing") }.is_err());
}

#[test]
fn all_of_many_functions_are_found() {
    if !can_run() {
        return;
    }
    for count in [0, 1, 2, 3, 17, 1000] {
        let file = TestFile::new(&written(&numbered(count)).1);
        let library = load(&file);
        for number in 0..count {
            assert_eq!(function(&library, &format!("maru_{number}"))(), number);
        }
    }
}

#[test]
fn constants_are_where_the_header_symbol_says() {
    if !can_run() {
        return;
    }
    let image = sample();
    let file = TestFile::new(&written(&image).1);
    let library = load(&file);
    // SAFETY: the symbol names as many bytes as the image has constants.
    let bytes = unsafe {
        let header: Symbol<*const u8> = library.get("maru_image").expect("exported");
        std::slice::from_raw_parts(header.as_raw_ptr() as *const u8, image.constants.len())
    };
    assert_eq!(bytes, image.constants);
}

#[test]
fn data_is_zero_and_writable_also_where_it_spans_pages() {
    if !can_run() {
        return;
    }
    for words in [1u32, 100, 511, 512, 100_000] {
        let mut image = sample();
        image.data_words = words;
        let file = TestFile::new(&written(&image).1);
        let library = load(&file);
        // SAFETY: the function returns the address of the data table.
        let data = unsafe {
            let address: Symbol<extern "C" fn() -> *mut u64> = library.get("maru_data_address").expect("exported");
            std::slice::from_raw_parts_mut(address(), words as usize)
        };
        assert_eq!(data.as_ptr() as usize % 16, 0);
        assert!(data.iter().all(|&word| word == 0), "{words} words");
        data.fill(u64::MAX);
        assert_eq!(function(&library, "maru_leaf")(), 42);
    }
}

/// The names of the functions on the stack.
fn stack() -> String {
    std::backtrace::Backtrace::force_capture().to_string()
}

thread_local! {
    static SEEN: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

extern "C" fn record_stack() {
    SEEN.with(|seen| *seen.borrow_mut() = stack());
}

#[inline(never)]
fn outermost_caller(call: extern "C" fn(*const c_void), argument: *const c_void) {
    call(argument);
    std::hint::black_box(());
}

#[test]
fn unwinders_walk_through_generated_frames() {
    if !can_run() {
        return;
    }
    let file = TestFile::new(&written(&sample()).1);
    let library = load(&file);
    for name in ["maru_call", "maru_save"] {
        // SAFETY: both functions call their only parameter.
        let call: Symbol<extern "C" fn(*const c_void)> = unsafe { library.get(name) }.expect("exported");
        outermost_caller(*call, record_stack as *const c_void);
        let stack = SEEN.with(|seen| seen.borrow().clone());
        assert!(stack.contains(name), "{name} is not on the stack:\n{stack}");
        assert!(stack.contains("outermost_caller"), "the stack ends at {name}:\n{stack}");
    }
}

extern "C-unwind" fn panics() {
    std::panic::resume_unwind(Box::new("through"));
}

#[test]
fn panics_pass_generated_frames() {
    if !can_run() {
        return;
    }
    let file = TestFile::new(&written(&sample()).1);
    let library = load(&file);
    for name in ["maru_call", "maru_save"] {
        // SAFETY: both functions call their only parameter.
        let call: Symbol<extern "C-unwind" fn(*const c_void)> = unsafe { library.get(name) }.expect("exported");
        let outcome = std::panic::catch_unwind(|| call(panics as *const c_void));
        assert_eq!(outcome.expect_err("panicked").downcast_ref(), Some(&"through"), "{name}");
    }
}

#[test]
fn loading_leaves_the_stack_not_executable() {
    if !can_run() {
        return;
    }
    let file = TestFile::new(&written(&sample()).1);
    let _library = load(&file);
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
    for line in maps.lines() {
        let permissions = line.split_whitespace().nth(1).unwrap_or_default();
        assert!(!(permissions.contains('w') && permissions.contains('x')), "{line}");
    }
}
