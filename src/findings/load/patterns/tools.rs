//! Tools that look at everything, over all vaults: `iac-refresh`, `scanner`. Experimental: few public
//! samples show them.

use super::found::Found;
use super::usage::{Row, Usage, Work, arrivals, count, distinct, grouped, is_get, objects};
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::record::operation::{Plane, reads_vault};
use crate::report::Confidence;

/// How tools of that kind name themselves, in lower case (`HashiCorp Terraform/1.9 … terraform-provider-azurerm/4`).
const IAC_AGENTS: [&str; 3] = ["terraform", "opentofu", "pulumi"];

/// The pause that ends a run, in seconds.
const RUN_PAUSE: i64 = 300;

/// Reads of a run that names its tool.
const FEWEST_OF_RUN: u64 = 50;

/// Vaults and objects of a run that does not.
const FEWEST_VAULTS: usize = 5;
const FEWEST_OBJECTS: usize = 20;

/// Looks below which an inventory is a person's.
const FEWEST_LOOKS: u64 = 100;

/// Vaults that an inventory covers at least.
const FEWEST_SCANNED: usize = 3;

/// How Resource Graph names itself, in lower case.
const RESOURCE_GRAPH: &str = "azureresourcegraph";

/// Whether agents name themselves with one of some words; each is looked at once.
struct Names {
    words: &'static [&'static str],
    known: Map<Option<Text>, bool>,
}

impl Names {
    fn new(words: &'static [&'static str]) -> Self {
        Self { words, known: Map::default() }
    }

    fn holds(&mut self, row: &Row<'_, '_>) -> bool {
        *self.known.entry(row.stream.stream.key.client_agent).or_insert_with(|| {
            let agent = row.stream.agent().unwrap_or_default().to_ascii_lowercase();
            self.words.iter().any(|word| agent.contains(word))
        })
    }
}

/// Gets, lists, and the vault itself.
fn reads(operation: &str) -> bool {
    is_get(operation) || looks(operation)
}

/// What is there, without values.
fn looks(operation: &str) -> bool {
    reads_vault(operation)
        || ["SecretList", "KeyList", "CertificateList"].iter().any(|list| operation.starts_with(list))
}

/// A plan that reads its whole state.
pub(super) fn iac_refresh<'d, 'f>(work: &Work<'d, 'f>) -> Option<Found<'d, 'f>> {
    if work.work(reads) < FEWEST_OF_RUN {
        return None;
    }
    let mut tools = Names::new(&IAC_AGENTS);
    let is_read = |row: &Row<'_, '_>| row.is_work() && reads(row.operation());
    let named: Vec<Row<'d, 'f>> = work.rows().filter(|row| tools.holds(row) && is_read(row)).collect();
    let is_named = count(&named) >= FEWEST_OF_RUN;
    let rows = if is_named { named } else { unnamed_run(work)? };
    let moments = arrivals(rows.iter().copied());
    let runs = moments.sessions(RUN_PAUSE);
    let largest = runs
        .iter()
        .copied()
        .max_by_key(|run| (run.count, -run.first))
        .filter(|run| run.count >= FEWEST_OF_RUN)?;
    let vaults = distinct(rows.iter().map(|row| row.place.0));
    let why = format!(
        "{{who}} read {vaults} vaults and {} objects in {} runs, at most {} requests in one of {} seconds. {}",
        objects(&rows),
        runs.len(),
        largest.count,
        largest.seconds(),
        if is_named {
            "The agent names an infrastructure-as-code tool."
        } else {
            "No agent says so: it reads the vaults through ARM and then what is in them, as such tools do."
        }
    );
    let confidence = if is_named { Confidence::High } else { Confidence::Low };
    Some(Found { confidence, ..Found::new("iac-refresh", rows, why) })
}

/// The reads of an address that gets many vaults and many objects in one run.
fn unnamed_run<'d, 'f>(work: &Work<'d, 'f>) -> Option<Vec<Row<'d, 'f>>> {
    let looked_at = |usage: &&Usage<'_, '_>| usage.work(|operation| operation == "VaultGet") > 0;
    if work.usages.iter().filter(looked_at).count() < FEWEST_VAULTS {
        return None;
    }
    let rows: Vec<Row<'d, 'f>> = work.rows().filter(|row| row.is_work() && reads(row.operation())).collect();
    grouped(&rows, |row| row.stream.client()).into_iter().find(|rows| {
        let runs = arrivals(rows.iter().copied()).sessions(RUN_PAUSE);
        let largest = runs.iter().max_by_key(|run| (run.count, -run.first));
        largest.is_some_and(|run| {
            let inside = |row: &&Row<'_, '_>| {
                row.stream.cells().iter().any(|cell| cell.second() >= run.first && cell.second() <= run.last)
            };
            let inside: Vec<Row<'_, '_>> = rows.iter().filter(inside).copied().collect();
            let vaults = inside.iter().filter(|row| row.operation() == "VaultGet").map(|row| row.place.0);
            distinct(vaults) >= FEWEST_VAULTS && objects(&inside) >= FEWEST_OBJECTS
        })
    })
}

/// Something that lists what there is, and reads no value.
pub(super) fn scanner<'d, 'f>(work: &Work<'d, 'f>) -> Option<Found<'d, 'f>> {
    let total: u64 = work.usages.iter().map(Usage::requests).sum();
    let looked = work.work(looks);
    if looked < FEWEST_LOOKS || looked * 20 < total * 19 {
        return None;
    }
    let rows: Vec<Row<'d, 'f>> = work.rows().filter(|row| row.is_work() && looks(row.operation())).collect();
    let vaults = distinct(rows.iter().map(|row| row.place.0));
    let mut graph = Names::new(&[RESOURCE_GRAPH]);
    let is_graph = rows.iter().any(|row| graph.holds(row));
    if vaults < FEWEST_SCANNED && !is_graph {
        return None;
    }
    let control: u64 =
        rows.iter().filter(|row| row.stream.stream.key.plane == Plane::Control).map(|row| row.count).sum();
    let why = format!(
        "{{who}} listed or looked at {vaults} vaults {looked} times and read next to nothing; {control} of these requests \
         went through Azure Resource Manager, which has limits of its own.{}",
        if is_graph { " The agent is Azure Resource Graph." } else { "" }
    );
    let confidence = if is_graph { Confidence::High } else { Confidence::Low };
    Some(Found { confidence, is_information: true, ..Found::new("scanner", rows, why) })
}
