//! The slow and obvious decoder: the whole object as a tree, each field looked up in it.

use std::borrow::Cow;
use std::fmt;

use akvlens::decode::columns::Column;
use akvlens::record::{AccessFlags, Identity, Record, Text, VaultSettings};
use akvlens::ticks::Ticks;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON value that keeps the order of its entries and those that are there twice.
#[derive(Debug)]
pub(super) enum Json {
    Null,
    /// A number or a truth value, as text.
    Plain(String),
    Text(String),
    Array,
    Object(Vec<(String, Json)>),
}

impl Json {
    /// A scalar with something in it, as text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(text) | Self::Text(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            Self::Null | Self::Array | Self::Object(_) => None,
        }
    }

    /// All values behind a path of keys, in the order of the text.
    fn all<'j>(&'j self, path: &[&str]) -> Vec<&'j Json> {
        let Some((key, behind)) = path.split_first() else { return vec![self] };
        let Self::Object(entries) = self else { return Vec::new() };
        entries.iter().filter(|entry| entry.0 == *key).flat_map(|entry| entry.1.all(behind)).collect()
    }

    /// The last of them, which counts.
    pub(super) fn last(&self, path: &[&str]) -> Option<&Json> {
        self.all(path).pop()
    }

    /// The value that counts, as a text.
    fn field(&self, path: &[&str]) -> Option<Text<'static>> {
        self.last(path)?.text().map(|text| Cow::Owned(text.to_owned()))
    }

    /// The same where a field may stand at the top or in `properties`: whichever comes last.
    fn either(&self, key: &str) -> Option<Text<'static>> {
        let Self::Object(entries) = self else { return None };
        let values = entries.iter().flat_map(|(name, value)| match name.as_str() {
            "properties" => value.all(&[key]),
            name if name == key => vec![value],
            _ => Vec::new(),
        });
        values.last()?.text().map(|text| Cow::Owned(text.to_owned()))
    }
}

/// Keys of the storage form at the top of a record.
const STORAGE: &[&str] = &[
    "time",
    "resourceId",
    "operationName",
    "category",
    "resultSignature",
    "resultDescription",
    "durationMs",
    "callerIpAddress",
    "correlationId",
    "identity",
    "properties",
    "metricName",
    "clientInfo",
    "httpStatusCode",
    "requestUri",
];

/// Where collectors keep the record they took in.
const COLLECTORS: &[&str] = &["message", "_raw", "event.original", "body", "event", "result", "_source"];

/// Whether the tree is of the storage form and nothing else: no column of a table, no collector's
/// field, and no object that is written as text.
fn is_storage_form(tree: &Json) -> bool {
    let Json::Object(entries) = tree else { return true };
    let own = |key: &str| STORAGE.contains(&key) || (Column::of(key).is_none() && !COLLECTORS.contains(&key));
    let paths: [&[&str]; 5] = [
        &["properties"],
        &["properties", "keyProperties"],
        &["properties", "properties"],
        &["properties", "properties", "sku"],
        &["properties", "properties", "networkAcls"],
    ];
    let texts = paths.into_iter().flat_map(|path| tree.all(path)).any(|value| matches!(value, Json::Text(_)));
    entries.iter().all(|(key, _)| own(key)) && !texts
}

/// The record in a tree; `None` where it is not of the storage form alone, or an identity is written as text that this decoder cannot read.
pub(super) fn record(tree: &Json) -> Option<Record<'static>> {
    if !is_storage_form(tree) {
        return None;
    }
    let whole = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
    let flag = |path: &[&str]| flag(tree.field(path));
    let operation = tree.last(&["operationName"]);
    let settings = |path: &[&str]| tree.field(&[&["properties", "properties"], path].concat());
    Some(Record {
        time: tree.field(&["time"]).and_then(|time| Ticks::from_iso(&time)),
        resource_id: tree.field(&["resourceId"]),
        category: tree.field(&["category"]),
        has_metric: tree.last(&["metricName"]).is_some(),
        has_arm_operation: operation.is_some_and(|name| name.text().is_none_or(|name| name.contains('/'))),
        operation: tree.field(&["operationName"]),
        result_signature: tree.field(&["resultSignature"]),
        message: tree.field(&["resultDescription"]),
        duration_ms: tree.field(&["durationMs"]).and_then(|text| whole(text.trim()).parse().ok()),
        client_address: tree.field(&["callerIpAddress"]),
        correlation_id: tree.field(&["correlationId"]),
        identity: identity(tree)?,
        id: tree.field(&["properties", "id"]),
        client_agent: tree.either("clientInfo"),
        request_uri: tree.either("requestUri"),
        http_status: tree
            .either("httpStatusCode")
            .and_then(|text| whole(&text).trim().parse().ok())
            .filter(|status| (100..600).contains(status)),
        access: AccessFlags {
            policy_match: flag(&["properties", "isAccessPolicyMatch"]),
            rbac_authorized: flag(&["properties", "isRbacAuthorized"]),
            address_authorized: flag(&["properties", "isAddressAuthorized"]),
        },
        key_type: tree.field(&["properties", "keyProperties", "type"]),
        key_size: tree.field(&["properties", "keyProperties", "size"]).and_then(|size| size.parse().ok()),
        settings: VaultSettings {
            sku: sku(tree),
            rbac: flag(&["properties", "properties", "enableRbacAuthorization"]),
            firewall_default: settings(&["networkAcls", "defaultAction"]),
            firewall_bypass: settings(&["networkAcls", "bypass"]),
            public_access: settings(&["publicNetworkAccess"]),
            purge_protection: flag(&["properties", "properties", "enablePurgeProtection"]),
        },
        ..Record::default()
    })
}

fn flag(text: Option<Text<'_>>) -> Option<bool> {
    match text?.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// `Name` or `name` of all `sku` objects, whichever comes last.
fn sku(tree: &Json) -> Option<Text<'static>> {
    let names = tree.all(&["properties", "properties", "sku"]).into_iter().flat_map(|sku| match sku {
        Json::Object(entries) => {
            entries.iter().filter(|entry| entry.0.eq_ignore_ascii_case("name")).collect()
        }
        _ => Vec::new(),
    });
    let mut names = names.filter(|entry| entry.0 == "Name" || entry.0 == "name");
    names.next_back()?.1.text().map(|text| Cow::Owned(text.to_owned()))
}

/// What all values of `identity` say, laid over each other in their order.
fn identity(tree: &Json) -> Option<Identity<'static>> {
    let mut identity = Identity::default();
    for value in tree.all(&["identity"]) {
        lay_identity(&mut identity, value)?;
    }
    Some(identity)
}

/// One value of an identity: an object with claims, or a text.
fn lay_identity(identity: &mut Identity<'static>, value: &Json) -> Option<()> {
    match value {
        Json::Object(entries) => {
            for (key, value) in entries {
                if let ("claim" | "claims", Json::Object(claims)) = (key.as_str(), value) {
                    claims.iter().try_for_each(|(key, value)| lay_claim(identity, key, value))?;
                }
            }
        }
        Json::Text(text) if text.trim_start().starts_with('{') => {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Json>();
            if let Ok(inner) = values.next()? {
                let mut read = Identity::default();
                lay_identity(&mut read, &inner)?;
                *identity = read;
            } else {
                // The text may be cut: then it says nothing, unless only the tree cannot be built.
                let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
                values.next()?.is_err().then_some(())?;
            }
        }
        Json::Text(text) => {
            identity.name = Some(text)
                .filter(|text| !text.trim().is_empty() && *text != "None")
                .map(|text| text.clone().into());
        }
        Json::Null | Json::Plain(_) | Json::Array => {}
    }
    Some(())
}

/// One claim, by the last part of its name; one that says nothing changes nothing.
fn lay_claim(identity: &mut Identity<'static>, key: &str, value: &Json) -> Option<()> {
    let name = key.rsplit('/').next().unwrap_or(key);
    if name.starts_with("http_schemas_") {
        return lay_identity(identity, value);
    }
    let field = match name {
        "oid" | "objectidentifier" => &mut identity.oid,
        "appid" => &mut identity.appid,
        "upn" => &mut identity.upn,
        "unique_name" => &mut identity.unique_name,
        "name" => &mut identity.name,
        "idtyp" => &mut identity.idtyp,
        "appidacr" => &mut identity.appidacr,
        "scp" => &mut identity.scp,
        "iss" => &mut identity.iss,
        "tid" | "tenantid" => &mut identity.tid,
        "xms_mirid" => &mut identity.managed_identity,
        "xms_az_rid" => &mut identity.calling_resource,
        _ => return Some(()),
    };
    if let Some(text) = value.text() {
        *field = Some(Cow::Owned(text.to_owned()));
    }
    Some(())
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

/// Builds a tree.
struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Plain(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Plain(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Plain(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Plain(value.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        while sequence.next_element::<Json>()?.is_some() {}
        Ok(Json::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Json::Object(entries))
    }
}
