//! The bars of the project, each with its value.
//!
//! A bar that needs a row that was not measured is left out. Bars in seconds and bytes are those of the full
//! input; with a smaller one they say little, and are marked.

use std::fs;
use std::path::Path;
use std::time::Duration;

use Limit::{Least, Most};

use crate::Plan;
use crate::child::Cost;
use crate::input::Input;
use crate::rows::{Measured, name};

/// Megabytes of the input that bars are set for.
const FULL_MB: u64 = 1000;

/// One bar.
struct Bar {
    what: &'static str,
    /// The value; none where it was not measured.
    value: Option<f64>,
    unit: &'static str,
    limit: Limit,
    /// It is set for the full input.
    of_full_input: bool,
}

/// On which side of the bar it is good to be.
#[derive(Clone, Copy)]
enum Limit {
    Most(f64),
    Least(f64),
}

/// Prints all bars that were measured.
pub(crate) fn print(plan: &Plan, input: &Input, measured: &Measured, binary: &Path) {
    println!("\n{:<64} {:>12} {:>12}", "bar", "value", "wanted");
    for bar in bars(plan, input, measured, binary) {
        let Some(value) = bar.value else { continue };
        let (sign, limit, met) = match bar.limit {
            Limit::Most(most) => ("≤", most, value <= most),
            Limit::Least(least) => ("≥", least, value >= least),
        };
        let verdict = match (bar.of_full_input && plan.megabytes != FULL_MB, met) {
            (true, _) => "(not the full input)",
            (_, true) => "met",
            (_, false) => "NOT MET",
        };
        let value = format!("{value:.2}{}", bar.unit);
        println!("{:<64} {value:>12} {:>12} {verdict}", bar.what, format!("{sign} {limit}{}", bar.unit));
    }
}

#[allow(clippy::cast_precision_loss, reason = "megabytes")]
fn bars(plan: &Plan, input: &Input, measured: &Measured, binary: &Path) -> Vec<Bar> {
    let of = |name: &str| measured.cost(name);
    let cpu = |name: &str| of(name).map(|cost| cost.cpu.as_secs_f64());
    let wall = |name: &str| of(name).map(|cost| cost.wall.as_secs_f64());
    let peak = |name: &str| of(name).map(|cost| megabytes(cost.peak));
    let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other?.max(1e-9));
    let fastest = measured.peers().min_by_key(|(_, cost)| cost.wall).map(|(_, cost)| cost);
    let of_fastest = |of: fn(&Cost) -> f64| fastest.map(of);
    let bar = |what, value, unit, limit| Bar { what, value, unit, limit, of_full_input: false };
    let sized = |what, value, unit, limit| Bar { what, value, unit, limit, of_full_input: true };
    vec![
        bar(
            "CPU, whole run on 1 thread : sonic-rs typed parse",
            ratio(cpu(name::ONE), cpu(name::SONIC)),
            "x",
            Most(1.0),
        ),
        bar(
            "CPU, whole run on 1 thread : hand scanner",
            ratio(cpu(name::ONE), cpu(name::SCANNER)),
            "x",
            Most(2.0),
        ),
        bar("wall, 1 thread : 2 threads", ratio(wall(name::ONE), wall(name::TWO)), "x", Least(1.85)),
        bar("wall, 1 gzip file : gunzip", ratio(wall(name::GZIP), wall(name::GUNZIP)), "x", Most(1.15)),
        bar("wall, 1 file : 16 files", ratio(wall(name::ALL), wall(name::PARTS)), "x", Most(1.1)),
        bar(
            "wall, 1 object of records : 16 files",
            ratio(wall(name::WRAPPER), wall(name::PARTS)),
            "x",
            Most(1.1),
        ),
        bar(
            "wall, fastest peer : whole run",
            ratio(of_fastest(|cost| cost.wall.as_secs_f64()), wall(name::ALL)),
            "x",
            Least(3.0),
        ),
        bar(
            "peak, whole run : fastest peer",
            ratio(peak(name::ALL), of_fastest(|cost| megabytes(cost.peak))),
            "x",
            Most(0.5),
        ),
        sized("peak, whole run", peak(name::ALL), " MB", Most(300.0)),
        sized("peak, whole run with JSON", peak(name::JSON), " MB", Most(300.0)),
        bar("peak, larger input : this one", ratio(peak(name::LARGER), peak(name::ALL)), "x", Most(1.2)),
        bar(
            "first byte of the report on samples/",
            of(name::SAMPLES).map(|cost| milliseconds(cost.first_byte)),
            " ms",
            Most(60.0),
        ),
        bar("release binary", length(binary), " MB", Most(32.0)),
        sized(
            "facts as Parquet",
            of(name::FACTS).map(|_| folder_megabytes(&measured.facts)),
            " MB",
            Most(12.0),
        ),
        sized("report from facts of ten million requests", wall(name::FROM_FACTS), " s", Most(1.0)),
        bar("input", Some(megabytes(input.bytes)), " MB", Least(plan.megabytes as f64 * 0.98)),
    ]
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn length(path: &Path) -> Option<f64> {
    fs::metadata(path).ok().map(|file| megabytes(file.len()))
}

/// Megabytes of all files in a folder of facts.
fn folder_megabytes(folder: &Path) -> f64 {
    let parts = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = parts.filter_map(|part| fs::read_dir(part.path()).ok()).flatten().flatten();
    files.filter_map(|file| length(&file.path())).sum()
}
