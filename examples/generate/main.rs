//! Generates Azure Key Vault audit logs (category `AuditEvent`) of any size, with the truth about them.
//!
//! In: a seed, a size and a few shapes (`--help`). Out: blobs as Azure writes them, either the tree that
//! a download from the storage account leaves behind or one file, and beside them a truth file that says
//! how many records have which cause, whose they are, and in which vault: what a reader of these logs
//! ought to find.
//!
//! The same flags and seed give the same records on every platform: whole numbers only, no clock, no hash
//! order. Memory holds the world (vaults, callers, their objects), counts, and one chunk of each open
//! blob; never records.
//!
//! ```text
//! cargo run --release --example generate -- --events 1000000 --seed 1 --out /tmp/logs
//! ```
//!
//! What is not Azure's: the texts of `key-outside-validity`, `azure-policy-denied` and
//! `claims-challenge`, which nobody has published; the shape of the notifications; and that failures are
//! independent of state, so that one caller may be refused what it is granted a minute later.

mod blobs;
mod calendar;
mod cause;
mod cli;
mod json;
mod layout;
mod message;
mod operation;
mod people;
mod properties;
mod random;
mod record;
mod traffic;
mod truth;
mod world;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use fastrand::Rng;

use crate::blobs::Blobs;
use crate::cli::{Arguments, Plan};
use crate::layout::Layout;
use crate::record::Renderer;
use crate::traffic::Traffic;
use crate::truth::{Counts, Truth};
use crate::world::World;

fn main() -> ExitCode {
    let outcome = Plan::new(Arguments::parse()).and_then(|plan| {
        let truth = generate(&plan)?;
        truth.write(&plan.truth)?;
        report(&plan, &truth)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell anybody if standard error is gone as well.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes every record of the plan and returns what was written.
fn generate(plan: &Plan) -> io::Result<Truth> {
    let mut root = Rng::with_seed(plan.seed);
    let mut stream = || Rng::with_seed(root.u64(..));
    let world = World::new(plan, &mut stream());
    let mut traffic = Traffic::new(plan, &world, stream());
    let mut renderer = Renderer::new(&world, stream());
    let mut layout = Layout::new(plan.key_order, plan.container, stream());
    let mut blobs = Blobs::create(plan)?;
    let mut counts = Counts::new(&world);
    while let Some(event) = traffic.next(blobs.bytes()) {
        let record = layout.apply(renderer.render(&event));
        blobs.append(&world.vaults[event.request.vault], event.arrival, record)?;
        counts.add(&event);
    }
    let totals = blobs.finish()?;
    Ok(counts.into_truth(plan, &world, totals))
}

/// Tells, on standard error, what was written and where.
fn report(plan: &Plan, truth: &Truth) -> io::Result<()> {
    writeln!(
        io::stderr(),
        "{} records, {} bytes before compression, {} blobs in {}; truth in {}",
        truth.records,
        truth.bytes,
        truth.blobs,
        plan.out.display(),
        plan.truth.display()
    )
}
