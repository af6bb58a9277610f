//! Which part of the facts is asked for: the same for every command.
//!
//! Times count in whole seconds, the grain of the facts. Names may hold `*` and `?`, and case does
//! not matter. A caller may be named by object id, application id or name, as the log or a directory has
//! it: then all its requests count, also those whose record holds the id alone.

use globset::{GlobBuilder, GlobMatcher};
use indexmap::IndexSet;

use crate::error::Error;
use crate::facts::cut::FilterEcho;
use crate::facts::dimensions::{Caller, Ref, Text, Vault};
use crate::facts::{Facts, Map};
use crate::knowledge::{Knowledge, Principal};
use crate::record::caller::managed_identity_name;
use crate::ticks::Ticks;

/// Names that are asked for; none means all.
#[derive(Clone, Debug, Default)]
pub struct Names {
    patterns: Vec<(String, GlobMatcher)>,
}

impl Names {
    /// Reads patterns.
    ///
    /// # Errors
    /// When one is no glob.
    pub fn new(patterns: &[String]) -> Result<Self, Error> {
        let compile = |pattern: &String| {
            let glob = GlobBuilder::new(pattern).case_insensitive(true).build();
            let glob =
                glob.map_err(|error| Error::Usage(format!("pattern '{pattern}': {}", error.kind())))?;
            Ok((pattern.clone(), glob.compile_matcher()))
        };
        Ok(Self { patterns: patterns.iter().map(compile).collect::<Result<_, Error>>()? })
    }

    /// Whether all names are meant.
    pub fn is_all(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a name is meant; what has no name is meant only by all.
    fn holds(&self, name: Option<&str>) -> bool {
        self.is_all() || name.is_some_and(|name| self.patterns.iter().any(|(_, glob)| glob.is_match(name)))
    }

    fn echo(&self) -> Vec<String> {
        self.patterns.iter().map(|(pattern, _)| pattern.clone()).collect()
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// First second, from 1970.
    pub since: Option<i64>,
    /// The second behind the last.
    pub until: Option<i64>,
    /// Vault names.
    pub vaults: Names,
    /// Callers.
    pub callers: Names,
    /// Operations.
    pub operations: Names,
    /// Causes.
    pub causes: Names,
}

impl Filter {
    /// Whether everything is asked for.
    pub fn is_all(&self) -> bool {
        self.since.is_none()
            && self.until.is_none()
            && [&self.vaults, &self.callers, &self.operations, &self.causes].into_iter().all(Names::is_all)
    }

    /// The filter for a report.
    pub fn echo(&self) -> FilterEcho {
        FilterEcho {
            since: self.since.map(Ticks::from_second),
            until: self.until.map(Ticks::from_second),
            vaults: self.vaults.echo(),
            callers: self.callers.echo(),
            operations: self.operations.echo(),
            causes: self.causes.echo(),
        }
    }

    /// Cuts facts to what is asked for. Durations are kept by hour and without caller or cause, so
    /// they go when either is asked for, and hours that are not wholly inside go too. The sample of
    /// requests is cut to time and vault. Coverage stays: it is about what was read.
    pub fn apply(&self, facts: &mut Facts, knowledge: &Knowledge) {
        if self.is_all() {
            return;
        }
        let meant = Meant::new(self, facts, knowledge);
        let rows: Vec<_> = facts.requests.drain().collect();
        for (key, series) in rows {
            if meant.vault(key.vault)
                && meant.caller(key.caller)
                && meant.operation(key.operation)
                && meant.cause(key.cause)
            {
                facts.requests.add_series(key, series.between(self.since, self.until));
            }
        }
        facts.examples.retain(|key| {
            meant.vault(key.vault) && meant.caller(key.caller) && meant.operation(key.operation)
        });
        let vault_of = |text: Text| self.vaults.holds(Some(facts.dimensions.strings.get(text)));
        facts.sightings.retain(|time, vault| self.holds_time(Some(time)) && vault_of(vault));
        let by_who_or_why = !self.callers.is_all() || !self.causes.is_all();
        facts.latency.retain(|key| {
            let inside = self.since.is_none_or(|since| key.hour * 3600 >= since)
                && self.until.is_none_or(|until| (key.hour + 1) * 3600 <= until);
            !by_who_or_why && inside && meant.vault(key.vault) && meant.operation(key.operation)
        });
        facts.changes.retain(|key| {
            self.holds_time(key.time)
                && self.causes.is_all()
                && meant.vault(key.vault)
                && meant.caller(key.caller)
                && meant.operation(key.operation)
        });
    }

    /// Whether a time is asked for; what has none is asked for only by no time at all.
    pub fn holds_time(&self, time: Option<Ticks>) -> bool {
        let Some(second) = time.map(Ticks::second) else {
            return self.since.is_none() && self.until.is_none();
        };
        self.since.is_none_or(|since| second >= since) && self.until.is_none_or(|until| second < until)
    }
}

/// The references that a filter means, looked up once.
struct Meant {
    vaults: Option<IndexSet<Ref<Vault>>>,
    callers: Option<IndexSet<Ref<Caller>>>,
    texts: Map<Text, (bool, bool)>,
    /// What no filter on operations leaves out: a record without one.
    without_operation: bool,
}

impl Meant {
    fn new(filter: &Filter, facts: &Facts, knowledge: &Knowledge) -> Self {
        let dimensions = &facts.dimensions;
        let vaults = (!filter.vaults.is_all()).then(|| {
            let keys = facts.requests.iter().filter_map(|(key, _)| key.vault);
            let named = |vault: &Ref<Vault>| filter.vaults.holds(dimensions.vault_row(Some(*vault)).name);
            let of_changes = facts.changes.iter().filter_map(|(key, _)| key.vault);
            keys.chain(of_changes).filter(named).collect()
        });
        let mut texts = Map::default();
        for (key, _) in facts.requests.iter() {
            for text in [Some(key.cause), key.operation].into_iter().flatten() {
                texts.entry(text).or_insert_with(|| {
                    let name = Some(dimensions.strings.get(text));
                    (filter.operations.holds(name), filter.causes.holds(name))
                });
            }
        }
        let callers = (!filter.callers.is_all()).then(|| callers(filter, facts, knowledge));
        Self { vaults, callers, texts, without_operation: filter.operations.is_all() }
    }

    fn vault(&self, vault: Option<Ref<Vault>>) -> bool {
        self.vaults.as_ref().is_none_or(|meant| vault.is_some_and(|vault| meant.contains(&vault)))
    }

    fn caller(&self, caller: Option<Ref<Caller>>) -> bool {
        self.callers.as_ref().is_none_or(|meant| caller.is_some_and(|caller| meant.contains(&caller)))
    }

    fn operation(&self, operation: Option<Text>) -> bool {
        operation.map_or(self.without_operation, |text| self.texts.get(&text).is_none_or(|meant| meant.0))
    }

    fn cause(&self, cause: Text) -> bool {
        self.texts.get(&cause).is_none_or(|meant| meant.1)
    }
}

/// The callers that a filter names, by any of their names in the log or in a directory, and every other
/// entry of the same object id.
fn callers(filter: &Filter, facts: &Facts, knowledge: &Knowledge) -> IndexSet<Ref<Caller>> {
    let dimensions = &facts.dimensions;
    let of_requests = facts.requests.iter().filter_map(|(key, _)| key.caller);
    let of_changes = facts.changes.iter().filter_map(|(key, _)| key.caller);
    let all: IndexSet<Ref<Caller>> = of_requests.chain(of_changes).collect();
    let is_meant = |name: &str| filter.callers.holds(Some(name));
    let named = |caller: &Ref<Caller>| {
        let row = dimensions.caller_row(Some(*caller));
        let listed = row.oid.and_then(|oid| knowledge.principals.get(oid));
        [row.oid, row.appid, row.name].into_iter().flatten().any(is_meant)
            || listed.is_some_and(|listed| names(listed).any(is_meant))
    };
    let oid = |caller: &Ref<Caller>| dimensions.callers.get(*caller).oid;
    let oids: IndexSet<Text> = all.iter().filter(|caller| named(caller)).filter_map(oid).collect();
    all.iter()
        .filter(|caller| named(caller) || oid(caller).is_some_and(|oid| oids.contains(&oid)))
        .copied()
        .collect()
}

/// What a directory calls somebody.
fn names(listed: &Principal) -> impl Iterator<Item = &str> {
    let of_path = listed.managed_identity.as_deref().map(managed_identity_name);
    [listed.name.as_deref(), listed.upn.as_deref(), of_path].into_iter().flatten()
}
