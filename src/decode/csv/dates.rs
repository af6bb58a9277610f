//! The instants that exports write: ISO 8601, and dates as people of some country write them.
//!
//! Input: a cell's text. Output: [`Written`], the numbers that stand there, whose meaning may still
//! depend on the order of day and month. Facts §1.4: the portal writes `2/25/2025, 9:19:25.391 AM`;
//! PowerShell writes dates as the culture of the machine does. Must not guess an order.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use super::zone::fixed_offset;
use crate::ticks::TICKS_PER_SECOND;

/// The order of the parts of a date that does not begin with a year of four digits: the setting
/// `--date-order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, Serialize, Deserialize)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// Month, day, year.
    Mdy,
    /// Day, month, year.
    Dmy,
    /// Year, month, day: decides dates whose year has two digits only.
    Ymd,
}

/// Every order.
pub(super) const ORDERS: [DateOrder; 3] = [DateOrder::Mdy, DateOrder::Dmy, DateOrder::Ymd];

/// A number and how many digits it was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    value: u32,
    digits: usize,
}

/// A date and time as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    date: [Number; 3],
    /// Seconds since midnight.
    second: i64,
    /// Ticks behind the second.
    ticks: i64,
    /// Seconds east of UTC, where the text says so itself.
    pub(super) offset: Option<i64>,
}

impl Written {
    /// Reads a text; `None` for what is no date with a time.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut cursor = Cursor { rest: text };
        let date = cursor.date()?;
        cursor.between()?;
        let (second, ticks) = cursor.clock()?;
        cursor.skip_space();
        let rest = cursor.rest.trim_end_matches(is_space);
        let offset = if rest.is_empty() { None } else { Some(fixed_offset(rest)?) };
        let written = Self { date, second, ticks, offset };
        // A date under no order is none at all.
        ORDERS.iter().any(|order| written.days(*order).is_some()).then_some(written)
    }

    /// Whether the date begins with a year of four digits, so that every order reads it alike.
    pub(super) fn is_year_first(&self) -> bool {
        self.date[0].digits == 4
    }

    /// Days from 1970-01-01 to the date under an order; `None` where that is no date.
    pub(super) fn days(&self, order: DateOrder) -> Option<i64> {
        let [first, second, third] = self.date;
        let (year, month, day) = match order {
            _ if self.is_year_first() => (first, second, third),
            DateOrder::Mdy => (third, first, second),
            DateOrder::Dmy => (third, second, first),
            DateOrder::Ymd => (first, second, third),
        };
        let year = match year.digits {
            4 => year.value,
            // Key Vault is younger than this century.
            2 => 2000 + year.value,
            _ => return None,
        };
        if month.digits > 2 || day.digits > 2 || year == 0 {
            return None;
        }
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month.value, day.value)?;
        Some(i64::from(date.num_days_from_ce()) - DAYS_TO_1970)
    }

    /// Seconds from 1970-01-01T00:00 on the same clock, for a date of so many days.
    pub(super) fn local_second(&self, days: i64) -> i64 {
        days * 86_400 + self.second
    }

    /// Ticks behind the second.
    pub(super) fn ticks(&self) -> i64 {
        self.ticks
    }
}

/// From chrono's day 1, 0001-01-01, to 1970-01-01, and day 1 itself.
const DAYS_TO_1970: i64 = 719_163;

/// White space on one line; browsers put U+202F before AM.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{a0}' | '\u{2009}' | '\u{202f}')
}

/// What stands before a time in Chinese, Korean and Japanese; true for the afternoon.
const BEFORE_THE_CLOCK: &[(&str, bool)] =
    &[("上午", false), ("下午", true), ("오전", false), ("오후", true), ("午前", false), ("午後", true)];

/// What is still to be read of a text.
struct Cursor<'t> {
    rest: &'t str,
}

impl Cursor<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    /// Steps over a text at the front.
    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Steps over one of these characters.
    fn one_of(&mut self, characters: &[char]) -> Option<char> {
        let found = self.rest.chars().next().filter(|first| characters.contains(first))?;
        self.rest = self.rest.strip_prefix(found)?;
        Some(found)
    }

    /// A number of up to `most` digits, with no digit behind it.
    fn number(&mut self, most: usize) -> Option<Number> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > most {
            return None;
        }
        let (number, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        Some(Number { value: number.parse().ok()?, digits })
    }

    /// Three numbers with the same sign between them; a point may stand behind the last, too.
    fn date(&mut self) -> Option<[Number; 3]> {
        self.skip_space();
        let first = self.number(4)?;
        self.skip_space();
        let between = self.one_of(&['/', '.', '-'])?;
        self.skip_space();
        let second = self.number(2)?;
        self.skip_space();
        self.one_of(&[between])?;
        self.skip_space();
        let third = self.number(4)?;
        if between == '.' {
            self.eat(".");
        }
        Some([first, second, third])
    }

    /// What parts date and time: `T`, or white space, a comma, or both.
    fn between(&mut self) -> Option<()> {
        if self.one_of(&['T', 't']).is_some() {
            return Some(());
        }
        let before = self.rest.len();
        self.skip_space();
        self.eat(",");
        self.skip_space();
        (self.rest.len() < before).then_some(())
    }

    /// Seconds since midnight, and the ticks behind them.
    fn clock(&mut self) -> Option<(i64, i64)> {
        let before = BEFORE_THE_CLOCK.iter().find(|(text, _)| self.eat(text)).map(|(_, noon)| *noon);
        self.skip_space();
        let hour = self.number(2)?.value;
        let between = self.one_of(&[':', '.'])?;
        let minute = self.two_digits()?;
        let (mut second, mut ticks) = (0, 0);
        if self.one_of(&[between]).is_some() {
            second = self.two_digits()?;
            if self.one_of(&['.', ',']).is_some() {
                ticks = self.fraction()?;
            }
        }
        let noon = match before {
            None => self.meridiem(),
            known => known,
        };
        let hour = match noon {
            None if hour < 24 => hour,
            Some(noon) if (1..=12).contains(&hour) => hour % 12 + if noon { 12 } else { 0 },
            _ => return None,
        };
        if minute > 59 || second > 59 {
            return None;
        }
        Some((i64::from(hour * 3600 + minute * 60 + second), ticks))
    }

    fn two_digits(&mut self) -> Option<u32> {
        self.number(2).filter(|number| number.digits == 2).map(|number| number.value)
    }

    /// Ticks of the digits at the front; those past 100 ns are cut, as in [`crate::ticks`].
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        let kept = fraction.get(..digits.min(7)).filter(|kept| !kept.is_empty())?;
        let scale = (kept.len()..7).fold(1, |scale, _| scale * 10);
        Some(kept.parse::<i64>().ok()? * scale)
    }

    /// `AM`, `pm`, `a.m.`, `p. m.`; true for the afternoon, `None` where neither stands.
    fn meridiem(&mut self) -> Option<bool> {
        let start = self.rest;
        self.skip_space();
        let noon = self.one_of(&['a', 'A', 'p', 'P']).map(|first| first.eq_ignore_ascii_case(&'p'));
        self.eat(".");
        self.skip_space();
        let whole = noon.is_some() && self.one_of(&['m', 'M']).is_some();
        if whole {
            self.eat(".");
            return noon;
        }
        self.rest = start;
        None
    }
}

/// Ticks from 1970 of a UTC second and the ticks behind it.
pub(super) fn ticks_of(second: i64, ticks: i64) -> i64 {
    second * TICKS_PER_SECOND + ticks
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDateTime, NaiveTime, Timelike};
    use proptest::prelude::*;

    use super::*;
    use crate::ticks::Ticks;

    /// The instant under an order, on a clock that shows UTC.
    fn read(text: &str, order: DateOrder) -> Option<String> {
        let written = Written::read(text)?;
        let second = written.local_second(written.days(order)?) - written.offset.unwrap_or(0);
        Some(Ticks(ticks_of(second, written.ticks())).to_string())
    }

    #[test]
    fn dates_of_many_countries_are_read() {
        use DateOrder::{Dmy, Mdy, Ymd};
        for (text, order, instant) in [
            ("2/25/2025, 9:19:25.391 AM", Mdy, "2025-02-25T09:19:25.3910000Z"),
            ("2/25/2025, 9:19:25.391\u{202f}PM", Mdy, "2025-02-25T21:19:25.3910000Z"),
            ("2/25/2025, 12:00:00.000 AM", Mdy, "2025-02-25T00:00:00Z"),
            ("2/25/2025, 12:00:00 p.m.", Mdy, "2025-02-25T12:00:00Z"),
            ("2/25/2025 9:19:25 a. m.", Mdy, "2025-02-25T09:19:25Z"),
            ("2/25/2025 9:19 AM", Mdy, "2025-02-25T09:19:00Z"),
            ("25.02.2025 09:19:25", Dmy, "2025-02-25T09:19:25Z"),
            ("25.2.2025, 09:19:25,391", Dmy, "2025-02-25T09:19:25.3910000Z"),
            ("25. 2. 2025 9:19:25", Dmy, "2025-02-25T09:19:25Z"),
            ("25.2.2025 9.19.25", Dmy, "2025-02-25T09:19:25Z"),
            ("25/02/2025 09:19:25", Dmy, "2025-02-25T09:19:25Z"),
            ("25-02-2025 09:19:25 +01:00", Dmy, "2025-02-25T08:19:25Z"),
            ("25/02/25 09:19:25", Dmy, "2025-02-25T09:19:25Z"),
            ("24/02/25 09:19:25", Ymd, "2024-02-25T09:19:25Z"),
            ("2025/2/25 9:19:25", Mdy, "2025-02-25T09:19:25Z"),
            ("2025. 02. 25. 9:19:25", Mdy, "2025-02-25T09:19:25Z"),
            ("2025/2/25 下午9:19:25", Mdy, "2025-02-25T21:19:25Z"),
            ("2025-02-25 오전 9:19:25", Mdy, "2025-02-25T09:19:25Z"),
            ("2025-02-25T09:19:25.3911234Z", Dmy, "2025-02-25T09:19:25.3911234Z"),
            ("2025-02-25T09:19:25.391123499+0530", Dmy, "2025-02-25T03:49:25.3911234Z"),
            ("2025-02-25 09:19:25 UTC", Dmy, "2025-02-25T09:19:25Z"),
            ("2/29/2024 0:00:00", Mdy, "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(read(text, order).as_deref(), Some(instant), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            "2/25/2025",
            "2/25/2025 AM",
            "2/25/2025, 13:00:00 PM",
            "2/25/2025, 0:30:00 AM",
            "2/25/2025, 24:00:00",
            "2/25/2025, 9:60:00",
            "2/25/2025, 9:00:60",
            "2/25/2025, 9:0:0",
            "2/25/2025, 9:00:00.",
            "2/25/2025, 9:00:00 XM",
            "2/25/2025, 9:00:00 AM CST",
            "2/25.2025 9:00:00",
            "25/25/2025 9:00:00",
            "2/30/2025 9:00:00",
            "2/29/2023 9:00:00",
            "0/1/2025 9:00:00",
            "1/1/0000 9:00:00",
            "1/1/1 9:00:00",
            "1/1/202 9:00:00",
            "12345/1/1 9:00:00",
            "2025-02-2509:19:25",
            "٢/٢٥/٢٠٢٥ ٩:١٩:٢٥",
            "=cmd|' /C calc'!A0",
        ] {
            assert_eq!(Written::read(text), None, "{text}");
        }
    }

    /// chrono's formats for one way to write.
    const FORMATS: &[(&str, DateOrder)] = &[
        ("%-m/%-d/%Y, %-I:%M:%S%.3f %p", DateOrder::Mdy),
        ("%-m/%-d/%Y %-I:%M:%S %p", DateOrder::Mdy),
        ("%m/%d/%Y %H:%M:%S%.7f", DateOrder::Mdy),
        ("%d.%m.%Y %H:%M:%S", DateOrder::Dmy),
        ("%d/%m/%Y %H:%M:%S%.6f", DateOrder::Dmy),
        ("%-d-%-m-%Y %-H:%M", DateOrder::Dmy),
        ("%d.%m.%y %H:%M:%S", DateOrder::Dmy),
        ("%m/%d/%y %I:%M:%S %P", DateOrder::Mdy),
        ("%y/%m/%d %H:%M:%S", DateOrder::Ymd),
        ("%Y-%m-%dT%H:%M:%S%.9f", DateOrder::Ymd),
        ("%Y/%-m/%-d %-H:%M:%S", DateOrder::Dmy),
    ];

    /// chrono's own reading of what stands there. It has no name for a fraction of seven digits.
    fn by_chrono(text: &str, format: &str) -> Option<NaiveDateTime> {
        let format = format.replace("%.7f", "%.f").replace("%.6f", "%.f").replace("%.9f", "%.f");
        NaiveDateTime::parse_from_str(text, &format).ok()
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(
            // 2000 to 2068: chrono takes greater years of two digits for those of the last century.
            day in 0_i64..25_000,
            second in 0_u32..86_400,
            nanos in 0_u32..1_000_000_000,
            (format, order) in proptest::sample::select(FORMATS),
        ) {
            let date = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap() + chrono::Duration::days(day);
            let time = NaiveTime::from_num_seconds_from_midnight_opt(second, nanos).unwrap();
            let format_here = format.replace("%.7f", "%.9f");
            let mut text = NaiveDateTime::new(date, time).format(&format_here).to_string();
            if format.contains("%.7f") {
                text.truncate(text.len() - 2);
            }
            let read = by_chrono(&text, format).unwrap();
            let written = Written::read(&text).unwrap();
            let days = written.days(order).unwrap();
            prop_assert_eq!(written.local_second(days), read.and_utc().timestamp(), "{}", text);
            prop_assert_eq!(written.ticks(), i64::from(read.nanosecond() / 100), "{}", text);
        }

        #[test]
        fn iso_instants_agree_with_the_storage_form(
            second in -62_135_596_800_i64..253_402_300_800, fraction in 0..TICKS_PER_SECOND,
        ) {
            let text = Ticks(ticks_of(second, fraction)).to_string();
            for order in ORDERS {
                prop_assert_eq!(read(&text, order), Some(text.clone()));
            }
        }

        #[test]
        fn numbers_are_a_date_only_if_chrono_says_so(
            first in 0_u32..40, second in 0_u32..40, year in 0_i32..2100,
        ) {
            let text = format!("{first}/{second}/{year:04} 00:00:00");
            let mdy = NaiveDate::from_ymd_opt(year, first, second).filter(|_| year > 0);
            let dmy = NaiveDate::from_ymd_opt(year, second, first).filter(|_| year > 0);
            let days = |date: NaiveDate| (date - NaiveDate::from_ymd_opt(1970, 1, 1).unwrap()).num_days();
            let written = Written::read(&text);
            prop_assert_eq!(written.is_some(), mdy.or(dmy).is_some());
            if let Some(written) = written {
                prop_assert_eq!(written.days(DateOrder::Mdy), mdy.map(days));
                prop_assert_eq!(written.days(DateOrder::Dmy), dmy.map(days));
                prop_assert_eq!(written.days(DateOrder::Ymd), None);
            }
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}|[0-9/.:, APMapmT+-]{0,40}") {
            let _ = Written::read(&text);
        }
    }
}
