//! The least that a reader of records could do: a typed parse of some fields, line by line.
//!
//! In: lines. Out: how many parsed. The one type knows a vault's records only; the Managed HSM's,
//! one in a hundred, write `identity` as text and fail there.

#![allow(dead_code, reason = "that the fields are filled is what is measured")]

use std::borrow::Cow;

use divan::black_box;
use serde::Deserialize;

use crate::input::Input;

/// Thirteen fields of a record, borrowed from its line where they hold no escapes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fields<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    resource_id: Cow<'a, str>,
    #[serde(borrow)]
    operation_name: Cow<'a, str>,
    #[serde(borrow, default)]
    result_description: Cow<'a, str>,
    #[serde(borrow, default)]
    duration_ms: Cow<'a, str>,
    #[serde(borrow, default)]
    caller_ip_address: Cow<'a, str>,
    #[serde(borrow, default)]
    correlation_id: Cow<'a, str>,
    #[serde(borrow, default)]
    identity: Identity<'a>,
    #[serde(borrow, default)]
    properties: Properties<'a>,
}

#[derive(Default, Deserialize)]
struct Identity<'a> {
    #[serde(borrow, default)]
    claim: Claim<'a>,
}

#[derive(Default, Deserialize)]
struct Claim<'a> {
    #[serde(borrow, default)]
    oid: Cow<'a, str>,
    #[serde(borrow, default)]
    appid: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    client_info: Cow<'a, str>,
    #[serde(borrow, default)]
    request_uri: Cow<'a, str>,
    #[serde(default)]
    http_status_code: u16,
}

/// Parses every line and counts those that could be.
pub(crate) fn each<'i>(input: &'i Input, parse: impl Fn(&'i [u8]) -> Option<Fields<'i>>) -> usize {
    let mut start = 0;
    let mut parsed = 0;
    for end in memchr::memchr_iter(b'\n', &input.lines) {
        parsed += usize::from(black_box(parse(&input.lines[start..end])).is_some());
        start = end + 1;
    }
    assert!(
        parsed * 100 > input.records * 95,
        "only {parsed} of {} lines fit the floor's type",
        input.records
    );
    parsed
}
