//! Definition and repetition levels: small numbers in runs and in packed bits.
//!
//! Input: the bytes of a page's levels. Output: one level a value. Must not trust a run's length.

/// Bits that hold a level.
fn width(max: u8) -> u32 {
    u8::BITS - max.leading_zeros()
}

/// The levels of `count` values, each at most `max`; `None` for bytes that are none, or too few.
pub(super) fn levels(bytes: &[u8], max: u8, count: usize) -> Option<Vec<u8>> {
    let mut levels = Vec::with_capacity(count);
    let width = width(max);
    let mut rest = bytes;
    while levels.len() < count {
        let head;
        (head, rest) = number(rest)?;
        let left = count - levels.len();
        let length = usize::try_from(head >> 1).ok()?;
        if head & 1 == 0 {
            let (value, behind) = rest.split_first()?;
            rest = behind;
            if *value > max || length == 0 {
                return None;
            }
            levels.resize(levels.len() + length.min(left), *value);
        } else {
            // Groups of eight values; the last group of a page may be cut where no value is left.
            let packed = length.checked_mul(width as usize)?;
            let taken = packed.min(rest.len());
            let (group, behind) = rest.split_at(taken);
            rest = behind;
            let values = length.checked_mul(8)?.min(left);
            if values == 0 || values * width as usize > taken * 8 {
                return None;
            }
            unpack(group, width, values, max, &mut levels)?;
        }
    }
    Some(levels)
}

/// An unsigned number in groups of seven bits, and what follows it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

/// Values of `width` bits each, lowest bit first.
fn unpack(group: &[u8], width: u32, values: usize, max: u8, levels: &mut Vec<u8>) -> Option<()> {
    let (mut held, mut bits) = (0_u32, 0);
    let mut bytes = group.iter();
    for _ in 0..values {
        while bits < width {
            held |= u32::from(*bytes.next()?) << bits;
            bits += 8;
        }
        // A level has seven bits at most.
        let [level, ..] = (held & ((1 << width) - 1)).to_le_bytes();
        (held, bits) = (held >> width, bits - width);
        if level > max {
            return None;
        }
        levels.push(level);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use polars_parquet::parquet::encoding::hybrid_rle::{HybridRleDecoder, encode};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn runs_and_packed_bits_are_read() {
        // Five ones in a run, then eight values of one bit packed.
        assert_eq!(
            levels(&[10, 1, 3, 0b1010_0101], 1, 13),
            Some(vec![1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 1])
        );
        assert_eq!(levels(&[10, 1], 1, 3), Some(vec![1; 3]));
        for broken in [[10, 2].as_slice(), &[10], &[0, 1], &[3], &[0xff; 12], &[]] {
            assert_eq!(levels(broken, 1, 3), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_library(max in 1_u8..=64, runs in prop::collection::vec((any::<u8>(), 1_usize..20), 1..40)) {
            let values: Vec<u32> =
                runs.iter().flat_map(|(level, length)| vec![u32::from(level % (max + 1)); *length]).collect();
            let mut bytes = Vec::new();
            encode::<u32, _, _>(&mut bytes, values.iter().copied(), width(max)).unwrap();
            let theirs = HybridRleDecoder::new(&bytes, width(max), values.len()).collect().unwrap();
            let ours: Vec<u32> =
                levels(&bytes, max, values.len()).unwrap().into_iter().map(u32::from).collect();
            prop_assert_eq!(&ours, &values);
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60), max in 1_u8..=64, count in 0_usize..2000) {
            if let Some(levels) = levels(&bytes, max, count) {
                prop_assert_eq!(levels.len(), count);
                prop_assert!(levels.iter().all(|level| *level <= max));
            }
        }
    }
}
