//! Makes the files of the tests.

use std::collections::BTreeMap;

use apache_avro::types::Value;
use apache_avro::{Codec as Packed, DeflateSettings, Schema, Writer, ZstandardSettings};

/// The schema of Event Hubs Capture.
pub(super) const SCHEMA: &str = r#"{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[
    {"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},{"name":"EnqueuedTimeUtc","type":"string"},
    {"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},
    {"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},
    {"name":"Body","type":["null","bytes"]}]}"#;

/// The marker of all files here.
pub(super) const MARKER: [u8; 16] = *b"\xf0\x9fbetween blocks";

pub(super) fn codecs() -> [Packed; 4] {
    let deflate = Packed::Deflate(DeflateSettings::default());
    [Packed::Null, deflate, Packed::Snappy, Packed::Zstandard(ZstandardSettings::default())]
}

/// An audit record with a correlation id.
pub(super) fn record(id: &str) -> String {
    format!(
        r#"{{"category":"AuditEvent","operationName":"SecretGet","correlationId":"{id}","properties":{{"httpStatusCode":200}}}}"#
    )
}

/// An event as Capture writes it.
pub(super) fn event(number: usize, body: Option<&[u8]>) -> Value {
    let map = |entries: Vec<(&str, Value)>| {
        Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    let variant = |index, value| Value::Union(index, Box::new(value));
    let fields = [
        ("SequenceNumber", Value::Long(1_000_000 + i64::try_from(number).unwrap())),
        ("Offset", Value::String(format!("{}", number * 4096))),
        ("EnqueuedTimeUtc", Value::String("3/14/2026 9:26:53 AM".into())),
        ("SystemProperties", map(vec![("x-opt-enqueued-time", variant(0, Value::Long(1_773_480_413_000)))])),
        (
            "Properties",
            map(vec![("none", variant(4, Value::Null)), ("rate", variant(1, Value::Double(0.5)))]),
        ),
        ("Body", body.map_or(variant(0, Value::Null), |body| variant(1, Value::Bytes(body.to_vec())))),
    ];
    Value::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// A file of events with these bodies; a block is closed once it has so many bytes.
pub(super) fn write(codec: Packed, bodies: &[Option<Vec<u8>>], block_bytes: usize) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let writer = Writer::builder().schema(&schema).writer(Vec::new()).codec(codec);
    let mut writer = writer.block_size(block_bytes).marker(MARKER).build().unwrap();
    for (number, body) in bodies.iter().enumerate() {
        writer.append_value(event(number, body.as_deref())).unwrap();
    }
    writer.into_inner().unwrap()
}

/// A zigzag number.
pub(super) fn number(value: i64) -> Vec<u8> {
    let mut rest = (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while rest > 0x7f {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push((rest & 0x7f) as u8);
    bytes
}

/// A length and so many bytes.
pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    [length(bytes), bytes.to_vec()].concat()
}

/// The length of bytes.
pub(super) fn length(bytes: &[u8]) -> Vec<u8> {
    number(i64::try_from(bytes.len()).unwrap())
}

/// The header of a file.
pub(super) fn header(schema: &str, codec: &str) -> Vec<u8> {
    let entries =
        [sized(b"avro.schema"), sized(schema.as_bytes()), sized(b"avro.codec"), sized(codec.as_bytes())];
    [b"Obj\x01".to_vec(), number(2), entries.concat(), number(0), MARKER.to_vec()].concat()
}

/// A block that claims so many events.
pub(super) fn block(events: i64, stored: &[u8]) -> Vec<u8> {
    [number(events), sized(stored), MARKER.to_vec()].concat()
}

/// An event under a schema that has nothing but a `Body` of bytes.
pub(super) const BARE: &str = r#"{"type":"record","name":"E","fields":[{"name":"Body","type":"bytes"}]}"#;

/// A file under [`BARE`] whose blocks are each one event, packed as the codec says.
pub(super) fn bare(codec: Packed, bodies: &[Vec<u8>]) -> Vec<u8> {
    let name: &str = codec.into();
    let blocks = bodies.iter().flat_map(|body| {
        let mut stored = sized(body);
        codec.compress(&mut stored).unwrap();
        block(1, &stored)
    });
    header(BARE, name).into_iter().chain(blocks).collect()
}

/// A schema with every type before and behind the body, a value of it, and the body.
pub(super) fn every_type() -> (Schema, Value, String) {
    let fields = [
        ("n", r#""null""#, Value::Null),
        ("b", r#""boolean""#, Value::Boolean(true)),
        ("i", r#""int""#, Value::Int(-7)),
        ("l", r#""long""#, Value::Long(i64::MIN)),
        ("f", r#""float""#, Value::Float(1.5)),
        ("d", r#""double""#, Value::Double(2.5)),
        ("s", r#""string""#, Value::String("text".repeat(99))),
        ("e", r#"{"type":"enum","name":"En","symbols":["A","B"]}"#, Value::Enum(1, "B".into())),
        ("x", r#"{"type":"fixed","name":"Fi","size":5}"#, Value::Fixed(5, vec![9; 5])),
        ("z", r#"{"type":"array","items":"null"}"#, Value::Array(vec![Value::Null; 70])),
        ("a", r#"{"type":"array","items":"long"}"#, Value::Array(vec![Value::Long(300); 70])),
        ("m", r#"{"type":"map","values":"null"}"#, Value::Map([("k".to_owned(), Value::Null)].into())),
        ("u", r#"["null","string"]"#, Value::Union(1, Box::new(Value::String("u".into())))),
        ("v", r#"["null","int"]"#, Value::Union(0, Box::new(Value::Null))),
        ("t", r#"{"type":"long","logicalType":"timestamp-micros"}"#, Value::TimestampMicros(1 << 50)),
        ("dt", r#"{"type":"int","logicalType":"date"}"#, Value::Date(20_000)),
        (
            "r",
            r#"{"type":"record","name":"Re","fields":[{"name":"p","type":"bytes"},{"name":"q","type":"null"}]}"#,
            Value::Record(vec![("p".into(), Value::Bytes(vec![1, 2])), ("q".into(), Value::Null)]),
        ),
        (
            "de",
            r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#,
            Value::Decimal(vec![1, 2, 3].into()),
        ),
    ];
    // The types with names may be named once only, so that they stand before the body alone.
    let named = ["e", "x", "r"];
    let body = record("x");
    let mut schema = Vec::new();
    let mut values = Vec::new();
    let mut add = |name: String, kind: &str, value: &Value| {
        schema.push(format!(r#"{{"name":"{name}","type":{kind}}}"#));
        values.push((name, value.clone()));
    };
    for (name, kind, value) in &fields {
        add((*name).to_owned(), kind, value);
    }
    add("Body".into(), r#""bytes""#, &Value::Bytes(body.clone().into_bytes()));
    for (name, kind, value) in fields.iter().filter(|field| !named.contains(&field.0)) {
        add(format!("{name}_behind"), kind, value);
    }
    let json = format!(r#"{{"type":"record","name":"E","fields":[{}]}}"#, schema.join(","));
    (Schema::parse_str(&json).unwrap(), Value::Record(values), body)
}

/// Where the header and each block end: behind a marker.
pub(super) fn block_ends(file: &[u8]) -> Vec<usize> {
    memchr::memmem::find_iter(file, &MARKER).map(|at| at + MARKER.len()).collect()
}

/// How often each of some texts comes.
pub(super) fn counts<'t>(texts: &[&'t str]) -> BTreeMap<&'t str, usize> {
    texts.iter().fold(BTreeMap::new(), |mut counts, text| {
        *counts.entry(*text).or_default() += 1;
        counts
    })
}
