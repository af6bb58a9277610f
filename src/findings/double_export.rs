//! The same requests exported twice: to storage and to Log Analytics, by two diagnostic settings, or
//! copied into the folder twice. Every count would be too high.
//!
//! Judged vault by vault on the sample of requests in `facts::sightings`.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64;

use super::Analysis;
use super::tally::percent;
use crate::classify::Basis;
use crate::classify::causes::Severity;
use crate::facts::Location;
use crate::facts::sightings::{Seen, repeats};
use crate::report::{Confidence, Evidence, Finding};
use crate::ticks::Ticks;

/// The finding's code.
const CODE: &str = "double-export";

/// Repeats in the sample below which a vault is not suspected: collectors may deliver a record twice.
const FEWEST_REPEATS: u64 = 3;

/// Sightings to each repeat above which a vault is not suspected: 5 %.
const MOST_SIGHTINGS_A_REPEAT: u64 = 20;

/// Requests shown.
const EXAMPLES: usize = 3;

/// What the sample shows of one vault.
#[derive(Default)]
struct Sampled<'f> {
    seen: u64,
    repeated: u64,
    first: Option<Ticks>,
    last: Option<Ticks>,
    blobs: BTreeSet<&'f str>,
    examples: Vec<(Ticks, Location, Location)>,
}

impl<'f> Sampled<'f> {
    fn add(&mut self, analysis: &Analysis<'f>, times: &BTreeMap<Ticks, Seen>) {
        let (seen, repeated) = repeats(times);
        self.seen += seen;
        self.repeated += repeated;
        let (Some((first, one)), Some((last, other))) = (times.first_key_value(), times.last_key_value())
        else {
            return;
        };
        if repeated == 0 {
            return;
        }
        self.first = self.first.into_iter().chain([*first]).min();
        self.last = self.last.into_iter().chain([*last]).max();
        // A coarse time and a fine one are two entries, each with its own place.
        let places = (one.first, other.last);
        for place in [places.0, places.1] {
            self.blobs.insert(analysis.facts.dimensions.strings.get(place.blob));
        }
        self.examples.push((*first, places.0, places.1));
    }

    fn is_suspect(&self) -> bool {
        self.repeated >= FEWEST_REPEATS && self.repeated * MOST_SIGHTINGS_A_REPEAT >= self.seen
    }
}

/// One finding a vault whose requests are suspected to be there twice.
pub(super) fn find(analysis: &Analysis<'_>) -> Vec<Finding> {
    let mut vaults: BTreeMap<&str, Sampled<'_>> = BTreeMap::new();
    for times in analysis.facts.sightings.requests() {
        let Some(seen) = times.values().next() else { continue };
        vaults.entry(analysis.facts.dimensions.strings.get(seen.vault)).or_default().add(analysis, times);
    }
    let suspects = vaults.into_iter().filter(|(_, sampled)| sampled.is_suspect());
    suspects.map(|(vault, sampled)| finding(analysis, vault, sampled)).collect()
}

fn finding(analysis: &Analysis<'_>, vault: &str, mut sampled: Sampled<'_>) -> Finding {
    sampled.examples.sort_by_key(|(time, place, _)| (*time, place.offset));
    let blobs = sampled.blobs.len();
    let of = if analysis.facts.sightings.is_full() { "a sample of " } else { "all " };
    Finding {
        id: format!("{CODE}-{:016x}", xxh3_64(vault.as_bytes())),
        code: CODE.to_owned(),
        severity: Severity::Medium,
        title: format!("Requests that were read more than once: {vault}"),
        vault: Some(vault.to_owned()),
        caller: None,
        operation: None,
        object: None,
        status: None,
        count: sampled.repeated,
        share_percent: percent(sampled.repeated, sampled.seen),
        first: sampled.first,
        last: sampled.last,
        confidence: Confidence::High,
        basis: Basis::Pairing,
        why: format!(
            "Of {of}{} records of {vault}, {} are repeats of a request that another record holds too (same \
             time, operation, correlation id, address and status), in {blobs} blob{}. Every count in this \
             report is too high by about that share.",
            sampled.seen,
            sampled.repeated,
            if blobs == 1 { "" } else { "s" }
        ),
        fix: vec![
            "Read the logs again with `--dedup`, which counts each request once.".to_owned(),
            "Look for a second diagnostic setting, or for a second copy of the export among the inputs: \
             `az monitor diagnostic-settings list --resource VAULT_ID`."
                .to_owned(),
        ],
        reference: "https://learn.microsoft.com/azure/azure-monitor/essentials/diagnostic-settings"
            .to_owned(),
        client_addresses: Vec::new(),
        asked: None,
        probable_caller: None,
        explained_by: None,
        experimental: false,
        saving: None,
        evidence: sampled
            .examples
            .iter()
            .take(EXAMPLES)
            .flat_map(|(time, one, other)| [(time, one), (time, other)])
            .map(|(time, place)| evidence(analysis, *time, *place))
            .collect(),
    }
}

fn evidence(analysis: &Analysis<'_>, time: Ticks, place: Location) -> Evidence {
    Evidence {
        blob: analysis.facts.dimensions.strings.get(place.blob).to_owned(),
        line: place.line,
        time: Some(time),
        correlation_id: None,
        client_address: None,
        client_agent: None,
        message: None,
        outside_time: false,
    }
}
