//! `examples/generate` as a module: its records in memory, without its files and its truth.
//!
//! In: a size. Out: what `cargo run --example generate -- --single --bytes SIZE` writes, byte for
//! byte. The modules name each other from the root of their crate, so the bench's root has to hold
//! them as well.

#![allow(dead_code, reason = "what is about files and the truth stays unused")]

#[path = "../../examples/generate/calendar.rs"]
pub(crate) mod calendar;
#[path = "../../examples/generate/cause.rs"]
pub(crate) mod cause;
#[path = "../../examples/generate/cli.rs"]
pub(crate) mod cli;
#[path = "../../examples/generate/json.rs"]
pub(crate) mod json;
#[path = "../../examples/generate/layout.rs"]
pub(crate) mod layout;
#[path = "../../examples/generate/message.rs"]
pub(crate) mod message;
#[path = "../../examples/generate/operation.rs"]
pub(crate) mod operation;
#[path = "../../examples/generate/people.rs"]
pub(crate) mod people;
#[path = "../../examples/generate/properties.rs"]
pub(crate) mod properties;
#[path = "../../examples/generate/random.rs"]
pub(crate) mod random;
#[path = "../../examples/generate/record.rs"]
pub(crate) mod record;
#[path = "../../examples/generate/traffic.rs"]
pub(crate) mod traffic;
#[path = "../../examples/generate/world.rs"]
pub(crate) mod world;

use clap::Parser;
use fastrand::Rng;

use cli::{Arguments, Plan};
use layout::Layout;
use record::Renderer;
use traffic::Traffic;
use world::World;

/// Records, one a line, of so many millions of bytes.
pub(crate) fn lines(megabytes: u32) -> Vec<u8> {
    let mut lines = Vec::new();
    each_record(&["--bytes", &format!("{megabytes}MB")], |record| {
        lines.extend_from_slice(record.as_bytes());
        lines.push(b'\n');
        true
    });
    lines
}

/// Hands out each record that the generator writes with these arguments, until `sink` says to stop.
pub(crate) fn each_record(arguments: &[&str], mut sink: impl FnMut(&str) -> bool) {
    let typed = ["generate", "--single", "--out", "lines.json"].iter().chain(arguments);
    let plan = Plan::new(Arguments::parse_from(typed)).expect("the plan is sound");
    let mut root = Rng::with_seed(plan.seed);
    let mut stream = || Rng::with_seed(root.u64(..));
    let world = World::new(&plan, &mut stream());
    let mut traffic = Traffic::new(&plan, &world, stream());
    let mut renderer = Renderer::new(&world, stream());
    let mut layout = Layout::new(plan.key_order, plan.container, stream());
    let mut bytes = 0;
    while let Some(event) = traffic.next(bytes) {
        let record = layout.apply(renderer.render(&event));
        if !sink(record) {
            return;
        }
        // Behind the last record, not behind this one: times depend on the bytes so far.
        bytes += record.len() as u64 + u64::from(bytes > 0);
    }
}
