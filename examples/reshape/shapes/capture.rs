//! Avro of Event Hubs Capture: messages of several records, with those of other services in between (facts
//! §1.3).
//!
//! In: records. Out: an Avro object container. The container is written here and only the codecs are
//! apache-avro's: its writer puts the header's entries in no fixed order.

use std::io::{self, Write};
use std::mem;

use super::{Carrier, Record, time};

/// The schema of a captured event, as Event Hubs writes it.
const SCHEMA: &str = r#"{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[{"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},{"name":"EnqueuedTimeUtc","type":"string"},{"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},{"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},{"name":"Body","type":["null","bytes"]}]}"#;

/// Between blocks; any sixteen bytes do.
const SYNC: &[u8; 16] = b"akvlens/capture!";

/// Bytes of a block before compression, from which on it is written.
const BLOCK_BYTES: usize = 16_000;

/// Records of Key Vault in a message, one message after another.
const BATCHES: &[usize] = &[1, 4, 2, 6, 3];

/// Every so many messages hold a record of another service too.
const FOREIGN_EVERY: usize = 3;

/// How the blocks are compressed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Codec {
    /// Not at all
    Null,
    /// As Event Hubs does
    #[default]
    Deflate,
    /// Snappy, as Spark does
    Snappy,
    /// Zstandard
    Zstandard,
}

impl Codec {
    fn avro(self) -> (&'static str, apache_avro::Codec) {
        match self {
            Self::Null => ("null", apache_avro::Codec::Null),
            Self::Deflate => {
                ("deflate", apache_avro::Codec::Deflate(apache_avro::DeflateSettings::default()))
            }
            Self::Snappy => ("snappy", apache_avro::Codec::Snappy),
            Self::Zstandard => {
                ("zstandard", apache_avro::Codec::Zstandard(apache_avro::ZstandardSettings::default()))
            }
        }
    }
}

/// Writes messages.
pub(super) struct Capture<W> {
    codec: apache_avro::Codec,
    /// The message in the making, and how many of Key Vault's records it holds.
    body: String,
    held: usize,
    /// When its last record was made.
    time: String,
    messages: usize,
    body_bytes: usize,
    /// The block in the making, and how many messages it holds.
    block: Vec<u8>,
    block_messages: usize,
    out: W,
}

impl<W: Write> Capture<W> {
    /// Writes the header.
    pub(super) fn begin(codec: Codec, mut out: W) -> io::Result<Self> {
        let (name, codec) = codec.avro();
        let mut header = b"Obj\x01".to_vec();
        push_long(&mut header, 2);
        for (key, value) in [("avro.codec", name), ("avro.schema", SCHEMA)] {
            push_bytes(&mut header, key.as_bytes());
            push_bytes(&mut header, value.as_bytes());
        }
        push_long(&mut header, 0);
        header.extend_from_slice(SYNC);
        out.write_all(&header)?;
        Ok(Self {
            codec,
            body: String::new(),
            held: 0,
            time: String::new(),
            messages: 0,
            body_bytes: 0,
            block: Vec::new(),
            block_messages: 0,
            out,
        })
    }

    /// Ends the message and adds it to the block.
    fn end_message(&mut self) -> io::Result<()> {
        if self.held == 0 {
            return Ok(());
        }
        let body = mem::take(&mut self.body) + "]}";
        let block = &mut self.block;
        push_long(block, self.messages);
        push_bytes(block, self.body_bytes.to_string().as_bytes());
        push_bytes(block, time::enqueued(&self.time).as_bytes());
        // One entry: a string, the third of the union.
        push_long(block, 1);
        push_bytes(block, b"x-opt-publisher");
        push_long(block, 2);
        push_bytes(block, b"azure-monitor");
        push_long(block, 0);
        push_long(block, 0);
        // The body: bytes, the second of the union.
        push_long(block, 1);
        push_bytes(block, body.as_bytes());
        self.messages += 1;
        self.body_bytes += body.len();
        self.block_messages += 1;
        self.held = 0;
        if self.block.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    /// Writes the block.
    fn end_block(&mut self) -> io::Result<()> {
        if self.block_messages == 0 {
            return Ok(());
        }
        let mut stored = mem::take(&mut self.block);
        self.codec.compress(&mut stored).map_err(io::Error::other)?;
        let mut head = Vec::new();
        push_long(&mut head, mem::take(&mut self.block_messages));
        push_long(&mut head, stored.len());
        self.out.write_all(&head)?;
        self.out.write_all(&stored)?;
        self.out.write_all(SYNC)
    }

    /// A record of another service: the hub is shared by all that the subscription sends.
    fn push_foreign(&mut self) {
        let time = &self.time;
        let foreign = if (self.messages / FOREIGN_EVERY).is_multiple_of(2) {
            format!(
                r#"{{"time":"{time}","resourceId":"/SUBSCRIPTIONS/3F0FC6A1-B9B6-4EC9-97D4-7BCD51924670/RESOURCEGROUPS/RG-LARK/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/STLARKLABELS/BLOBSERVICES/DEFAULT","category":"StorageRead","operationName":"GetBlob","operationVersion":"2024-11-04","statusCode":200,"statusText":"Success","durationMs":6,"callerIpAddress":"10.20.4.17:50112","correlationId":"a3f0c5de-0001-4c19-8d1f-6b7d4b1d2f10"}}"#
            )
        } else {
            format!(
                r#"{{"time":"{time}","resourceId":"/SUBSCRIPTIONS/3F0FC6A1-B9B6-4EC9-97D4-7BCD51924670/RESOURCEGROUPS/RG-LARK/PROVIDERS/MICROSOFT.NETWORK/AZUREFIREWALLS/AFW-LARK","category":"AzureFirewallNetworkRule","operationName":"AzureFirewallNetworkRuleLog","properties":{{"msg":"TCP request from 10.20.4.17:50114 to 10.20.9.4:443. Action: Allow"}}}}"#
            )
        };
        self.body.push(',');
        self.body.push_str(&foreign);
    }
}

impl<W: Write> Carrier for Capture<W> {
    fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.body.push_str(if self.held == 0 { r#"{"records":["# } else { "," });
        self.body.push_str(record.text);
        record.time().clone_into(&mut self.time);
        if self.held == 0 && self.messages % FOREIGN_EVERY == 1 {
            self.push_foreign();
        }
        self.held += 1;
        let batch = BATCHES.get(self.messages % BATCHES.len());
        if Some(&self.held) >= batch { self.end_message() } else { Ok(()) }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_message()?;
        self.end_block()?;
        self.out.flush()
    }
}

/// Appends a number as Avro writes it: zigzag, seven bits a byte, lowest first.
fn push_long(out: &mut Vec<u8>, number: usize) {
    let mut rest = (number as u64) << 1;
    while rest > 0x7f {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// Appends bytes, or a text's, after their number.
fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_long(out, bytes.len());
    out.extend_from_slice(bytes);
}
