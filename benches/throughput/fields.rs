//! The type that floors parse into.
//!
//! It knows a vault's records only; the Managed HSM's, one in a hundred of the generator's, write `identity`
//! as text and fail there.

#![allow(dead_code, reason = "that the fields are filled is what is measured")]

use std::borrow::Cow;

use serde::Deserialize;

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
