//! What a Parquet file claims, checked before the Parquet library takes it at its word: the library
//! allocates what a header promises, and memory that cannot be had ends the process.
//!
//! Input: the bytes of one table. Output: nothing, or what cannot be. Must not decode values, and must
//! not allocate more than a small multiple of the bytes.

/// Decompressed bytes that any table may claim.
const FREE_EXPANSION: u64 = 64 << 20;

/// How many times larger than its bytes a table may claim to be beyond that.
const MAX_EXPANSION: u64 = 500;

/// Rows that a byte of a table may stand for: rows differ from each other, so each takes a bit.
const ROWS_PER_BYTE: u64 = 64;

/// Deepest nesting of what is read here; a footer has six levels.
const MAX_DEPTH: u32 = 16;

/// What cannot be, in words for an error.
type Claim<T> = Result<T, &'static str>;

/// Whether what a table claims can be.
///
/// # Errors
/// What cannot be. A file that is not Parquet at all is left to the library.
pub(super) fn check(bytes: &[u8]) -> Claim<()> {
    let Some(body) = bytes.strip_suffix(b"PAR1") else { return Ok(()) };
    let Some((body, length)) = body.split_last_chunk::<4>() else { return Ok(()) };
    let length = u32::from_le_bytes(*length) as usize;
    let Some(start) = body.len().checked_sub(length) else { return Ok(()) };
    let footer = Value::read(&mut body.get(start..).unwrap_or_default())?;
    check_columns(footer.list(2)?)?;
    let rows_at_most = (bytes.len() as u64).saturating_mul(ROWS_PER_BYTE);
    let mut left = FREE_EXPANSION.saturating_add((bytes.len() as u64).saturating_mul(MAX_EXPANSION));
    let mut rows = 0_u64;
    for group in footer.list(4)? {
        let here = group.count(3)?;
        rows = rows.saturating_add(here);
        if rows > rows_at_most {
            return Err("more rows than it has room for");
        }
        for column in group.list(1)? {
            check_pages(bytes, column.field(3)?, here, &mut left)?;
        }
    }
    if rows == footer.count(3)? { Ok(()) } else { Err("rows that are in no row group") }
}

/// The columns stand side by side, as in every table of akvlens.
fn check_columns(schema: &[Value]) -> Claim<()> {
    let (root, columns) = schema.split_first().ok_or("no columns")?;
    // Repeated, or a group.
    let nested = |column: &Value| matches!(column.count(3), Ok(2)) || column.field(5).is_ok();
    if root.count(5)? != columns.len() as u64 || columns.iter().any(nested) {
        return Err("columns within columns");
    }
    Ok(())
}

/// The pages of a column: as many values as rows, and no more bytes than are `left`.
fn check_pages(bytes: &[u8], column: &Value, rows: u64, left: &mut u64) -> Claim<()> {
    let start = if column.field(11).is_ok() { column.count(11)? } else { column.count(9)? };
    let start = usize::try_from(start).map_err(|_| "a column behind the end")?;
    let length = usize::try_from(column.count(7)?).map_err(|_| "a column behind the end")?;
    let end = start.checked_add(length).ok_or("a column behind the end")?;
    let mut pages = bytes.get(start..end).ok_or("a column behind the end")?;
    let mut values = 0_u64;
    while !pages.is_empty() {
        let header = Value::read(&mut pages)?;
        let (plain, stored) = (header.count(2)?, header.count(3)?);
        *left = left.checked_sub(plain).ok_or("pages that expand too far")?;
        let stored_bytes = usize::try_from(stored).map_err(|_| "a page behind the end")?;
        pages = pages.get(stored_bytes..).ok_or("a page behind the end")?;
        values = values.saturating_add(check_page(&header, plain, stored)?);
    }
    if values == rows && column.count(5)? == rows {
        Ok(())
    } else {
        Err("a column of more or fewer values than rows")
    }
}

/// The number of values in a page.
fn check_page(header: &Value, plain: u64, stored: u64) -> Claim<u64> {
    match header.count(1)? {
        0 => header.field(5)?.count(1),
        // A value takes a byte at least.
        2 if header.field(7)?.count(1)? <= plain => Ok(0),
        2 => Err("a dictionary of more values than bytes"),
        3 => {
            let page = header.field(8)?;
            let values = page.count(1)?;
            let levels = page.count(5)?.saturating_add(page.count(6)?);
            if page.count(2)? > values || page.count(3)? != values || levels > stored.min(plain) {
                return Err("a page that does not add up");
            }
            Ok(values)
        }
        _ => Err("a page of no known kind"),
    }
}

/// A value of Thrift's compact protocol, which headers are written in.
#[derive(Debug)]
enum Value {
    Number(i64),
    /// A text, a fraction, or a set: nothing that is looked at.
    Other,
    List(Vec<Value>),
    Struct(Vec<(i64, Value)>),
}

/// What every header that ends too early or has another form is.
const BROKEN: &str = "a header that cannot be read";

impl Value {
    /// The struct at the front; steps over it.
    fn read(bytes: &mut &[u8]) -> Claim<Self> {
        Self::of_kind(12, bytes, 0)
    }

    fn field(&self, id: i64) -> Claim<&Self> {
        let Self::Struct(fields) = self else { return Err(BROKEN) };
        fields.iter().find(|field| field.0 == id).map(|field| &field.1).ok_or("a header that lacks a field")
    }

    fn list(&self, id: i64) -> Claim<&[Self]> {
        if let Self::List(values) = self.field(id)? { Ok(values) } else { Err(BROKEN) }
    }

    /// A number that is none below zero.
    fn count(&self, id: i64) -> Claim<u64> {
        let Self::Number(number) = self.field(id)? else { return Err(BROKEN) };
        u64::try_from(*number).map_err(|_| "a number below zero")
    }

    /// A value of one of the protocol's kinds.
    fn of_kind(kind: u8, bytes: &mut &[u8], depth: u32) -> Claim<Self> {
        match kind {
            // True and false, which are their own value in a struct.
            1 | 2 => Ok(Self::Number(i64::from(kind == 1))),
            3 => take(bytes, 1)
                .map(|byte| Self::Number(byte.iter().map(|byte| i64::from(byte.cast_signed())).sum())),
            4..=6 => Ok(Self::Number(zigzag(varint(bytes)?))),
            7 => take(bytes, 8).map(|_| Self::Other),
            8 => {
                let length = usize::try_from(varint(bytes)?).map_err(|_| BROKEN)?;
                take(bytes, length).map(|_| Self::Other)
            }
            9 | 10 | 12 if depth == MAX_DEPTH => Err(BROKEN),
            9 | 10 => Self::list_of(bytes, depth + 1),
            12 => Self::struct_of(bytes, depth + 1),
            // Maps are in no header.
            _ => Err(BROKEN),
        }
    }

    fn list_of(bytes: &mut &[u8], depth: u32) -> Claim<Self> {
        let head = take_one(bytes)?;
        let (length, kind) = (head >> 4, head & 15);
        let length = if length == 15 { varint(bytes)? } else { u64::from(length) };
        // Each element takes a byte at least.
        if length > bytes.len() as u64 {
            return Err(BROKEN);
        }
        // In a list, true and false take a byte.
        let kind = if matches!(kind, 1 | 2) { 3 } else { kind };
        (0..length).map(|_| Self::of_kind(kind, bytes, depth)).collect::<Claim<_>>().map(Self::List)
    }

    fn struct_of(bytes: &mut &[u8], depth: u32) -> Claim<Self> {
        let (mut fields, mut id) = (Vec::new(), 0_i64);
        loop {
            let head = take_one(bytes)?;
            if head == 0 {
                return Ok(Self::Struct(fields));
            }
            id = if head >> 4 == 0 { zigzag(varint(bytes)?) } else { id + i64::from(head >> 4) };
            if !(0..=i64::from(i16::MAX)).contains(&id) || fields.iter().any(|field: &(i64, _)| field.0 == id)
            {
                return Err(BROKEN);
            }
            fields.push((id, Self::of_kind(head & 15, bytes, depth)?));
        }
    }
}

/// The first bytes; steps over them.
fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Claim<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(BROKEN)?;
    *bytes = rest;
    Ok(taken)
}

fn take_one(bytes: &mut &[u8]) -> Claim<u8> {
    let (first, rest) = bytes.split_first().ok_or(BROKEN)?;
    *bytes = rest;
    Ok(*first)
}

/// Seven bits a byte, the lowest first.
fn varint(bytes: &mut &[u8]) -> Claim<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take_one(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(BROKEN)
}

/// The sign stands in the lowest bit.
fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A page header: kind, sizes, and a data page of so many values.
    fn header(values: u8) -> Vec<u8> {
        let number = |field: u8, zigzag: u8| [field, zigzag];
        let inner = [number(0x15, values), number(0x15, 0), number(0x15, 0), number(0x15, 0)].concat();
        [&number(0x15, 0)[..], &number(0x15, 20), &number(0x15, 20), &[0x2c], &inner, &[0, 0]].concat()
    }

    #[test]
    fn a_page_of_fewer_than_no_values_is_refused() {
        let values = |bytes: &[u8]| {
            let mut rest = bytes;
            let header = Value::read(&mut rest).unwrap();
            (check_page(&header, header.count(2).unwrap(), header.count(3).unwrap()), rest.len())
        };
        assert_eq!(values(&header(14)), (Ok(7), 0));
        // Minus four: the library would take it for 2^64 - 4 and ask for as much memory.
        assert_eq!(values(&header(7)), (Err("a number below zero"), 0));
    }

    #[test]
    fn lists_and_nests_are_bounded() {
        let endless = [0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(Value::read(&mut &endless[..]).unwrap_err(), BROKEN);
        assert_eq!(Value::read(&mut &[0x1c; 10_000][..]).unwrap_err(), BROKEN);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_header_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = &bytes[..];
            let read = Value::read(&mut rest);
            prop_assert!(bytes.ends_with(rest));
            prop_assert!(read.is_ok() || bytes != [0]);
            let _ = check(&[&bytes[..], b"\x10\0\0\0PAR1"].concat());
        }
    }
}
