//! Text columns by their different texts.
//!
//! Input: the decoded arrays of a column. Output: [`Codes`]: which text each row has, so that whatever a
//! text is turned into is looked up once for all rows that have it. Must not interpret texts.

use polars_arrow::array::{Array, DictionaryArray, Utf8ViewArray};

use crate::facts::Map;

/// Texts that are found without looking through all of the column.
const LATELY: usize = 512;

/// Texts that were looked for in all of the column before it is judged whether that is worth while.
const TRIED: usize = if cfg!(test) { 8 } else { 4096 };

/// Where among them the text of a view would be.
#[allow(clippy::cast_possible_truncation, reason = "halves are taken, and then nine bits")]
fn place_of(view: u128) -> usize {
    // Of a long text, the upper half says where it stands; of a short one, how it ends.
    let (upper, lower) = ((view >> 64) as u64, view as u64);
    let mixed = (upper ^ lower.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - LATELY.ilog2())) as usize
}

/// Which of its texts each row of a column has.
#[derive(Debug, Default)]
pub(super) struct Codes {
    /// For each row 0 where the text is missing, else the number of the text, from 1.
    rows: Vec<u32>,
    /// The texts one behind the other, in the order of their numbers. The same may be there twice.
    texts: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

impl Codes {
    /// Tells the texts of an array apart.
    pub(super) fn new(array: &Utf8ViewArray) -> Self {
        let mut codes = Self { rows: Vec::with_capacity(array.len()), ..Self::default() };
        // Views of the same bits are of the same text: a short text stands in its view, and the rows of a
        // dictionary's entry all point to it.
        let mut known: Map<u128, u32> = Map::default();
        // Rows are sorted, and most columns have few texts: most rows have one that was there lately.
        let mut lately: Vec<(u128, u32)> = vec![(0, 0); LATELY];
        // Of a column in which nearly every text is another (ids), that would be most of the work.
        let (mut tried, mut is_worth_while) = (0, true);
        let is_missing = |row: usize| array.validity().is_some_and(|valid| !valid.get_bit(row));
        for (row, view) in array.views().iter().enumerate() {
            if is_missing(row) {
                codes.rows.push(0);
                continue;
            }
            let view = view.as_u128();
            let last = &mut lately[place_of(view)];
            if last.0 != view || last.1 == 0 {
                let code = if is_worth_while {
                    tried += 1;
                    *known.entry(view).or_insert_with(|| codes.add(array.value(row)))
                } else {
                    codes.add(array.value(row))
                };
                *last = (view, code);
                if tried == TRIED && known.len() * 2 > TRIED {
                    (known, is_worth_while) = (Map::default(), false);
                }
            }
            codes.rows.push(last.1);
        }
        codes
    }

    /// The same of an array that was never anything else than numbers of texts; `None` where a number has no text.
    pub(super) fn of_dictionary(array: &DictionaryArray<u32>) -> Option<Self> {
        let texts: &Utf8ViewArray = array.values().as_any().downcast_ref()?;
        let mut codes = Self::default();
        for text in texts.values_iter() {
            codes.add(text);
        }
        let known = u32::try_from(codes.ends.len()).ok()?;
        let code = |number: Option<&u32>| match number {
            None => Some(0),
            Some(number) => (*number < known).then(|| number + 1),
        };
        codes.rows.reserve_exact(array.len());
        for number in array.keys() {
            codes.rows.push(code(number)?);
        }
        Some(codes)
    }

    /// The number of another text.
    fn add(&mut self, text: &str) -> u32 {
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// Adds the rows of a later part of the column.
    pub(super) fn append(&mut self, later: Self) {
        if self.rows.is_empty() {
            *self = later;
            return;
        }
        let (before, bytes) = (u32::try_from(self.ends.len()).unwrap_or(u32::MAX), self.texts.len());
        self.rows.extend(later.rows.iter().map(|code| if *code == 0 { 0 } else { code + before }));
        self.texts.push_str(&later.texts);
        self.ends.extend(later.ends.iter().map(|end| end + bytes));
    }

    /// For each row 0 where the text is missing, else the number of the text, from 1.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The texts, in the order of their numbers.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.texts.get(start..*end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every row has the text that the array says.
        #[test]
        fn codes_are_of_the_texts_of_the_rows(
            columns in prop::collection::vec(prop::collection::vec(prop::option::of("[ab]{0,2}|[ab]{14,16}"), 0..20), 0..4),
        ) {
            let mut codes = Codes::default();
            for column in &columns {
                codes.append(Codes::new(&Utf8ViewArray::from_slice(column)));
            }
            let texts: Vec<&str> = codes.texts().collect();
            let rows: Vec<Option<&str>> =
                codes.rows().iter().map(|code| Some(texts[code.checked_sub(1)? as usize])).collect();
            let plain: Vec<Option<&str>> = columns.iter().flatten().map(Option::as_deref).collect();
            prop_assert_eq!(rows, plain);
        }

        /// The same of numbers, whatever texts none of them has.
        #[test]
        fn numbers_are_codes(
            texts in prop::collection::vec("[ab]{0,16}", 1..6),
            rows in prop::collection::vec(prop::option::of(any::<prop::sample::Index>()), 0..20),
        ) {
            let numbers: Vec<Option<usize>> = rows.iter().map(|row| Some(row.as_ref()?.index(texts.len()))).collect();
            let keys = numbers.iter().map(|number| number.and_then(|number| u32::try_from(number).ok()));
            let values = Utf8ViewArray::from_slice_values(&texts).boxed();
            let array = DictionaryArray::<u32>::try_from_keys(keys.collect::<Vec<_>>().into(), values, false).unwrap();
            let codes = Codes::of_dictionary(&array).unwrap();
            let known: Vec<&str> = codes.texts().collect();
            let rows = codes.rows().iter().map(|code| Some(known[code.checked_sub(1)? as usize]));
            let plain = numbers.iter().map(|number| Some(texts[(*number)?].as_str()));
            prop_assert!(rows.eq(plain));
        }
    }
}
