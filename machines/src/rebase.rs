//! Rebase opcodes of a Mach-O file: which words the library's address is added to.

/// The addresses of all words, given where the segments start.
///
/// # Errors
/// When the opcodes are cut short, or name a segment that is not there.
pub(crate) fn places(opcodes: &[u8], segments: &[usize]) -> Result<Vec<usize>, String> {
    let mut reader = Reader { rest: opcodes };
    let mut places = Vec::new();
    let mut at = 0usize;
    while let Some(byte) = reader.byte() {
        let immediate = usize::from(byte & 15);
        let (count, skip) = match byte & 0xf0 {
            0x00 => break,
            0x10 if immediate == 1 => continue,
            0x20 => {
                let start = segments.get(immediate).ok_or("a rebase in a segment that is not there")?;
                at = start.wrapping_add(reader.number()?);
                continue;
            }
            0x30 => {
                at = at.wrapping_add(reader.number()?);
                continue;
            }
            0x40 => {
                at = at.wrapping_add(8 * immediate);
                continue;
            }
            0x50 => (immediate, 0),
            0x60 => (reader.number()?, 0),
            0x70 => (1, reader.number()?),
            0x80 => (reader.number()?, reader.number()?),
            _ => return Err(format!("the rebase opcode {byte:#x} is unknown")),
        };
        if count > 1 << 24 {
            return Err("more rebases than a file can need".into());
        }
        for _ in 0..count {
            places.push(at);
            at = at.wrapping_add(8).wrapping_add(skip);
        }
    }
    Ok(places)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A number in groups of seven bits, the lowest first.
    fn number(&mut self) -> Result<usize, String> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte().ok_or("the rebases are cut short")?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number in the rebases is too large".into())
    }
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn runs_of_words_and_skips_are_followed() {
        let opcodes = [0x11, 0x21, 0x10, 0x53, 0x30, 0x08, 0x51, 0x82, 0x02, 0x08, 0x00];
        let opcodes = [&opcodes[..7], &[0x80, 0x02, 0x08, 0x00]].concat();
        assert_eq!(places(&opcodes, &[0, 0x4000]).unwrap(), [0x4010, 0x4018, 0x4020, 0x4030, 0x4038, 0x4048]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(places(&[0x25, 0x00], &[0]).is_err());
        assert!(places(&[0x20, 0x80], &[0]).is_err());
        assert!(places(&[0xf0], &[0]).is_err());
    }
}
