//! Which JSON key fills which field of a record.
//!
//! One visitor an object level, driven by the parser; values are borrowed where JSON allows it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Level;
use crate::decode::columns::{Column, flag, milliseconds, status};
use crate::decode::shape::RecordForm;
use crate::record::{Identity, Record, Text, VaultSettings};
use crate::ticks::Ticks;

/// A JSON scalar as text; anything else, and empty text, is missing.
struct Scalar;

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Option<Text<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar {
    type Value = Option<Text<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then_some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// A key, borrowed where it holds no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Declares an object level: a seed that fills `$target` from an object's entries and takes any
/// other JSON value as missing, unless it says otherwise for text.
macro_rules! level {
    ($(#[$doc:meta])* $name:ident for $target:ty, |$self_:ident, $key:ident, $map:ident| $fill:expr) => {
        level!($(#[$doc])* $name for $target, |$self_, $key, $map| $fill, |_target, _text| {});
    };
    ($(#[$doc:meta])* $name:ident for $target:ty, |$self_:ident, $key:ident, $map:ident| $fill:expr,
     |$text_target:ident, $text:ident| $as_text:expr) => {
        $(#[$doc])*
        pub(super) struct $name<'t, 'de>(pub(super) &'t mut $target);

        impl<'de> DeserializeSeed<'de> for $name<'_, 'de> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $name<'_, 'de> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut $map: A) -> Result<(), A::Error> {
                let $self_ = self.0;
                while let Some($key) = $map.next_key_seed(Key)? {
                    $fill
                }
                Ok(())
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
                let ($text_target, $text) = (self.0, Cow::<'de, str>::Borrowed(text));
                $as_text;
                Ok(())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
                let ($text_target, $text) = (self.0, Cow::<'de, str>::Owned(text.to_owned()));
                $as_text;
                Ok(())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
                Ok(())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
                Ok(())
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
                Ok(())
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
                Ok(())
            }

            fn visit_unit<E: Error>(self) -> Result<(), E> {
                Ok(())
            }
        }
    };
}

level!(
    /// The record itself.
    TopLevel for Record<'de>,
    |record, key, map| {
        match &*key {
            "time" => record.time = map.next_value_seed(Scalar)?.and_then(|text| Ticks::from_iso(&text)),
            "resourceId" => record.resource_id = map.next_value_seed(Scalar)?,
            "operationName" => {
                let name = map.next_value_seed(Scalar)?;
                record.has_arm_operation = name.as_deref().is_none_or(|name| name.contains('/'));
                record.operation = name;
            }
            "category" => record.category = map.next_value_seed(Scalar)?,
            "resultSignature" => record.result_signature = map.next_value_seed(Scalar)?,
            "resultDescription" => record.message = map.next_value_seed(Scalar)?,
            "durationMs" => record.duration_ms = map.next_value_seed(Scalar)?.and_then(|text| milliseconds(&text)),
            "callerIpAddress" => record.client_address = map.next_value_seed(Scalar)?,
            "correlationId" => record.correlation_id = map.next_value_seed(Scalar)?,
            "identity" => map.next_value_seed(IdentityLevel(&mut record.identity))?,
            "properties" => map.next_value_seed(Properties(record))?,
            "metricName" => {
                record.has_metric = true;
                map.next_value::<IgnoredAny>()?;
            }
            // Managed HSM writes these beside `properties` (facts §1.7).
            "clientInfo" => record.client_agent = map.next_value_seed(Scalar)?,
            "httpStatusCode" => record.http_status = map.next_value_seed(Scalar)?.and_then(|text| status(&text)),
            "requestUri" => record.request_uri = map.next_value_seed(Scalar)?,
            "resultType" | "operationVersion" => {
                map.next_value::<IgnoredAny>()?;
            }
            // Where collectors keep the record they took in.
            "message" | "_raw" | "event.original" | "body" => embedded(record, map.next_value_seed(Scalar)?),
            "event" | "result" | "_source" => map.next_value_seed(Collector(record))?,
            _ => column(record, &key, &mut map)?,
        }
    }
);

/// A key that is no field of the storage form may be a column of a table.
fn column<'de, A: MapAccess<'de>>(record: &mut Record<'de>, key: &str, map: &mut A) -> Result<(), A::Error> {
    let Some((column, form)) = Column::of(key) else {
        map.next_value::<IgnoredAny>()?;
        return Ok(());
    };
    record.shape.form = record.shape.form.max(form);
    map.next_value_seed(Cell(record, column))
}

/// Keeps the text of a field that may hold a record.
fn embedded<'de>(record: &mut Record<'de>, text: Option<Text<'de>>) {
    if record.embedded.is_none() {
        record.embedded = text.filter(|text| text.contains('{'));
    }
}

level!(
    /// What Splunk (`result`) and Elasticsearch (`_source`, `event`) put around a record's text.
    Collector for Record<'de>,
    |record, key, map| {
        match &*key {
            "original" | "message" | "_raw" | "event.original" => embedded(record, map.next_value_seed(Scalar)?),
            "event" => map.next_value_seed(Collector(record))?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
    },
    |record, text| embedded(record, Some(text))
);

/// One cell of a row: fills what its column stands for.
pub(super) struct Cell<'t, 'de>(pub(super) &'t mut Record<'de>, pub(super) Column);

impl<'de> DeserializeSeed<'de> for Cell<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(record, column) = self;
        if let Some(level) = column.level() {
            return InLevel(record, level).deserialize(deserializer);
        }
        if let Some(text) = Scalar.deserialize(deserializer)? {
            column.fill(record, text);
        }
        Ok(())
    }
}

/// A cell that holds an object, or the same as JSON text.
pub(super) struct InLevel<'t, 'de>(pub(super) &'t mut Record<'de>, pub(super) Level);

impl<'de> DeserializeSeed<'de> for InLevel<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(record, level) = self;
        match level {
            Level::Identity => IdentityLevel(&mut record.identity).deserialize(deserializer),
            Level::Properties => Properties(record).deserialize(deserializer),
            Level::KeyProperties => KeyProperties(record).deserialize(deserializer),
            Level::VaultSettings => Settings(&mut record.settings).deserialize(deserializer),
            Level::Sku => Sku(&mut record.settings).deserialize(deserializer),
            Level::NetworkAcls => NetworkAcls(&mut record.settings).deserialize(deserializer),
        }
    }
}

/// A row of a table whose columns are known: an array of cells.
pub(super) struct Row<'t, 'de>(pub(super) &'t mut Record<'de>, pub(super) &'t [Option<(Column, RecordForm)>]);

impl<'de> DeserializeSeed<'de> for Row<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Self(record, columns) = self;
        for column in columns {
            let more = match column {
                Some((column, form)) => {
                    let more = sequence.next_element_seed(Cell(record, *column))?.is_some();
                    if more {
                        record.shape.form = record.shape.form.max(*form);
                    }
                    more
                }
                None => sequence.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

level!(
    /// `properties`.
    Properties for Record<'de>,
    |record, key, map| {
        match &*key {
            "id" => record.id = map.next_value_seed(Scalar)?,
            "clientInfo" => record.client_agent = map.next_value_seed(Scalar)?,
            "requestUri" => record.request_uri = map.next_value_seed(Scalar)?,
            "httpStatusCode" => record.http_status = map.next_value_seed(Scalar)?.and_then(|text| status(&text)),
            "isAccessPolicyMatch" => record.access.policy_match = map.next_value_seed(Scalar)?.and_then(|text| flag(&text)),
            "isRbacAuthorized" => record.access.rbac_authorized = map.next_value_seed(Scalar)?.and_then(|text| flag(&text)),
            "isAddressAuthorized" => record.access.address_authorized = map.next_value_seed(Scalar)?.and_then(|text| flag(&text)),
            "keyProperties" => map.next_value_seed(KeyProperties(record))?,
            "properties" => map.next_value_seed(Settings(&mut record.settings))?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
    },
    |record, text| fill_level(Level::Properties, record, text)
);

level!(
    /// `properties.keyProperties`.
    KeyProperties for Record<'de>,
    |record, key, map| {
        match &*key {
            "type" => record.key_type = map.next_value_seed(Scalar)?,
            "size" => record.key_size = map.next_value_seed(Scalar)?.and_then(|text| text.parse().ok()),
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
    },
    |record, text| fill_level(Level::KeyProperties, record, text)
);

level!(
    /// `properties.properties`: the vault's own settings.
    Settings for VaultSettings<'de>,
    |settings, key, map| {
        match &*key {
            "sku" => map.next_value_seed(Sku(settings))?,
            "enableRbacAuthorization" => settings.rbac = map.next_value_seed(Scalar)?.and_then(|text| flag(&text)),
            "enablePurgeProtection" => settings.purge_protection = map.next_value_seed(Scalar)?.and_then(|text| flag(&text)),
            "publicNetworkAccess" => settings.public_access = map.next_value_seed(Scalar)?,
            "networkAcls" => map.next_value_seed(NetworkAcls(settings))?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
    },
    |settings, text| settings_of_text(settings, Level::VaultSettings, text)
);

level!(
    /// `properties.properties.sku`.
    Sku for VaultSettings<'de>,
    |settings, key, map| {
        match &*key {
            "Name" | "name" => settings.sku = map.next_value_seed(Scalar)?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
    },
    |settings, text| settings_of_text(settings, Level::Sku, text)
);

level!(
    /// `properties.properties.networkAcls`.
    NetworkAcls for VaultSettings<'de>,
    |settings, key, map| {
        match &*key {
            "defaultAction" => settings.firewall_default = map.next_value_seed(Scalar)?,
            "bypass" => settings.firewall_bypass = map.next_value_seed(Scalar)?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
    },
    |settings, text| settings_of_text(settings, Level::NetworkAcls, text)
);

level!(
    /// `identity`: an object with `claim`, or (Managed HSM) the same as a JSON string, or a name.
    IdentityLevel for Identity<'de>,
    |identity, key, map| {
        match &*key {
            "claim" | "claims" => map.next_value_seed(Claims(identity))?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
    },
    |identity, text| identity_of_text(identity, text)
);

level!(
    /// `identity.claim`, with short keys (data plane), long URI keys (control plane), and the
    /// underscore-mangled nests of Managed HSM.
    Claims for Identity<'de>,
    |identity, key, map| {
        let bytes = key.as_bytes();
        let long = memchr::memrchr(b'/', bytes).and_then(|at| key.get(at + 1..)).unwrap_or(&key);
        match long {
            "oid" | "objectidentifier" => set(&mut identity.oid, map.next_value_seed(Scalar)?),
            "appid" => set(&mut identity.appid, map.next_value_seed(Scalar)?),
            "upn" => set(&mut identity.upn, map.next_value_seed(Scalar)?),
            "unique_name" => set(&mut identity.unique_name, map.next_value_seed(Scalar)?),
            "name" => set(&mut identity.name, map.next_value_seed(Scalar)?),
            "idtyp" => set(&mut identity.idtyp, map.next_value_seed(Scalar)?),
            "appidacr" => set(&mut identity.appidacr, map.next_value_seed(Scalar)?),
            "scp" => set(&mut identity.scp, map.next_value_seed(Scalar)?),
            "iss" => set(&mut identity.iss, map.next_value_seed(Scalar)?),
            "tid" | "tenantid" => set(&mut identity.tid, map.next_value_seed(Scalar)?),
            "xms_mirid" => set(&mut identity.managed_identity, map.next_value_seed(Scalar)?),
            "xms_az_rid" => set(&mut identity.calling_resource, map.next_value_seed(Scalar)?),
            _ if long.starts_with("http_schemas_") => map.next_value_seed(IdentityLevel(identity))?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
    }
);

/// A claim that is there under two names keeps the value that says something.
fn set<'de>(field: &mut Option<Text<'de>>, value: Option<Text<'de>>) {
    if value.is_some() {
        *field = value;
    }
}

/// Fills a record from JSON text that stands for one of its objects; other text says nothing, but
/// for an identity, where it is somebody's name.
pub(super) fn fill_level<'de>(level: Level, record: &mut Record<'de>, text: Text<'de>) {
    if level == Level::Identity {
        return identity_of_text(&mut record.identity, text);
    }
    if let Some(piece) = piece_of_text(level, text) {
        record.fill_missing(piece);
    }
}

/// The same for the vault's own settings.
fn settings_of_text<'de>(settings: &mut VaultSettings<'de>, level: Level, text: Text<'de>) {
    if let Some(piece) = piece_of_text(level, text) {
        settings.fill_missing(piece.settings);
    }
}

/// What JSON text of an object says.
fn piece_of_text(level: Level, text: Text<'_>) -> Option<Record<'_>> {
    fn piece(level: Level, text: &str) -> Option<Record<'_>> {
        let mut piece = Record::default();
        let mut parser = serde_json::Deserializer::from_str(text);
        InLevel(&mut piece, level).deserialize(&mut parser).ok()?;
        Some(piece)
    }
    if !text.trim_start().starts_with('{') {
        return None;
    }
    match text {
        Cow::Borrowed(text) => piece(level, text),
        Cow::Owned(text) => piece(level, &text).map(Record::into_owned),
    }
}

/// An identity written as text: JSON inside a string, else somebody's name.
fn identity_of_text<'de>(identity: &mut Identity<'de>, text: Text<'de>) {
    if !text.trim_start().starts_with('{') {
        // `None` is how the Azure CLI prints null.
        identity.name = (!text.trim().is_empty() && text != "None").then_some(text);
        return;
    }
    let mut inner = Identity::default();
    let mut parser = serde_json::Deserializer::from_str(&text);
    if IdentityLevel(&mut inner).deserialize(&mut parser).is_ok() {
        *identity = inner.into_owned();
    }
}
