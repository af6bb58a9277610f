//! Where a framer stands between two records, so that a range of a blob can be framed by itself.
//!
//! A blob that is cut into ranges is framed as the whole is, if each range begins where the one before it
//! ends: at the cut, in the same containers, and with no frame that would have gone on behind it.

use super::{Framer, State};

/// Where between two records a framer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    state: State,
    /// The states to go back to when a container ends.
    outer: Vec<State>,
}

impl Standing {
    /// Outside any container: where every blob begins.
    pub const TOP: Self = Self { state: State::Top, outer: Vec::new() };

    /// Whether it is outside any container.
    pub fn is_top(&self) -> bool {
        *self == Self::TOP
    }
}

impl<R: std::io::Read> Framer<R> {
    /// Makes this the framer of a range: it begins at a standing, and unless the range is the blob's last,
    /// more of the blob follows it.
    #[must_use]
    pub fn in_range(mut self, begins: &Standing, more_follows: bool) -> Self {
        self.state = begins.state;
        self.outer.clone_from(&begins.outer);
        self.more_follows = more_follows;
        self
    }

    /// Where the framer stands after its last frame. `None` where a range cannot begin or end: in rows,
    /// whose columns were told before; behind an array; and where the end of the range cut a frame, or may
    /// have.
    pub fn standing(&self) -> Option<Standing> {
        let between = matches!(self.state, State::Top | State::Array(_));
        let whole = !self.ran_out && !self.cut_short && self.structural_until <= self.window.offset();
        (between && whole).then(|| Standing { state: self.state, outer: self.outer.clone() })
    }
}
