//! Dates and zones of whole files.

use super::*;

/// A file with these times, one a row, from line 2 on.
fn file(header: &str, times: &[&str]) -> String {
    let mut file = format!("{header},OperationName,Category\n");
    for time in times {
        writeln!(file, "\"{time}\",SecretGet,AuditEvent").unwrap();
    }
    file
}

fn dates(order: Option<DateOrder>, zone: Option<&str>) -> Dates {
    Dates { order, zone: zone.map(|zone| zone.parse().unwrap()) }
}

#[test]
fn a_file_with_two_readings_is_one_reject_that_names_the_setting() {
    let file = file(
        "TimeGenerated [UTC]",
        &["1/1/2025, 1:00:00 AM", "4/2/2025, 1:00:00 AM", "4/3/2025, 1:00:00 AM"],
    );
    let read = read_plainly(&file);
    assert_eq!((read.records.len(), read.reasons()), (0, vec![Reason::AmbiguousDate]));
    assert_eq!(read.rejects[0].place, Place { offset: 0, line: 1, bytes: file.len() as u64 });
    assert!(read.detail().contains("--date-order") && read.detail().contains("line 3"), "{}", read.detail());
    assert_eq!((read.totals.blank, read.totals.bytes), (0, file.len() as u64));
    for (order, first) in [(DateOrder::Mdy, "2025-04-02T01:00:00Z"), (DateOrder::Dmy, "2025-02-04T01:00:00Z")]
    {
        let read = read_file(file.as_bytes(), &dates(Some(order), None));
        assert_eq!(read.reasons(), []);
        assert_eq!(read.times()[1].as_deref(), Some(first));
    }
}

#[test]
fn rows_that_contradict_each_other_are_both_named() {
    let times = ["4/2/2025, 1:00:00 AM", "2/25/2025, 1:00:00 AM", "25/2/2025, 1:00:00 AM"];
    let file = file("TimeGenerated", &times);
    let read = read_plainly(&file);
    assert_eq!(read.reasons(), [Reason::AmbiguousDate]);
    for what in ["line 3 ", "line 4 ", "--date-order"] {
        assert!(read.detail().contains(what), "{}", read.detail());
    }
    // With the setting, the row that it does not fit is rejected by name and the others are read.
    let read = read_file(file.as_bytes(), &dates(Some(DateOrder::Dmy), None));
    assert_eq!((read.records.len(), read.reasons()), (2, vec![Reason::AmbiguousDate]));
    assert_eq!(read.rejects[0].place.line, 3);
}

#[test]
fn the_last_row_decides_for_the_first() {
    let read = read_plainly(&file("TimeGenerated", &["4/2/2025 1:00:00", "25/2/2025 1:00:00"]));
    assert_eq!(read.times()[0].as_deref(), Some("2025-02-04T01:00:00Z"));
    let read = read_plainly(&file("TimeGenerated", &["4/4/2025 1:00:00", "2/2/2025 1:00:00"]));
    assert_eq!(read.times()[0].as_deref(), Some("2025-04-04T01:00:00Z"));
}

#[test]
fn iso_dates_need_no_survey() {
    let none = Dates::default();
    let iso = file("TimeGenerated", &["2025-04-02T01:00:00Z", "4/2/2025 1:00:00"]);
    assert!(!needs_survey(iso.as_bytes(), &none));
    // What does not fit the first row is rejected, not guessed.
    let read = read_plainly(&iso);
    assert_eq!((read.records.len(), read.reasons()), (1, vec![Reason::AmbiguousDate]));
    let portal = file("TimeGenerated", &["4/2/2025 1:00:00"]);
    assert!(needs_survey(portal.as_bytes(), &none));
    assert!(!needs_survey(portal.as_bytes(), &dates(Some(DateOrder::Mdy), None)));
    // Cut within the first row, or behind the header: it cannot be told.
    assert!(needs_survey(iso.get(..40).unwrap().as_bytes(), &none));
    assert!(needs_survey(iso.get(..10).unwrap().as_bytes(), &none));
    assert!(!needs_survey(b"OperationName,Category\nSecretGet,AuditEvent\n", &none));
}

#[test]
fn what_is_no_date_is_a_missing_time() {
    let read = read_plainly(&file("TimeGenerated", &["soon", "", "None", "13/13/2025 1:00:00", "2/25/2025"]));
    assert_eq!((read.times(), read.reasons()), (vec![None; 5], vec![]));
}

#[test]
fn times_are_in_the_zone_of_the_header_or_the_setting() {
    let read_in = |header: &str, time: &str, zone: Option<&str>| {
        let read = read_file(file(header, &[time]).as_bytes(), &dates(None, zone));
        (read.times().first().cloned().flatten(), read.reasons())
    };
    for (header, time, zone, instant) in [
        ("TimeGenerated [UTC]", "2/25/2025, 9:00:00 AM", None, "2025-02-25T09:00:00Z"),
        ("TimeGenerated [UTC]", "2/25/2025, 9:00:00 AM", Some("Asia/Kolkata"), "2025-02-25T09:00:00Z"),
        ("TimeGenerated [UTC+01:00]", "2/25/2025, 9:00:00 AM", None, "2025-02-25T08:00:00Z"),
        ("TimeGenerated [GMT-5]", "2/25/2025, 9:00:00.5 PM", None, "2025-02-26T02:00:00.5000000Z"),
        ("TimeGenerated [+0530]", "2025-02-25T09:00:00", None, "2025-02-25T03:30:00Z"),
        ("TimeGenerated [+0530]", "2025-02-25T09:00:00Z", None, "2025-02-25T09:00:00Z"),
        ("TimeGenerated [Europe/Berlin]", "7/25/2025, 9:00:00 AM", None, "2025-07-25T07:00:00Z"),
        ("TimeGenerated [Europe/Berlin]", "2/25/2025, 9:00:00 AM", None, "2025-02-25T08:00:00Z"),
        ("TimeGenerated [JST]", "2/25/2025, 9:00:00 AM", None, "2025-02-25T00:00:00Z"),
        ("TimeGenerated [Local Time]", "2/25/2025, 9:00:00 AM", Some("+0200"), "2025-02-25T07:00:00Z"),
        ("TimeGenerated [CST]", "2/25/2025, 9:00:00 AM", Some("America/Chicago"), "2025-02-25T15:00:00Z"),
        ("TimeGenerated", "2/25/2025, 9:00:00 AM", Some("+0200"), "2025-02-25T07:00:00Z"),
        ("TimeGenerated", "2/25/2025, 9:00:00 AM +01:00", Some("+0200"), "2025-02-25T08:00:00Z"),
    ] {
        assert_eq!(read_in(header, time, zone), (Some(instant.to_owned()), vec![]), "{header} {time}");
    }
    for header in ["TimeGenerated [Local Time]", "TimeGenerated [CST]", "TimeGenerated [CET]"] {
        let read = read_plainly(&file(header, &["2/25/2025, 9:00:00 AM", "2/25/2025, 9:00:01 AM"]));
        assert_eq!(read.reasons(), [Reason::AmbiguousDate]);
        assert!(read.detail().contains("--csv-zone"), "{}", read.detail());
    }
}

#[test]
fn times_that_name_no_one_instant_are_rejected_by_name() {
    let times = [
        "3/30/2025, 1:59:59 AM",
        "3/30/2025, 2:30:00 AM",
        "3/30/2025, 3:00:00 AM",
        "10/26/2025, 2:30:00 AM",
        "10/26/2025, 3:00:00 AM",
    ];
    let read = read_plainly(&file("TimeGenerated [Europe/Berlin]", &times));
    assert_eq!(
        read.times(),
        ["2025-03-30T00:59:59Z", "2025-03-30T01:00:00Z", "2025-10-26T02:00:00Z"]
            .map(|time| Some(time.to_owned()))
    );
    assert_eq!(read.reasons(), [Reason::AmbiguousDate; 2]);
    let details: Vec<_> =
        read.rejects.iter().map(|reject| (reject.place.line, reject.detail.clone().unwrap())).collect();
    assert!(details[0].0 == 3 && details[0].1.contains("forward"), "{details:?}");
    assert!(details[1].0 == 5 && details[1].1.contains("twice"), "{details:?}");
}
