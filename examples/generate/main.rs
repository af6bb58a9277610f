//! Generates Azure Key Vault audit logs (category `AuditEvent`) of any size, with the truth about them.
//!
//! In: a seed, a size and a few shapes (`--help`). Out: blobs as Azure writes them, either the tree that
//! a download from the storage account leaves behind or one file, and beside them a truth file that says
//! how many records have which cause, whose they are, and in which vault: what a reader of these logs
//! ought to find.
//!
//! The same flags and seed give the same records on every platform: whole numbers only, no clock, no hash
//! order. Memory holds the world (vaults, callers, their objects), counts, and one chunk of each open
//! blob; never records. In another shape (`--shape`) it holds what `reshape` holds: at most a row group.
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
mod reshaped;
#[path = "../reshape/shapes.rs"]
#[allow(dead_code, reason = "options are the converter's own")]
mod shapes;
mod traffic;
mod truth;
mod world;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use fastrand::Rng;

use crate::blobs::{Blobs, Totals};
use crate::cli::{Arguments, Plan};
use crate::layout::Layout;
use crate::record::Renderer;
use crate::traffic::{Event, Traffic};
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
    let source = Source::new(plan);
    let mut counts = Counts::new(&source.world);
    let totals = match plan.shape {
        None => write_blobs(&source, plan, &mut counts),
        Some(shape) => reshaped::write(&source, plan, shape, &mut counts),
    };
    Ok(counts.into_truth(plan, &source.world, totals?))
}

/// Writes every record of the plan as blobs, counting them.
fn write_blobs(source: &Source, plan: &Plan, counts: &mut Counts) -> io::Result<Totals> {
    let mut blobs = Blobs::create(plan)?;
    source.each(plan, |event, record| {
        counts.add(event);
        blobs.append(&source.world.vaults[event.request.vault], event.arrival, record)?;
        Ok(blobs.bytes())
    })?;
    blobs.finish()
}

/// Where records come from: the world, and the random streams that go over it.
#[derive(Debug)]
struct Source {
    world: World,
    traffic: Rng,
    renderer: Rng,
    layout: Rng,
}

impl Source {
    /// The world of a plan.
    fn new(plan: &Plan) -> Self {
        let mut root = Rng::with_seed(plan.seed);
        let mut stream = || Rng::with_seed(root.u64(..));
        let world = World::new(plan, &mut stream());
        Self { world, traffic: stream(), renderer: stream(), layout: stream() }
    }

    /// Hands every record to `take`, which returns the bytes so far; each time the same records.
    fn each(&self, plan: &Plan, mut take: impl FnMut(&Event, &str) -> io::Result<u64>) -> io::Result<()> {
        let mut traffic = Traffic::new(plan, &self.world, self.traffic.clone());
        let mut renderer = Renderer::new(&self.world, self.renderer.clone());
        let mut layout = Layout::new(plan.key_order, plan.container, self.layout.clone());
        let mut bytes = 0;
        while let Some(event) = traffic.next(bytes) {
            bytes = take(&event, layout.apply(renderer.render(&event)))?;
        }
        Ok(())
    }
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
