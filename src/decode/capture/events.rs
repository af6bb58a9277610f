//! The events of a block, each with its `Body` decoded as a small blob of its own.
//!
//! Input: a block's decompressed bytes. Output: [`Decoded`] units with their place in the file. Holds
//! one body at a time, and hands out none of an event that is cut.

use std::io::BufRead;

use super::super::shape::Container;
use super::super::{Decoded, Limits, Place, Reason, Reject, Remembered, Totals, decode_inside};
use super::datum::{Fault, length, pass, skip, take, variant};
use super::schema::{Body, Plan};

/// Longest body that is read, unless a record may be longer. Event Hubs takes events of at most 1 MB,
/// and of 20 MB in a dedicated cluster (the facts are silent on this).
const MAX_BODY: u64 = 32 << 20;

/// What was found in a file, and who is told.
pub(super) struct Events<S> {
    limits: Limits,
    sink: S,
    /// What was read so far.
    pub(super) totals: Totals,
    /// Whether the sink has had enough.
    pub(super) stopped: bool,
    /// Events read so far.
    count: u64,
    /// The body at hand.
    body: Vec<u8>,
    /// What the records of earlier bodies looked like.
    remembered: Remembered,
}

impl<S: FnMut(Decoded<'_>) -> bool> Events<S> {
    /// Nothing found yet.
    pub(super) fn new(limits: Limits, sink: S) -> Self {
        Self {
            limits,
            sink,
            totals: Totals::default(),
            stopped: false,
            count: 0,
            body: Vec::new(),
            remembered: Remembered::default(),
        }
    }

    /// Reads so many events, or as many as there are, or until the sink has had enough.
    pub(super) fn block(&mut self, events: u64, plan: &Plan, input: &mut dyn BufRead) -> Result<(), Fault> {
        for _ in 0..events {
            if self.stopped {
                break;
            }
            self.event(plan, input)?;
        }
        Ok(())
    }

    /// Reads one event, and hands out what is in it once it is known to be whole.
    fn event(&mut self, plan: &Plan, input: &mut dyn BufRead) -> Result<(), Fault> {
        plan.before.iter().try_for_each(|item| skip(item, input))?;
        let has_body = match &plan.body {
            Body::Always => true,
            Body::Variants(variants) => *variant(variants, input)?,
        };
        let bytes = if has_body { length(input)? } else { 0 };
        let fits = bytes <= MAX_BODY.max(self.limits.max_record_bytes as u64);
        self.body.clear();
        if fits {
            take(input, bytes, &mut self.body)?;
        } else {
            pass(input, bytes)?;
        }
        plan.after.iter().try_for_each(|item| skip(item, input))?;
        self.count += 1;
        if fits {
            self.decode_body();
        } else {
            self.too_long(bytes);
        }
        Ok(())
    }

    /// Hands out what the body holds.
    fn decode_body(&mut self) {
        if self.body.is_empty() {
            self.totals.blank += 1;
            return;
        }
        let Self { limits, sink, totals, stopped, count, body, remembered } = self;
        let here = |place: Place| Place { line: *count, ..place };
        let mut take = |found: Decoded<'_>| {
            let go_on = sink(match found {
                Decoded::Record(record, place) => Decoded::Record(record, here(place)),
                Decoded::NotAudit(kind) => Decoded::NotAudit(kind),
                Decoded::Reject(reject, bytes) => {
                    Decoded::Reject(Reject { place: here(reject.place), ..reject }, bytes)
                }
            });
            *stopped |= !go_on;
            go_on
        };
        let (inner, _) =
            decode_inside(Container::Capture, body, totals.bytes, *limits, remembered, &mut take);
        totals.bytes += inner.bytes;
        totals.line_ends += inner.line_ends;
        totals.blank += inner.blank;
    }

    /// Hands out the reject for a body that is not read.
    fn too_long(&mut self, bytes: u64) {
        let place = Place { offset: self.totals.bytes, line: self.count, bytes };
        let detail = Some("the body of an event".to_owned());
        self.totals.bytes += bytes;
        self.hand_out(Reject { place, reason: Reason::TooLong, detail });
    }

    /// Hands out the reject for a stretch of the file in which no more events can be read. It stands
    /// where their bodies would begin, and has no bytes of any body.
    pub(super) fn reject(&mut self, reason: Reason, detail: String) {
        let place = Place { offset: self.totals.bytes, line: self.count + 1, bytes: 0 };
        self.hand_out(Reject { place, reason, detail: Some(detail) });
    }

    fn hand_out(&mut self, reject: Reject) {
        let go_on = (self.sink)(Decoded::Reject(reject, &[]));
        self.stopped |= !go_on;
    }
}
