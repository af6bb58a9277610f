//! Which key of which object fills which field of a record.
//!
//! Input: an object's [`Level`] and a key. Output: its [`Meaning`], the same for every way of reading
//! the bytes. Must not read values.

use super::Level;
use crate::decode::columns::{Claim, Column, flag, in_hsm, milliseconds, status};
use crate::decode::shape::RecordForm;
use crate::record::{Met, Record, Text};
use crate::ticks::Ticks;

/// What the value of a key is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A scalar that fills a field.
    Field(Field),
    /// An object with keys of its own.
    Object(Level),
    /// The cell of a column, in a row of that form.
    Column(Column, RecordForm),
    /// That the key is there makes the record one of metrics.
    Metric,
    /// Text that may hold a record.
    Embedded,
    /// Nothing.
    Ignored,
}

impl Meaning {
    /// The meaning of a key.
    pub(super) fn of(level: Level, key: &str) -> Self {
        match level {
            Level::Record => Self::in_record(key),
            Level::Identity => Self::in_identity(key),
            Level::Claims => Self::in_claims(key),
            Level::Properties => Self::in_properties(key),
            Level::KeyProperties => Self::in_key_properties(key),
            Level::KeyAttributes => Self::in_key_attributes(key),
            Level::CertificatePolicy => Self::in_certificate_policy(key),
            Level::CertificateKey => Self::in_certificate_key(key),
            Level::VaultSettings => Self::in_settings(key),
            Level::Sku => Self::in_sku(key),
            Level::NetworkAcls => Self::in_network_acls(key),
            Level::Collector => Self::in_collector(key),
        }
    }

    /// The record itself.
    fn in_record(key: &str) -> Self {
        Self::Field(match key {
            "time" => Field::Time,
            "resourceId" => Field::ResourceId,
            "operationName" => Field::Operation,
            "category" => Field::Category,
            "resultSignature" => Field::ResultSignature,
            "resultDescription" => Field::Message,
            "durationMs" => Field::Duration,
            "callerIpAddress" => Field::ClientAddress,
            "correlationId" => Field::CorrelationId,
            "identity" => return Self::Object(Level::Identity),
            "properties" => return Self::Object(Level::Properties),
            "metricName" => return Self::Metric,
            // Managed HSM writes these beside `properties` (facts §1.7).
            "clientInfo" => Field::ClientAgent,
            "httpStatusCode" => Field::HttpStatus,
            "requestUri" => Field::RequestUri,
            "resultType" | "operationVersion" => return Self::Ignored,
            // Where collectors keep the record they took in.
            "message" | "_raw" | "event.original" | "body" => return Self::Embedded,
            "event" | "result" | "_source" => return Self::Object(Level::Collector),
            // A key that is no field of the storage form may be a column of a table.
            _ => return Column::of(key).map_or(Self::Ignored, |(column, form)| Self::Column(column, form)),
        })
    }

    /// `identity`: an object with `claim`, or (Managed HSM) the same as a JSON string, or a name.
    fn in_identity(key: &str) -> Self {
        match key {
            "claim" | "claims" => Self::Object(Level::Claims),
            _ => Self::Ignored,
        }
    }

    /// `identity.claim`, with short keys (data plane), long URI keys (control plane), and the
    /// underscore-mangled nests of Managed HSM.
    fn in_claims(key: &str) -> Self {
        let long = memchr::memrchr(b'/', key.as_bytes()).and_then(|at| key.get(at + 1..)).unwrap_or(key);
        Self::Field(Field::Claim(match long {
            "oid" | "objectidentifier" => Claim::Oid,
            "appid" => Claim::Appid,
            "upn" => Claim::Upn,
            "unique_name" => Claim::UniqueName,
            "name" => Claim::Name,
            "idtyp" => Claim::Idtyp,
            "appidacr" => Claim::Appidacr,
            "scp" => Claim::Scp,
            "iss" => Claim::Iss,
            "tid" | "tenantid" => Claim::Tid,
            "xms_mirid" => Claim::ManagedIdentity,
            "xms_az_rid" => Claim::CallingResource,
            _ if long.starts_with("http_schemas_") => return Self::Object(Level::Identity),
            _ => return Self::Ignored,
        }))
    }

    /// `properties`.
    fn in_properties(key: &str) -> Self {
        Self::Field(match key {
            "id" => Field::Id,
            "clientInfo" => Field::ClientAgent,
            "requestUri" => Field::RequestUri,
            "httpStatusCode" => Field::HttpStatus,
            "isAccessPolicyMatch" => Field::PolicyMatch,
            "isRbacAuthorized" => Field::RbacAuthorized,
            "isAddressAuthorized" => Field::AddressAuthorized,
            "keyProperties" => return Self::Object(Level::KeyProperties),
            "certificatePolicyProperties" => return Self::Object(Level::CertificatePolicy),
            "properties" => return Self::Object(Level::VaultSettings),
            _ => return Self::Ignored,
        })
    }

    /// `properties.keyProperties`.
    fn in_key_properties(key: &str) -> Self {
        match key {
            "type" => Self::Field(Field::KeyType),
            "size" => Self::Field(Field::KeySize),
            "attributes" => Self::Object(Level::KeyAttributes),
            _ => Self::Ignored,
        }
    }

    /// `properties.keyProperties.attributes`.
    fn in_key_attributes(key: &str) -> Self {
        if key == "hsmPlatform" { Self::Field(Field::HsmPlatform) } else { Self::Ignored }
    }

    /// `properties.certificatePolicyProperties`.
    fn in_certificate_policy(key: &str) -> Self {
        if key == "keyProperties" { Self::Object(Level::CertificateKey) } else { Self::Ignored }
    }

    /// `properties.certificatePolicyProperties.keyProperties`.
    fn in_certificate_key(key: &str) -> Self {
        match key {
            "type" => Self::Field(Field::KeyType),
            "size" => Self::Field(Field::KeySize),
            _ => Self::Ignored,
        }
    }

    /// `properties.properties`: the vault's own settings.
    fn in_settings(key: &str) -> Self {
        Self::Field(match key {
            "sku" => return Self::Object(Level::Sku),
            "enableRbacAuthorization" => Field::Rbac,
            "enablePurgeProtection" => Field::PurgeProtection,
            "publicNetworkAccess" => Field::PublicAccess,
            "networkAcls" => return Self::Object(Level::NetworkAcls),
            _ => return Self::Ignored,
        })
    }

    /// `properties.properties.sku`.
    fn in_sku(key: &str) -> Self {
        match key {
            "Name" | "name" => Self::Field(Field::SkuName),
            _ => Self::Ignored,
        }
    }

    /// `properties.properties.networkAcls`.
    fn in_network_acls(key: &str) -> Self {
        match key {
            "defaultAction" => Self::Field(Field::FirewallDefault),
            "bypass" => Self::Field(Field::FirewallBypass),
            _ => Self::Ignored,
        }
    }

    /// What Splunk (`result`) and Elasticsearch (`_source`, `event`) put around a record's text.
    fn in_collector(key: &str) -> Self {
        match key {
            "original" | "message" | "_raw" | "event.original" => Self::Embedded,
            "event" => Self::Object(Level::Collector),
            _ => Self::Ignored,
        }
    }
}

/// A field that a scalar fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Time,
    ResourceId,
    Operation,
    Category,
    ResultSignature,
    Message,
    Duration,
    ClientAddress,
    CorrelationId,
    ClientAgent,
    HttpStatus,
    RequestUri,
    Claim(Claim),
    Id,
    PolicyMatch,
    RbacAuthorized,
    AddressAuthorized,
    KeyType,
    KeySize,
    HsmPlatform,
    Rbac,
    PurgeProtection,
    PublicAccess,
    SkuName,
    FirewallDefault,
    FirewallBypass,
}

impl Field {
    /// The field of a record that takes a text as it is; `None` for one that reads it.
    #[inline]
    pub(super) fn text<'r, 'a>(self, record: &'r mut Record<'a>) -> Option<&'r mut Option<Text<'a>>> {
        Some(match self {
            Self::ResourceId => &mut record.resource_id,
            Self::Category => &mut record.category,
            Self::ResultSignature => &mut record.result_signature,
            Self::Message => &mut record.message,
            Self::ClientAddress => &mut record.client_address,
            Self::CorrelationId => &mut record.correlation_id,
            Self::ClientAgent => &mut record.client_agent,
            Self::RequestUri => &mut record.request_uri,
            Self::Id => &mut record.id,
            Self::KeyType => &mut record.key_type,
            _ => return None,
        })
    }

    /// The field of a record that takes `true` or `false`.
    #[inline]
    pub(super) fn flag<'r>(self, record: &'r mut Record<'_>) -> Option<&'r mut Option<bool>> {
        Some(match self {
            Self::PolicyMatch => &mut record.access.policy_match,
            Self::RbacAuthorized => &mut record.access.rbac_authorized,
            Self::AddressAuthorized => &mut record.access.address_authorized,
            _ => return None,
        })
    }

    /// Takes a value, `None` for one that is missing, over whatever an earlier key has left.
    #[inline]
    pub(super) fn fill<'a>(self, record: &mut Record<'a>, value: Option<Text<'a>>) {
        let text = value.as_deref();
        match self {
            Self::Time => record.time = text.and_then(Ticks::from_iso),
            Self::ResourceId => record.resource_id = value,
            Self::Operation => {
                record.has_arm_operation = text.is_none_or(|name| name.as_bytes().contains(&b'/'));
                record.operation = value;
            }
            Self::Category => record.category = value,
            Self::ResultSignature => record.result_signature = value,
            Self::Message => record.message = value,
            Self::Duration => record.duration_ms = text.and_then(milliseconds),
            Self::ClientAddress => record.client_address = value,
            Self::CorrelationId => record.correlation_id = value,
            Self::ClientAgent => record.client_agent = value,
            Self::HttpStatus => record.http_status = text.and_then(status),
            Self::RequestUri => record.request_uri = value,
            // A claim that is there under two names keeps the value that says something.
            Self::Claim(claim) if value.is_some() => {
                *claim.field(record) = value;
                // It is not a claim of those that were met before it.
                record.identity.met = Met::default();
            }
            Self::Claim(_) => {}
            Self::Id => record.id = value,
            Self::PolicyMatch => record.access.policy_match = text.and_then(flag),
            Self::RbacAuthorized => record.access.rbac_authorized = text.and_then(flag),
            Self::AddressAuthorized => record.access.address_authorized = text.and_then(flag),
            Self::KeyType => record.key_type = value,
            Self::KeySize => record.key_size = text.and_then(|text| text.parse().ok()),
            Self::HsmPlatform => record.key_in_hsm = text.and_then(in_hsm),
            Self::Rbac => record.settings.rbac = text.and_then(flag),
            Self::PurgeProtection => record.settings.purge_protection = text.and_then(flag),
            Self::PublicAccess => record.settings.public_access = value,
            Self::SkuName => record.settings.sku = value,
            Self::FirewallDefault => record.settings.firewall_default = value,
            Self::FirewallBypass => record.settings.firewall_bypass = value,
        }
    }
}
