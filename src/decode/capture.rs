//! Event Hubs Capture: Avro object containers whose records are events (facts §1.3).
//!
//! Input: the file's bytes. Output: what [`super::decode`] gives for the `Body` of each event, which
//! holds `{"records":[…]}`, one record, or JSON Lines. The file is hostile until read: memory follows
//! the bytes that are there and never a claimed count or length, expansion is bounded as for any
//! compressed blob, and a damaged block costs itself alone, because the next one is found by the
//! marker between them. Must not know what a record is.
//!
//! `apache-avro` reads the schema. Its own reader of containers and values is not used: it allocates
//! what a file claims, up to a bound that is one for the whole process; follows a type inside itself
//! without end; takes the end of the bytes for a null; and stops for good at the first damage.

mod block;
mod datum;
mod events;
mod header;
mod schema;

use std::cell::Cell;
use std::io::{self, Read};

use super::compression::FREE_EXPANSION;
use super::framing::window::{CHUNK, Window};
use super::shape::Container;
use super::{Decoded, Limits, Reason, Totals};
use block::{AT_HAND, Allowance, Claim, Extent, Marker};
use datum::Fault;
use events::Events;
use header::Header;

/// How every Avro object container begins: its magic, and version 1.
const MAGIC: &[u8] = b"Obj\x01";

/// Whether a blob that begins so is an Avro object container. Four bytes are enough to tell.
#[must_use]
pub fn is_capture(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// Reads a whole Capture file, handing each thing found to `sink` in order; stops early when `sink`
/// says so (false). What [`super::Place`] and [`Totals`] count is said there. A blob of no bytes, and
/// a file of no blocks, are fine: nothing was captured in that window of time.
///
/// # Errors
/// Only what the reader reports. What was handed out before stays valid; the block that was cut has
/// been handed out as a reject.
pub fn decode(
    reader: impl Read,
    limits: Limits,
    sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, io::Result<()>) {
    let mut window = Window::new(reader, 0, usize::MAX, CHUNK);
    let mut events = Events::new(limits, sink);
    window.ensure(1);
    if !window.rest().is_empty() {
        events.totals.containers.insert(Container::Capture);
        let taken = Cell::new(0);
        let header = Header::read(&mut Extent { window: &mut window, left: u64::MAX, taken: &taken });
        match header {
            Ok(header) => Blocks::new(&mut window, &header, &mut events).read(limits.max_expansion),
            Err(fault) => {
                let (reason, why) = fault.told(fault == Fault::Ended);
                events.totals.incomplete = true;
                events.reject(reason, format!("the file's header: {why}"));
            }
        }
    }
    let error = window.take_error().filter(|_| !events.stopped);
    (events.totals, error.map_or(Ok(()), Err))
}

/// Bytes that may stand between the end of compressed data and the end of their block: some writers
/// (fastavro is one) leave a part of zlib's sum there.
const SLACK: u64 = 4;

/// What is wrong when more bytes than that stand there.
const LEFT_OVER: &str = "more bytes stand in it than its events have";

/// What is wrong when the file goes on without one.
const NO_MARKER: &str = "no marker stands behind it";

/// The blocks of a file.
struct Blocks<'f, R, S> {
    window: &'f mut Window<R>,
    header: &'f Header,
    events: &'f mut Events<S>,
    /// The marker of the header, and the one last met behind a whole block: when one of them is
    /// damaged, the others still say where blocks end.
    markers: [Marker; 2],
    /// Blocks begun so far.
    count: u64,
    /// Bytes that the file may still expand to beyond its factor.
    free: u64,
}

/// Where a block's stored bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    /// Stored bytes up to there.
    bytes: u64,
    /// Whether a marker was seen there.
    marked: bool,
}

impl<'f, R: Read, S: FnMut(Decoded<'_>) -> bool> Blocks<'f, R, S> {
    fn new(window: &'f mut Window<R>, header: &'f Header, events: &'f mut Events<S>) -> Self {
        let markers = [header.marker; 2];
        Self { window, header, events, markers, count: 0, free: FREE_EXPANSION }
    }

    /// Reads block after block to the end of the file.
    fn read(&mut self, factor: u64) {
        loop {
            self.window.ensure(1);
            if self.window.rest().is_empty() || self.events.stopped {
                return;
            }
            self.count += 1;
            let start = self.window.offset();
            let result = self.block(factor);
            if self.events.stopped {
                return;
            }
            if let Err((fault, cut)) = result {
                self.tell(start, fault, cut);
            }
        }
    }

    /// Reads one block, its marker included. Behind a fault the window stands where the next block
    /// may begin, and what comes with the fault says whether the file was cut inside this one.
    fn block(&mut self, factor: u64) -> Result<(), (Fault, bool)> {
        let claim = match Claim::read(self.window) {
            Ok(claim) => claim,
            Err(fault) => return Err((fault, !self.pass_marker() && fault == Fault::Ended)),
        };
        let start = self.window.offset();
        let end = self.end(claim);
        let allowance = Allowance::new(self.free, factor);
        let result = self.contents(claim, end, &allowance);
        self.free = allowance.left();
        if self.events.stopped {
            return Ok(());
        }
        let unread = end.bytes - allowance.taken.get();
        if !end.marked {
            return self.unmarked(result, start, claim, unread);
        }
        self.window.consume(usize::try_from(unread).unwrap_or(usize::MAX));
        self.window.consume(size_of::<Marker>());
        match result {
            Err(fault) => Err((fault, false)),
            Ok(()) if unread > SLACK => Err((Fault::damaged(LEFT_OVER), false)),
            Ok(()) if end.bytes != claim.bytes => {
                Err((Fault::damaged("it is shorter than it says; all its events were read"), false))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Finds the way behind a block whose marker was not seen: it is very long, damaged, or cut.
    fn unmarked(
        &mut self,
        result: Result<(), Fault>,
        start: u64,
        claim: Claim,
        unread: u64,
    ) -> Result<(), (Fault, bool)> {
        let fault = match result {
            // A block of nothing is no proof that a block was here: zeros look like one.
            Ok(()) if unread <= SLACK && claim.events > 0 => {
                let unread = usize::try_from(unread).unwrap_or(usize::MAX);
                self.window.ensure(unread + 2 * size_of::<Marker>());
                self.window.consume(unread);
                match self.take_marker() {
                    Some(true) => return Ok(()),
                    Some(false) => {
                        return Err((Fault::damaged("only the marker behind it is damaged"), false));
                    }
                    None => Fault::damaged(NO_MARKER),
                }
            }
            Ok(()) if unread <= SLACK => Fault::damaged(NO_MARKER),
            Ok(()) => Fault::damaged(LEFT_OVER),
            Err(fault) => fault,
        };
        let found = self.pass_marker();
        let end = start.saturating_add(claim.bytes).saturating_add(size_of::<Marker>() as u64);
        Err((fault, !found && end > self.window.offset()))
    }

    /// Where the block ends: where it says, if a marker stands there or none stands before.
    fn end(&mut self, claim: Claim) -> End {
        let length = usize::try_from(claim.bytes.min(AT_HAND)).unwrap_or(usize::MAX);
        self.window.ensure(length + size_of::<Marker>());
        let rest = self.window.rest();
        let behind = rest.get(length..).and_then(|rest| rest.first_chunk());
        if claim.bytes <= AT_HAND && behind.is_some_and(|behind| self.markers.contains(behind)) {
            return End { bytes: claim.bytes, marked: true };
        }
        let searched = rest.get(..length + size_of::<Marker>()).unwrap_or(rest);
        match find(searched, &self.markers) {
            Some(at) => End { bytes: at as u64, marked: true },
            None => End { bytes: claim.bytes, marked: false },
        }
    }

    /// Hands out the events of a block, and makes sure that nothing is left of it.
    fn contents(&mut self, claim: Claim, end: End, allowance: &Allowance) -> Result<(), Fault> {
        let extent = Extent { window: self.window, left: end.bytes, taken: &allowance.taken };
        let mut content = self.header.codec.open(extent, allowance)?;
        self.events.block(claim.events, &self.header.plan, &mut *content)?;
        if self.events.stopped || content.fill_buf()?.is_empty() {
            Ok(())
        } else {
            Err(Fault::damaged(LEFT_OVER))
        }
    }

    /// Takes the marker behind a block that was whole, or what stands in its place; says whether it
    /// is a known one. `None` when the file ends before.
    fn take_marker(&mut self) -> Option<bool> {
        let rest = self.window.rest();
        let marker: Marker = *rest.first_chunk()?;
        if self.markers.contains(&marker) {
            self.window.consume(marker.len());
            return Some(true);
        }
        // A few bytes too many, and then a known one: no marker of this block's own.
        let near = rest.get(..2 * marker.len()).unwrap_or(rest);
        if let Some(at) = find(near, &self.markers) {
            self.window.consume(at + marker.len());
        } else {
            self.markers[1] = marker;
            self.window.consume(marker.len());
        }
        Some(false)
    }

    /// Steps behind the next marker, or to the end of the file: false.
    fn pass_marker(&mut self) -> bool {
        loop {
            let rest = self.window.rest();
            if let Some(at) = find(rest, &self.markers) {
                self.window.consume(at + size_of::<Marker>());
                return true;
            }
            // All but what may be the front of a marker.
            let passed = rest.len().saturating_sub(size_of::<Marker>() - 1);
            self.window.consume(passed);
            if !self.window.more() {
                self.window.consume(self.window.rest().len());
                return false;
            }
        }
    }

    /// Hands out the reject for a block that began at `start`, with the window behind it.
    fn tell(&mut self, start: u64, fault: Fault, cut: bool) {
        let (reason, why) = fault.told(cut);
        self.events.totals.incomplete |= reason == Reason::Truncated;
        let end = self.window.offset();
        self.events
            .reject(reason, format!("block {}, bytes {start} to {end} of the file: {why}", self.count));
    }
}

/// Where the first of the markers stands.
fn find(bytes: &[u8], markers: &[Marker; 2]) -> Option<usize> {
    let [first, second] = markers;
    let at = memchr::memmem::find(bytes, first);
    if first == second {
        return at;
    }
    // Nearer than the first, or none.
    let before = at.and_then(|at| bytes.get(..at + second.len())).unwrap_or(bytes);
    memchr::memmem::find(before, second).or(at)
}

#[cfg(test)]
mod tests;
