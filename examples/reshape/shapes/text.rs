//! The record's own text in something: lines, a wrapper, a field of another object, a syslog line.
//!
//! In: records. Out: their text, unchanged, or as the text of a JSON string.

use std::io::{self, Write};

use super::{Carrier, Record, time};

/// The host that forwards, in syslog lines and beside `message`. Invented.
const HOST: &str = "fwd-lark-01";

/// What a record's text is put into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wrapping {
    /// A line.
    Line,
    /// `{"records":[…]}`.
    Records,
    /// `message`, as Logstash and Filebeat leave it.
    Message,
    /// `_raw` of a result, as Splunk exports it.
    Raw,
    /// `original` of `event`, as Elastic's pipelines keep it.
    EventOriginal,
    /// `event.original` as one key.
    EventOriginalDotted,
    /// A syslog line of RFC 3164.
    Rfc3164,
    /// A syslog line of RFC 5424.
    Rfc5424,
}

/// Writes records in a wrapping.
#[derive(Debug)]
pub(super) struct Wrapped<W> {
    wrapping: Wrapping,
    records: u64,
    out: W,
}

impl<W: Write> Wrapped<W> {
    /// Begins.
    pub(super) fn new(wrapping: Wrapping, out: W) -> Self {
        Self { wrapping, records: 0, out }
    }
}

impl<W: Write> Carrier for Wrapped<W> {
    fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        let text = record.text;
        let quoted = || serde_json::to_string(text).map_err(io::Error::other);
        let (out, at, time) = (&mut self.out, self.records, record.time());
        self.records += 1;
        match self.wrapping {
            Wrapping::Line => writeln!(out, "{text}"),
            Wrapping::Records => {
                let before = if at == 0 { r#"{"records":["# } else { "," };
                write!(out, "{before}{text}")
            }
            Wrapping::Message => writeln!(
                out,
                r#"{{"@timestamp":"{time}","@version":"1","host":{{"name":"{HOST}"}},"message":{}}}"#,
                quoted()?
            ),
            Wrapping::Raw => writeln!(
                out,
                r#"{{"preview":false,"offset":{at},"result":{{"_raw":{},"_time":"{time}","host":"{HOST}","sourcetype":"azure:keyvault"}}}}"#,
                quoted()?
            ),
            Wrapping::EventOriginal => writeln!(
                out,
                r#"{{"@timestamp":"{time}","event":{{"dataset":"azure.platformlogs","original":{}}}}}"#,
                quoted()?
            ),
            Wrapping::EventOriginalDotted => writeln!(
                out,
                r#"{{"@timestamp":"{time}","event.dataset":"azure.platformlogs","event.original":{}}}"#,
                quoted()?
            ),
            // <134>: facility local0, severity informational.
            Wrapping::Rfc3164 => {
                writeln!(out, "<134>{} {HOST} azure-keyvault[1207]: {text}", time::rfc3164(time))
            }
            Wrapping::Rfc5424 => {
                let time = time::rfc5424(time);
                writeln!(out, "<134>1 {time} {HOST} azure-keyvault 1207 AuditEvent - {text}")
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.wrapping == Wrapping::Records {
            let before = if self.records == 0 { r#"{"records":["# } else { "" };
            self.out.write_all(before.as_bytes())?;
            self.out.write_all(b"]}\n")?;
        }
        self.out.flush()
    }
}
