//! Tools that look at everything, over all vaults: `iac-refresh`, `scanner`. Experimental: few public
//! samples show them.

use std::collections::BTreeSet;

use super::found::Found;
use super::usage::{Row, Work, arrivals, count, grouped, objects};
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

fn names(row: &Row<'_, '_>, words: &[&str]) -> bool {
    let agent = row.stream.agent.unwrap_or_default().to_ascii_lowercase();
    words.iter().any(|word| agent.contains(word))
}

/// Gets, lists, and the vault itself.
fn reads(row: &Row<'_, '_>) -> bool {
    row.is_work() && (row.is_get() || looks(row))
}

/// What is there, without values.
fn looks(row: &Row<'_, '_>) -> bool {
    let operation = row.operation();
    reads_vault(operation)
        || ["SecretList", "KeyList", "CertificateList"].iter().any(|list| operation.starts_with(list))
}

/// A plan that reads its whole state.
pub(super) fn iac_refresh<'d, 'f>(work: &Work<'d, 'f>) -> Option<Found<'d, 'f>> {
    let all: Vec<Row<'d, 'f>> = work.usages.iter().flat_map(|usage| usage.rows()).filter(reads).collect();
    if count(&all) < FEWEST_OF_RUN {
        return None;
    }
    let named: Vec<Row<'d, 'f>> = all.iter().copied().filter(|row| names(row, &IAC_AGENTS)).collect();
    let is_named = count(&named) >= FEWEST_OF_RUN;
    let rows = if is_named { named } else { unnamed_run(&all)? };
    let moments = arrivals(rows.iter().copied());
    let runs = moments.sessions(RUN_PAUSE);
    let largest = runs
        .iter()
        .copied()
        .max_by_key(|run| (run.count, -run.first))
        .filter(|run| run.count >= FEWEST_OF_RUN)?;
    let vaults = rows.iter().map(|row| row.place.0).collect::<BTreeSet<_>>().len();
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
fn unnamed_run<'d, 'f>(rows: &[Row<'d, 'f>]) -> Option<Vec<Row<'d, 'f>>> {
    grouped(rows, |row| (row.stream.address, row.stream.agent)).into_values().find(|rows| {
        let runs = arrivals(rows.iter().copied()).sessions(RUN_PAUSE);
        let largest = runs.iter().max_by_key(|run| (run.count, -run.first));
        largest.is_some_and(|run| {
            let inside = |row: &&Row<'_, '_>| {
                row.stream.cells().iter().any(|cell| cell.second() >= run.first && cell.second() <= run.last)
            };
            let inside: Vec<Row<'_, '_>> = rows.iter().filter(inside).copied().collect();
            let vaults = inside.iter().filter(|row| row.operation() == "VaultGet").map(|row| row.place.0);
            vaults.collect::<BTreeSet<_>>().len() >= FEWEST_VAULTS && objects(&inside) >= FEWEST_OBJECTS
        })
    })
}

/// Something that lists what there is, and reads no value.
pub(super) fn scanner<'d, 'f>(work: &Work<'d, 'f>) -> Option<Found<'d, 'f>> {
    let all: Vec<Row<'d, 'f>> = work.usages.iter().flat_map(|usage| usage.rows()).collect();
    let rows: Vec<Row<'d, 'f>> = all.iter().copied().filter(|row| row.is_work() && looks(row)).collect();
    let (total, looked) = (count(&all), count(&rows));
    if looked < FEWEST_LOOKS || looked * 20 < total * 19 {
        return None;
    }
    let vaults = rows.iter().map(|row| row.place.0).collect::<BTreeSet<_>>().len();
    let is_graph = rows.iter().any(|row| names(row, &[RESOURCE_GRAPH]));
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
