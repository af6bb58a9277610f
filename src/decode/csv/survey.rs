//! Which order the dates of a file have: decided once, from all of its rows.
//!
//! Input: the dates of a file and what the settings say. Output: [`ResolvedDates`], which reads a
//! date in one way only, or refuses the file. A date such as `4/2/2025` has two readings, and only
//! the other rows can tell which was meant. Must not prefer one country's habit.
//!
//! Local times that the clocks were put forward over, or that come twice as they are put back, name
//! no one instant. The order of the rows does not settle it, since exports are sorted as the query
//! says; such a row is rejected by name, and an export in UTC has none.

use super::dates::{DateOrder, ORDERS, Written, ticks_of};
use super::header::{Header, NamedZone, Used};
use super::zone::{Unsettled, Zone};
use crate::decode::columns::Column;
use crate::ticks::Ticks;

/// What the settings say of dates in CSV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// `--date-order`; `None` to decide it for each file.
    pub order: Option<DateOrder>,
    /// `--csv-zone`: the zone of times whose header names none (UTC without this setting), or names
    /// one that is not known for sure. A name that is known goes before this.
    pub zone: Option<Zone>,
}

/// What all dates of a file have in common. Depends on which rows there are and not on their order,
/// but for the lines that are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The first line with a date that is none under each of [`ORDERS`].
    impossible: [Option<u64>; 3],
    /// The first line with a date that two orders read differently, for the pairs of [`PAIRS`].
    different: [Option<u64>; 3],
}

/// Places in [`ORDERS`] of each two orders.
const PAIRS: [(usize, usize); 3] = [(0, 1), (0, 2), (1, 2)];

impl Survey {
    /// Takes in the date of one row.
    pub(super) fn note(&mut self, line: u64, written: &Written) {
        if written.is_year_first() {
            return;
        }
        let days = ORDERS.map(|order| written.days(order));
        let first = |kept: &mut Option<u64>| *kept = Some(kept.map_or(line, |kept| kept.min(line)));
        for (days, impossible) in days.iter().zip(&mut self.impossible) {
            if days.is_none() {
                first(impossible);
            }
        }
        for ((one, other), different) in PAIRS.into_iter().zip(&mut self.different) {
            if let (Some(one), Some(other)) = (days[one], days[other])
                && one != other
            {
                first(different);
            }
        }
    }

    /// Decides, for a file of which this is the survey.
    pub fn resolve(&self, dates: &Dates) -> ResolvedDates {
        let (order, refusal) = match (dates.order, self.order()) {
            (Some(order), _) | (None, Ok(order)) => (Some(order), None),
            (None, Err(why)) => (None, Some(why)),
        };
        ResolvedDates { order, zone: dates.zone, refusal }
    }

    /// The one order, or any of those that read all rows alike.
    fn order(&self) -> Result<DateOrder, String> {
        let possible = |index: usize| self.impossible[index].is_none();
        let first = ORDERS.iter().enumerate().find(|(index, _)| possible(*index));
        let Some((_, order)) = first else {
            let line = |index: usize| self.impossible[index].unwrap_or_default();
            return Err(format!(
                "the date on line {} is no month/day/year and that on line {} no day/month/year: say which the file has with --date-order",
                line(0),
                line(1)
            ));
        };
        let open =
            PAIRS.iter().zip(self.different).filter(|((one, other), _)| possible(*one) && possible(*other));
        match open.filter_map(|(_, line)| line).min() {
            None => Ok(*order),
            Some(line) => Err(format!(
                "no row tells which number of a date is the month (line {line} is the first that has two readings): say it with --date-order mdy or --date-order dmy"
            )),
        }
    }
}

/// How the dates of one file are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedDates {
    /// `None` where no order is known: then only dates that begin with the year are read.
    order: Option<DateOrder>,
    zone: Option<Zone>,
    /// Why the file is refused.
    refusal: Option<String>,
}

impl ResolvedDates {
    /// Dates of a file that was not surveyed: those that begin with the year, and the others only
    /// if the settings say their order.
    pub fn unsurveyed(dates: &Dates) -> Self {
        Self { order: dates.order, zone: dates.zone, refusal: None }
    }

    /// Why a file with this header is refused as a whole.
    pub(super) fn refusal(&self, header: &Header) -> Option<String> {
        let no_zone =
            header.used.iter().any(|used| used.column == Column::Time && self.zone_of(used).is_none());
        self.refusal.clone().or_else(|| no_zone.then(|| NO_ZONE.to_owned()))
    }

    /// The zone of a time column; `None` where its name is not known for sure.
    fn zone_of(&self, used: &Used) -> Option<Zone> {
        match used.zone {
            NamedZone::Known(zone) => Some(zone),
            NamedZone::Silent => Some(self.zone.unwrap_or(Zone::UTC)),
            NamedZone::Unknown => self.zone,
        }
    }

    /// The instant of a cell in a time column; `None` for text that is no date with a time.
    ///
    /// # Errors
    /// For a date or time that has no one reading: why.
    pub(super) fn read(&self, text: &str, used: &Used) -> Result<Option<Ticks>, &'static str> {
        let zone = self.zone_of(used).ok_or(NO_ZONE)?;
        // The form of nearly all exports, read as in every other shape.
        if zone == Zone::UTC
            && let Some(ticks) = Ticks::from_iso(text)
        {
            return Ok(Some(ticks));
        }
        let Some(written) = Written::read(text) else { return Ok(None) };
        let order = match self.order {
            Some(order) => order,
            None if written.is_year_first() => DateOrder::Ymd,
            None => return Err(NO_ORDER),
        };
        let local = written.local_second(written.days(order).ok_or(OTHER_ORDER)?);
        let second = match written.offset {
            Some(offset) => local - offset,
            None => zone.utc_second(local).map_err(|why| match why {
                Unsettled::Skipped => SKIPPED,
                Unsettled::Repeated => REPEATED,
            })?,
        };
        Ok(Some(Ticks(ticks_of(second, written.ticks()))))
    }
}

const NO_ZONE: &str = "the header names a time zone that is not known for sure: say which with --csv-zone, as in --csv-zone Europe/Berlin";
const NO_ORDER: &str = "a date that does not begin with the year, in a file whose first row does: say its order with --date-order";
const OTHER_ORDER: &str = "the date is none in the order that --date-order says";
const SKIPPED: &str =
    "a local time that the clocks were put forward over: export in UTC, or check --csv-zone";
const REPEATED: &str = "a local time that comes twice, as the clocks are put back: export in UTC";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn survey(texts: &[String]) -> Survey {
        let mut survey = Survey::default();
        for (line, text) in (2..).zip(texts) {
            if let Some(written) = Written::read(text) {
                survey.note(line, &written);
            }
        }
        survey
    }

    fn order(texts: &[&str]) -> Result<DateOrder, String> {
        survey(&texts.iter().map(|date| format!("{date} 9:00:00")).collect::<Vec<_>>()).order()
    }

    #[test]
    fn all_rows_decide() {
        assert_eq!(order(&["4/2/2025", "4/25/2025"]), Ok(DateOrder::Mdy));
        assert_eq!(order(&["4/2/2025", "25/4/2025"]), Ok(DateOrder::Dmy));
        assert_eq!(order(&["25/04/25"]), Ok(DateOrder::Dmy));
        assert_eq!(order(&["31/04/25"]), Ok(DateOrder::Ymd));
        // Read alike under every order that is left.
        assert_eq!(order(&["2/2/2025", "3/3/2025"]), Ok(DateOrder::Mdy));
        assert!(order(&["2025-04-02", "99/99/2025", "nothing"]).is_ok());
        let open = order(&["2/2/2025", "4/2/2025", "4/3/2025"]).unwrap_err();
        assert!(open.contains("line 3") && open.contains("--date-order"), "{open}");
        let both = order(&["4/2/2025", "4/25/2025", "25/4/2025", "26/4/2025"]).unwrap_err();
        assert!(
            both.contains("line 4 ") && both.contains("line 3 ") && both.contains("--date-order"),
            "{both}"
        );
        assert!(order(&["24/02/25"]).unwrap_err().contains("--date-order"));
    }

    #[test]
    fn a_setting_goes_before_the_survey() {
        let survey = survey(&["4/2/2025 9:00".to_owned()]);
        let dates = Dates { order: Some(DateOrder::Dmy), zone: None };
        assert_eq!(survey.resolve(&dates), ResolvedDates::unsurveyed(&dates));
        assert!(survey.resolve(&Dates::default()).refusal.is_some());
    }

    /// The dates under an order; `None` when one of them is no date under it.
    fn days(texts: &[String], order: DateOrder) -> Option<Vec<i64>> {
        // A text that is a date under no order says nothing of the order.
        texts.iter().filter_map(|text| Written::read(text)).map(|written| written.days(order)).collect()
    }

    fn date() -> impl Strategy<Value = String> {
        let number = prop_oneof![1_u32..=12, 1_u32..=31];
        let year = prop_oneof![Just("2025".to_owned()), Just("25".to_owned()), Just("9".to_owned())];
        let whole =
            (number.clone(), number, year).prop_map(|(a, b, year)| format!("{a:02}/{b:02}/{year} 9:00"));
        // Mostly one order, so that files are decided, too.
        prop_oneof![
            1 => whole,
            3 => (1_u32..=12, 1_u32..=28).prop_map(|(month, day)| format!("{month}/{day}/2025 9:00")),
            1 => (1_u32..=12).prop_map(|both| format!("{both}/{both}/2025 9:00")),
            1 => Just("2025-04-02 9:00".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_trying_each_order_on_all_rows(texts in proptest::collection::vec(date(), 0..8)) {
            let readings: Vec<_> =
                ORDERS.iter().filter_map(|order| Some((*order, days(&texts, *order)?))).collect();
            let found = survey(&texts).order();
            match readings.as_slice() {
                [] => prop_assert!(found.unwrap_err().contains(" and that on line ")),
                [(_, first), rest @ ..] if rest.iter().all(|(_, other)| other == first) => {
                    prop_assert_eq!(days(&texts, found.unwrap()), Some(first.clone()));
                }
                _ => prop_assert!(found.unwrap_err().contains("two readings")),
            }
        }

        #[test]
        fn the_order_of_the_rows_does_not_show(
            (texts, shuffled) in proptest::collection::vec(date(), 0..8)
                .prop_flat_map(|texts| (Just(texts.clone()), Just(texts).prop_shuffle())),
        ) {
            let (one, other) = (survey(&texts).order(), survey(&shuffled).order());
            prop_assert_eq!(one.as_ref().ok(), other.as_ref().ok());
            let kind = |error: String| error.contains("two readings");
            prop_assert_eq!(one.err().map(kind), other.err().map(kind));
        }
    }
}
