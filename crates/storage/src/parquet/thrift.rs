//! A look over an encoded Parquet footer before it is decoded: the `parquet` crate reserves memory for as many row groups as the
//! footer claims, and a footer that claims two thousand million of them would end the process.
//!
//! Decodes nothing. The format is Thrift's compact protocol,
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

/// Nothing in Parquet's metadata nests deeper than about ten levels.
const DEPTH_MAX: u8 = 32;

/// Whether `bytes` begin with one well-formed struct, in which no list or string is longer than what is left of the input.
pub(crate) fn is_well_formed(bytes: &[u8]) -> bool {
    Walk { rest: bytes }.structure(DEPTH_MAX).is_some()
}

struct Walk<'a> {
    rest: &'a [u8],
}

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.varint()?).ok()?;
        (length <= self.rest.len()).then_some(length)
    }

    fn structure(&mut self, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            if header >> 4 == 0 {
                self.varint()?;
            }
            let kind = header & 0x0f;
            // A boolean field has its value in the header.
            if kind != 1 && kind != 2 {
                self.value(kind, depth)?;
            }
        }
    }

    fn value(&mut self, kind: u8, depth: u8) -> Option<()> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let length = self.length()?;
                self.skip(length)
            }
            9 | 10 => self.list(depth.checked_sub(1)?),
            11 => self.map(depth.checked_sub(1)?),
            12 => self.structure(depth),
            13 => self.skip(16),
            _ => None,
        }
    }

    fn list(&mut self, depth: u8) -> Option<()> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.length()?,
            short => usize::from(short),
        };
        (0..count).try_for_each(|_| self.value(header & 0x0f, depth))
    }

    fn map(&mut self, depth: u8) -> Option<()> {
        let count = self.length()?;
        if count == 0 {
            return Some(());
        }
        let kinds = self.byte()?;
        (0..count).try_for_each(|_| {
            self.value(kinds >> 4, depth)?;
            self.value(kinds & 0x0f, depth)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_well_formed;

    #[test]
    fn lists_are_bounded_by_the_input() {
        // Field 1: a list of three structs, each empty.
        assert!(is_well_formed(&[0x19, 0x3c, 0, 0, 0, 0]));
        // The same list claiming 2^31 - 1 structs.
        assert!(!is_well_formed(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0]));
        // A string longer than the input, and an unfinished struct.
        assert!(!is_well_formed(&[0x18, 0x7f, b'a', 0]));
        assert!(!is_well_formed(&[0x15]));
        assert!(!is_well_formed(&[]));
    }
}
