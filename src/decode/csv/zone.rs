//! The time zone that an export shows its times in: named in brackets in the header, or by the
//! setting `--csv-zone`.
//!
//! Input: a name. Output: [`Zone`], which turns local seconds into UTC. Takes only names that stand
//! for one zone everywhere, because a guess moves every request by hours. Must not know the zone of
//! the machine it runs on.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, MappedLocalTime, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Seconds east of UTC, always.
    Fixed(i64),
    /// A zone of the IANA database.
    Named(Tz),
}

/// The name of no zone, or of more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no time zone that is known for sure: give an offset such as UTC+01:00, or a name such as Europe/Berlin"
)]
pub struct UnknownZone;

/// Why a local time is no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsettled {
    /// The clocks were put forward over it.
    Skipped,
    /// It came twice, as the clocks were put back.
    Repeated,
}

/// Farthest offset in use, in seconds (Kiribati, +14:00).
const FARTHEST: i64 = 14 * 3600;

/// Abbreviations of zones that have had one offset for decades and share their letters with no
/// other. `EST`, `CST`, `IST`, `BST` and the like have several meanings; `CET` and its kind say
/// nothing for sure of summer.
const ABBREVIATIONS: &[(&str, i64)] =
    &[("JST", 9 * 3600), ("KST", 9 * 3600), ("SGT", 8 * 3600), ("HKT", 8 * 3600)];

/// Names of the IANA database that people write as abbreviations of something else.
const DOUBTFUL: &[&str] = &["CET", "EET", "EST", "HST", "MET", "MST", "WET"];

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Kind::Fixed(0));

    /// The UTC second of a local one, both counted from 1970.
    pub(super) fn utc_second(self, local: i64) -> Result<i64, Unsettled> {
        let zone = match self.0 {
            Kind::Fixed(offset) => return Ok(local - offset),
            Kind::Named(zone) => zone,
        };
        // Nothing outside chrono's years is ever asked for: a date has four digits.
        let naive = DateTime::from_timestamp(local, 0).ok_or(Unsettled::Skipped)?.naive_utc();
        match zone.from_local_datetime(&naive) {
            MappedLocalTime::Single(instant) => Ok(instant.timestamp()),
            MappedLocalTime::Ambiguous(..) => Err(Unsettled::Repeated),
            MappedLocalTime::None => Err(Unsettled::Skipped),
        }
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// `UTC`, `GMT`, `Z`; those with an offset (`UTC+01:00`, `GMT-5`); an offset alone (`+0530`);
    /// names of the IANA database in any case; and few abbreviations.
    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let name = name.trim();
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        if let Some(offset) = fixed_offset(name) {
            return Ok(Self(Kind::Fixed(offset)));
        }
        if let Some((_, offset)) = ABBREVIATIONS.iter().find(|(known, _)| same(known)) {
            return Ok(Self(Kind::Fixed(*offset)));
        }
        let named = TZ_VARIANTS.iter().find(|zone| same(zone.name()) && !DOUBTFUL.contains(&zone.name()));
        named.map(|zone| Self(Kind::Named(*zone))).ok_or(UnknownZone)
    }
}

/// A form that is read back.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Named(zone) => f.write_str(zone.name()),
            Kind::Fixed(0) => f.write_str("UTC"),
            Kind::Fixed(offset) => {
                let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
                write!(f, "UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// Seconds east of UTC of `Z`, `UTC`, `UTC+1`, `GMT-05:00`, `+0530`.
pub(super) fn fixed_offset(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let named = ["UTC", "GMT", "UT"].iter().find_map(|name| {
        let (front, rest) = text.split_at_checked(name.len())?;
        front.eq_ignore_ascii_case(name).then_some(rest)
    });
    match named {
        Some("") => Some(0),
        Some(rest) => signed(rest.trim_start()),
        None => signed(text),
    }
}

/// Seconds of `+H`, `+HH`, `+HHMM`, `+H:MM` or `+HH:MM`, with either sign.
fn signed(text: &str) -> Option<i64> {
    let mut characters = text.chars();
    let sign = match characters.next()? {
        '+' => 1,
        // The minus sign of typography too.
        '-' | '\u{2212}' => -1,
        _ => return None,
    };
    let digits = characters.as_str().as_bytes();
    let (hours, minutes) = match digits {
        [_] | [_, _] => (digits, &b"00"[..]),
        [hours @ .., b':', _, _] => (hours, &digits[hours.len() + 1..]),
        [_, _, _, _] => digits.split_at(2),
        _ => return None,
    };
    let number = |digits: &[u8]| match digits {
        [] | [_, _, _, ..] => None,
        _ => digits
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))),
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = hours * 3600 + minutes * 60;
    (minutes < 60 && seconds <= FARTHEST).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use chrono::{Offset, TimeZone};
    use proptest::prelude::*;

    use super::*;

    fn offset(name: &str) -> Option<i64> {
        match name.parse::<Zone>() {
            Ok(Zone(Kind::Fixed(offset))) => Some(offset),
            Ok(Zone(Kind::Named(_))) => panic!("{name} has no fixed offset"),
            Err(UnknownZone) => None,
        }
    }

    #[test]
    fn offsets_are_read_in_every_form() {
        for (name, hours, minutes) in [
            ("UTC", 0, 0),
            ("utc", 0, 0),
            (" GMT ", 0, 0),
            ("Z", 0, 0),
            ("UTC+01:00", 1, 0),
            ("GMT-5", -5, 0),
            ("GMT\u{2212}5", -5, 0),
            ("+0530", 5, 30),
            ("-03:30", -3, -30),
            ("UTC+5:45", 5, 45),
            ("+14", 14, 0),
            ("jst", 9, 0),
        ] {
            assert_eq!(offset(name), Some((hours * 60 + minutes) * 60), "{name}");
        }
    }

    #[test]
    fn names_are_read_in_any_case_and_doubtful_ones_are_not() {
        for (name, known) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("asia/kolkata", "Asia/Kolkata"),
            ("AMERICA/ARGENTINA/BUENOS_AIRES", "America/Argentina/Buenos_Aires"),
            ("Etc/GMT+5", "Etc/GMT+5"),
            ("Japan", "Japan"),
            ("UTC-08:00", "UTC-08:00"),
        ] {
            assert_eq!(name.parse::<Zone>().unwrap().to_string(), known);
        }
        for name in [
            "",
            "CET",
            "CST",
            "EST",
            "IST",
            "PST",
            "BST",
            "Local Time",
            "(UTC+01:00) Amsterdam, Berlin",
            "W. Europe Standard Time",
            "UTC+15",
            "UTC + 1",
            "UTC+1:60",
            "+",
            "+1:2",
            "+:00",
            "+123",
            "+00100",
            "1",
            "UTCx",
            "٣",
            "Europe/Berlin2",
        ] {
            assert_eq!(name.parse::<Zone>(), Err(UnknownZone), "{name}");
        }
    }

    /// Every offset that is in force at the instant which it makes of the local time.
    fn instants(zone: Tz, local: i64) -> Vec<i64> {
        let quarters = -15 * 4..=15 * 4_i64;
        quarters
            .map(|quarter| quarter * 900)
            .filter_map(|offset| {
                let utc = DateTime::from_timestamp(local - offset, 0)?.naive_utc();
                let real = i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc());
                (real == offset).then_some(local - offset)
            })
            .collect()
    }

    proptest! {
        #[test]
        fn local_times_agree_with_a_search_over_all_offsets(
            index in 0..TZ_VARIANTS.len(),
            // 1990 to 2035: offsets of whole quarters of an hour.
            local in 631_152_000_i64..2_051_222_400,
        ) {
            let zone = TZ_VARIANTS[index];
            let found = Zone(Kind::Named(zone)).utc_second(local);
            match instants(zone, local).as_slice() {
                [] => prop_assert_eq!(found, Err(Unsettled::Skipped)),
                [one] => prop_assert_eq!(found, Ok(*one)),
                _ => prop_assert_eq!(found, Err(Unsettled::Repeated)),
            }
        }

        #[test]
        fn around_a_change_of_clocks(minute in -180_i64..180, back in any::<bool>()) {
            // Berlin, 2025-03-30 02:00 and 2025-10-26 03:00 local.
            let change = if back { 1_761_447_600 } else { 1_743_300_000 };
            let local = change + minute * 60;
            let found = Zone(Kind::Named(Tz::Europe__Berlin)).utc_second(local);
            let expected = match instants(Tz::Europe__Berlin, local).as_slice() {
                [] => Err(Unsettled::Skipped),
                [one] => Ok(*one),
                _ => Err(Unsettled::Repeated),
            };
            prop_assert_eq!(found, expected);
            let inside = if back { -60..0 } else { 0..60 };
            prop_assert_eq!(expected.is_err(), inside.contains(&minute));
        }

        #[test]
        fn what_is_shown_is_read_back(minutes in -14 * 60_i64..=14 * 60) {
            let zone = Zone(Kind::Fixed(minutes * 60));
            prop_assert_eq!(zone.to_string().parse(), Ok(zone));
        }

        #[test]
        fn never_panics(name in "\\PC{0,20}|[UTCGMZutc+:0-9 -]{0,10}") {
            let _ = name.parse::<Zone>();
        }
    }
}
