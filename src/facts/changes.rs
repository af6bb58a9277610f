//! What changed on the vaults, and what their own records say of their settings.
//!
//! Grain: one control-plane or notification event: tick, vault, operation, caller, address, status
//! and settings. Reads of the vault (Resource Graph polls `VaultGet` all day) matter only for the
//! settings they show, so their tick is cut to the hour. Measure: count (sum).

use super::Map;
use super::dimensions::{Caller, Ref, Remap, Text, Vault};
use crate::ticks::Ticks;

/// The vault's settings as a control-plane record shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// `standard` or `premium`.
    pub sku: Option<Text>,
    /// RBAC (true) or access policies (false).
    pub rbac: Option<bool>,
    /// Firewall default action.
    pub firewall_default: Option<Text>,
    /// Firewall bypass.
    pub firewall_bypass: Option<Text>,
    /// Public network access.
    pub public_access: Option<Text>,
    /// Purge protection.
    pub purge_protection: Option<bool>,
}

/// The grain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChangeKey {
    /// When; to the hour for reads.
    pub time: Option<Ticks>,
    /// The vault.
    pub vault: Option<Ref<Vault>>,
    /// The operation.
    pub operation: Option<Text>,
    /// Who.
    pub caller: Option<Ref<Caller>>,
    /// From where.
    pub client_address: Option<Text>,
    /// HTTP status.
    pub status: Option<u16>,
    /// What the vault's settings were.
    pub settings: Settings,
}

/// The table.
#[derive(Debug, Default)]
pub struct Changes {
    map: Map<ChangeKey, u64>,
}

impl Changes {
    /// Counts events of one key.
    pub fn add(&mut self, key: ChangeKey, count: u64) {
        *self.map.entry(key).or_default() += count;
    }

    /// Takes in another table.
    pub fn merge(&mut self, other: Self, remap: &Remap) {
        for (key, count) in other.map {
            let settings = Settings {
                sku: remap.maybe(key.settings.sku),
                firewall_default: remap.maybe(key.settings.firewall_default),
                firewall_bypass: remap.maybe(key.settings.firewall_bypass),
                public_access: remap.maybe(key.settings.public_access),
                ..key.settings
            };
            let key = ChangeKey {
                vault: remap.vault(key.vault),
                operation: remap.maybe(key.operation),
                caller: remap.caller(key.caller),
                client_address: remap.maybe(key.client_address),
                settings,
                ..key
            };
            self.add(key, count);
        }
    }

    /// Every row, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (&ChangeKey, u64)> {
        self.map.iter().map(|(key, count)| (key, *count))
    }

    /// Keeps the rows that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&ChangeKey) -> bool) {
        self.map.retain(|key, _| keep(key));
    }
}
