//! What is peculiar to this CPU about calls: what entries preserve.

use maru_arm64::TARGET;
use maru_trials::{busy_unit, Bench};

/// A C function of two words, an entry's address and a context. It saves what it must, puts the register's number into
/// each of x19 … x28 and that of the word 11 further on into each of d8 … d15, calls the entry with the context, and
/// answers 0 if they are all as they were. By GNU `as`, of:
///
/// ```text
/// stp x29, x30, [sp, #-176]!   stp x19, x20, [sp, #16] …   stp d8, d9, [sp, #96] …
/// mov x9, x0   mov x0, x1   mov x19, #19 …   scvtf d8, x19 …   blr x9   mov x0, #0
/// sub x9, x19, #19   orr x0, x0, x9 …   fcvtzs x9, d8   sub x9, x9, #19   orr x0, x0, x9 …
/// ldp x19, x20, [sp, #16] …   ldp d8, d9, [sp, #96] …   ldp x29, x30, [sp], #176   ret
/// ```
const KEEPS: &[u32] = &[
    0xa9b57bfd, 0xa90153f3, 0xa9025bf5, 0xa90363f7, 0xa9046bf9, 0xa90573fb, 0x6d0627e8, 0x6d072fea, 0x6d0837ec,
    0x6d093fee, 0xaa0003e9, 0xaa0103e0, 0xd2800273, 0xd2800294, 0xd28002b5, 0xd28002d6, 0xd28002f7, 0xd2800318,
    0xd2800339, 0xd280035a, 0xd280037b, 0xd280039c, 0x9e620268, 0x9e620289, 0x9e6202aa, 0x9e6202cb, 0x9e6202ec,
    0x9e62030d, 0x9e62032e, 0x9e62034f, 0xd63f0120, 0xd2800000, 0xd1004e69, 0xaa090000, 0xd1005289, 0xaa090000,
    0xd10056a9, 0xaa090000, 0xd1005ac9, 0xaa090000, 0xd1005ee9, 0xaa090000, 0xd1006309, 0xaa090000, 0xd1006729,
    0xaa090000, 0xd1006b49, 0xaa090000, 0xd1006f69, 0xaa090000, 0xd1007389, 0xaa090000, 0x9e780109, 0xd1004d29,
    0xaa090000, 0x9e780129, 0xd1005129, 0xaa090000, 0x9e780149, 0xd1005529, 0xaa090000, 0x9e780169, 0xd1005929,
    0xaa090000, 0x9e780189, 0xd1005d29, 0xaa090000, 0x9e7801a9, 0xd1006129, 0xaa090000, 0x9e7801c9, 0xd1006529,
    0xaa090000, 0x9e7801e9, 0xd1006929, 0xaa090000, 0xa94153f3, 0xa9425bf5, 0xa94363f7, 0xa9446bf9, 0xa94573fb,
    0x6d4627e8, 0x6d472fea, 0x6d4837ec, 0x6d493fee, 0xa8cb7bfd, 0xd65f03c0,
];

#[test]
fn entries_preserve_what_c_preserves() {
    let Some(bench) = Bench::on_emulator(&TARGET) else { return };
    let mut loaded = bench.load(&busy_unit());
    let words = [loaded.address(0), &raw mut *loaded.context as u64];
    // SAFETY: the code above is what its description says, and memory that it lies in stays.
    let changed = unsafe { bench.processor.call(KEEPS.as_ptr() as usize, &words, &mut |_, _| 0) };
    assert_eq!(changed.expect("no fault"), 0);
    // One that does not: x19 is 0 after it.
    let careless = [0xd280_0013u32, 0xd65f_03c0];
    let words = [careless.as_ptr() as u64, 0];
    // SAFETY: as above; the code sets a register and returns.
    let changed = unsafe { bench.processor.call(KEEPS.as_ptr() as usize, &words, &mut |_, _| 0) };
    assert_ne!(changed.expect("no fault"), 0);
}
