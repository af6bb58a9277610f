//! What identifies one request, whatever shape its record came in.
//!
//! The same request exported twice (to storage and to Log Analytics, say) has the same vault,
//! operation, correlation id, client address and status, and the same time as far as both shapes
//! hold it: some keep 100 ns, some (a portal's CSV, Managed HSM) whole milliseconds. Must not look
//! at anything that a shape may lack or write otherwise.

use xxhash_rust::xxh3::xxh3_64;

use super::Record;
use super::address::without_port;
use super::object::vault_of_url;
use crate::ticks::Ticks;

/// Ticks of 100 ns in a millisecond.
const TICKS_PER_MILLISECOND: i64 = 10_000;

/// Bytes of a GUID as text.
const GUID: usize = 36;

/// What identifies one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    /// XXH3 of everything that identifies the request: in the upper half of time, cut to the millisecond, and
    /// correlation id ([`upper_half`]), in the lower half of the rest.
    pub hash: u128,
    /// Its time as the record has it.
    pub time: Ticks,
}

impl Fingerprint {
    /// Whether the time is of whole milliseconds: then any finer time within that millisecond may be
    /// the same request's.
    pub fn is_coarse(&self) -> bool {
        is_coarse(self.time)
    }
}

/// Whether a time is of whole milliseconds.
pub fn is_coarse(time: Ticks) -> bool {
    time.0.rem_euclid(TICKS_PER_MILLISECOND) == 0
}

/// The fingerprint of a record; `None` for one without a time or a vault. `buffer` is only room to
/// work in.
pub fn fingerprint(record: &Record<'_>, buffer: &mut Vec<u8>) -> Option<Fingerprint> {
    let time = record.time?;
    let vault = vault(record)?;
    let upper = upper_half(record, buffer)?;
    buffer.clear();
    buffer.extend_from_slice(&record.status().unwrap_or(0).to_le_bytes());
    let texts = buffer.len();
    let address = record.client_address.as_deref().map(without_port);
    for text in [Some(vault), record.operation.as_deref(), address] {
        buffer.extend_from_slice(text.unwrap_or_default().as_bytes());
        buffer.push(0);
    }
    if let Some(texts) = buffer.get_mut(texts..) {
        texts.make_ascii_lowercase();
    }
    Some(Fingerprint { hash: u128::from(upper) << 64 | u128::from(xxh3_64(buffer)), time })
}

/// The upper half of a fingerprint's hash, which tells nearly all requests apart; `None` for a record without a
/// time. A sample that keeps the lowest hashes needs no more of most records.
pub fn upper_half(record: &Record<'_>, buffer: &mut Vec<u8>) -> Option<u64> {
    let time = record.time?.0.div_euclid(TICKS_PER_MILLISECOND).to_le_bytes();
    let id = record.correlation_id.as_deref().unwrap_or_default().as_bytes();
    // Nearly every id is a GUID, whose room is known.
    if let Ok(guid) = <&[u8; GUID]>::try_from(id) {
        let mut bytes = [0; GUID + 8];
        let (id, behind) = bytes.split_at_mut(GUID);
        id.copy_from_slice(guid);
        id.make_ascii_lowercase();
        behind.copy_from_slice(&time);
        return Some(xxh3_64(&bytes));
    }
    buffer.clear();
    buffer.extend_from_slice(id);
    buffer.make_ascii_lowercase();
    buffer.extend_from_slice(&time);
    Some(xxh3_64(buffer))
}

/// The vault's name: the last part of its ARM id, or of a URL of its.
fn vault<'r>(record: &'r Record<'_>) -> Option<&'r str> {
    let named = record.resource_id.as_deref().map(last_part);
    let url =
        |url: &'r Option<super::Text<'_>>| url.as_deref().and_then(vault_of_url).map(|vault| vault.name);
    named.filter(|name| !name.is_empty()).or_else(|| url(&record.id)).or_else(|| url(&record.request_uri))
}

/// What stands behind the last slash, but for slashes at the end.
fn last_part(id: &str) -> &str {
    let mut id = id;
    while let Some(shorter) = id.strip_suffix('/') {
        id = shorter;
    }
    memchr::memrchr(b'/', id.as_bytes()).and_then(|slash| id.get(slash + 1..)).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(time: &str, vault: &'static str) -> Record<'static> {
        Record {
            time: Ticks::from_iso(time),
            resource_id: Some(vault.into()),
            operation: Some("SecretGet".into()),
            client_address: Some("203.0.113.7:443".into()),
            http_status: Some(200),
            ..Record::default()
        }
    }

    fn of(record: &Record<'_>) -> Option<Fingerprint> {
        fingerprint(record, &mut vec![1, 2, 3])
    }

    #[test]
    fn case_of_a_correlation_id_tells_nothing() {
        let upper = |id: &'static str| {
            let record =
                Record { correlation_id: Some(id.into()), ..record("2026-03-12T14:00:01Z", "/VAULTS/KV") };
            upper_half(&record, &mut vec![1, 2, 3])
        };
        let of = |id: &str| {
            let ms = Ticks::from_iso("2026-03-12T14:00:01Z").unwrap().0 / TICKS_PER_MILLISECOND;
            Some(xxh3_64(&[id.as_bytes(), &ms.to_le_bytes()].concat()))
        };
        // A GUID, and an id that is none.
        let guid = "8defd54b-f9cb-429a-8bd8-d25f3e2c697a";
        assert_eq!(upper(guid), of(guid));
        assert_eq!(upper("8DEFD54B-F9CB-429A-8BD8-D25F3E2C697A"), of(guid));
        assert_eq!(upper("Request-7"), of("request-7"));
    }

    #[test]
    fn shapes_of_one_request_agree_and_others_differ() {
        let fine = record("2026-03-12T14:00:01.1234567Z", "/SUBSCRIPTIONS/S/PROVIDERS/X/VAULTS/KV");
        let coarse = Record {
            resource_id: None,
            request_uri: Some("https://kv.vault.azure.net/secrets/a".into()),
            client_address: Some("203.0.113.7".into()),
            http_status: None,
            result_signature: Some("OK".into()),
            time: Ticks::from_iso("2026-03-12T14:00:01.123Z"),
            ..fine.clone()
        };
        let (one, other) = (of(&fine).unwrap(), of(&coarse).unwrap());
        assert_eq!(one.hash, other.hash);
        assert!(!one.is_coarse() && other.is_coarse());
        for different in [
            Record { operation: Some("SecretList".into()), ..fine.clone() },
            Record { correlation_id: Some("c".into()), ..fine.clone() },
            Record { http_status: Some(403), ..fine.clone() },
            record("2026-03-12T14:00:01.1244567Z", "/VAULTS/KV"),
            record("2026-03-12T14:00:01.1234567Z", "/VAULTS/KV2"),
        ] {
            assert_ne!(of(&different).unwrap().hash, one.hash);
        }
        assert_eq!(of(&Record { time: None, ..fine.clone() }), None);
        assert_eq!(of(&Record { resource_id: None, ..fine }), None);
    }
}
