//! Records in another shape than the storage archive's: one file, through the core of `examples/reshape`.
//!
//! In: where records come from, and the shape. Out: the file, and how large it is. Tables name their columns
//! before their first row, so their records are made twice instead of being kept.

use std::fs::{self, File};
use std::io::{self, BufWriter};

use crate::Source;
use crate::blobs::{Totals, at};
use crate::cli::Plan;
use crate::shapes::{Options, Outline, Record, Shape, writer};
use crate::truth::Counts;

/// Writes every record of the plan in a shape, counting them.
pub(crate) fn write(source: &Source, plan: &Plan, shape: Shape, counts: &mut Counts) -> io::Result<Totals> {
    let mut outline = Outline::new(shape);
    if !outline.is_blind() {
        let mut size = Size(0);
        source.each(plan, |_, record| {
            outline.see(&Record::read(record)?);
            Ok(size.add(record))
        })?;
    }
    if let Some(parent) = plan.out.parent() {
        fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
    }
    let file = File::create(&plan.out).map_err(|error| at(&plan.out, &error))?;
    let mut carrier = writer(outline, &Options::default(), BufWriter::new(file))?;
    let mut size = Size(0);
    source.each(plan, |event, record| {
        counts.add(event);
        carrier.append(&Record::read(record)?).map_err(|error| at(&plan.out, &error))?;
        Ok(size.add(record))
    })?;
    carrier.finish().map_err(|error| at(&plan.out, &error))?;
    let bytes = fs::metadata(&plan.out).map_err(|error| at(&plan.out, &error))?.len();
    Ok(Totals { bytes, blobs: 1 })
}

/// Bytes of the records as JSON Lines: the measure of `--bytes`, whatever the shape.
struct Size(u64);

impl Size {
    /// Adds a record, and the end of the line before it.
    fn add(&mut self, record: &str) -> u64 {
        self.0 += record.len() as u64 + u64::from(self.0 > 0);
        self.0
    }
}
