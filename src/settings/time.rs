//! Times as people type them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};

/// The second that a text names: RFC 3339, `2026-03-12 14:00` (UTC), a date (its midnight, UTC),
/// `now`, or `90 min ago`.
///
/// # Errors
/// What may be written instead.
pub(super) fn read(text: &str, now: DateTime<Utc>) -> Result<i64, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(now.timestamp());
    }
    if let Some(ago) = text.strip_suffix("ago") {
        return span(ago)
            .and_then(|span| now.checked_sub_signed(span))
            .map(|time| time.timestamp())
            .ok_or_else(help);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp());
    }
    let plain = text.trim_end_matches(['Z', 'z']).trim_end_matches(" UTC");
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(plain, form) {
            return Ok(time.and_utc().timestamp());
        }
    }
    let date = NaiveDate::parse_from_str(plain, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    date.map(|time| time.and_utc().timestamp()).ok_or_else(help)
}

fn help() -> String {
    "write a time such as 2026-03-12T14:00:00Z, '2026-03-12 14:00' (UTC), 2026-03-12, now, or '2h ago'".into()
}

/// `2h`, `90 min`, `1 day 6 hours`.
pub(super) fn span(text: &str) -> Option<TimeDelta> {
    let mut total = TimeDelta::zero();
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        let behind = behind.trim_start();
        let letters =
            behind.len() - behind.trim_start_matches(|character: char| character.is_ascii_alphabetic()).len();
        let (unit, behind) = behind.split_at(letters);
        let seconds: i64 = match unit.to_ascii_lowercase().as_str() {
            "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            _ => return None,
        };
        let span = TimeDelta::try_seconds(number.parse::<i64>().ok()?.checked_mul(seconds)?)?;
        total = total.checked_add(&span)?;
        rest = behind.trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_773_324_000, 0).unwrap()
    }

    #[test]
    fn every_form_is_read() {
        let noon = 1_773_316_800;
        assert_eq!(read("2026-03-12T12:00:00Z", now()), Ok(noon));
        assert_eq!(read("2026-03-12T13:00:00+01:00", now()), Ok(noon));
        assert_eq!(read("2026-03-12 12:00", now()), Ok(noon));
        assert_eq!(read("2026-03-12T12:00:00.2681600Z", now()), Ok(noon));
        assert_eq!(read("2026-03-12", now()), Ok(noon - 12 * 3600));
        assert_eq!(read("2h ago", now()), Ok(noon));
        assert_eq!(read("1 hour 60 min ago", now()), Ok(noon));
        assert_eq!(read("now", now()), Ok(noon + 7200));
    }

    #[test]
    fn what_is_no_time_is_refused_with_help() {
        for wrong in [
            "",
            "ago",
            "yesterday",
            "2 ago",
            "2026-13-01",
            "h ago",
            "99999999999999999999h ago",
            "9223372036854775807w ago",
        ] {
            assert!(read(wrong, now()).unwrap_err().contains("'2h ago'"), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,20}(ago)?") {
            let _ = read(&text, now());
        }
    }
}
