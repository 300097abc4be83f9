//! What is peculiar to this CPU about calls: what entries preserve.

use maru_trials::{busy_unit, Bench};
use maru_x86::TARGET;

/// A C function of two words, an entry's address and a context. It saves what it must, puts the registers' numbers into
/// ebx, esi, edi and ebp, calls the entry with the context, and answers 0 if they are all as they were. By GNU `as`, of:
///
/// ```text
/// push ebx   push esi   push edi   push ebp   mov eax, [esp+20]   mov ecx, [esp+24]   sub esp, 12
/// mov ebx, 3   mov esi, 6   mov edi, 7   mov ebp, 5   mov [esp], ecx   call eax   xor eax, eax   xor edx, edx
/// sub ebx, 3   or eax, ebx …   add esp, 12   pop ebp   pop edi   pop esi   pop ebx   ret
/// ```
const KEEPS: &[u8] = &[
    0x53, 0x56, 0x57, 0x55, 0x8b, 0x44, 0x24, 0x14, 0x8b, 0x4c, 0x24, 0x18, 0x83, 0xec, 0x0c, 0xbb, 0x03, 0x00, 0x00,
    0x00, 0xbe, 0x06, 0x00, 0x00, 0x00, 0xbf, 0x07, 0x00, 0x00, 0x00, 0xbd, 0x05, 0x00, 0x00, 0x00, 0x89, 0x0c, 0x24,
    0xff, 0xd0, 0x31, 0xc0, 0x31, 0xd2, 0x83, 0xeb, 0x03, 0x09, 0xd8, 0x83, 0xee, 0x06, 0x09, 0xf0, 0x83, 0xef, 0x07,
    0x09, 0xf8, 0x83, 0xed, 0x05, 0x09, 0xe8, 0x83, 0xc4, 0x0c, 0x5d, 0x5f, 0x5e, 0x5b, 0xc3,
];

/// `mov ebx, 0; ret`
const CARELESS: &[u8] = &[0xbb, 0, 0, 0, 0, 0xc3];

#[test]
fn entries_preserve_what_c_preserves() {
    let Some(bench) = Bench::on_emulator(&TARGET) else { return };
    let mut loaded = bench.load(&busy_unit());
    let mut code = bench.memory(64);
    let start = code.as_mut_ptr() as usize;
    for (at, bytes) in [(0, KEEPS), (256, CARELESS)] {
        // SAFETY: the memory has room for both.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), (start + at) as *mut u8, bytes.len()) };
    }
    bench.processor.code_changed(start..start + 512);
    let context = &raw mut *loaded.context as u64;
    for (entry, kept) in [(loaded.address(0), true), (start as u64 + 256, false)] {
        // SAFETY: the code above is what its description says, and memory that it lies in stays.
        let changed = unsafe { bench.processor.call(start, &[entry, context], &mut |_, _| 0) };
        assert_eq!(changed.expect("no fault") == 0, kept);
    }
}
