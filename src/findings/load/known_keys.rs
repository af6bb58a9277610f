//! What is known of each key's type and size, from wherever it is known.
//!
//! The log of an operation often says neither. In the order of facts §2.2: the record itself; another
//! record of the same key (its creation, or that of the certificate with its name); the inventory that
//! was given; the key's name. What remains unknown stays unknown: the weight is then a range.

use super::key_kind::KeyKind;
use crate::facts::dimensions::{Ref, RequestKey, Text, Vault};
use crate::facts::{Facts, Map};
use crate::knowledge::Knowledge;

/// Keys by the name of their vault and their own, which they share with their certificate.
#[derive(Debug)]
pub(crate) struct KnownKeys<'k> {
    /// What records agree on.
    learned: Map<Option<Text>, Map<Box<str>, KeyKind>>,
    /// Whether a vault's own records call it Standard: such vaults have no HSM keys.
    standard: Map<Option<Text>, bool>,
    inventory: &'k Knowledge,
}

impl<'k> KnownKeys<'k> {
    /// Learns from every record, also from those that a filter will leave out.
    pub(crate) fn new(facts: &Facts, inventory: &'k Knowledge) -> Self {
        let dimensions = &facts.dimensions;
        let name_of = |vault: Option<Ref<Vault>>| vault.map(|vault| dimensions.vaults.get(vault).name);
        let mut learned: Map<Option<Text>, Map<Box<str>, KeyKind>> = Map::default();
        for (key, _) in facts.requests.iter() {
            let Some(kind) = dimensions.text(key.key_kind).map(KeyKind::read) else { continue };
            if let Some(name) = dimensions.text(key.object).and_then(key_name).filter(|_| kind.is_sized()) {
                let of_vault = learned.entry(name_of(key.vault)).or_default();
                // Versions of one key may differ; then no one size is known.
                of_vault.entry(name.into()).and_modify(|known| *known = known.agreed(kind)).or_insert(kind);
            }
        }
        let mut standard: Map<Option<Text>, bool> = Map::default();
        for (key, _) in facts.changes.iter() {
            if let Some(sku) = dimensions.text(key.settings.sku) {
                let is_standard = sku.eq_ignore_ascii_case("standard");
                *standard.entry(name_of(key.vault)).or_insert(true) &= is_standard;
            }
        }
        Self { learned, standard, inventory }
    }

    /// What is known of the key that a request is about.
    pub(super) fn kind(&self, facts: &Facts, request: &RequestKey) -> KeyKind {
        let dimensions = &facts.dimensions;
        let vault = request.vault.map(|vault| dimensions.vaults.get(vault).name);
        let mut kind = dimensions.text(request.key_kind).map_or_else(KeyKind::default, KeyKind::read);
        if let Some(name) = dimensions.text(request.object).and_then(key_name) {
            if let Some(learned) = self.learned.get(&vault).and_then(|of_vault| of_vault.get(name)) {
                kind = kind.completed_by(*learned);
            }
            if let Some(listed) = self.listed(dimensions.text(vault), name) {
                kind = kind.completed_by(KeyKind::read(listed));
            }
            if !kind.is_sized() {
                kind = kind.completed_by(KeyKind::of_name(name));
            }
        }
        if kind.hsm.is_none() && self.standard.get(&vault) == Some(&true) {
            kind.hsm = Some(false);
        }
        kind
    }

    fn listed(&self, vault: Option<&str>, name: &str) -> Option<&'k String> {
        let keys = &self.inventory.keys;
        if keys.is_empty() { None } else { keys.get(&(vault?.to_owned(), name.to_owned())) }
    }
}

/// The name that a key shares with its certificate.
fn key_name(object: &str) -> Option<&str> {
    object.strip_prefix("keys/").or_else(|| object.strip_prefix("certificates/"))
}
