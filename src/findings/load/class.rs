//! Which limit a transaction counts against, and what part of it one takes.
//!
//! The service adds up weighted transactions: U = Σ nᵢ / Lᵢ (facts §1.4). Here every class has a whole,
//! the least common multiple of its limits, and a transaction takes whole / Lᵢ of it: sums are exact
//! integers, and only a report divides by the whole.

use schemars::JsonSchema;
use serde::Serialize;
use strum::Display;

use super::key_kind::KeyKind;
use crate::findings::limits::{LimitRange, Limits, Profile};
use crate::record::operation::Plane;

/// What shares a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, Serialize, JsonSchema)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Every operation on keys but creating and releasing them.
    Keys,
    /// Creating keys, and releasing them.
    KeyCreate,
    /// Secrets, certificates, managed storage, and the vault through its own address.
    Secrets,
    /// Creating secrets, importing keys and certificates.
    CreateImport,
    /// Keys and secrets together, where a reader asks for that worst case.
    Pooled,
    /// Reading vaults through Azure Resource Manager.
    ControlRead,
    /// Creating and changing them.
    ControlWrite,
    /// Deleting them.
    ControlDelete,
    /// A Managed HSM's operations, against benchmarks: it does not throttle.
    ManagedHsm,
}

impl Class {
    /// Every class, in the order of the report.
    pub const ALL: [Self; 9] = [
        Self::Keys,
        Self::KeyCreate,
        Self::Secrets,
        Self::CreateImport,
        Self::Pooled,
        Self::ControlRead,
        Self::ControlWrite,
        Self::ControlDelete,
        Self::ManagedHsm,
    ];

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        // Classes are declared in the order of the report; a test holds them to it.
        self as usize
    }

    /// Whether it is counted for each vault; the control plane is counted for a subscription.
    pub fn is_of_vault(self) -> bool {
        !matches!(self, Self::ControlRead | Self::ControlWrite | Self::ControlDelete)
    }
}

/// What one transaction takes of a class's whole, from the cheapest to the dearest reading: the two are
/// equal where the key is known. `low` is 0 where it may not count in this class at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) class: Class,
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// The charges of one transaction: it may count in two classes.
pub(crate) type Charges = [Option<Charge>; 2];

/// The wholes of all classes under one profile.
#[derive(Clone, Debug)]
pub(crate) struct Budgets<'l> {
    limits: &'l Limits,
    profile: &'l Profile,
    pooled: bool,
    wholes: [u64; Class::ALL.len()],
}

impl<'l> Budgets<'l> {
    /// The wholes under a profile; `pooled` counts keys and secrets together.
    pub(crate) fn new(limits: &'l Limits, profile: &'l Profile, pooled: bool) -> Self {
        // Limits are checked when they are read; a class without a limit is never charged.
        let wholes = Class::ALL.map(|class| whole(&limits.every(profile, class)).unwrap_or(1));
        Self { limits, profile, pooled, wholes }
    }

    /// The profile.
    pub(crate) fn profile(&self) -> &'l Profile {
        self.profile
    }

    /// What 100 % of a class is made of.
    pub(crate) fn whole(&self, class: Class) -> u64 {
        self.wholes[class.index()]
    }

    /// The limit shown for a class: the one under which its cheapest transactions fall.
    pub(crate) fn limit(&self, class: Class) -> u32 {
        self.limits.every(self.profile, class).into_iter().max().unwrap_or(0)
    }

    /// What a transaction is charged; none where it is free or nothing is known of its limit.
    pub(crate) fn charges(&self, plane: Plane, hsm: bool, operation: Option<&str>, kind: KeyKind) -> Charges {
        let operation = operation.unwrap_or_default();
        let one =
            |class: Class, range: Option<LimitRange>| [range.map(|range| self.charge(class, range)), None];
        if plane == Plane::Notification || operation == "KeyRotateIfDue" {
            return [None, None];
        }
        if plane == Plane::Control {
            let class = control_class(operation);
            return one(class, self.profile.flat(self.limits, class));
        }
        if hsm {
            return one(Class::ManagedHsm, self.limits.managed_hsm(operation, kind));
        }
        let secrets = || self.charge(self.pool(Class::Secrets), self.profile.secrets());
        match operation {
            "KeyCreate" | "KeyRotate" => one(Class::KeyCreate, Some(self.profile.key_create(kind))),
            "KeyRelease" if self.profile.release_creates() => {
                one(Class::KeyCreate, Some(self.profile.key_create(kind)))
            }
            "SecretSet" | "CertificateImport" | "KeyImport" if self.profile.has_create_import() => {
                one(Class::CreateImport, self.profile.flat(self.limits, Class::CreateImport))
            }
            // No key, so no type: the cheapest weight (facts §2.1, inferred).
            "KeyList" | "KeyListVersions" | "KeyListDeleted" => {
                let greatest = self.profile.keys(KeyKind::default()).greatest;
                one(self.pool(Class::Keys), Some(LimitRange { greatest, smallest: greatest }))
            }
            _ if operation.starts_with("Key") => one(self.pool(Class::Keys), Some(self.profile.keys(kind))),
            // Whether the key that comes with a certificate counts as created is not documented.
            "CertificateCreate" | "CertificateRenew" | "CertificateEnroll" | "CertificatePendingMerge" => {
                let created = self.charge(Class::KeyCreate, self.profile.key_create(kind));
                [Some(secrets()), Some(Charge { low: 0, ..created })]
            }
            _ => [Some(secrets()), None],
        }
    }

    fn pool(&self, class: Class) -> Class {
        if self.pooled { Class::Pooled } else { class }
    }

    fn charge(&self, class: Class, range: LimitRange) -> Charge {
        let part = |limit: u32| self.whole(class) / u64::from(limit.max(1));
        Charge { class, low: part(range.greatest), high: part(range.smallest) }
    }
}

/// The bucket of Azure Resource Manager that an operation takes from.
fn control_class(operation: &str) -> Class {
    if crate::record::operation::reads_vault(operation) {
        Class::ControlRead
    } else if operation.contains("Delete") || operation.contains("Purge") {
        Class::ControlDelete
    } else {
        Class::ControlWrite
    }
}

/// The least common multiple of limits; `None` where it is so great that the sums of a window could not
/// be held.
pub(crate) fn whole(limits: &[u32]) -> Option<u64> {
    limits.iter().try_fold(1_u64, |whole, limit| {
        let limit = u64::from(*limit).max(1);
        let step = limit / greatest_common_divisor(whole, limit);
        whole.checked_mul(step)
    })
}

fn greatest_common_divisor(mut one: u64, mut other: u64) -> u64 {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charged(operation: &str, kind: &str) -> Vec<(Class, f64, f64)> {
        let limits = Limits::built_in();
        let budgets = Budgets::new(&limits, limits.in_force(None), false);
        let plane = crate::record::operation::plane(operation);
        let charges = budgets.charges(plane, false, Some(operation), KeyKind::read(kind));
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let limit = |class, part: u64| budgets.whole(class) as f64 / part as f64;
        charges.iter().flatten().map(|c| (c.class, limit(c.class, c.low), limit(c.class, c.high))).collect()
    }

    #[test]
    fn classes_stand_in_the_order_of_the_report() {
        assert_eq!(Class::ALL.map(Class::index), std::array::from_fn(|at| at));
    }

    #[test]
    fn transactions_are_charged_as_documented() {
        assert_eq!(charged("SecretGet", ""), [(Class::Secrets, 4000.0, 4000.0)]);
        assert_eq!(charged("KeySign", "RSA-HSM 4096"), [(Class::Keys, 250.0, 250.0)]);
        assert_eq!(charged("KeyGet", ""), [(Class::Keys, 4000.0, 250.0)]);
        assert_eq!(charged("KeyGet", "RSA"), [(Class::Keys, 4000.0, 500.0)]);
        assert_eq!(charged("KeyList", ""), [(Class::Keys, 4000.0, 4000.0)]);
        assert_eq!(charged("KeyRelease", "RSA-HSM 2048"), [(Class::KeyCreate, 10.0, 10.0)]);
        assert_eq!(charged("SecretSet", ""), [(Class::CreateImport, 300.0, 300.0)]);
        assert_eq!(charged("VaultGet", ""), [(Class::ControlRead, 500.0, 500.0)]);
        assert_eq!(charged("VaultPurge", ""), [(Class::ControlDelete, 300.0, 300.0)]);
        assert_eq!(charged("KeyRotateIfDue", ""), []);
        assert_eq!(charged("SecretNearExpiryEventGridNotification", ""), []);
        let created = charged("CertificateCreate", "RSA 2048");
        assert_eq!(created[0], (Class::Secrets, 4000.0, 4000.0));
        assert_eq!((created[1].0, created[1].2), (Class::KeyCreate, 20.0));
        assert!(created[1].1.is_infinite(), "it may not count there at all");
    }

    /// The documented example: 248 operations with 4096 bits and 16 with 2048, on HSM keys, fill it.
    #[test]
    fn the_weighted_example_of_the_documentation_adds_up() {
        let limits = Limits::built_in();
        let budgets = Budgets::new(&limits, limits.in_force(None), false);
        let high = |kind| {
            let charges = budgets.charges(Plane::Data, false, Some("KeySign"), KeyKind::read(kind));
            charges[0].map_or(0, |charge| charge.high)
        };
        assert_eq!(248 * high("RSA-HSM 4096") + 16 * high("RSA-HSM 2048"), budgets.whole(Class::Keys));
    }

    #[test]
    fn a_whole_is_a_multiple_of_every_limit() {
        assert_eq!(whole(&[4000, 1000, 500, 250]), Some(4000));
        assert_eq!(whole(&[20, 10]), Some(20));
        assert_eq!(whole(&[]), Some(1));
        assert_eq!(whole(&[9_999_991, 9_999_973, 9_999_971]), None);
    }
}
