//! What is peculiar to this CPU about calls: what entries preserve.

use maru_riscv64::TARGET;
use maru_trials::{busy_unit, Bench};

/// A C function of two words, an entry's address and a context. It saves what it must, puts 18 … 29 into s0 … s11 and
/// the same as doubles into fs0 … fs11, calls the entry with the context, and answers 0 if they are all as they were. By
/// GNU `as`, without short forms, of:
///
/// ```text
/// addi sp, sp, -208   sd ra, 200(sp)   sd s0, 0(sp) …   fsd fs0, 96(sp) …
/// mv t0, a0   mv a0, a1   li s0, 18 …   fcvt.d.l fs0, s0 …   jalr t0   li a0, 0
/// addi t0, s0, -18   or a0, a0, t0 …   fcvt.l.d t0, fs0, rtz   addi t0, t0, -18   or a0, a0, t0 …
/// ld s0, 0(sp) …   fld fs0, 96(sp) …   ld ra, 200(sp)   addi sp, sp, 208   ret
/// ```
const KEEPS: &[u32] = &[
    0xf3010113, 0x0c113423, 0x00813023, 0x00913423, 0x01213823, 0x01313c23, 0x03413023, 0x03513423, 0x03613823,
    0x03713c23, 0x05813023, 0x05913423, 0x05a13823, 0x05b13c23, 0x06813027, 0x06913427, 0x07213827, 0x07313c27,
    0x09413027, 0x09513427, 0x09613827, 0x09713c27, 0x0b813027, 0x0b913427, 0x0ba13827, 0x0bb13c27, 0x00050293,
    0x00058513, 0x01200413, 0x01300493, 0x01400913, 0x01500993, 0x01600a13, 0x01700a93, 0x01800b13, 0x01900b93,
    0x01a00c13, 0x01b00c93, 0x01c00d13, 0x01d00d93, 0xd2247453, 0xd224f4d3, 0xd2297953, 0xd229f9d3, 0xd22a7a53,
    0xd22afad3, 0xd22b7b53, 0xd22bfbd3, 0xd22c7c53, 0xd22cfcd3, 0xd22d7d53, 0xd22dfdd3, 0x000280e7, 0x00000513,
    0xfee40293, 0x00556533, 0xfed48293, 0x00556533, 0xfec90293, 0x00556533, 0xfeb98293, 0x00556533, 0xfeaa0293,
    0x00556533, 0xfe9a8293, 0x00556533, 0xfe8b0293, 0x00556533, 0xfe7b8293, 0x00556533, 0xfe6c0293, 0x00556533,
    0xfe5c8293, 0x00556533, 0xfe4d0293, 0x00556533, 0xfe3d8293, 0x00556533, 0xc22412d3, 0xfee28293, 0x00556533,
    0xc22492d3, 0xfed28293, 0x00556533, 0xc22912d3, 0xfec28293, 0x00556533, 0xc22992d3, 0xfeb28293, 0x00556533,
    0xc22a12d3, 0xfea28293, 0x00556533, 0xc22a92d3, 0xfe928293, 0x00556533, 0xc22b12d3, 0xfe828293, 0x00556533,
    0xc22b92d3, 0xfe728293, 0x00556533, 0xc22c12d3, 0xfe628293, 0x00556533, 0xc22c92d3, 0xfe528293, 0x00556533,
    0xc22d12d3, 0xfe428293, 0x00556533, 0xc22d92d3, 0xfe328293, 0x00556533, 0x00013403, 0x00813483, 0x01013903,
    0x01813983, 0x02013a03, 0x02813a83, 0x03013b03, 0x03813b83, 0x04013c03, 0x04813c83, 0x05013d03, 0x05813d83,
    0x06013407, 0x06813487, 0x07013907, 0x07813987, 0x08013a07, 0x08813a87, 0x09013b07, 0x09813b87, 0x0a013c07,
    0x0a813c87, 0x0b013d07, 0x0b813d87, 0x0c813083, 0x0d010113, 0x00008067,
];

#[test]
fn entries_preserve_what_c_preserves() {
    let Some(bench) = Bench::on_emulator(&TARGET) else { return };
    let mut loaded = bench.load(&busy_unit());
    let words = [loaded.address(0), &raw mut *loaded.context as u64];
    // SAFETY: the code above is what its description says, and memory that it lies in stays.
    let changed = unsafe { bench.processor.call(KEEPS.as_ptr() as usize, &words, &mut |_, _| 0) };
    assert_eq!(changed.expect("no fault"), 0);
    // One that does not: s0 is 0 after it.
    let careless = [0x00000413u32, 0x00008067];
    let words = [careless.as_ptr() as u64, 0];
    // SAFETY: as above; the code sets a register and returns.
    let changed = unsafe { bench.processor.call(KEEPS.as_ptr() as usize, &words, &mut |_, _| 0) };
    assert_ne!(changed.expect("no fault"), 0);
}
