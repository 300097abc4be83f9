//! Files: what is written is read back, damage is found, and the same image gives the same bytes.

use maru_core::codegen::{CompiledFunction, MachineIdentity};
use maru_core::format::{CodePlacement, Image, ObjectFormat};
use maru_template::{file, TEMPLATE};

fn machine() -> MachineIdentity {
    TEMPLATE.identity("x64").expect("a number for it").clone()
}

/// An image of so many functions, a few bytes each; no CPU runs them.
fn image(functions: usize) -> Image {
    let mut image = Image::new("test", "");
    for number in 0..functions {
        let bytes = vec![number as u8; 3 + number % 40];
        image.push(
            format!("function_{number}"),
            CompiledFunction { bytes, ..CompiledFunction::default() },
            CodePlacement { alignment: 16, filling: &[0xcc] },
        );
    }
    image.constants = (0..100 + functions).map(|byte| byte as u8).collect();
    image.data_words = functions as u32;
    image
}

fn written(image: &Image) -> Vec<u8> {
    let layout = TEMPLATE.layout(image, &machine()).expect("a layout");
    let bytes = TEMPLATE.write(image, &layout, &machine()).expect("a file");
    assert_eq!(bytes.len() as u64, layout.file_size);
    bytes
}

#[test]
fn what_is_written_is_read_back() {
    for functions in [0, 1, 2, 30, 700] {
        let image = image(functions);
        let bytes = written(&image);
        let parts = file::read(&bytes).expect("a file of ours");
        assert_eq!((&bytes[parts.constants.clone()], &bytes[parts.code.clone()]), (&*image.constants, &*image.code));
        assert_eq!((parts.machine, parts.data.len()), (machine().machine, 8 * functions));
        assert_eq!(parts.symbols.len(), functions);
        for ((name, place), function) in parts.symbols.iter().zip(&image.functions) {
            let code = &image.code[function.offset as usize..][..function.size as usize];
            assert_eq!((name, &bytes[place.clone()]), (&function.symbol, code));
        }
        assert_eq!(written(&image), bytes, "other bytes the second time");
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_is_found() {
    let bytes = written(&image(3));
    for length in 0..bytes.len() {
        assert!(TEMPLATE.read(&bytes[..length]).is_err(), "cut at {length}");
    }
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(TEMPLATE.read(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn what_cannot_be_expressed_is_refused() {
    for machine in
        [MachineIdentity { pointer_size: 4, ..machine() }, MachineIdentity { little_endian: false, ..machine() }]
    {
        assert!(TEMPLATE.layout(&image(1), &machine).is_err());
    }
    let mut overlapping = image(2);
    overlapping.functions[1].offset = 0;
    assert!(TEMPLATE.layout(&overlapping, &machine()).is_err());
    assert_eq!(TEMPLATE.identity("no such CPU"), None);
}
