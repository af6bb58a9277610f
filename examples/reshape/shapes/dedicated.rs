//! A record as a row of `AZKVAuditLogs`, the table of its own that a diagnostic setting can write (facts
//! §1.5).
//!
//! In: a record in storage form. Out: its row. What facts are silent on is said at the place.

use super::Json;
use super::diagnostics::whole;
use super::row::{Cell, Columns, Kind, Resource, Row, WORKSPACE_ID};

/// Where the value of a column comes from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// A member of the record.
    Record(&'static str),
    /// A member of `properties`; Managed HSM writes some of them beside it (facts §1.7).
    Properties(&'static str),
    /// A member of `properties.properties`: the vault's own settings.
    Settings(&'static str),
    /// The members of `properties` that no other column takes. Facts name the column and not what is in it.
    OtherProperties,
    /// The same for `properties.properties`.
    OtherSettings,
    /// The same in every row.
    Always(&'static str),
    /// The ARM id, in lower case.
    LowerId,
}

use Source::{Always, LowerId, OtherProperties, OtherSettings, Properties, Record, Settings};

/// The columns of the table, in its order. `_SubscriptionId`, `_BilledSize` and `_IsBillable` are left out:
/// queries show them only when asked to.
const TABLE: &[(&str, Kind, Source)] = &[
    ("TenantId", Kind::String, Always(WORKSPACE_ID)),
    ("TimeGenerated", Kind::Datetime, Record("time")),
    ("ResultType", Kind::String, Record("resultType")),
    ("OperationName", Kind::String, Record("operationName")),
    ("ResultDescription", Kind::String, Record("resultDescription")),
    ("CorrelationId", Kind::String, Record("correlationId")),
    ("CallerIpAddress", Kind::String, Record("callerIpAddress")),
    ("OperationVersion", Kind::String, Record("operationVersion")),
    ("Identity", Kind::Dynamic, Record("identity")),
    ("Properties", Kind::Dynamic, OtherProperties),
    ("Nsp", Kind::Dynamic, Properties("nsp")),
    ("KeyProperties", Kind::Dynamic, Properties("keyProperties")),
    ("SecretProperties", Kind::Dynamic, Properties("secretProperties")),
    ("CertificateProperties", Kind::Dynamic, Properties("certificateProperties")),
    ("CertificatePolicyProperties", Kind::Dynamic, Properties("certificatePolicyProperties")),
    ("CertificateIssuerProperties", Kind::Dynamic, Properties("certificateIssuerProperties")),
    ("CertificateRequestProperties", Kind::Dynamic, Properties("certificateRequestProperties")),
    ("StorageAccountProperties", Kind::Dynamic, Properties("storageAccountProperties")),
    ("StorageSasDefinitionProperties", Kind::Dynamic, Properties("storageSasDefinitionProperties")),
    ("Id", Kind::String, Properties("id")),
    ("Algorithm", Kind::String, Properties("algorithm")),
    ("ClientInfo", Kind::String, Properties("clientInfo")),
    ("SubnetId", Kind::String, Properties("subnetId")),
    ("HttpStatusCode", Kind::Int, Properties("httpStatusCode")),
    ("RequestUri", Kind::String, Properties("requestUri")),
    ("IsAddressAuthorized", Kind::Bool, Properties("isAddressAuthorized")),
    ("AddressAuthorizationType", Kind::String, Properties("addrAuthType")),
    ("IsAccessPolicyMatch", Kind::Bool, Properties("isAccessPolicyMatch")),
    ("IsRbacAuthorized", Kind::Bool, Properties("isRbacAuthorized")),
    ("AppliedAssignmentId", Kind::String, Properties("appliedAssignmentId")),
    ("TrustedService", Kind::String, Properties("trustedService")),
    ("Tlsversion", Kind::String, Properties("tlsVersion")),
    ("VaultProperties", Kind::Dynamic, OtherSettings),
    ("Sku", Kind::Dynamic, Settings("sku")),
    ("NetworkAcls", Kind::Dynamic, Settings("networkAcls")),
    ("EnabledForDeployment", Kind::Bool, Settings("enabledForDeployment")),
    ("EnabledForDiskEncryption", Kind::Bool, Settings("enabledForDiskEncryption")),
    ("EnabledForTemplateDeployment", Kind::Bool, Settings("enabledForTemplateDeployment")),
    ("EnableSoftDelete", Kind::Bool, Settings("enableSoftDelete")),
    ("SoftDeleteRetentionInDays", Kind::Int, Settings("softDeleteRetentionInDays")),
    ("EnableRbacAuthorization", Kind::Bool, Settings("enableRbacAuthorization")),
    ("EnablePurgeProtection", Kind::Bool, Settings("enablePurgeProtection")),
    ("HsmPoolResourceId", Kind::String, Settings("hsmPoolResourceId")),
    ("ResultSignature", Kind::String, Record("resultSignature")),
    ("DurationMs", Kind::Int, Record("durationMs")),
    ("SourceSystem", Kind::String, Always("Azure")),
    ("Type", Kind::String, Always("AZKVAuditLogs")),
    ("_ResourceId", Kind::String, LowerId),
];

/// Name and type of each column.
pub(crate) fn columns() -> Columns {
    let columns: Vec<_> = TABLE.iter().map(|(name, kind, _)| (*name, *kind)).collect();
    Columns::fixed(&columns)
}

/// The row of a record.
pub(crate) fn row(record: &Json) -> Row {
    let mut row = Row::default();
    for (name, kind, source) in TABLE {
        if let Some(cell) = value(record, *source).as_ref().and_then(|value| cell(value, *kind)) {
            row.push(name, cell);
        }
    }
    row
}

/// The value that a source has in a record; null counts as none.
fn value(record: &Json, source: Source) -> Option<Json> {
    let properties = || record.get("properties");
    let settings = || properties()?.get("properties");
    let found = match source {
        Record(key) => record.get(key).cloned(),
        Properties(key) => properties().and_then(|all| all.get(key)).or_else(|| record.get(key)).cloned(),
        Settings(key) => settings()?.get(key).cloned(),
        OtherProperties => Some(others(properties()?, |key| {
            let taken =
                |source: &Source| matches!(source, Properties(taken) if *taken == key) || key == "properties";
            TABLE.iter().any(|(_, _, source)| taken(source))
        })?),
        OtherSettings => Some(others(settings()?, |key| {
            let taken = |source: &Source| matches!(source, Settings(taken) if *taken == key);
            TABLE.iter().any(|(_, _, source)| taken(source))
        })?),
        Always(text) => Some(Json::Text(text.into())),
        LowerId => Some(Json::Text(Resource::of(record).id.to_ascii_lowercase())),
    };
    found.filter(|value| *value != Json::Null)
}

/// The members that no column takes; none if there are none.
fn others(object: &Json, taken: impl Fn(&str) -> bool) -> Option<Json> {
    let members: Vec<_> = object.members().iter().filter(|(key, _)| !taken(key)).cloned().collect();
    (!members.is_empty()).then_some(Json::Object(members))
}

/// The value as a cell of the column's type; a value of another type leaves none.
fn cell(value: &Json, kind: Kind) -> Option<Cell> {
    match kind {
        Kind::Dynamic => Some(Cell::Dynamic(value.clone())),
        Kind::Int | Kind::Long => whole(Some(value)),
        Kind::Bool => match value {
            Json::Bool(flag) => Some(Cell::Flag(*flag)),
            _ => None,
        },
        Kind::Datetime => value.scalar().map(Cell::Time),
        Kind::String | Kind::Guid | Kind::Real => value.scalar().map(Cell::Text),
    }
}
