//! Times as the exports write them.
//!
//! In: an instant as a record has it. Out: the portal's, a syslog header's, Event Hubs' look. Read with
//! chrono alone, so that akvlens' own reading of times is not its own witness.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, Timelike};

/// Which part of a date comes first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum DateOrder {
    /// `2/25/2025, 9:19:25.391 AM`, as browsers set to US English write it (facts §1.4)
    #[default]
    Mdy,
    /// `25/02/2025, 09:19:25.391`, as those set to British English do
    Dmy,
}

/// The zone that the portal shows times in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Zone {
    /// What stands in the brackets behind the name of a column.
    pub(crate) name: String,
    /// How far ahead of UTC it is: fixed, since an export's summer time is nothing to invent.
    pub(crate) offset: FixedOffset,
}

impl Zone {
    /// Reads `UTC`, or a name that ends in its offset, such as `UTC+01:00`.
    pub(crate) fn read(name: &str) -> Result<Self, String> {
        let at = name.rfind(['+', '-']);
        let minutes = match at.and_then(|at| name.split_at_checked(at)) {
            None if name == "UTC" => Some(0),
            None => None,
            Some((_, offset)) => minutes(offset),
        };
        let offset = minutes.and_then(|minutes| FixedOffset::east_opt(minutes * 60));
        let offset = offset.ok_or("expected UTC, or a name that ends in its offset, such as UTC+01:00")?;
        Ok(Self { name: name.to_owned(), offset })
    }
}

/// The minutes of `+HH:MM` or `-HH:MM`.
fn minutes(offset: &str) -> Option<i32> {
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some((hours * 60 + minutes) * if offset.starts_with('-') { -1 } else { 1 })
}

/// An instant such as `2026-03-12T14:00:01.1000000Z`.
pub(crate) fn parse(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text.strip_suffix('Z')?, "%Y-%m-%dT%H:%M:%S%.f").ok()
}

/// The portal's look: milliseconds and no more. A text that is no time stays as it is.
pub(crate) fn portal(text: &str, zone: &Zone, order: DateOrder) -> String {
    let Some(utc) = parse(text) else { return text.to_owned() };
    let time: DateTime<FixedOffset> = utc.and_utc().with_timezone(&zone.offset);
    let (year, month, day) = (time.year(), time.month(), time.day());
    let (minute, second, milliseconds) = (time.minute(), time.second(), time.nanosecond() / 1_000_000);
    match order {
        DateOrder::Mdy => {
            let (afternoon, hour) = time.hour12();
            let half = if afternoon { "PM" } else { "AM" };
            format!("{month}/{day}/{year}, {hour}:{minute:02}:{second:02}.{milliseconds:03} {half}")
        }
        DateOrder::Dmy => {
            let hour = time.hour();
            format!("{day:02}/{month:02}/{year}, {hour:02}:{minute:02}:{second:02}.{milliseconds:03}")
        }
    }
}

/// Event Hubs Capture's look of `EnqueuedTimeUtc`: `3/12/2026 2:00:01 PM`.
pub(crate) fn enqueued(text: &str) -> String {
    parse(text).map_or_else(String::new, |time| time.format("%-m/%-d/%Y %-I:%M:%S %p").to_string())
}

/// The look in the header of RFC 3164: `Mar 12 14:00:01`, the day padded with a space.
pub(crate) fn rfc3164(text: &str) -> String {
    parse(text).map_or_else(|| "Jan  1 00:00:00".into(), |time| time.format("%b %e %H:%M:%S").to_string())
}

/// The look in the header of RFC 5424, which has room for six digits of the second; `-` for no time.
pub(crate) fn rfc5424(text: &str) -> String {
    parse(text).map_or_else(|| "-".into(), |time| time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

/// Nanoseconds since 1970.
pub(crate) fn nanoseconds(text: &str) -> Option<i64> {
    parse(text)?.and_utc().timestamp_nanos_opt()
}
