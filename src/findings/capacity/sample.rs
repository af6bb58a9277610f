//! Small vaults for the what-ifs' tests, request by request, and what each request weighs by the
//! documentation's table alone.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;

use crate::classify::Basis;
use crate::classify::causes::Causes;
use crate::facts::Facts;
use crate::facts::dimensions::{Caller, RequestKey, Vault};
use crate::facts::requests::{Cell, Series};
use crate::findings::Analysis;
use crate::findings::callers::Callers;
use crate::findings::grants::Grants;
use crate::findings::load::class::{Budgets, Class};
use crate::findings::load::{Assumptions, Demand, KnownKeys, VaultLoad, Weights};
use crate::findings::streams::{KnownCauses, Order, Streams};
use crate::knowledge::Knowledge;
use crate::knowledge::roles::Roles;
use crate::record::AccessFlags;
use crate::record::caller::CallerKind;
use crate::record::caller::applications::Applications;
use crate::ticks::Ticks;

/// Requests of one second that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) second: i64,
    pub(super) count: u32,
    pub(super) operation: &'static str,
    pub(super) object: Option<&'static str>,
    pub(super) kind: Option<&'static str>,
    /// 0 is nobody whom the log names.
    pub(super) caller: u8,
    pub(super) address: u8,
    pub(super) agent: u8,
    pub(super) status: u16,
    /// Tells streams apart, and caches not.
    pub(super) flag: bool,
}

/// What is asked: operation, object, key.
type What = (&'static str, Option<&'static str>, Option<&'static str>);

/// Requests of every kind that matters.
pub(super) const WHAT: &[What] = &[
    ("SecretGet", Some("secrets/a"), None),
    ("SecretGet", Some("secrets/a"), None),
    ("SecretGet", Some("secrets/b"), None),
    ("SecretGet", Some("secrets/c"), None),
    ("CertificateGet", Some("certificates/c"), None),
    ("KeyGet", Some("keys/c"), Some("RSA 2048")),
    ("KeyGet", Some("keys/k"), Some("RSA-HSM 2048")),
    ("KeyGet", Some("keys/k"), Some("RSA-HSM 4096")),
    ("KeyUnwrap", Some("keys/k"), Some("RSA-HSM 4096")),
    ("KeyDecrypt", Some("keys/k"), Some("RSA-HSM 2048")),
    ("KeyWrap", Some("keys/k"), Some("RSA-HSM 4096")),
    ("KeyVerify", Some("keys/c"), Some("RSA 2048")),
    ("KeySign", Some("keys/s"), Some("EC 256")),
    ("SecretSet", Some("secrets/a"), None),
    ("KeyImport", Some("keys/k"), Some("RSA-HSM 4096")),
    ("CertificateImport", Some("certificates/c"), None),
    ("SecretList", None, None),
];

/// Requests; `last` is the last second, and each second is stretched.
pub(super) fn any_asked(
    last: i64,
    stretch: i64,
    most: u32,
    size: usize,
) -> impl Strategy<Value = Vec<Asked>> {
    let who = (0_u8..3, 0_u8..2, 0_u8..2, any::<bool>());
    let status = prop::sample::select(vec![200_u16, 200, 200, 200, 403, 429]);
    let one = (0..=last, 1..=most, prop::sample::select(WHAT), who, status);
    let asked =
        move |(second, count, (operation, object, kind), (caller, address, agent, flag), status)| Asked {
            second: second * stretch,
            count,
            operation,
            object,
            kind,
            caller,
            address,
            agent,
            status,
            flag,
        };
    prop::collection::vec(one.prop_map(asked), 1..size)
}

impl Asked {
    /// Class, parts of its whole, and whole; nothing for a 429.
    pub(super) fn weighs(&self) -> Option<(Class, i128, i128)> {
        let key = match self.kind {
            Some("RSA-HSM 2048") => 2,
            Some("RSA-HSM 4096") => 16,
            _ => 1,
        };
        let weight = match self.operation {
            "SecretSet" | "KeyImport" | "CertificateImport" => (Class::CreateImport, 1, 300),
            operation if operation.starts_with("Key") => (Class::Keys, key, 4000),
            _ => (Class::Secrets, 1, 4000),
        };
        Some(weight).filter(|_| self.status != 429)
    }
}

/// The fullest window of any class, from single requests and nothing but the definition: the fraction
/// of the whole to six places.
pub(super) fn slow_peak(requests: &[(i64, Class, i128, i128)]) -> f64 {
    let ends: BTreeSet<i64> = requests.iter().map(|(at, ..)| *at).collect();
    let classes: BTreeSet<(Class, i128)> =
        requests.iter().map(|(_, class, _, whole)| (*class, *whole)).collect();
    let mut most = 0.0_f64;
    for end in ends {
        for (class, whole) in &classes {
            let inside = requests.iter().filter(|(at, of, ..)| of == class && *at > end - 10 && *at <= end);
            let parts: i128 = inside.map(|(_, _, parts, _)| parts).sum();
            most = most.max(super::display::fraction(parts.unsigned_abs(), whole.unsigned_abs()));
        }
    }
    most
}

/// Builds the facts of one vault, and looks at it.
pub(super) fn with_vault<T>(
    asked: &[Asked],
    look: impl FnOnce(&Callers, &VaultLoad<'_>, &Budgets<'_>) -> T,
) -> T {
    static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);
    let mut facts = Facts::new();
    for asked in asked {
        let key = key(&mut facts, asked);
        let at = Ticks::from_second(asked.second);
        let mut series = Series::default();
        series.push(Cell::new(at, at, asked.count).unwrap());
        facts.requests.add_series(key, series);
    }
    facts.requests.settle();
    // The seconds of the samples begin in 1970.
    let assumptions = Assumptions { profile: Some("2026-07".to_owned()), ..Assumptions::default() };
    let (causes, knowledge) = (&*CAUSES, Knowledge::new());
    let (applications, roles) = (Applications::built_in(), Roles::built_in());
    let callers = Callers::new(&facts, &knowledge, applications);
    let grants = Grants::new(&knowledge, roles, &facts);
    let known = KnownCauses::new(&facts, causes);
    let streams = Streams::new(&facts, &known, Order::new(&facts));
    let keys = KnownKeys::new(&facts, &knowledge);
    let analysis = Analysis {
        facts: &facts,
        causes,
        callers: &callers,
        knowledge: &knowledge,
        applications,
        grants: &grants,
        streams: &streams,
        verdicts: None,
    };
    let weights = Weights::new(&analysis, &assumptions, &keys);
    let demand = Demand::new(&analysis, &weights);
    look(&callers, &demand.vaults[0], demand.budgets)
}

fn key(facts: &mut Facts, asked: &Asked) -> RequestKey {
    let dimensions = &mut facts.dimensions;
    let strings = &mut dimensions.strings;
    let name = strings.intern("kv");
    let caller = (asked.caller > 0).then(|| Caller {
        oid: Some(strings.intern(&format!("o-{}", asked.caller))),
        kind: CallerKind::App,
        ..Caller::default()
    });
    RequestKey {
        vault: Some(dimensions.vaults.intern(Vault {
            name,
            hsm: false,
            subscription: None,
            resource_group: None,
        })),
        plane: crate::record::operation::plane(asked.operation),
        operation: Some(strings.intern(asked.operation)),
        object: asked.object.map(|object| strings.intern(object)),
        key_kind: asked.kind.map(|kind| strings.intern(kind)),
        caller: caller.map(|caller| dimensions.callers.intern(caller)),
        client_address: Some(strings.intern(&format!("203.0.113.{}", asked.address))),
        client_agent: Some(strings.intern(&format!("agent-{}", asked.agent))),
        status: Some(asked.status),
        cause: strings.intern(if asked.status == 200 { "went-well" } else { "went-wrong" }),
        basis: Basis::Status,
        access: AccessFlags { policy_match: Some(asked.flag), ..AccessFlags::default() },
        settled: true,
        denial: None,
    }
}
