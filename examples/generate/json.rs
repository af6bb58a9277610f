//! Writing JSON by hand, quickly: into one reused buffer, escaping what must be.
//!
//! In: keys and values in the order they are to appear. Out: one compact JSON object.

#![expect(clippy::string_slice, reason = "text is cut beside ASCII bytes only")]

use crate::calendar::{TICKS_PER_SECOND, Ticks};
use chrono::{Datelike, Timelike};

/// Writes one JSON object after another into the same buffer.
#[derive(Debug, Default)]
pub(crate) struct JsonWriter {
    /// The object so far.
    buffer: String,
}

impl JsonWriter {
    /// Forgets the last object and opens a new one.
    pub(crate) fn start(&mut self) {
        self.buffer.clear();
        self.buffer.push('{');
    }

    /// Closes the object and returns it.
    pub(crate) fn finish(&mut self) -> &str {
        self.buffer.push('}');
        &self.buffer
    }

    /// Opens a member that is an object.
    pub(crate) fn open(&mut self, key: &str) {
        self.key(key);
        self.buffer.push('{');
    }

    /// Closes the innermost object.
    pub(crate) fn close(&mut self) {
        self.buffer.push('}');
    }

    /// Writes a string, escaped.
    pub(crate) fn string(&mut self, key: &str, value: &str) {
        self.strings(key, &[value]);
    }

    /// Writes a string made of parts, escaped.
    pub(crate) fn strings(&mut self, key: &str, parts: &[&str]) {
        self.key(key);
        self.buffer.push('"');
        for part in parts {
            push_escaped(&mut self.buffer, part);
        }
        self.buffer.push('"');
    }

    /// Writes a whole number.
    pub(crate) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        push_decimal(&mut self.buffer, value, 1);
    }

    /// Writes a whole number as a string.
    pub(crate) fn number_string(&mut self, key: &str, value: u64) {
        self.key(key);
        self.buffer.push('"');
        push_decimal(&mut self.buffer, value, 1);
        self.buffer.push('"');
    }

    /// Writes true or false.
    pub(crate) fn boolean(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// Writes null.
    pub(crate) fn null(&mut self, key: &str) {
        self.raw(key, "null");
    }

    /// Writes a value that is JSON already.
    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.buffer.push_str(json);
    }

    /// Writes a GUID from two random words.
    pub(crate) fn guid(&mut self, key: &str, high: u64, low: u64) {
        self.key(key);
        self.buffer.push('"');
        push_guid(&mut self.buffer, high, low);
        self.buffer.push('"');
    }

    /// Writes an instant with so many digits of its second.
    pub(crate) fn time(&mut self, key: &str, time: Ticks, digits: usize) {
        self.key(key);
        self.buffer.push('"');
        push_time(&mut self.buffer, time, digits);
        self.buffer.push('"');
    }

    /// Writes the key, after a comma if something went before. Keys need no escaping.
    fn key(&mut self, key: &str) {
        if !self.buffer.ends_with('{') {
            self.buffer.push(',');
        }
        self.buffer.push('"');
        self.buffer.push_str(key);
        self.buffer.push_str("\":");
    }
}

/// Appends text as the inside of a JSON string.
pub(crate) fn push_escaped(buffer: &mut String, text: &str) {
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        buffer.push_str(&text[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => buffer.push_str("\\\""),
            b'\\' => buffer.push_str("\\\\"),
            b'\n' => buffer.push_str("\\n"),
            b'\r' => buffer.push_str("\\r"),
            b'\t' => buffer.push_str("\\t"),
            _ => {
                buffer.push_str("\\u00");
                push_hex(buffer, u64::from(byte), 2);
            }
        }
    }
    buffer.push_str(&text[plain_from..]);
}

/// Appends a number in decimal, with leading zeros up to a width.
pub(crate) fn push_decimal(buffer: &mut String, number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    let mut rest = number;
    while rest > 0 || digits.len() - first < width {
        first -= 1;
        digits[first] = DIGITS[(rest % 10) as usize];
        rest /= 10;
    }
    buffer.extend(digits[first..].iter().copied().map(char::from));
}

/// Appends a version-4 GUID made from two random words.
pub(crate) fn push_guid(buffer: &mut String, high: u64, low: u64) {
    push_hex(buffer, high >> 32, 8);
    buffer.push('-');
    push_hex(buffer, high >> 16, 4);
    buffer.push('-');
    push_hex(buffer, 0x4000 | (high & 0x0fff), 4);
    buffer.push('-');
    push_hex(buffer, 0x8000 | ((low >> 48) & 0x3fff), 4);
    buffer.push('-');
    push_hex(buffer, low, 12);
}

/// Appends an instant as Azure writes it, with so many digits of its second.
pub(crate) fn push_time(buffer: &mut String, time: Ticks, digits: usize) {
    let civil = time.civil();
    push_decimal(buffer, u64::try_from(civil.year()).unwrap_or(0), 4);
    for (mark, part) in [
        ('-', civil.month()),
        ('-', civil.day()),
        ('T', civil.hour()),
        (':', civil.minute()),
        (':', civil.second()),
    ] {
        buffer.push(mark);
        push_decimal(buffer, u64::from(part), 2);
    }
    buffer.push('.');
    push_decimal(buffer, time.0 % TICKS_PER_SECOND, 7);
    buffer.truncate(buffer.len() - (7 - digits.min(7)));
    buffer.push('Z');
}

/// Digits up to sixteen.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends the lowest hexadecimal digits of a number.
fn push_hex(buffer: &mut String, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        buffer.push(char::from(DIGITS[(number >> (4 * place) & 0xf) as usize]));
    }
}
