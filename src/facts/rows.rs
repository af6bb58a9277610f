//! The tables as rows of plain values, in one order whatever way the facts came about.
//!
//! Input: [`Facts`], settled. Output: sorted rows, which borrow their texts. This is the canonical
//! form: two facts are equal when their rows are, and everything that is written is written from it.

use std::borrow::Cow;

use rayon::prelude::*;

use super::Facts;
use super::changes::{ChangeKey, Settings};
use super::coverage::BlobCoverage;
use super::dimensions::{Caller, Denial, Dimensions, Ref, RequestKey, Text, Vault};
use super::examples::{Example, ExampleKey};
use super::latency::{LatencyCell, LatencyKey};
use super::order::{ExamplePlace, LatencyPlace, Places, RequestPlace};
use super::requests::Series;
use crate::record::caller::CallerKind;
use crate::ticks::Ticks;

/// A vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct VaultRow<'f> {
    /// Name; `None` where the record names no vault.
    pub name: Option<&'f str>,
    /// Managed HSM.
    pub hsm: bool,
    /// Subscription id.
    pub subscription: Option<&'f str>,
    /// Resource group.
    pub resource_group: Option<&'f str>,
}

/// A caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallerRow<'f> {
    /// False where the record names nobody.
    pub named: bool,
    /// Object id.
    pub oid: Option<&'f str>,
    /// Application id.
    pub appid: Option<&'f str>,
    /// Kind.
    pub kind: CallerKind,
    /// Name.
    pub name: Option<&'f str>,
    /// Tenant.
    pub tenant: Option<&'f str>,
    /// Managed identity.
    pub managed_identity: Option<&'f str>,
    /// Calling resource.
    pub resource: Option<&'f str>,
}

/// What a message carried, in the order of [`DENIAL_COLUMNS`].
pub type DenialRow<'f> = [Option<&'f str>; DENIAL_COLUMNS.len()];

/// The columns of a [`DenialRow`].
pub const DENIAL_COLUMNS: [&str; 10] = [
    "akv_code",
    "permission",
    "action",
    "scope",
    "expected_audience",
    "found_audience",
    "found_issuer",
    "deny_assignment",
    "throttle_reason",
    "region",
];

/// Durations of one hour, vault, operation and bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatencyRow<'f> {
    /// Hours since 1970.
    pub hour: i64,
    /// Vault.
    pub vault: VaultRow<'f>,
    /// Operation.
    pub operation: Option<&'f str>,
    /// Bucket.
    pub bucket: u16,
    /// Measures.
    pub cell: LatencyCell,
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeRow<'f> {
    /// When.
    pub time: Option<Ticks>,
    /// Vault.
    pub vault: VaultRow<'f>,
    /// Operation.
    pub operation: Option<&'f str>,
    /// Who.
    pub caller: CallerRow<'f>,
    /// From where.
    pub client_address: Option<&'f str>,
    /// Status.
    pub status: Option<u16>,
    /// Sku.
    pub sku: Option<&'f str>,
    /// RBAC.
    pub rbac: Option<bool>,
    /// Firewall default action.
    pub firewall_default: Option<&'f str>,
    /// Firewall bypass.
    pub firewall_bypass: Option<&'f str>,
    /// Public network access.
    pub public_access: Option<&'f str>,
    /// Purge protection.
    pub purge_protection: Option<bool>,
    /// How many.
    pub count: u64,
}

/// One example.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExampleRow<'f> {
    /// Hours since 1970.
    pub hour: Option<i64>,
    /// Vault.
    pub vault: VaultRow<'f>,
    /// Cause.
    pub cause: &'f str,
    /// Caller.
    pub caller: CallerRow<'f>,
    /// Operation.
    pub operation: Option<&'f str>,
    /// Object.
    pub object: Option<&'f str>,
    /// Its kind is told apart by client too.
    pub by_client: bool,
    /// Place among its kind, from 0.
    pub rank: u8,
    /// When.
    pub time: Option<Ticks>,
    /// Blob.
    pub blob: &'f str,
    /// Offset.
    pub offset: u64,
    /// Line.
    pub line: u64,
    /// Correlation id.
    pub correlation_id: Option<Cow<'f, str>>,
    /// Message.
    pub message: Option<&'f str>,
    /// Client address.
    pub client_address: Option<&'f str>,
    /// Client agent.
    pub client_agent: Option<&'f str>,
}

impl Dimensions {
    /// A vault's texts.
    pub fn vault_row(&self, vault: Option<Ref<Vault>>) -> VaultRow<'_> {
        vault.map_or_else(VaultRow::default, |vault| self.vault_row_of(self.vaults.get(vault)))
    }

    /// The texts of a vault.
    pub fn vault_row_of(&self, vault: Vault) -> VaultRow<'_> {
        VaultRow {
            name: self.text(Some(vault.name)),
            hsm: vault.hsm,
            subscription: self.text(vault.subscription),
            resource_group: self.text(vault.resource_group),
        }
    }

    /// A caller's texts.
    pub fn caller_row(&self, caller: Option<Ref<Caller>>) -> CallerRow<'_> {
        let Some(caller) = caller.map(|caller| self.callers.get(caller)) else { return CallerRow::default() };
        CallerRow {
            named: true,
            oid: self.text(caller.oid),
            appid: self.text(caller.appid),
            kind: caller.kind,
            name: self.text(caller.name),
            tenant: self.text(caller.tenant),
            managed_identity: self.text(caller.managed_identity),
            resource: self.text(caller.resource),
        }
    }

    /// A denial's texts.
    pub fn denial_row(&self, denial: Option<Ref<Denial>>) -> DenialRow<'_> {
        let denial = denial.map(|denial| self.denials.get(denial)).unwrap_or_default();
        [
            denial.akv_code,
            denial.permission,
            denial.action,
            denial.scope,
            denial.expected_audience,
            denial.found_audience,
            denial.found_issuer,
            denial.deny_assignment,
            denial.throttle_reason,
            denial.region,
        ]
        .map(|text| self.text(text))
    }
}

impl Facts {
    /// Every stream of requests, in the order of their texts, field by field.
    pub(super) fn requests_in_order(&self, places: &Places) -> Vec<(&RequestKey, &Series)> {
        let all = self.requests.as_slice();
        let mut order: Vec<(RequestPlace, u32)> =
            (0..).zip(all).map(|(at, (key, _))| (places.of(key), at)).collect();
        order.par_sort_unstable();
        let sorted = order.into_iter().filter_map(|(_, at)| all.get(at as usize));
        sorted.map(|(key, series)| (key, series)).collect()
    }

    /// All durations, in the order of [`LatencyRow`]s.
    pub(super) fn latency_in_order(&self, places: &Places) -> Vec<(&LatencyKey, &LatencyCell)> {
        let mut order: Vec<(LatencyPlace, (&LatencyKey, &[LatencyCell]))> =
            self.latency.iter().map(|row| (places.of_latency(row.0), row)).collect();
        order.par_sort_unstable_by_key(|row| row.0);
        let cells = |(_, (key, cells))| std::iter::repeat(key).zip(cells);
        order.into_iter().flat_map(cells).collect()
    }

    /// All examples with their place among their kind, in the order of [`ExampleRow`]s.
    pub(super) fn examples_in_order(&self, places: &Places) -> Vec<(&ExampleKey, u8, &Example)> {
        let all = self.examples.iter().flat_map(|(key, examples)| {
            (0_u8..).zip(examples).map(move |(rank, example)| (key, rank, example))
        });
        let mut order: Vec<(ExamplePlace, (&ExampleKey, u8, &Example))> =
            all.map(|row| (places.of_example(row.0, row.1, row.2), row)).collect();
        order.par_sort_unstable_by_key(|row| row.0);
        order.into_iter().map(|row| row.1).collect()
    }

    /// All durations, sorted.
    pub fn latency_rows(&self) -> Vec<LatencyRow<'_>> {
        let dimensions = &self.dimensions;
        let row = |(key, cell): (&LatencyKey, &LatencyCell)| LatencyRow {
            hour: key.hour,
            vault: dimensions.vault_row(key.vault),
            operation: dimensions.text(key.operation),
            bucket: cell.bucket(),
            cell: *cell,
        };
        self.latency_in_order(&Places::new(dimensions)).into_iter().map(row).collect()
    }

    /// All changes, sorted.
    pub fn change_rows(&self) -> Vec<ChangeRow<'_>> {
        let mut rows: Vec<_> = self.changes.iter().map(|(key, count)| self.change_row(key, count)).collect();
        rows.sort_unstable();
        rows
    }

    fn change_row(&self, key: &ChangeKey, count: u64) -> ChangeRow<'_> {
        let dimensions = &self.dimensions;
        let Settings { sku, rbac, firewall_default, firewall_bypass, public_access, purge_protection } =
            key.settings;
        ChangeRow {
            time: key.time,
            vault: dimensions.vault_row(key.vault),
            operation: dimensions.text(key.operation),
            caller: dimensions.caller_row(key.caller),
            client_address: dimensions.text(key.client_address),
            status: key.status,
            sku: dimensions.text(sku),
            rbac,
            firewall_default: dimensions.text(firewall_default),
            firewall_bypass: dimensions.text(firewall_bypass),
            public_access: dimensions.text(public_access),
            purge_protection,
            count,
        }
    }

    /// All examples, sorted by kind, then in their own order.
    pub fn example_rows(&self) -> Vec<ExampleRow<'_>> {
        let rows = self.examples_in_order(&Places::new(&self.dimensions)).into_iter();
        rows.map(|(key, rank, example)| self.example_row(key, rank, example)).collect()
    }

    fn example_row(&self, key: &ExampleKey, rank: u8, example: &Example) -> ExampleRow<'_> {
        let dimensions = &self.dimensions;
        ExampleRow {
            hour: key.hour,
            vault: dimensions.vault_row(key.vault),
            cause: dimensions.strings.get(key.cause),
            caller: dimensions.caller_row(key.caller),
            operation: dimensions.text(key.operation),
            object: dimensions.text(key.object),
            by_client: key.client.is_some(),
            rank,
            time: example.time,
            blob: dimensions.strings.get(example.location.blob),
            offset: example.location.offset,
            line: example.location.line,
            correlation_id: example.correlation_id.map(|id| id.text(dimensions)),
            message: dimensions.text(example.message),
            client_address: dimensions.text(example.client_address),
            client_agent: dimensions.text(example.client_agent),
        }
    }

    /// Every blob with what was read of it, sorted by name.
    pub fn coverage_rows(&self) -> Vec<(&str, &BlobCoverage)> {
        let name = |blob: Text| self.dimensions.strings.get(blob);
        let mut rows: Vec<_> = self.coverage.iter().map(|(blob, coverage)| (name(blob), coverage)).collect();
        rows.sort_unstable_by_key(|row| row.0);
        rows
    }
}
