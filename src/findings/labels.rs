//! Texts of long tables, each kept once however many rows name it.

use crate::facts::Facts;
use crate::facts::dimensions::{Strings, Text};
use crate::report::Label;

/// The labels of texts, made when first asked for.
pub(super) struct Labels<'f> {
    strings: &'f Strings,
    made: Vec<Option<Label>>,
}

impl<'f> Labels<'f> {
    /// None made yet.
    pub(super) fn new(facts: &'f Facts) -> Self {
        Self { strings: &facts.dimensions.strings, made: Vec::new() }
    }

    /// The label of a text.
    pub(super) fn of(&mut self, text: Option<Text>) -> Option<Label> {
        let text = text?;
        if self.made.len() <= text.index() {
            self.made.resize(text.index() + 1, None);
        }
        let label = &mut self.made[text.index()];
        Some(label.get_or_insert_with(|| Label::from(self.strings.get(text))).clone())
    }
}
