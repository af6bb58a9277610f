//! Frames for what is no record: broken, too long, or not JSON at all.
//!
//! Input: a framer at such a stretch. Output: a frame for it, with the framer behind it, where the next record may
//! begin. Must not lose a byte.

use std::io::Read;

use super::resync::Resync;
use super::scanner::{Progress, Scanner};
use super::{Cut, FrameKind, Framer, Place, Reason, State, Step};

impl<R: Read> Framer<R> {
    /// Elements that are no records, up to the next that may be one or the end of the array.
    pub(super) fn no_records(&mut self, mut scanner: Scanner, resync: Resync) -> Cut {
        let place = self.place(0);
        let (mut fed, mut passed) = (0, 0);
        let length = loop {
            match scanner.feed(self.window.rest().get(fed..).unwrap_or_default()) {
                Progress::More => {}
                Progress::End(length) | Progress::Wrapped(length, _) | Progress::Broken(length, _) => {
                    break fed + length;
                }
            }
            fed = self.window.rest().len();
            if self.window.is_over(fed as u64) {
                self.window.consume(fed);
                passed += fed as u64;
                fed = 0;
            }
            if !self.window.more() {
                self.ran_out = true;
                break fed;
            }
        };
        self.window.consume(length);
        if passed == 0 && length == 0 {
            // Not even a value: whatever it is, the next record may begin behind it.
            let passed_over = self.window.discard_to(1, resync);
            self.ran_out |= self.window.rest().is_empty();
            return self.passed_over(place, passed_over, Reason::InvalidJson);
        }
        self.passed_over(place, (passed + length as u64, passed == 0), Reason::NotARecord)
    }

    /// A query's answer says itself that it is not whole.
    pub(super) fn partial_answer(&self) -> Cut {
        let detail = Some("the query's answer carries an error: it is partial");
        let kind = FrameKind::Broken(Reason::PartialAnswer, detail);
        Cut { kind, place: self.place(0), at_hand: false }
    }

    /// An object whose structure breaks `at` bytes behind its start: passed over up to where the
    /// next record may begin.
    pub(super) fn broken(&mut self, place: Place, at: usize, reason: Reason, resync: Resync) -> Cut {
        let broken = self.window.rest().get(..at).unwrap_or_default();
        let nul = memchr::memchr(0, broken).is_some();
        // Broken on its very first line: that line alone is lost. Further down: all up to the next
        // line that begins an object, even where the scanner read over that line.
        let first_line = memchr::memchr(b'\n', broken).is_none();
        let length = match resync {
            Resync::Line if first_line => self.window.discard_to(at, Resync::NextLine),
            Resync::Line => self.window.discard_to(1, resync),
            _ => self.window.discard_to(at.max(1), resync),
        };
        self.cut_short = self.window.rest().is_empty();
        self.passed_over(place, length, if nul { Reason::NulBytes } else { reason })
    }

    /// An object that is longer than a record may be, of which `fed` bytes were looked at: followed
    /// to its end, or to the end of its line.
    pub(super) fn too_long(&mut self, place: Place, fed: usize, mut scanner: Scanner) -> Cut {
        self.window.consume(fed);
        let mut length = fed as u64;
        while !self.window.rest().is_empty() || self.window.more() {
            let step = match scanner.feed(self.window.rest()) {
                Progress::More => self.window.rest().len(),
                Progress::End(end) | Progress::Wrapped(end, _) => {
                    self.window.consume(end);
                    length += end as u64;
                    break;
                }
                Progress::Broken(at, _) => {
                    length += self.window.discard_to(at, Resync::NextLine).0;
                    break;
                }
            };
            self.window.consume(step);
            length += step as u64;
        }
        self.ran_out |= self.window.rest().is_empty();
        self.passed_over(place, (length, false), Reason::TooLong)
    }

    /// A stretch that begins like no object and no container.
    pub(super) fn no_object(&mut self, reason: Reason, detail: Option<&'static str>, resync: Resync) -> Cut {
        let place = self.place(0);
        let length = self.window.discard_to(0, resync);
        self.ran_out |= self.window.rest().is_empty();
        Cut { kind: FrameKind::Broken(reason, detail), ..self.passed_over(place, length, reason) }
    }

    /// A container that ends too early: a reject of no bytes, unless the record that was cut with
    /// it has been told already.
    pub(super) fn not_closed(&mut self, detail: &'static str) -> Step {
        self.state = State::Top;
        self.outer.clear();
        if self.cut_short {
            return Step::Again;
        }
        let kind = FrameKind::Broken(Reason::Truncated, Some(detail));
        Step::Cut(Cut { kind, place: self.place(0), at_hand: false })
    }

    /// The frame of a stretch that was passed over: its length, and whether it is still at hand. One
    /// that is longer than a record may be is given without its bytes, however much was read.
    pub(super) fn passed_over(&self, place: Place, (bytes, at_hand): (u64, bool), reason: Reason) -> Cut {
        let at_hand = at_hand && !self.window.is_over(bytes);
        Cut { kind: FrameKind::Broken(reason, None), place: Place { bytes, ..place }, at_hand }
    }
}
