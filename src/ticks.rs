//! Instants as Azure writes them: UTC, counted in ticks of 100 nanoseconds.
//!
//! Input: the `time` text of a record. Output: [`Ticks`], an integer that orders, merges and
//! compares exactly. Must not read a clock.

mod intervals;

use std::fmt;

use chrono::{DateTime, Datelike, Timelike, Utc};

pub use intervals::Intervals;

/// Ticks of 100 ns in one second; Azure writes seven fractional digits.
pub const TICKS_PER_SECOND: i64 = 10_000_000;

/// An instant in UTC, in ticks of 100 ns since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(pub i64);

impl Ticks {
    /// The first instant that a log can name: year 1, a day earlier by its offset.
    pub const FIRST: Self = Self((-62_135_596_800 - 86_400) * TICKS_PER_SECOND);

    /// The last instant that a log can name: year 9999, a day later by its offset.
    pub const LAST: Self = Self((253_402_300_800 + 86_400) * TICKS_PER_SECOND - 1);

    /// Reads an ISO 8601 instant: `2024-04-02T08:20:49.2681600Z`, with any number of fractional
    /// digits (those past 100 ns are cut), a space in place of `T`, and `Z`, an offset or, as
    /// Azure's times are UTC, nothing behind it. Years 0001 to 9999. `None` for anything else.
    pub fn from_iso(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (date, rest) = bytes.split_at_checked(10)?;
        let days = days_of_date(date)?;
        let (separator, rest) = rest.split_first()?;
        if !matches!(separator, b'T' | b't' | b' ') {
            return None;
        }
        let (clock, rest) = rest.split_at_checked(8)?;
        let seconds = seconds_of_clock(clock)?;
        let (fraction, rest) = fraction_ticks(rest)?;
        let offset = offset_seconds(rest)?;
        Some(Self((days * 86_400 + seconds - offset) * TICKS_PER_SECOND + fraction))
    }

    /// The whole second this instant lies in, in seconds since 1970 (rounded down).
    pub fn second(self) -> i64 {
        self.0.div_euclid(TICKS_PER_SECOND)
    }

    /// The start of a second.
    pub fn from_second(second: i64) -> Self {
        Self(second.saturating_mul(TICKS_PER_SECOND))
    }

    /// The same instant for chrono; `None` outside chrono's years.
    pub fn to_chrono(self) -> Option<DateTime<Utc>> {
        let nanos = u32::try_from(self.0.rem_euclid(TICKS_PER_SECOND) * 100).ok()?;
        DateTime::from_timestamp(self.second(), nanos)
    }

    /// The tick that holds a chrono instant.
    pub fn from_chrono(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp() * TICKS_PER_SECOND + i64::from(instant.timestamp_subsec_nanos() / 100))
    }
}

/// Reads instants as [`Ticks::from_iso`] does, most of them by the minute of the one before: records come in the
/// order of their time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Minute {
    /// `2024-04-02T08:20`, as it stood there; zeros before the first instant.
    text: [u8; 16],
    /// Its first tick.
    start: i64,
}

impl Minute {
    /// Reads an instant.
    #[inline]
    pub fn read(&mut self, text: &str) -> Option<Ticks> {
        // As Azure writes it: seven digits of a fraction, and Z.
        if let Ok(bytes) = <&[u8; 28]>::try_from(text.as_bytes())
            && bytes.first_chunk() == Some(&self.text)
            && let Some(ticks) = ticks_in_minute(bytes)
        {
            return Some(Ticks(self.start + ticks));
        }
        self.read_anew(text)
    }

    fn read_anew(&mut self, text: &str) -> Option<Ticks> {
        let instant = Ticks::from_iso(text)?;
        if let Ok(bytes) = <&[u8; 28]>::try_from(text.as_bytes())
            && let (Some(minute), Some(ticks)) = (bytes.first_chunk(), ticks_in_minute(bytes))
        {
            *self = Self { text: *minute, start: instant.0 - ticks };
        }
        Some(instant)
    }
}

/// The ticks of `:SS.fffffffZ` behind the minute, if that is what stands there.
#[inline]
fn ticks_in_minute(text: &[u8; 28]) -> Option<i64> {
    let [.., b':', tens, ones, b'.', _, _, _, _, _, _, _, b'Z'] = text else { return None };
    let second = i64::from(tens.wrapping_sub(b'0')) * 10 + i64::from(ones.wrapping_sub(b'0'));
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() || second >= 60 {
        return None;
    }
    let mut fraction = 0;
    for digit in &text[20..27] {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        fraction = fraction * 10 + i64::from(digit);
    }
    Some(second * TICKS_PER_SECOND + fraction)
}

/// RFC 3339 in UTC: whole seconds where the tick is whole, seven digits otherwise.
impl fmt::Display for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(instant) = self.to_chrono() else {
            return write!(f, "tick {}", self.0);
        };
        let (year, month, day) = (instant.year(), instant.month(), instant.day());
        let (hour, minute, second) = (instant.hour(), instant.minute(), instant.second());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.0.rem_euclid(TICKS_PER_SECOND) {
            0 => f.write_str("Z"),
            fraction => write!(f, ".{fraction:07}Z"),
        }
    }
}

impl serde::Serialize for Ticks {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Ticks {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_iso(&text).ok_or_else(|| serde::de::Error::custom("no instant"))
    }
}

impl schemars::JsonSchema for Ticks {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A number of decimal digits, all of them digits.
fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

/// Days since 1970-01-01 of `YYYY-MM-DD` (Howard Hinnant's `days_from_civil`).
fn days_of_date(date: &[u8]) -> Option<i64> {
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year == 0 || day == 0 || day > length {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Seconds since midnight of `HH:MM:SS`. A leap second (`:60`) is refused: Azure smears them.
fn seconds_of_clock(clock: &[u8]) -> Option<i64> {
    if clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (digits(&clock[..2])?, digits(&clock[3..5])?, digits(&clock[6..])?);
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// The ticks of `.fffffff` at the front, and what follows it.
fn fraction_ticks(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.' | b',', rest)) = rest.split_first() else {
        return Some((0, rest));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let (fraction, rest) = rest.split_at(length);
    let kept = &fraction[..length.min(7)];
    let scale = (kept.len()..7).fold(1, |scale, _| scale * 10);
    Some((digits(kept)? * scale, rest))
}

/// Seconds east of UTC of `Z`, `+HH:MM`, `+HHMM`, or nothing.
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, hour, minute) = match zone {
        [] | b"Z" | b"z" => return Some(0),
        [sign, h @ .., b':', m1, m2] if h.len() == 2 => (sign, digits(h)?, digits(&[*m1, *m2])?),
        [sign, h1, h2, m1, m2] => (sign, digits(&[*h1, *h2])?, digits(&[*m1, *m2])?),
        _ => return None,
    };
    let seconds = hour * 3600 + minute * 60;
    match sign {
        _ if hour > 23 || minute > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn azure_forms_are_read() {
        let vault = Ticks::from_iso("2024-04-02T08:20:49.2681600Z").unwrap();
        assert_eq!(vault.to_string(), "2024-04-02T08:20:49.2681600Z");
        let hsm = Ticks::from_iso("2020-08-31T19:52:39.763Z").unwrap();
        assert_eq!(hsm.to_string(), "2020-08-31T19:52:39.7630000Z");
        let whole = Ticks::from_iso("2024-04-02 08:20:49").unwrap();
        assert_eq!(whole.to_string(), "2024-04-02T08:20:49Z");
        let offset = Ticks::from_iso("2024-04-02T10:20:49+02:00").unwrap();
        assert_eq!(offset, whole);
        assert_eq!(Ticks::from_iso("2024-04-02T10:20:49.12345678901+0200").unwrap().0 - whole.0, 1_234_567);
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            "2024",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-04-02T24:00:00Z",
            "2024-04-02T00:00:60Z",
            "2024-04-02T00:00:00.Z",
            "2024-04-02T00:00:00X",
            "0000-01-01T00:00:00Z",
            "2024-04-02T00:00:00+2:00",
            "2024/04/02T00:00:00Z",
            "２０２４-04-02T00:00:00Z",
            "2024-04-02T00:00:00+99:00",
        ] {
            assert_eq!(Ticks::from_iso(text), None, "{text}");
        }
    }

    #[test]
    fn every_instant_of_a_log_is_within_bounds() {
        let earliest = Ticks::from_iso("0001-01-01T00:00:00+23:59").unwrap();
        let latest = Ticks::from_iso("9999-12-31T23:59:59.9999999-23:59").unwrap();
        assert!(Ticks::FIRST <= earliest && latest <= Ticks::LAST);
        assert!(Ticks::FIRST.to_chrono().is_some() && Ticks::LAST.to_chrono().is_some());
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(second in -62_135_596_800_i64..253_402_300_800, fraction in 0_i64..TICKS_PER_SECOND) {
            let ticks = Ticks(second * TICKS_PER_SECOND + fraction);
            let nanos = u32::try_from(fraction * 100).unwrap();
            let chrono = Utc.timestamp_opt(second, nanos).unwrap();
            prop_assert_eq!(ticks.to_chrono(), Some(chrono));
            prop_assert_eq!(Ticks::from_chrono(chrono), ticks);
            prop_assert_eq!(Ticks::from_iso(&chrono.to_rfc3339()), Some(ticks));
            prop_assert_eq!(Ticks::from_iso(&ticks.to_string()), Some(ticks));
        }

        /// In any order, well written or not.
        #[test]
        fn a_minute_remembered_changes_nothing(
            texts in prop::collection::vec(
                "2024-0[24]-(29|30|31)T0[89]:2[01]:[0567][09][.:,][0-9]{6}[0-9x][Zz]|2024-04-02T08:2[01]:[0-9]{2}.[0-9]{5,8}(Z|[+]01:00)",
                1..20,
            ),
        ) {
            let mut minute = Minute::default();
            for text in texts {
                prop_assert_eq!(minute.read(&text), Ticks::from_iso(&text), "{}", text);
            }
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = Ticks::from_iso(&text);
        }
    }
}
