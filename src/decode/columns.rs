//! Which column of a table fills which field of a record: the rows of Log Analytics
//! (`AzureDiagnostics` and `AZKVAuditLogs`, facts §1.4 and §1.5) and tables of the storage form.
//!
//! Input: a column's name and a cell's text. Output: fields of a [`Record`]. A name is matched
//! without case and without the suffix of its type (`_s _d _b _g _t`), because the suffix follows
//! the value and one claim may stand in several columns. A cell fills only what no earlier cell
//! filled. Must not know how the table is carried.

use std::borrow::Cow;

use super::resource_log::{self, Level};
use super::shape::RecordForm;
use crate::record::{Met, Record, Text};
use crate::ticks::Ticks;

/// The meaning of one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// `TimeGenerated`, or `time`: an ISO 8601 instant.
    Time,
    /// `ResourceId`, `_ResourceId`.
    ResourceId,
    /// `SubscriptionId`, for rows without a resource id.
    Subscription,
    /// `ResourceGroup`, likewise.
    ResourceGroup,
    /// `ResourceProvider`, likewise.
    Provider,
    /// `ResourceType`, likewise.
    ResourceType,
    /// `Resource`: the vault's name, likewise.
    Resource,
    /// `Category`.
    Category,
    /// `Type`: the name of the table.
    Table,
    /// `MetricName`.
    Metric,
    /// `OperationName`.
    Operation,
    /// `ResultSignature`.
    ResultSignature,
    /// `ResultDescription`.
    Message,
    /// `DurationMs`.
    Duration,
    /// `CallerIPAddress`, `CallerIpAddress`.
    ClientAddress,
    /// `CorrelationId`.
    CorrelationId,
    /// `Identity`: an object, or the same as JSON text.
    Identity,
    /// `identity_claim_…`.
    Claim(Claim),
    /// `Properties`: an object, or the same as JSON text.
    Properties,
    /// `Id`, `id_s`.
    Id,
    /// `ClientInfo`, `clientInfo_s`.
    ClientAgent,
    /// `RequestUri`, `requestUri_s`.
    RequestUri,
    /// `HttpStatusCode`, `httpStatusCode_d`.
    HttpStatus,
    /// `IsAccessPolicyMatch`.
    PolicyMatch,
    /// `IsRbacAuthorized`.
    RbacAuthorized,
    /// `IsAddressAuthorized`.
    AddressAuthorized,
    /// `KeyProperties`: an object, or the same as JSON text.
    KeyProperties,
    /// `keyProperties_type_s`.
    KeyType,
    /// `keyProperties_size_d`.
    KeySize,
    /// `keyProperties_attributes_hsmPlatform_s`.
    HsmPlatform,
    /// `VaultProperties`: an object, or the same as JSON text.
    VaultSettings,
    /// `Sku`: an object, or the same as JSON text.
    Sku,
    /// `properties_sku_Name_s`.
    SkuName,
    /// `NetworkAcls`: an object, or the same as JSON text.
    NetworkAcls,
    /// `properties_networkAcls_defaultAction_s`.
    FirewallDefault,
    /// `properties_networkAcls_bypass_s`.
    FirewallBypass,
    /// `EnableRbacAuthorization`.
    Rbac,
    /// `EnablePurgeProtection`.
    PurgeProtection,
    /// `publicNetworkAccess`.
    PublicAccess,
}

/// A claim with a column of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// `oid`, or the long `…_objectidentifier`.
    Oid,
    /// `appid`.
    Appid,
    /// `upn`, short or long.
    Upn,
    /// `unique_name`.
    UniqueName,
    /// `name`, short or long.
    Name,
    /// `idtyp`.
    Idtyp,
    /// `appidacr`.
    Appidacr,
    /// `scp`.
    Scp,
    /// `iss`.
    Iss,
    /// `tid`.
    Tid,
    /// `xms_mirid`.
    ManagedIdentity,
    /// `xms_az_rid`.
    CallingResource,
}

/// Names longer than this belong to no column that is read.
const LONGEST_NAME: usize = 96;

impl Column {
    /// The column of a name, and the form of record that such a name is found in; `None` for a
    /// column that no field is filled from. Decorations of an export (`TimeGenerated [UTC]`) are
    /// the caller's to take off.
    pub fn of(name: &str) -> Option<(Self, RecordForm)> {
        let name = name.trim();
        let (base, suffixed) = base_name(name);
        let mut buffer = [0_u8; LONGEST_NAME];
        let lower = buffer.get_mut(..base.len())?;
        lower.copy_from_slice(base.as_bytes());
        lower.make_ascii_lowercase();
        let column = match lower.strip_prefix(b"identity_claim_") {
            Some(claim) => Self::Claim(Claim::of(claim)?),
            None => Self::of_base(lower)?,
        };
        let form = if suffixed || matches!(column, Self::Claim(_)) {
            RecordForm::AzureDiagnostics
        } else if name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_') {
            RecordForm::AzkvAuditLogs
        } else {
            RecordForm::Storage
        };
        Some((column, form))
    }

    /// The column of a name in lower case without the suffix of its type.
    fn of_base(lower: &[u8]) -> Option<Self> {
        Some(match lower {
            b"time" | b"timegenerated" => Self::Time,
            b"resourceid" | b"_resourceid" => Self::ResourceId,
            b"subscriptionid" => Self::Subscription,
            b"resourcegroup" => Self::ResourceGroup,
            b"resourceprovider" => Self::Provider,
            b"resourcetype" => Self::ResourceType,
            b"resource" => Self::Resource,
            b"category" => Self::Category,
            b"type" => Self::Table,
            b"metricname" => Self::Metric,
            b"operationname" => Self::Operation,
            b"resultsignature" => Self::ResultSignature,
            b"resultdescription" => Self::Message,
            b"durationms" => Self::Duration,
            b"calleripaddress" => Self::ClientAddress,
            b"correlationid" => Self::CorrelationId,
            b"identity" => Self::Identity,
            b"properties" => Self::Properties,
            b"id" | b"properties_id" => Self::Id,
            b"clientinfo" | b"properties_clientinfo" => Self::ClientAgent,
            b"requesturi" | b"properties_requesturi" => Self::RequestUri,
            b"httpstatuscode" | b"properties_httpstatuscode" => Self::HttpStatus,
            b"isaccesspolicymatch" => Self::PolicyMatch,
            b"isrbacauthorized" => Self::RbacAuthorized,
            b"isaddressauthorized" => Self::AddressAuthorized,
            b"keyproperties" => Self::KeyProperties,
            b"keyproperties_type" => Self::KeyType,
            b"keyproperties_size" => Self::KeySize,
            b"keyproperties_attributes_hsmplatform" => Self::HsmPlatform,
            b"vaultproperties" => Self::VaultSettings,
            b"sku" => Self::Sku,
            b"properties_sku_name" => Self::SkuName,
            b"networkacls" => Self::NetworkAcls,
            b"properties_networkacls_defaultaction" => Self::FirewallDefault,
            b"properties_networkacls_bypass" => Self::FirewallBypass,
            b"enablerbacauthorization" | b"properties_enablerbacauthorization" => Self::Rbac,
            b"enablepurgeprotection" | b"properties_enablepurgeprotection" => Self::PurgeProtection,
            b"publicnetworkaccess" | b"properties_publicnetworkaccess" => Self::PublicAccess,
            _ => return None,
        })
    }

    /// Whether the column's cells are objects, or JSON text of one.
    pub fn level(self) -> Option<Level> {
        Some(match self {
            Self::Identity => Level::Identity,
            Self::Properties => Level::Properties,
            Self::KeyProperties => Level::KeyProperties,
            Self::VaultSettings => Level::VaultSettings,
            Self::Sku => Level::Sku,
            Self::NetworkAcls => Level::NetworkAcls,
            _ => return None,
        })
    }

    /// Fills a field from a cell's text. Empty text and the `None` that the Azure CLI prints for
    /// null are missing values, and a field that has a value keeps it.
    pub fn fill<'a>(self, record: &mut Record<'a>, text: Text<'a>) {
        // `None` is a value of `networkAcls.bypass`.
        if text.is_empty() || (&*text == "None" && self != Self::FirewallBypass) {
            return;
        }
        if let Some(level) = self.level() {
            return resource_log::fill_level(level, record, text);
        }
        if let Some(field) = self.text_field(record) {
            if field.is_none() {
                *field = Some(text);
            }
            return;
        }
        self.fill_value(record, &text);
    }

    /// Fills a field that is no text.
    fn fill_value(self, record: &mut Record<'_>, text: &str) {
        let (access, settings) = (&mut record.access, &mut record.settings);
        match self {
            Self::Time => record.time = record.time.or_else(|| Ticks::from_iso(text)),
            Self::Metric => record.has_metric = true,
            Self::Duration => record.duration_ms = record.duration_ms.or_else(|| milliseconds(text)),
            Self::HttpStatus => record.http_status = record.http_status.or_else(|| status(text)),
            Self::KeySize => record.key_size = record.key_size.or_else(|| whole(text).parse().ok()),
            Self::HsmPlatform => record.key_in_hsm = record.key_in_hsm.or_else(|| in_hsm(text)),
            Self::PolicyMatch => access.policy_match = access.policy_match.or_else(|| flag(text)),
            Self::RbacAuthorized => access.rbac_authorized = access.rbac_authorized.or_else(|| flag(text)),
            Self::AddressAuthorized => {
                access.address_authorized = access.address_authorized.or_else(|| flag(text));
            }
            Self::Rbac => settings.rbac = settings.rbac.or_else(|| flag(text)),
            Self::PurgeProtection => {
                settings.purge_protection = settings.purge_protection.or_else(|| flag(text));
            }
            _ => {}
        }
    }

    /// The field of a column that holds text as it is.
    fn text_field<'r, 'a>(self, record: &'r mut Record<'a>) -> Option<&'r mut Option<Text<'a>>> {
        Some(match self {
            Self::ResourceId => &mut record.resource_id,
            Self::Subscription => &mut record.arm.subscription,
            Self::ResourceGroup => &mut record.arm.resource_group,
            Self::Provider => &mut record.arm.provider,
            Self::ResourceType => &mut record.arm.resource_type,
            Self::Resource => &mut record.arm.resource,
            Self::Category => &mut record.category,
            Self::Table => &mut record.table,
            Self::Operation => &mut record.operation,
            Self::ResultSignature => &mut record.result_signature,
            Self::Message => &mut record.message,
            Self::ClientAddress => &mut record.client_address,
            Self::CorrelationId => &mut record.correlation_id,
            Self::Id => &mut record.id,
            Self::ClientAgent => &mut record.client_agent,
            Self::RequestUri => &mut record.request_uri,
            Self::KeyType => &mut record.key_type,
            Self::SkuName => &mut record.settings.sku,
            Self::FirewallDefault => &mut record.settings.firewall_default,
            Self::FirewallBypass => &mut record.settings.firewall_bypass,
            Self::PublicAccess => &mut record.settings.public_access,
            Self::Claim(claim) => claim.field(record),
            _ => return None,
        })
    }
}

impl Claim {
    /// The claim of a name in lower case, without `identity_claim_` and without the suffix of its
    /// type. Long claim types keep their last part: `http_schemas_…_claims_objectidentifier`.
    fn of(lower: &[u8]) -> Option<Self> {
        let short = match lower.strip_prefix(b"http_schemas_") {
            Some(long) => long.get(memchr::memmem::rfind(long, b"claims_")? + 7..)?,
            None => lower,
        };
        Some(match short {
            b"oid" | b"objectidentifier" => Self::Oid,
            b"appid" => Self::Appid,
            b"upn" => Self::Upn,
            b"unique_name" => Self::UniqueName,
            b"name" => Self::Name,
            b"idtyp" => Self::Idtyp,
            b"appidacr" => Self::Appidacr,
            b"scp" => Self::Scp,
            b"iss" => Self::Iss,
            b"tid" | b"tenantid" => Self::Tid,
            b"xms_mirid" => Self::ManagedIdentity,
            b"xms_az_rid" => Self::CallingResource,
            _ => return None,
        })
    }

    /// The field that the claim fills.
    #[inline]
    pub(super) fn field<'r, 'a>(self, record: &'r mut Record<'a>) -> &'r mut Option<Text<'a>> {
        let identity = &mut record.identity;
        identity.met = Met::default();
        match self {
            Self::Oid => &mut identity.oid,
            Self::Appid => &mut identity.appid,
            Self::Upn => &mut identity.upn,
            Self::UniqueName => &mut identity.unique_name,
            Self::Name => &mut identity.name,
            Self::Idtyp => &mut identity.idtyp,
            Self::Appidacr => &mut identity.appidacr,
            Self::Scp => &mut identity.scp,
            Self::Iss => &mut identity.iss,
            Self::Tid => &mut identity.tid,
            Self::ManagedIdentity => &mut identity.managed_identity,
            Self::CallingResource => &mut identity.calling_resource,
        }
    }
}

/// A name without the suffix of its type, and whether it had one.
fn base_name(name: &str) -> (&str, bool) {
    let base = ["_s", "_d", "_b", "_g", "_t"].iter().find_map(|suffix| name.strip_suffix(suffix));
    base.filter(|base| !base.is_empty()).map_or((name, false), |base| (base, true))
}

/// The digits before a decimal point.
#[inline]
fn whole(text: &str) -> &str {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text;
    }
    let text = text.trim();
    text.split_once('.').map_or(text, |(whole, _)| whole)
}

/// An HTTP status; the text form of one too, and `403.0` of a real column.
pub(super) fn status(text: &str) -> Option<u16> {
    whole(text).parse().ok().filter(|code| (100..600).contains(code))
}

/// Whether a key's `hsmPlatform` is one: 0 is the software module (facts §2.2).
pub(super) fn in_hsm(text: &str) -> Option<bool> {
    whole(text).parse::<u8>().ok().map(|platform| platform > 0)
}

/// `true` and `false` in any case.
pub(super) fn flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Whole milliseconds; a fraction is cut.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    whole(text).parse().ok()
}

/// A text cell as the record keeps it.
pub fn cell(text: &str) -> Text<'_> {
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_on_their_base() {
        use RecordForm::{AzkvAuditLogs, AzureDiagnostics, Storage};
        for (name, column, form) in [
            ("TimeGenerated", Column::Time, AzkvAuditLogs),
            ("time", Column::Time, Storage),
            ("CallerIPAddress", Column::ClientAddress, AzkvAuditLogs),
            ("CallerIpAddress", Column::ClientAddress, AzkvAuditLogs),
            ("CallerIPAddress_s", Column::ClientAddress, AzureDiagnostics),
            ("httpStatusCode_d", Column::HttpStatus, AzureDiagnostics),
            ("_ResourceId", Column::ResourceId, AzkvAuditLogs),
            ("identity_claim_oid_g", Column::Claim(Claim::Oid), AzureDiagnostics),
            ("identity_claim_oid_s", Column::Claim(Claim::Oid), AzureDiagnostics),
            ("identity_claim_xms_mirid_s", Column::Claim(Claim::ManagedIdentity), AzureDiagnostics),
            (
                "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g",
                Column::Claim(Claim::Oid),
                AzureDiagnostics,
            ),
            (
                "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s",
                Column::Claim(Claim::Upn),
                AzureDiagnostics,
            ),
            ("keyProperties_attributes_hsmPlatform_s", Column::HsmPlatform, AzureDiagnostics),
            ("properties_networkAcls_bypass_s", Column::FirewallBypass, AzureDiagnostics),
        ] {
            assert_eq!(Column::of(name), Some((column, form)), "{name}");
        }
        for name in ["", "_s", "ResultType", "identity_claim_amr_s", &"x".repeat(200)] {
            assert_eq!(Column::of(name), None, "{name}");
        }
    }

    #[test]
    fn none_is_missing_but_for_the_bypass() {
        let mut record = Record::default();
        Column::Message.fill(&mut record, cell("None"));
        Column::Message.fill(&mut record, cell(""));
        Column::FirewallBypass.fill(&mut record, cell("None"));
        Column::HttpStatus.fill(&mut record, cell("403.0"));
        Column::HttpStatus.fill(&mut record, cell("200"));
        Column::RbacAuthorized.fill(&mut record, cell("True"));
        assert_eq!((&record.message, record.http_status), (&None, Some(403)));
        assert_eq!(record.settings.firewall_bypass.as_deref(), Some("None"));
        assert_eq!(record.access.rbac_authorized, Some(true));
    }

    #[test]
    fn dynamic_columns_are_read_from_their_text() {
        let mut record = Record::default();
        let (identity, key) = (
            r#"{"claim":{"oid":"o","upn":"a\"b"}}"#.to_owned(),
            r#"{"type":"RSA-HSM","size":4096}"#.to_owned(),
        );
        Column::Identity.fill(&mut record, Cow::Owned(identity));
        Column::KeyProperties.fill(&mut record, cell(&key));
        Column::NetworkAcls.fill(&mut record, cell(r#"{"defaultAction":"Deny"}"#));
        Column::Sku.fill(&mut record, cell("not json"));
        assert_eq!(record.identity.oid.as_deref(), Some("o"));
        assert_eq!(record.identity.upn.as_deref(), Some("a\"b"));
        assert_eq!((record.key_type.as_deref(), record.key_size), (Some("RSA-HSM"), Some(4096)));
        assert_eq!(record.settings.firewall_default.as_deref(), Some("Deny"));
        assert_eq!(record.settings.sku, None);
    }
}
