//! The service's limits: data, dated, with sources, and replaceable by the user.
//!
//! Input: `limits.toml`, or a user's file of the same form, strictly parsed. Output: [`Limits`]: the
//! profile in force on a day, and what one transaction takes of it. Must not count requests.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, NaiveDate};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::load::class::Class;
use super::load::key_kind::{KeyFamily, KeyKind};
use crate::data_file::{self, Mistake};
use crate::ticks::Ticks;

/// The table that comes with akvlens.
const BUILT_IN: &str = include_str!("limits.toml");

/// Seconds over which the service counts. Whether it slides is not documented: the worst window at
/// whole seconds is an upper bound of any fixed one (facts §1.4).
pub const WINDOW_SECONDS: i64 = 10;

/// Greatest number a limit may be, so that sums of a window stay exact.
const MOST: u32 = 10_000_000;

/// The table of limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// The day it was last checked against its sources.
    pub dated: String,
    /// Profiles, oldest first.
    #[serde(rename = "profile")]
    profiles: Vec<Profile>,
    /// What a Managed HSM was measured to do.
    managed_hsm: ManagedHsm,
}

/// The limits from one day on: transactions in any ten seconds, by vault and region.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The day it came into force.
    #[serde(deserialize_with = "day")]
    from: NaiveDate,
    /// Where the numbers were read.
    pub source: String,
    /// How many vaults' worth a subscription has in a region.
    pub subscription_factor: u32,
    /// Secrets, certificates, managed storage and the vault itself, through its own address.
    secrets: u32,
    /// Creating secrets, importing keys and certificates; where it is missing they count as secrets.
    create_import: Option<u32>,
    /// Creating (and releasing) keys.
    key_create: KeyCreate,
    /// Every other operation on keys.
    keys: Keys,
    /// Azure Resource Manager, where its limits of that time are known.
    control: Option<Control>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KeyCreate {
    software: u32,
    hsm: u32,
    /// `KeyRelease` counts here too.
    #[serde(default)]
    with_release: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Keys {
    software: BTreeMap<KeySpec, u32>,
    hsm: BTreeMap<KeySpec, u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Control {
    read: Bucket,
    write: Bucket,
    delete: Bucket,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bucket {
    bucket: u32,
    /// A second.
    refill: u32,
}

impl Bucket {
    /// The most that any ten seconds can let through: a full bucket and its refill.
    fn in_window(self) -> u32 {
        self.bucket + self.refill * 10
    }
}

/// Benchmarks, operations a second of one instance with one partition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ManagedHsm {
    source: String,
    operations: BTreeMap<String, BTreeMap<KeySpec, u32>>,
}

/// `RSA 2048`, `EC`, or `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct KeySpec {
    family: Option<KeyFamily>,
    bits: Option<u32>,
}

impl TryFrom<String> for KeySpec {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let kind = KeyKind::read(&text);
        match (kind.family, kind.hsm) {
            _ if text == "all" => Ok(Self { family: None, bits: None }),
            (Some(family), Some(false) | None) => Ok(Self { family: Some(family), bits: kind.bits }),
            _ => Err(format!("'{text}' is no key type: write RSA 2048, EC, EC 256, oct 128 or all")),
        }
    }
}

impl KeySpec {
    /// Whether a key that is known as far as `kind` says may be of this type.
    fn may_be(self, kind: KeyKind) -> bool {
        let same = |mine: Option<u32>, its: Option<u32>| mine.is_none() || its.is_none() || mine == its;
        (self.family.is_none() || kind.family.is_none() || self.family == kind.family)
            && same(self.bits, kind.bits)
    }
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("'{text}' is no day: write it as 2026-07-15")))
}

/// The greatest and the smallest limit that a transaction may fall under: where the key's type and
/// size are known the two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRange {
    /// Where the transaction is cheapest.
    pub greatest: u32,
    /// Where it is dearest.
    pub smallest: u32,
}

impl LimitRange {
    /// Of several limits; none of none.
    fn of(limits: impl Iterator<Item = u32>) -> Option<Self> {
        limits.fold(None, |range: Option<Self>, limit| {
            let Some(range) = range else { return Some(Self::exactly(limit)) };
            Some(Self { greatest: range.greatest.max(limit), smallest: range.smallest.min(limit) })
        })
    }

    /// One limit.
    fn exactly(limit: u32) -> Self {
        Self { greatest: limit, smallest: limit }
    }
}

impl Limits {
    /// The built-in table.
    ///
    /// # Panics
    /// Never: a test loads it.
    pub fn built_in() -> Self {
        match Self::with_file(Path::new("src/findings/limits.toml"), BUILT_IN) {
            Ok(limits) => limits,
            Err(error) => unreachable!("{error}"),
        }
    }

    /// A user's table.
    ///
    /// # Errors
    /// The file's first mistake, with its line.
    pub fn with_file(path: &Path, text: &str) -> Result<Self, Mistake> {
        let wrong = |what: String| Mistake::at(path, text, &(0..0), what);
        let mut limits: Self = data_file::read(path, text)?;
        limits.profiles.sort_by_key(|profile| profile.from);
        if limits.profiles.is_empty() {
            return Err(wrong("holds no [[profile]]".to_owned()));
        }
        for pair in limits.profiles.windows(2) {
            if pair[0].from == pair[1].from || pair[0].name == pair[1].name {
                return Err(wrong(format!("profile '{}' is there twice", pair[1].name)));
            }
        }
        limits.check().map_err(wrong)?;
        Ok(limits)
    }

    /// Every number must be one that requests can be counted against.
    fn check(&self) -> Result<(), String> {
        for profile in &self.profiles {
            let Profile { secrets, create_import, subscription_factor, key_create, keys, control, .. } =
                profile;
            let mut all = vec![*secrets, *subscription_factor, key_create.software, key_create.hsm];
            all.extend(create_import);
            all.extend(keys.software.values().chain(keys.hsm.values()));
            if keys.software.is_empty() || keys.hsm.is_empty() {
                return Err(format!("profile '{}': keys need both software and hsm", profile.name));
            }
            for bucket in control.iter().flat_map(|control| [control.read, control.write, control.delete]) {
                all.extend([bucket.bucket, bucket.refill]);
            }
            if let Some(odd) = all.iter().find(|limit| **limit == 0 || **limit > MOST) {
                return Err(format!("profile '{}': {odd} is no limit: 1 to {MOST} are", profile.name));
            }
            for class in Class::ALL {
                if super::load::class::whole(&self.every(profile, class)).is_none() {
                    return Err(format!(
                        "profile '{}': the limits of {class} have no small common multiple: round them",
                        profile.name
                    ));
                }
            }
        }
        Ok(())
    }

    /// The profile in force at a time; the newest where none is given, the oldest before all.
    pub fn in_force(&self, at: Option<Ticks>) -> &Profile {
        let day = at.and_then(|at| DateTime::from_timestamp(at.second(), 0)).map(|time| time.date_naive());
        let begun = self.profiles.iter().rev().find(|profile| day.is_none_or(|day| profile.from <= day));
        begun.unwrap_or(&self.profiles[0])
    }

    /// A profile by its name.
    pub fn named(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    /// The names, oldest first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.iter().map(|profile| profile.name.as_str())
    }

    /// Where the benchmarks of Managed HSM were read.
    pub fn managed_hsm_source(&self) -> &str {
        &self.managed_hsm.source
    }

    /// Every limit of a class.
    pub fn every(&self, profile: &Profile, class: Class) -> Vec<u32> {
        let control = |which: fn(&Control) -> Bucket| {
            profile.control.as_ref().map(|control| which(control).in_window()).into_iter().collect()
        };
        match class {
            Class::KeyCreate => vec![profile.key_create.software, profile.key_create.hsm],
            Class::Keys => profile.keys.software.values().chain(profile.keys.hsm.values()).copied().collect(),
            Class::CreateImport => profile.create_import.into_iter().collect(),
            Class::Secrets => vec![profile.secrets],
            Class::Pooled => [self.every(profile, Class::Keys), self.every(profile, Class::Secrets)].concat(),
            Class::ControlRead => control(|control| control.read),
            Class::ControlWrite => control(|control| control.write),
            Class::ControlDelete => control(|control| control.delete),
            Class::ManagedHsm => {
                let operations = self.managed_hsm.operations.values();
                operations.flat_map(|keys| keys.values().map(|a_second| a_second * 10)).collect()
            }
        }
    }

    /// The benchmark of a Managed HSM's operation on a key, in ten seconds.
    pub fn managed_hsm(&self, operation: &str, kind: KeyKind) -> Option<LimitRange> {
        let keys = self.managed_hsm.operations.get(operation)?;
        let fitting = keys.iter().filter(|(spec, _)| spec.may_be(kind));
        LimitRange::of(fitting.map(|(_, a_second)| a_second * 10))
    }
}

impl Profile {
    /// The limit of creating keys.
    pub fn key_create(&self, kind: KeyKind) -> LimitRange {
        let KeyCreate { software, hsm, .. } = self.key_create;
        match kind.hsm {
            Some(true) => LimitRange::exactly(hsm),
            Some(false) => LimitRange::exactly(software),
            None => LimitRange { greatest: software.max(hsm), smallest: software.min(hsm) },
        }
    }

    /// Whether releasing a key counts as creating one.
    pub fn release_creates(&self) -> bool {
        self.key_create.with_release
    }

    /// Whether creating secrets and importing has a limit of its own.
    pub fn has_create_import(&self) -> bool {
        self.create_import.is_some()
    }

    /// The limit of any other operation on a key; a type or size that the table does not have may be any.
    pub fn keys(&self, kind: KeyKind) -> LimitRange {
        let software = self.keys.software.iter().filter(|_| kind.hsm != Some(true));
        let hsm = self.keys.hsm.iter().filter(|_| kind.hsm != Some(false));
        let rows: Vec<(&KeySpec, &u32)> = software.chain(hsm).collect();
        let fitting = |kind: KeyKind| {
            LimitRange::of(rows.iter().filter(|(spec, _)| spec.may_be(kind)).map(|(_, limit)| **limit))
        };
        let of_family = || fitting(KeyKind { bits: None, ..kind });
        let any = || LimitRange::of(rows.iter().map(|(_, limit)| **limit));
        // The table has both protections, so some row is left.
        fitting(kind).or_else(of_family).or_else(any).unwrap_or(LimitRange::exactly(1))
    }

    /// The limit of secrets and the vault.
    pub fn secrets(&self) -> LimitRange {
        LimitRange::exactly(self.secrets)
    }

    /// The limit of a class all of whose transactions weigh the same.
    pub fn flat(&self, limits: &Limits, class: Class) -> Option<LimitRange> {
        LimitRange::of(limits.every(self, class).into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(greatest: u32, smallest: u32) -> LimitRange {
        LimitRange { greatest, smallest }
    }

    #[test]
    fn the_built_in_table_has_the_documented_numbers() {
        let limits = Limits::built_in();
        let newest = limits.in_force(None);
        let keys = |kind: &str| newest.keys(KeyKind::read(kind));
        assert_eq!(keys("RSA-HSM 4096"), range(250, 250));
        assert_eq!(keys("EC-HSM 256"), range(2000, 2000));
        assert_eq!(keys("RSA 3072"), range(1000, 1000));
        assert_eq!(newest.keys(KeyKind { hsm: None, ..KeyKind::read("RSA 2048") }), range(4000, 2000));
        assert_eq!(keys(""), range(4000, 250), "nothing is known");
        assert_eq!(keys("RSA-HSM 8192"), range(2000, 250), "a size that the table does not have");
        assert_eq!(newest.key_create(KeyKind::read("RSA-HSM")), range(10, 10));
        assert!(newest.release_creates() && newest.has_create_import());
        assert_eq!(limits.every(newest, Class::ControlRead), [500]);
    }

    #[test]
    fn a_profile_is_in_force_from_its_day_on() {
        let limits = Limits::built_in();
        let at = |text: &str| limits.in_force(Ticks::from_iso(text)).name.as_str();
        assert_eq!(at("2016-01-01T00:00:00Z"), "2018-11", "the oldest known");
        assert_eq!(at("2021-12-31T23:59:59Z"), "2018-11");
        assert_eq!(at("2022-01-01T00:00:00Z"), "2022-01");
        assert_eq!(at("2026-07-14T23:59:59Z"), "2025-07");
        assert_eq!(at("2030-01-01T00:00:00Z"), "2026-07");
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let path = Path::new("l.toml");
        let told = |text: &str| Limits::with_file(path, text).unwrap_err().to_string();
        assert_eq!(told("dated = \"x\"\nmore = 1\n").split(": ").next(), Some("l.toml:2"));
        let zero = BUILT_IN.replace("create-import = 300", "create-import = 0");
        assert!(told(&zero).contains("0 is no limit"), "{}", told(&zero));
        let odd = BUILT_IN.replace("\"RSA 3072\" = 1000", "\"RSA-HSM 3072\" = 1000");
        assert!(told(&odd).contains("is no key type"), "{}", told(&odd));
    }
}
