//! The capacity report's sentences.

use super::CapacitySettings;
use crate::findings::load::Demand;
use crate::findings::load::class::Class;
use crate::findings::load::key_kind::KeyKind;
use crate::report::capacity::{Assumption, Proposal, Step, SubscriptionCapacity, VaultCapacity};

/// What is known of a key, in words.
pub(super) fn kind(kind: KeyKind) -> String {
    let protection = kind.hsm.map(|hsm| if hsm { "HSM" } else { "software" }.to_owned());
    let known =
        [kind.family.map(|family| family.to_string()), kind.bits.map(|bits| bits.to_string()), protection];
    let known: Vec<String> = known.into_iter().flatten().collect();
    if known.is_empty() { "nothing".to_owned() } else { known.join(" ") }
}

/// What is assumed, and how to change it.
pub(super) fn assumptions(demand: &Demand<'_>, settings: &CapacitySettings) -> Vec<Assumption> {
    let assumed = &settings.assumptions;
    let mut all = vec![
        counted(settings),
        Assumption {
            id: "window",
            text: "The limit acts on ten seconds; whether the window slides is not documented, so every window that \
                   begins at a whole second is looked at: an upper bound."
                .to_owned(),
            option: None,
        },
        Assumption {
            id: "budgets",
            text: if assumed.pooled {
                "Keys and secrets are counted against one budget: the worst case.".to_owned()
            } else {
                "Keys and secrets have budgets of their own: not documented, but the service tells of request types."
                    .to_owned()
            },
            option: Some("--pooled"),
        },
        Assumption {
            id: "throttled",
            text: "The log may not hold every 429: counts of them are lower bounds.".to_owned(),
            option: None,
        },
        Assumption {
            id: "region",
            text: format!(
                "A subscription has {} times a vault's limit in one region; vaults whose region the log does not name \
                 are taken to be in the same one.",
                demand.budgets.profile().subscription_factor
            ),
            option: None,
        },
    ];
    all.extend(keys(demand, settings));
    let classes = |class: Class| demand.vaults.iter().any(|vault| vault.classes().contains(&class));
    if classes(Class::ManagedHsm) {
        all.push(Assumption {
            id: "managed-hsm",
            text: format!(
                "A Managed HSM does not throttle: its utilisation is against benchmarks of one instance with one \
                 partition ({}).",
                assumed.limits.managed_hsm_source()
            ),
            option: None,
        });
    }
    if [Class::ControlRead, Class::ControlWrite, Class::ControlDelete].into_iter().any(classes) {
        all.push(Assumption {
            id: "control",
            text: "Azure Resource Manager counts by subscription, principal and region with a bucket that refills: \
                   the limit shown is the most that ten seconds can let through. Only requests to Key Vault are in \
                   this log."
                .to_owned(),
            option: None,
        });
    }
    all
}

fn counted(settings: &CapacitySettings) -> Assumption {
    let assumed = &settings.assumptions;
    let word = |counts: bool| if counts { "count" } else { "do not count" };
    Assumption {
        id: "counted",
        text: format!(
            "Successful requests count. Failures other than 429 {} (not documented), 429s {} (documented since March \
             2021: they do not), authentication challenges {} (not documented).",
            word(assumed.count_failures),
            word(assumed.count_throttled),
            word(assumed.count_challenges)
        ),
        option: Some("--count"),
    }
}

fn keys(demand: &Demand<'_>, settings: &CapacitySettings) -> Option<Assumption> {
    let assumed = |kind: KeyKind| format!("Keys of unknown type or size are taken for {}.", self::kind(kind));
    let is_ranged = demand.vaults.iter().any(|vault| !super::unknown_keys(vault).is_empty());
    let text = match settings.assumptions.assume_key {
        Some(kind) => assumed(kind),
        None if is_ranged => "Type or size of some keys is in no record: their weight is a range from the cheapest key \
                              to the dearest. Give `az keyvault key show` of them with --policies to make it one \
                              number."
            .to_owned(),
        None => return None,
    };
    Some(Assumption { id: "keys", text, option: Some("--assume-key") })
}

/// What to do, in a sentence.
pub(super) fn strategy(
    vaults: &[VaultCapacity],
    subscriptions: &[SubscriptionCapacity],
    proposals: &[Proposal],
) -> String {
    let Some((vault, class)) = vaults.iter().find_map(|vault| Some((vault, vault.peak()?))) else {
        return "Nothing to judge: no request that counts has a time.".to_owned();
    };
    let name = vault.vault.as_deref().unwrap_or("a vault that the log does not name");
    let fullest = format!(
        "The fullest ten seconds took {} of {} on {name}",
        percent(class.peak.utilisation_high),
        class.class
    );
    let steps: Vec<&Proposal> = proposals
        .iter()
        .filter(|proposal| proposal.vault == vault.vault && proposal.current > 0.75)
        .collect();
    let over =
        vaults.iter().filter(|vault| vault.peak().is_some_and(|class| class.peak.utilisation_high > 1.0));
    let over = match over.count() {
        0 | 1 => String::new(),
        more => format!(" {more} vaults went above their limit."),
    };
    let steps: Vec<String> =
        steps.iter().map(|step| format!("{} ({})", step_of(step.what), percent(step.proposed))).collect();
    let advice = match steps.as_slice() {
        [] if class.peak.utilisation_high > 0.75 => "; nothing in this log shows how to lower it.".to_owned(),
        [] if refused(vaults).is_empty() => ": no vault needs anything now.".to_owned(),
        [] => ".".to_owned(),
        steps => format!(": {}.", steps.join(", then ")),
    };
    format!("{fullest}{advice}{over}{}{}", refused(vaults), subscription(subscriptions))
}

/// Vaults that were throttled where this log shows no reason for it.
fn refused(vaults: &[VaultCapacity]) -> String {
    let unexplained = |vault: &VaultCapacity| -> u64 {
        vault.classes.iter().filter_map(|class| class.throttling.as_ref()).map(|told| told.unexplained).sum()
    };
    let mut rows: Vec<(u64, &str)> = vaults
        .iter()
        .map(|vault| (unexplained(vault), vault.vault.as_deref().unwrap_or("(not logged)")))
        .collect();
    rows.retain(|row| row.0 > 0);
    rows.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    let Some((count, name)) = rows.first() else { return String::new() };
    let others = match rows.len() {
        1 => String::new(),
        2 => " (and 1 more vault likewise)".to_owned(),
        more => format!(" (and {} more vaults likewise)", more - 1),
    };
    format!(" But {name} was throttled {count} times below what is taken for its limit{others}: see there.")
}

/// A subscription that is nearer to its limit than 75 %.
fn subscription(subscriptions: &[SubscriptionCapacity]) -> String {
    let near = subscriptions.iter().flat_map(|row| row.classes.iter().map(move |class| (row, class)));
    let near = near.filter(|(_, class)| class.peak.utilisation_high > 0.75);
    let Some((row, class)) =
        near.reduce(
            |best, next| {
                if next.1.peak.utilisation_high > best.1.peak.utilisation_high { next } else { best }
            },
        )
    else {
        return String::new();
    };
    let name = row.subscription.as_deref().unwrap_or("that the log does not name");
    format!(
        " The subscription {name} took {} of its own limit of {}: spread vaults over subscriptions or regions.",
        percent(class.peak.utilisation_high),
        class.class
    )
}

fn step_of(step: Step) -> &'static str {
    match step {
        Step::Cache => "cache reads",
        Step::PublicKeyLocal => "use public keys locally",
        Step::DataKeyReuse => "reuse data keys",
        Step::Split => "split the vault",
        Step::Reduce => "shrink the load itself",
    }
}

/// A fraction for a sentence.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

/// What the what-ifs of these vaults assume.
pub(super) fn what_ifs(vaults: &[VaultCapacity]) -> Vec<Assumption> {
    let mut all = Vec::new();
    if vaults.iter().any(|vault| !vault.caching.is_empty()) {
        all.push(Assumption {
            id: "instances",
            text: "A cache belongs to one caller at one address with one agent (instance), or to one caller (caller): \
                   how many instances stand behind one address the log does not show, so the two are bounds. A read \
                   in the second of its fetch, or of a change, counts as after it. Changes that the log does not \
                   show make no answer stale."
                .to_owned(),
            option: None,
        });
    }
    if vaults.iter().any(|vault| vault.split.is_some()) {
        all.push(Assumption {
            id: "split",
            text: "An object belongs to the application with the most load on it, and a certificate keeps the key and \
                   the secret of its name. Requests without an object, such as lists, go where their caller's most \
                   loaded object goes. Clients are taken to send as much as now."
                .to_owned(),
            option: Some("--group"),
        });
    }
    all
}

/// Seconds for a sentence.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3600 == 0 => format!("{} h", s / 3600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}
