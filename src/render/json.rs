//! A whole report as JSON, written as it is made: a report of many callers is too long to hold as
//! one text.
//!
//! Input: a report. Output: JSON with one row of each table a line, so that it can be searched and
//! compared by line. `<`, `>` and `&` are escaped, so that the file can stand inside a script element.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Bytes that are gathered before they are written.
const GATHERED: usize = 1 << 17;

/// Writes the report, with a line end.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(report: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut gathered = BufWriter::with_capacity(GATHERED, out);
    report.serialize(&mut Serializer::with_formatter(&mut gathered, Rows::default()))?;
    gathered.write_all(b"\n")?;
    gathered.flush()
}

/// One member or element a line, down to and with the elements of the first list on the way; what lies
/// deeper stays in its line.
#[derive(Default)]
struct Rows {
    /// Lists and objects that are open.
    depth: usize,
    /// The depth of the outermost open list; 0 outside lists.
    list: usize,
    /// The list or object that was opened last has something in it.
    filled: bool,
}

impl Rows {
    /// Whether what stands directly in the innermost open list or object has lines of its own.
    fn is_apart(&self) -> bool {
        self.list == 0 || self.list == self.depth
    }

    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        let on_own_line = self.filled && self.is_apart();
        if self.list == self.depth {
            self.list = 0;
        }
        self.depth -= 1;
        self.filled = true;
        if on_own_line {
            self.line(out)?;
        }
        out.write_all(bracket)
    }

    fn next<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.filled = true;
        if self.is_apart() { self.line(out) } else { Ok(()) }
    }

    /// A line end and the indentation.
    fn line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        const LEAD: &[u8; 17] = b"\n                ";
        out.write_all(LEAD.get(..=2 * self.depth).unwrap_or(LEAD))
    }
}

impl Formatter for Rows {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")?;
        if self.list == 0 {
            self.list = self.depth;
        }
        Ok(())
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let text = fragment.as_bytes();
        // Nearly all are short and hold none: every byte, without stopping, is done many at a time.
        let is_plain = !text.iter().fold(false, |found, byte| found | matches!(byte, b'<' | b'>' | b'&'));
        if is_plain {
            return out.write_all(text);
        }
        let mut copied = 0;
        for at in memchr::memchr3_iter(b'<', b'>', b'&', text) {
            out.write_all(text.get(copied..at).unwrap_or_default())?;
            out.write_all(match text.get(at) {
                Some(b'<') => b"\\u003c",
                Some(b'>') => b"\\u003e",
                _ => b"\\u0026",
            })?;
            copied = at + 1;
        }
        out.write_all(text.get(copied..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        value.serialize(&mut Serializer::with_formatter(&mut out, Rows::default())).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_row_has_its_line() {
        let value = json!({"a": 1, "b": [], "c": [{"d": [1, {"e": []}], "f": {}}, {"d": [2]}], "g": {"h": [3, 4], "i": {}}});
        let expected = r#"{
  "a": 1,
  "b": [],
  "c": [
    {"d": [1,{"e": []}],"f": {}},
    {"d": [2]}
  ],
  "g": {
    "h": [
      3,
      4
    ],
    "i": {}
  }
}"#;
        assert_eq!(written(&value), expected);
        assert_eq!(written(&json!([])), "[]");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<u32>().prop_map(Value::from),
            "[a<>&\"\\\\é\n]{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c<]{1,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What is written reads as what was meant, and holds nothing that HTML would act on.
        #[test]
        fn it_is_the_same_json(value in any_value()) {
            let text = written(&value);
            prop_assert!(!text.contains(['<', '>', '&']));
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
