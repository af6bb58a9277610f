//! The compact protocol of Thrift, as far as Parquet's footer and page headers need it.
//!
//! Input: bytes. Output: typed fields. The Parquet library has a reader of its own, which takes the
//! lengths of lists at their word and recurses as deep as it is told; neither survives hostile bytes,
//! and an allocation that fails cannot be caught. Here a list is never longer than the bytes behind it,
//! and what is passed over nests no deeper than [`MAX_SKIPPED`]. Must not allocate.

/// Deepest nesting of a field that is passed over.
const MAX_SKIPPED: usize = 16;

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// They end too early.
    Cut,
    /// They are not what they should be.
    Wrong,
}

/// What came of reading.
pub(super) type Parsed<T> = Result<T, Broken>;

/// The type of a field or of a list's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A flag; as a field it is in the type itself.
    Bool(bool),
    /// One byte.
    Byte,
    /// A whole number, whatever its width.
    Int,
    /// Eight bytes.
    Double,
    /// Bytes or text.
    Binary,
    /// A list or a set.
    List,
    /// Keys and values.
    Map,
    /// Fields up to a stop.
    Struct,
}

impl Kind {
    fn of(code: u8) -> Parsed<Self> {
        Ok(match code {
            1 => Self::Bool(true),
            2 => Self::Bool(false),
            3 => Self::Byte,
            4..=6 => Self::Int,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return Err(Broken::Wrong),
        })
    }
}

/// A reader of bytes in the compact protocol.
#[derive(Clone, Debug)]
pub(super) struct Compact<'a> {
    rest: &'a [u8],
}

impl<'a> Compact<'a> {
    /// Begins at the front of the bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self, length: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Broken::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// One byte.
    pub(super) fn byte(&mut self) -> Parsed<u8> {
        let (first, rest) = self.rest.split_first().ok_or(Broken::Cut)?;
        self.rest = rest;
        Ok(*first)
    }

    /// An unsigned number in groups of seven bits.
    pub(super) fn unsigned(&mut self) -> Parsed<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken::Wrong)
    }

    /// A signed number.
    pub(super) fn int(&mut self) -> Parsed<i64> {
        let number = self.unsigned()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A number that cannot be negative, in the type of its use.
    pub(super) fn count<T: TryFrom<i64>>(&mut self) -> Parsed<T> {
        T::try_from(self.int()?).map_err(|_| Broken::Wrong)
    }

    /// Bytes with their length before them.
    pub(super) fn binary(&mut self) -> Parsed<&'a [u8]> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| Broken::Wrong)?;
        self.take(length)
    }

    /// The beginning of a list: its elements' type and number, which is never above the bytes left.
    pub(super) fn list(&mut self) -> Parsed<(Kind, usize)> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => usize::try_from(self.unsigned()?).map_err(|_| Broken::Wrong)?,
            short => usize::from(short),
        };
        // Some writers leave out the type of an empty list.
        let kind = if head == 0 { Kind::Byte } else { Kind::of(head & 0x0f)? };
        if length > self.rest.len() { Err(Broken::Cut) } else { Ok((kind, length)) }
    }

    /// A list of structs, each read by `each`.
    pub(super) fn structs(&mut self, mut each: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        let (kind, length) = self.list()?;
        if kind != Kind::Struct && length > 0 {
            return Err(Broken::Wrong);
        }
        (0..length).try_for_each(|_| each(self))
    }

    /// The fields of a struct: `each` is handed the id and type of every one, and says whether it has
    /// read it; otherwise it is passed over.
    pub(super) fn fields(
        &mut self,
        mut each: impl FnMut(&mut Self, i16, Kind) -> Parsed<bool>,
    ) -> Parsed<()> {
        self.fields_at(0, &mut each)
    }

    fn fields_at(
        &mut self,
        depth: usize,
        each: &mut dyn FnMut(&mut Self, i16, Kind) -> Parsed<bool>,
    ) -> Parsed<()> {
        let mut last = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            let id = match i16::from(head >> 4) {
                0 => self.count()?,
                delta => last.checked_add(delta).ok_or(Broken::Wrong)?,
            };
            let kind = Kind::of(head & 0x0f)?;
            if !each(self, id, kind)? && !matches!(kind, Kind::Bool(_)) {
                self.skip(kind, depth)?;
            }
            last = id;
        }
    }

    fn skip(&mut self, kind: Kind, depth: usize) -> Parsed<()> {
        if depth > MAX_SKIPPED {
            return Err(Broken::Wrong);
        }
        match kind {
            Kind::Bool(_) | Kind::Byte => self.byte().map(drop),
            Kind::Int => self.unsigned().map(drop),
            Kind::Double => self.take(8).map(drop),
            Kind::Binary => self.binary().map(drop),
            Kind::List => {
                let (kind, length) = self.list()?;
                (0..length).try_for_each(|_| self.skip(kind, depth + 1))
            }
            Kind::Map => {
                let length = self.unsigned()?;
                let kinds = if length == 0 { 0x33 } else { self.byte()? };
                let (key, value) = (Kind::of(kinds >> 4)?, Kind::of(kinds & 0x0f)?);
                for _ in 0..length {
                    self.skip(key, depth + 1)?;
                    self.skip(value, depth + 1)?;
                }
                Ok(())
            }
            Kind::Struct => self.fields_at(depth + 1, &mut |_, _, _| Ok(false)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_and_others_passed_over() {
        // 1: i32 5; 3: list of two i32; 4: struct { 1: true }; 20 (long form): binary "ab".
        let bytes = [0x15, 10, 0x29, 0x25, 2, 4, 0x1c, 0x11, 0, 0x08, 40, 2, b'a', b'b', 0x00, 0xff];
        let mut reader = Compact::new(&bytes);
        let (mut number, mut text) = (0, Vec::new());
        reader
            .fields(|reader, id, kind| {
                match (id, kind) {
                    (1, Kind::Int) => number = reader.int()?,
                    (20, Kind::Binary) => text = reader.binary()?.to_vec(),
                    _ => return Ok(false),
                }
                Ok(true)
            })
            .unwrap();
        assert_eq!((number, text.as_slice(), reader.rest()), (5, b"ab".as_slice(), [0xff].as_slice()));
    }

    #[test]
    fn lists_and_nesting_are_bounded() {
        assert_eq!(Compact::new(&[0xfc, 0xff, 0xff, 0xff, 0x7f, 0]).list(), Err(Broken::Cut));
        let deep = vec![0x1c_u8; 100_000];
        assert_eq!(Compact::new(&deep).fields(|_, _, _| Ok(false)), Err(Broken::Wrong));
        assert_eq!(Compact::new(&[0xff; 11]).unsigned(), Err(Broken::Wrong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Compact::new(&bytes);
            let _ = reader.fields(|_, _, _| Ok(false));
            prop_assert!(bytes.ends_with(reader.rest()));
        }

        #[test]
        fn numbers_are_read_back(number: i64) {
            let mut zigzag = ((number << 1) ^ (number >> 63)).cast_unsigned();
            let mut bytes = Vec::new();
            while zigzag >= 0x80 {
                bytes.push(zigzag.to_le_bytes()[0] | 0x80);
                zigzag >>= 7;
            }
            bytes.push(zigzag.to_le_bytes()[0]);
            prop_assert_eq!(Compact::new(&bytes).int(), Ok(number));
        }
    }
}
