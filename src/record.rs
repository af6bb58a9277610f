//! One audit record, typed and borrowed from the bytes it was read from.
//!
//! Input: what `decode` found. Output: [`Record`], where every field the log may leave out is an
//! `Option`: a missing value stays missing, never a made-up one. Must not judge.

pub mod address;
pub mod caller;
pub mod fingerprint;
pub mod object;
pub mod operation;

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::decode::shape::Shape;
use crate::ticks::Ticks;

/// Text borrowed from the blob where it stands there without escapes.
pub type Text<'a> = Cow<'a, str>;

/// One `AuditEvent` record of Azure Key Vault or Managed HSM. Empty strings in the log are `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record<'a> {
    /// `time`; `None` where absent or unreadable.
    pub time: Option<Ticks>,
    /// `resourceId`, in the log's own case (usually all upper case).
    pub resource_id: Option<Text<'a>>,
    /// `category`.
    pub category: Option<Text<'a>>,
    /// `metricName` is there: a record of Azure Monitor metrics.
    pub has_metric: bool,
    /// `operationName` is an ARM operation (`Microsoft.KeyVault/vaults/write`), or an object: a
    /// record of the Activity Log.
    pub has_arm_operation: bool,
    /// `operationName`.
    pub operation: Option<Text<'a>>,
    /// `resultSignature`: the HTTP reason phrase, on some records a number.
    pub result_signature: Option<Text<'a>>,
    /// `resultDescription`: on failures the text of the HTTP error.
    pub message: Option<Text<'a>>,
    /// `durationMs`, in milliseconds.
    pub duration_ms: Option<u64>,
    /// `callerIpAddress`.
    pub client_address: Option<Text<'a>>,
    /// `correlationId`.
    pub correlation_id: Option<Text<'a>>,
    /// `identity`, whatever its form.
    pub identity: Identity<'a>,
    /// `properties.id`: the object's URL, or the vault's on the control plane.
    pub id: Option<Text<'a>>,
    /// `properties.clientInfo`: the user agent.
    pub client_agent: Option<Text<'a>>,
    /// `properties.requestUri`.
    pub request_uri: Option<Text<'a>>,
    /// `properties.httpStatusCode`, 100 to 599.
    pub http_status: Option<u16>,
    /// What the service noted about its own decision.
    pub access: AccessFlags,
    /// `properties.keyProperties.type`, such as `RSA-HSM`.
    pub key_type: Option<Text<'a>>,
    /// `properties.keyProperties.size`, in bits.
    pub key_size: Option<u32>,
    /// `properties.keyProperties.attributes.hsmPlatform` names an HSM (1 and above) or the software
    /// module (0).
    pub key_in_hsm: Option<bool>,
    /// The vault's own settings, on control-plane records.
    pub settings: VaultSettings<'a>,
    /// `Type` of a row of Log Analytics: the table it is from.
    pub table: Option<Text<'a>>,
    /// The parts of the ARM id, for rows that have them in columns of their own.
    pub arm: ArmParts<'a>,
    /// Text of a field in which collectors keep the record they took in (`message`, `_raw`,
    /// `event.original`).
    pub embedded: Option<Text<'a>>,
    /// How the record came.
    pub shape: Shape,
}

/// What an ARM id is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmParts<'a> {
    /// `SubscriptionId`.
    pub subscription: Option<Text<'a>>,
    /// `ResourceGroup`.
    pub resource_group: Option<Text<'a>>,
    /// `ResourceProvider`: `MICROSOFT.KEYVAULT`.
    pub provider: Option<Text<'a>>,
    /// `ResourceType`: `VAULTS` or `MANAGEDHSMS`.
    pub resource_type: Option<Text<'a>>,
    /// `Resource`: the vault's name.
    pub resource: Option<Text<'a>>,
}

impl ArmParts<'_> {
    /// The ARM id, if the parts that name a vault are all there.
    pub fn resource_id(&self) -> Option<String> {
        let (provider, kind, name) =
            (self.provider.as_deref()?, self.resource_type.as_deref()?, self.resource.as_deref()?);
        let mut id = String::new();
        if let (Some(subscription), Some(group)) = (&self.subscription, &self.resource_group) {
            id = format!("/SUBSCRIPTIONS/{subscription}/RESOURCEGROUPS/{group}");
        }
        Some(id + "/PROVIDERS/" + provider + "/" + kind + "/" + name)
    }
}

/// The claims of the caller's token, as far as the log repeats them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity<'a> {
    /// `oid`, or the long `…/identity/claims/objectidentifier`.
    pub oid: Option<Text<'a>>,
    /// `appid`: the client application.
    pub appid: Option<Text<'a>>,
    /// `upn`, short or long form.
    pub upn: Option<Text<'a>>,
    /// `unique_name`.
    pub unique_name: Option<Text<'a>>,
    /// `name`, short or long form; or the whole identity where the log holds plain text.
    pub name: Option<Text<'a>>,
    /// `idtyp`: `app` on application tokens.
    pub idtyp: Option<Text<'a>>,
    /// `appidacr`: how the client authenticated.
    pub appidacr: Option<Text<'a>>,
    /// `scp`: present on delegated (user) tokens only.
    pub scp: Option<Text<'a>>,
    /// `iss`: the issuer, which names the tenant.
    pub iss: Option<Text<'a>>,
    /// `tid`: the tenant.
    pub tid: Option<Text<'a>>,
    /// `xms_mirid`: the managed identity's ARM id.
    pub managed_identity: Option<Text<'a>>,
    /// `xms_az_rid`: the ARM id of the resource that runs the caller.
    pub calling_resource: Option<Text<'a>>,
    /// Whether these claims were met before; says nothing about them.
    pub met: Met,
}

/// A number that all identities with the same claims may share, so that what they led to can be remembered by
/// it: two that have the same number have the same claims. It is no part of what a record says, so any two are
/// equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met(Option<NonZeroU64>);

impl Met {
    /// A number that no identity has yet.
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(NonZeroU64::new(LAST.fetch_add(1, Ordering::Relaxed) + 1))
    }

    /// The number, if there is one.
    pub(crate) fn number(self) -> Option<NonZeroU64> {
        self.0
    }
}

impl PartialEq for Met {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Claims that are put together from pieces are those of no other record.
impl Piece for Met {
    fn fill_missing(&mut self, _: Self) {
        *self = Self::default();
    }
}

impl Identity<'_> {
    /// Whether the record names nobody: the `identity: {}` of an authentication challenge.
    pub fn is_empty(&self) -> bool {
        self.claims().into_iter().all(Option::is_none)
    }
}

impl<'a> Identity<'a> {
    /// Every claim.
    pub fn claims(&self) -> [&Option<Text<'a>>; 12] {
        let Self { oid, appid, upn, unique_name, name, idtyp, appidacr, scp, iss, tid, .. } = self;
        let Self { managed_identity: mirid, calling_resource: rid, .. } = self;
        [oid, appid, upn, unique_name, name, idtyp, appidacr, scp, iss, tid, mirid, rid]
    }

    /// Every claim, in the same order, to be filled. It is not known then whether they were met.
    pub fn claims_mut(&mut self) -> [&mut Option<Text<'a>>; 12] {
        let Self { oid, appid, upn, unique_name, name, idtyp, appidacr, scp, iss, tid, .. } = self;
        let Self { managed_identity: mirid, calling_resource: rid, met, .. } = self;
        *met = Met::default();
        [oid, appid, upn, unique_name, name, idtyp, appidacr, scp, iss, tid, mirid, rid]
    }
}

/// `isAccessPolicyMatch`, `isRbacAuthorized`, `isAddressAuthorized`; `None` where not logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessFlags {
    /// On vaults with access policies: whether one grants the permission.
    pub policy_match: Option<bool>,
    /// On vaults with Azure RBAC: whether a role assignment grants the action.
    pub rbac_authorized: Option<bool>,
    /// On vaults with a firewall: whether the client address may enter.
    pub address_authorized: Option<bool>,
}

/// What control-plane records (and ARM's polling `VaultGet`) tell of the vault itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VaultSettings<'a> {
    /// `sku.Name`: `standard` or `premium`.
    pub sku: Option<Text<'a>>,
    /// `enableRbacAuthorization`: true for RBAC, false for access policies.
    pub rbac: Option<bool>,
    /// `networkAcls.defaultAction`: `Allow` or `Deny`.
    pub firewall_default: Option<Text<'a>>,
    /// `networkAcls.bypass`.
    pub firewall_bypass: Option<Text<'a>>,
    /// `publicNetworkAccess`.
    pub public_access: Option<Text<'a>>,
    /// `enablePurgeProtection`.
    pub purge_protection: Option<bool>,
}

/// Gives a struct of optional fields the two verbs that reading in pieces needs.
macro_rules! pieces {
    ($name:ident { $($text:ident),* } plain { $($plain:ident),* } inner { $($inner:ident),* }) => {
        impl<'a> $name<'a> {
            /// The same, owning its texts.
            pub(crate) fn into_owned(self) -> $name<'static> {
                $name {
                    $($text: self.$text.map(|text| Cow::Owned(text.into_owned())),)*
                    $($plain: self.$plain,)*
                    $($inner: self.$inner.into_owned(),)*
                }
            }

            /// Takes from another piece of the same record what is missing here.
            pub(crate) fn fill_missing(&mut self, other: $name<'a>) {
                $(if self.$text.is_none() { self.$text = other.$text; })*
                $(self.$plain.fill_missing(other.$plain);)*
                $(self.$inner.fill_missing(other.$inner);)*
            }
        }
    };
}

/// What a field without text does when pieces of a record meet.
trait Piece {
    fn fill_missing(&mut self, other: Self);
}

impl<T> Piece for Option<T> {
    fn fill_missing(&mut self, other: Self) {
        if self.is_none() {
            *self = other;
        }
    }
}

impl Piece for bool {
    fn fill_missing(&mut self, other: Self) {
        *self |= other;
    }
}

impl Piece for Shape {
    fn fill_missing(&mut self, other: Self) {
        self.form = self.form.max(other.form);
    }
}

impl Piece for AccessFlags {
    fn fill_missing(&mut self, other: Self) {
        self.policy_match.fill_missing(other.policy_match);
        self.rbac_authorized.fill_missing(other.rbac_authorized);
        self.address_authorized.fill_missing(other.address_authorized);
    }
}

pieces!(Record {
    resource_id, category, operation, result_signature, message, client_address, correlation_id, id,
    client_agent, request_uri, key_type, table, embedded
} plain {
    time, has_metric, has_arm_operation, duration_ms, http_status, access, key_size, key_in_hsm, shape
} inner { identity, settings, arm });

pieces!(Identity {
    oid, appid, upn, unique_name, name, idtyp, appidacr, scp, iss, tid, managed_identity, calling_resource
} plain { met } inner {});

pieces!(VaultSettings { sku, firewall_default, firewall_bypass, public_access } plain { rbac, purge_protection } inner {});

pieces!(ArmParts { subscription, resource_group, provider, resource_type, resource } plain {} inner {});

impl Record<'_> {
    /// The HTTP status: the code where logged, else what the reason phrase stands for.
    pub fn status(&self) -> Option<u16> {
        self.http_status.or_else(|| self.signature_status())
    }

    /// The status that `resultSignature` alone stands for.
    pub fn signature_status(&self) -> Option<u16> {
        status_of_signature(self.result_signature.as_deref()?)
    }

    /// Whether code and reason phrase are both there and contradict each other.
    pub fn status_disagrees(&self) -> bool {
        matches!((self.http_status, self.signature_status()), (Some(code), Some(signature)) if code != signature)
    }
}

/// HTTP reason phrases seen in or expected of `resultSignature` (facts §1.1), sorted as statuses.
const SIGNATURES: &[(&str, u16)] = &[
    ("OK", 200),
    ("Created", 201),
    ("Accepted", 202),
    ("No Content", 204),
    ("Bad Request", 400),
    ("Unauthorized", 401),
    ("Forbidden", 403),
    ("Not Found", 404),
    ("Method Not Allowed", 405),
    ("Request Timeout", 408),
    ("Conflict", 409),
    ("Gone", 410),
    ("Precondition Failed", 412),
    ("Unsupported Media Type", 415),
    ("Too Many Requests", 429),
    ("Internal Server Error", 500),
    ("Bad Gateway", 502),
    ("Service Unavailable", 503),
    ("Gateway Timeout", 504),
];

/// The letters of a text, in lower case.
fn letters(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(u8::is_ascii_alphabetic).map(|byte| byte.to_ascii_lowercase())
}

/// The status of a reason phrase, whatever its case and spaces (`NotFound`), or of digits.
fn status_of_signature(signature: &str) -> Option<u16> {
    if let Some((_, code)) = SIGNATURES.iter().find(|(phrase, _)| *phrase == signature) {
        return Some(*code);
    }
    let signature = signature.trim();
    if let Ok(code) = signature.parse::<u16>() {
        return (100..600).contains(&code).then_some(code);
    }
    let same = |phrase: &str| phrase == signature || letters(phrase).eq(letters(signature));
    SIGNATURES.iter().find(|(phrase, _)| same(phrase)).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_stands_in_for_the_code() {
        let signature =
            |text: &'static str| Record { result_signature: Some(text.into()), ..Record::default() }.status();
        assert_eq!(signature("OK"), Some(200));
        assert_eq!(signature("Not Found"), Some(404));
        assert_eq!(signature("NotFound"), Some(404));
        assert_eq!(signature(" too many requests"), Some(429));
        assert_eq!(signature("403"), Some(403));
        assert_eq!(signature("999"), None);
        assert_eq!(signature("Success"), None);
    }

    #[test]
    fn code_goes_before_signature_and_disagreement_is_told() {
        let record = Record {
            http_status: Some(200),
            result_signature: Some("Forbidden".into()),
            ..Record::default()
        };
        assert_eq!(record.status(), Some(200));
        assert!(record.status_disagrees());
    }
}
