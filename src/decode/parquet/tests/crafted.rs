//! Files made by hand: metadata that lie, and pages that expand.

use super::*;

/// Writes Thrift's compact protocol.
#[derive(Default)]
struct Thrift {
    bytes: Vec<u8>,
    last: Vec<i16>,
}

impl Thrift {
    fn number(&mut self, number: u64) {
        let mut rest = number;
        while rest >= 0x80 {
            self.bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest.to_le_bytes()[0]);
    }

    fn field(&mut self, id: i16, kind: u8) {
        let last = self.last.last_mut().unwrap();
        let delta = u8::try_from(id - *last).unwrap();
        *last = id;
        self.bytes.push(delta << 4 | kind);
    }

    fn int(&mut self, id: i16, number: i64) -> &mut Self {
        self.field(id, 6);
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
        self
    }

    fn text(&mut self, id: i16, text: &str) -> &mut Self {
        self.field(id, 8);
        self.number(text.len() as u64);
        self.bytes.extend(text.as_bytes());
        self
    }

    fn list(&mut self, id: i16, length: u64) -> &mut Self {
        self.field(id, 9);
        self.bytes.push(0xfc);
        self.number(length);
        self
    }

    fn open(&mut self, id: i16) -> &mut Self {
        self.field(id, 12);
        self.last.push(0);
        self
    }

    /// A struct that is no field: the whole, or an element of a list.
    fn element(&mut self) -> &mut Self {
        self.last.push(0);
        self
    }

    fn stop(&mut self) -> &mut Self {
        self.bytes.push(0);
        self.last.pop();
        self
    }
}

fn size(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap()
}

fn with_footer(pages: &[u8], footer: &[u8]) -> Vec<u8> {
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", pages, footer, &length, b"PAR1"].concat()
}

/// What the metadata of a file with one column of text say.
#[derive(Clone, Copy)]
struct Claims {
    rows: i64,
    values: i64,
    codec: i64,
    start: i64,
    bytes: i64,
}

/// A file with one column, `operationName`, and these pages.
fn one_column(pages: &[u8], claims: Claims) -> Vec<u8> {
    let mut footer = Thrift::default();
    footer.element().int(1, 1).list(2, 2);
    footer.element().text(4, "root").int(5, 1).stop();
    footer.element().int(1, 6).int(3, 0).text(4, "operationName").stop();
    footer.int(3, claims.rows).list(4, 1);
    footer.element().list(1, 1);
    footer.element().open(3);
    footer.int(4, claims.codec).int(5, claims.values).int(7, claims.bytes).int(9, claims.start).stop().stop();
    footer.int(3, claims.rows).stop().stop();
    with_footer(pages, &footer.bytes)
}

/// A file with one column that claims what it holds.
fn honest(pages: &[u8], rows: i64, codec: i64) -> Vec<u8> {
    one_column(pages, Claims { rows, values: rows, codec, start: 4, bytes: size(pages) })
}

/// A page of the first form: its values, and what its header says of them.
fn page(values: i64, encoding: i64, plain: i64, stored: &[u8]) -> Vec<u8> {
    let mut header = Thrift::default();
    header.element().int(1, 0).int(2, plain).int(3, size(stored)).open(5);
    header.int(1, values).int(2, encoding).int(3, 3).int(4, 3).stop().stop();
    [&header.bytes, stored].concat()
}

fn dictionary(values: i64, bytes: &[u8]) -> Vec<u8> {
    let mut header = Thrift::default();
    header.element().int(1, 2).int(2, size(bytes)).int(3, size(bytes)).open(7);
    header.int(1, values).int(2, 0).stop().stop();
    [&header.bytes, bytes].concat()
}

fn plain(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
}

#[test]
fn a_sound_file_made_by_hand_is_read() {
    let values = [plain("SecretGet"), plain("KeySign")].concat();
    let (rows, result) = read(&honest(&page(2, 0, size(&values), &values), 2, 0));
    assert!(result.is_ok());
    assert!(rows.iter().all(|row| matches!(row, Err((Reason::NotARecord, _)))), "{rows:?}");
    assert_eq!(rows.len(), 2);
}

#[test]
fn a_text_that_is_none_costs_its_row() {
    let values = [plain("KeySign"), [&1_u32.to_le_bytes(), [0xff].as_slice()].concat()].concat();
    let (rows, result) = read(&honest(&page(2, 0, size(&values), &values), 2, 0));
    assert!(result.is_ok());
    let reasons: Vec<Reason> = rows.into_iter().map(|row| row.unwrap_err().0).collect();
    assert_eq!(reasons, [Reason::NotARecord, Reason::InvalidUtf8]);
}

#[test]
fn claims_of_the_metadata_are_not_believed() {
    let values = plain("SecretGet");
    let sound = page(1, 0, size(&values), &values);
    let here = Claims { rows: 1, values: 1, codec: 0, start: 4, bytes: size(&sound) };
    let huge = i64::MAX;
    let cases: [(Claims, Reason, &str); 10] = [
        (Claims { rows: huge, values: huge, ..here }, Reason::NotARecord, "category"),
        (Claims { rows: -1, ..here }, Reason::DamagedParquet, "metadata"),
        (Claims { rows: 5, ..here }, Reason::DamagedParquet, "another number of values"),
        (Claims { values: -1, ..here }, Reason::DamagedParquet, "metadata"),
        (Claims { start: huge, ..here }, Reason::DamagedParquet, "behind the end"),
        (Claims { bytes: huge, ..here }, Reason::DamagedParquet, "behind the end"),
        (Claims { bytes: 3, ..here }, Reason::DamagedParquet, "without a header"),
        (Claims { start: 6, bytes: 20, ..here }, Reason::DamagedParquet, ""),
        (Claims { codec: 3, ..here }, Reason::UnsupportedParquet, "LZO"),
        (Claims { codec: 77, ..here }, Reason::UnsupportedParquet, "number 77"),
    ];
    for (claims, reason, words) in cases {
        let (rows, _) = read(&one_column(&sound, claims));
        let (found, detail) = rows[0].clone().unwrap_err();
        assert_eq!(found, reason, "{detail}");
        assert!(detail.contains(words), "{detail}");
        assert!(rows.len() <= 2);
    }
}

#[test]
fn claims_of_a_page_are_not_believed() {
    let values = plain("SecretGet");
    let all = size(&values);
    let cases: [(Vec<u8>, i64, Reason, &str); 12] = [
        (page(1, 0, 1 << 30, &values), 6, Reason::UnsupportedParquet, "128 MiB"),
        (page(1, 0, -5, &values), 0, Reason::DamagedParquet, "header"),
        (page(1, 0, all + 1, &values), 0, Reason::DamagedParquet, "another size"),
        (page(1, 0, 1 << 20, &values), 6, Reason::DamagedParquet, "decompressed"),
        (page(i64::from(i32::MAX), 0, all, &values), 0, Reason::UnsupportedParquet, "4194304 values"),
        (page(2, 0, all, &values), 0, Reason::DamagedParquet, "more values"),
        (page(0, 0, all, &values), 0, Reason::DamagedParquet, "header"),
        (page(1, 8, all, &values), 0, Reason::DamagedParquet, "missing"),
        (page(1, 7, all, &values), 0, Reason::UnsupportedParquet, "DELTA_BYTE_ARRAY"),
        (page(1, 5, all, &values), 0, Reason::UnsupportedParquet, "number 5"),
        // Delta-encoded lengths that claim 2^40 in one block.
        (page(1, 6, 9, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 1, 1, 2]), 0, Reason::DamagedParquet, "add up"),
        (dictionary(1 << 30, &values), 0, Reason::DamagedParquet, "more values than bytes"),
    ];
    for (pages, codec, reason, words) in cases {
        let (found, detail) = refusal(&honest(&pages, 1, codec));
        assert_eq!(found, reason, "{detail}");
        assert!(detail.contains(words), "{words}: {detail}");
    }
}

#[test]
fn dictionaries_are_checked() {
    let words = [plain("SecretGet"), plain("KeySign")].concat();
    // Width 1, a run of three of value 1.
    let file = [dictionary(2, &words), page(3, 8, 3, &[1, 6, 1])].concat();
    assert_eq!(read(&honest(&file, 3, 0)).0.len(), 3);
    let cases: [(Vec<u8>, &str); 5] = [
        ([dictionary(2, &words), page(3, 8, 3, &[2, 6, 2])].concat(), "cannot be decoded"),
        ([dictionary(2, &words), page(3, 8, 1, &[33])].concat(), "none"),
        ([dictionary(2, &words), page(3, 8, 3, &[1, 2, 1])].concat(), ""),
        ([dictionary(2, &words), dictionary(2, &words)].concat(), "two dictionaries"),
        ([dictionary(9, &words), page(3, 8, 3, &[1, 6, 1])].concat(), "cannot be decoded"),
    ];
    for (pages, words) in cases {
        let (reason, detail) = refusal(&honest(&pages, 3, 0));
        assert_eq!(reason, Reason::DamagedParquet, "{detail}");
        assert!(detail.contains(words), "{words}: {detail}");
    }
}

#[test]
fn what_expands_too_far_ends_the_file() {
    // A hundred thousand bytes of text, four million times, in a few bytes.
    let word = plain(&"x".repeat(100_000));
    let rows = i64::try_from(MAX_PAGE_VALUES).unwrap();
    // A run of 2^22 of value 0.
    let run = [1, 0x80, 0x80, 0x80, 0x04, 0];
    let constant = [dictionary(1, &word), page(rows, 8, 6, &run)].concat();
    let (found, result) = read(&honest(&constant, rows, 0));
    assert!(result.unwrap_err().get_ref().unwrap().is::<ExpansionLimit>());
    assert!((100..1000).contains(&found.len()), "{}", found.len());
    // A hundred million zeros, compressed.
    let zeros = zstd::bulk::compress(&vec![0; 100_000_000], 1).unwrap();
    let (found, result) = read(&honest(&page(1000, 0, 100_000_000, &zeros), 1000, 6));
    assert!(result.unwrap_err().get_ref().unwrap().is::<ExpansionLimit>());
    assert!(found.is_empty());
}

#[test]
fn deep_and_wide_schemas_are_refused_by_name() {
    let schema = |elements: u64, children: i64| {
        let mut footer = Thrift::default();
        footer.element().int(1, 1).list(2, elements);
        for _ in 0..elements {
            footer.element().int(3, 1).text(4, "a").int(5, children).stop();
        }
        footer.int(3, 0).list(4, 0).stop();
        with_footer(&[], &footer.bytes)
    };
    let deep = refusal(&schema(30_000, 1));
    assert_eq!(deep.0, Reason::UnsupportedParquet);
    assert!(deep.1.ends_with("columns nested deeper than 32"), "{}", deep.1);
    let wide = refusal(&schema(50_000, 1));
    assert!(wide.1.ends_with("more than 40000 elements"), "{}", wide.1);
    // Two billion children are claimed, and none is there.
    assert_eq!(refusal(&schema(1, i64::from(i32::MAX))).0, Reason::DamagedParquet);
    // A list of two billion elements.
    let mut footer = Thrift::default();
    footer.element().int(1, 1).list(2, 1 << 31);
    assert_eq!(refusal(&with_footer(&[], &footer.bytes)).0, Reason::DamagedParquet);
}

#[test]
fn an_encrypted_or_endless_footer_is_refused_by_name() {
    let encrypted = [b"PARE".as_slice(), &[0; 40], b"PARE"].concat();
    assert!(is_parquet(&encrypted));
    assert_eq!(refusal(&encrypted).1, "the footer: an encrypted Parquet file");
    let mut plain = Thrift::default();
    plain.element().int(1, 1).list(2, 0).int(3, 0).list(4, 0).open(8).stop().stop();
    assert_eq!(refusal(&with_footer(&[], &plain.bytes)).1, "the footer: an encrypted Parquet file");
    let large = with_footer(&[], &vec![0; usize::try_from(MAX_FOOTER_BYTES).unwrap() + 1]);
    assert_eq!(refusal(&large).1, "the footer: metadata of more than 32 MiB");
    assert_eq!(refusal(b"PAR1").0, Reason::DamagedParquet);
    assert_eq!(refusal(b"").0, Reason::DamagedParquet);
}

#[test]
fn a_needed_column_a_thousand_times_is_refused_by_name() {
    let mut footer = Thrift::default();
    footer.element().int(1, 1).list(2, 1001);
    footer.element().text(4, "root").int(5, 1000).stop();
    for _ in 0..1000 {
        footer.element().int(1, 6).int(3, 0).text(4, "operationName").stop();
    }
    footer.int(3, 0).list(4, 0).stop();
    let detail = refusal(&with_footer(&[], &footer.bytes)).1;
    assert!(detail.ends_with("more than 512 columns of audit records"), "{detail}");
}
