//! Whole files through survey and decoding.

mod damage;
mod settings;

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::decode::NotAudit;
use crate::decode::shape::RecordForm;

/// What a file was read to.
#[derive(Debug, Default, PartialEq)]
struct FileRead {
    records: Vec<(Record<'static>, Place)>,
    not_audit: Vec<NotAudit>,
    rejects: Vec<Reject>,
    totals: Totals,
}

impl FileRead {
    fn times(&self) -> Vec<Option<String>> {
        self.records.iter().map(|(record, _)| record.time.map(|time| time.to_string())).collect()
    }

    fn reasons(&self) -> Vec<Reason> {
        self.rejects.iter().map(|reject| reject.reason).collect()
    }

    fn detail(&self) -> &str {
        self.rejects.first().and_then(|reject| reject.detail.as_deref()).unwrap_or_default()
    }
}

/// Reads with records of up to `max` bytes.
fn read_within(reader: impl Read, max: usize, dates: &ResolvedDates) -> FileRead {
    let mut read = FileRead::default();
    let limits = Limits { max_record_bytes: max, ..Limits::default() };
    let (totals, result) = decode(reader, limits, dates, |found| {
        match found {
            Decoded::Record(record, place) => read.records.push((record.clone().into_owned(), place)),
            Decoded::NotAudit(kind) => read.not_audit.push(kind),
            Decoded::Reject(reject, _) => read.rejects.push(reject),
        }
        true
    });
    result.unwrap();
    read.totals = totals;
    read
}

/// Reads a file the way the program is to: surveyed if need be.
fn read_file(file: &[u8], dates: &Dates) -> FileRead {
    let resolved = if needs_survey(file, dates) {
        let (survey, result) = survey(file, Limits::default());
        result.unwrap();
        survey.resolve(dates)
    } else {
        ResolvedDates::unsurveyed(dates)
    };
    read_within(file, 1 << 20, &resolved)
}

fn read_plainly(file: &str) -> FileRead {
    read_file(file.as_bytes(), &Dates::default())
}

const PORTAL: &str = "\u{feff}\"TimeGenerated [UTC]\",ResourceId,OperationName,ResultSignature,ResultDescription,\"DurationMs\",CallerIPAddress,Category,httpStatusCode_d,identity_claim_oid_g,isRbacAuthorized_b,unknown_s\n";
const VAULT: &str = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV";

/// A row as the portal writes it.
fn portal_row(time: &str, operation: &str) -> String {
    format!(
        "\"{time}\",{VAULT},{operation},Forbidden,\"Caller is not authorized\nAction: 'x \"\"y\"\"'\",12,203.0.113.7,AuditEvent,403,oid-1,false,=cmd\n"
    )
}

#[test]
fn the_portals_export_is_read() {
    let file = PORTAL.to_owned()
        + &portal_row("2/25/2025, 9:19:25.391 AM", "SecretGet")
        + &portal_row("2/25/2025, 12:00:00.000 PM", "KeyGet");
    let read = read_plainly(&file);
    assert_eq!(read.reasons(), []);
    assert_eq!(
        read.times(),
        [Some("2025-02-25T09:19:25.3910000Z".to_owned()), Some("2025-02-25T12:00:00Z".to_owned())]
    );
    let (record, place) = &read.records[1];
    assert_eq!(record.shape.to_string(), "csv/azure-diagnostics");
    assert_eq!(record.operation.as_deref(), Some("KeyGet"));
    assert_eq!(record.message.as_deref(), Some("Caller is not authorized\nAction: 'x \"y\"'"));
    assert_eq!((record.http_status, record.duration_ms), (Some(403), Some(12)));
    assert_eq!(record.access.rbac_authorized, Some(false));
    assert_eq!((record.identity.oid.as_deref(), record.resource_id.as_deref()), (Some("oid-1"), Some(VAULT)));
    // The first row spans lines 2 and 3.
    assert_eq!((read.records[0].1.line, place.line), (2, 4));
    let row = &file.as_bytes()[usize::try_from(place.offset).unwrap()..];
    assert_eq!(row.len() as u64, place.bytes + 1);
    assert!(row.starts_with(b"\"2/25/2025, 12:"));
    assert_eq!((read.totals.bytes, read.totals.blank, read.totals.line_ends), (file.len() as u64, 1, 5));
}

#[test]
fn powershells_export_is_read() {
    let german = "#TYPE Selected.System.Management.Automation.PSCustomObject\r\n\
        \"TimeGenerated\";\"OperationName\";\"_ResourceId\";\"Identity\";\"HttpStatusCode\"\r\n\
        \"25.02.2025 09:19:25\";\"SecretGet\";\"/x/providers/microsoft.keyvault/vaults/a\";\"{\"\"claim\"\":{\"\"oid\"\":\"\"o;1\"\"}}\";\"200\"\r\n\
        \"03.02.2025 21:00:00\";\"SecretGet\";\"/x/providers/microsoft.keyvault/vaults/a\";\"\";\"403\"\r\n";
    let read = read_plainly(german);
    assert_eq!(
        read.times(),
        [Some("2025-02-25T09:19:25Z".to_owned()), Some("2025-02-03T21:00:00Z".to_owned())]
    );
    assert_eq!(read.records[0].0.identity.oid.as_deref(), Some("o;1"));
    assert_eq!(read.records[0].0.shape.form, RecordForm::AzkvAuditLogs);
    assert_eq!((read.records[1].1.line, read.totals.blank), (4, 2));

    let iso = "\"TimeGenerated\",\"OperationName\",\"ResourceId\"\r\n\"2025-02-25T09:19:25.3911234Z\",\"SecretGet\",\"/x/providers/microsoft.keyvault/vaults/a\"";
    let read = read_plainly(iso);
    assert_eq!(read.times(), [Some("2025-02-25T09:19:25.3911234Z".to_owned())]);
}

#[test]
fn a_table_of_the_storage_form_gives_the_same_record_as_json() {
    let json = format!(
        r#"{{"time":"2025-02-25T09:19:25.3911234Z","category":"AuditEvent","operationName":"SecretGet","resourceId":"{VAULT}","resultSignature":"OK","durationMs":"12","callerIpAddress":"203.0.113.7","correlationId":"c","identity":{{"claim":{{"oid":"o","appid":"a"}}}},"properties":{{"id":"https://kv.vault.azure.net/secrets/s","clientInfo":"a, \"b\"","httpStatusCode":200,"isRbacAuthorized":true}}}}"#
    );
    let mut expected = Record::default();
    assert_eq!(resource_log::decode(json.as_bytes(), &mut expected), Ok(Form::Audit));
    let identity = r#"{"claim":{"oid":"o","appid":"a"}}"#;
    let properties = r#"{"id":"https://kv.vault.azure.net/secrets/s","clientInfo":"a, \"b\"","httpStatusCode":200,"isRbacAuthorized":true}"#;
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record([
            "time",
            "category",
            "operationName",
            "resourceId",
            "resultSignature",
            "durationMs",
            "callerIpAddress",
            "correlationId",
            "identity",
            "properties",
        ])
        .unwrap();
    writer
        .write_record([
            "2025-02-25T09:19:25.3911234Z",
            "AuditEvent",
            "SecretGet",
            VAULT,
            "OK",
            "12",
            "203.0.113.7",
            "c",
            identity,
            properties,
        ])
        .unwrap();
    let read = read_file(&writer.into_inner().unwrap(), &Dates::default());
    expected.shape.container = Container::Csv;
    assert_eq!(read.records.into_iter().map(|(record, _)| record).collect::<Vec<_>>(), [expected]);
}

#[test]
fn rows_of_other_logs_are_told_apart() {
    let read = read_plainly(
        "TimeGenerated,OperationName,Category,ResourceId,Type\n\
         5/5/2025 1:00:00 AM,Microsoft.KeyVault/vaults/write,Administrative,/x/providers/microsoft.keyvault/vaults/a,AzureActivity\n\
         5/5/2025 1:00:00 AM,GetBlob,StorageRead,/x/providers/microsoft.storage/storageaccounts/a,StorageBlobLogs\n\
         5/5/2025 1:00:00 AM,SecretGet,AuditEvent,/x/providers/microsoft.keyvault/vaults/a,AzureDiagnostics\n\
         5/5/2025 1:00:00 AM,,,,\n",
    );
    assert_eq!(read.not_audit, [NotAudit::ActivityLog, NotAudit::OtherService]);
    assert_eq!((read.records.len(), read.reasons()), (1, vec![Reason::NotARecord]));
}

#[test]
fn files_put_together_keep_each_its_own_header() {
    let read = read_plainly(
        "TimeGenerated,OperationName,Category\n\
         2025-02-25T00:00:00Z,SecretGet,AuditEvent\n\
         \u{feff}TimeGenerated,OperationName,Category\n\
         2025-02-25T00:00:01Z,SecretGet,AuditEvent\n\n\
         \"Category\",\"CallerIPAddress\",\"OperationName\",\"TimeGenerated [UTC+01:00]\"\n\
         AuditEvent,203.0.113.7,KeyGet,2025-02-25T01:00:02\n,,,\n",
    );
    assert_eq!(read.reasons(), []);
    assert_eq!(
        read.times(),
        ["2025-02-25T00:00:00Z", "2025-02-25T00:00:01Z", "2025-02-25T00:00:02Z"]
            .map(|time| Some(time.to_owned()))
    );
    assert_eq!(read.records[2].0.client_address.as_deref(), Some("203.0.113.7"));
    // Three headers, an empty line, a row of empty cells.
    assert_eq!((read.totals.blank, read.records[2].1.line), (5, 7));
}

#[test]
fn files_with_carriage_returns_alone_have_lines() {
    let text = "TimeGenerated,OperationName,Category,ResultDescription\n\
        2025-02-25T00:00:00Z,SecretGet,AuditEvent,\"a\nb\"\n\
        2025-02-25T00:00:01Z,SecretGet,AuditEvent\n\
        2025-02-25T00:00:02Z,SecretGet,AuditEvent,c\n";
    let read = read_plainly(&text.replace('\n', "\r"));
    assert_eq!(read.records.iter().map(|(_, place)| place.line).collect::<Vec<_>>(), [2, 5]);
    assert_eq!((read.reasons(), read.rejects[0].place.line), (vec![Reason::InvalidCsv], 4));
    assert_eq!(read.totals.line_ends, 5);
}

#[test]
fn hostile_text_is_only_text() {
    let text = "=cmd|' /C calc'!A0\u{202e}\u{1b}[31m<script>|**x**";
    let read = read_plainly(&format!(
        "TimeGenerated,OperationName,Category,ResultDescription\n2025-02-25T00:00:00Z,@SUM(1),AuditEvent,\"{text}\"\n"
    ));
    assert_eq!(read.records[0].0.message.as_deref(), Some(text));
    assert_eq!(read.records[0].0.operation.as_deref(), Some("@SUM(1)"));
}

#[test]
fn a_hundred_thousand_columns_are_read() {
    let mut file = String::from("TimeGenerated,OperationName,Category");
    for column in 0..100_000 {
        write!(file, ",c{column}").unwrap();
    }
    file += "\n2025-02-25T00:00:00Z,SecretGet,AuditEvent";
    file += &",x".repeat(100_000);
    file += "\n2025-02-25T00:00:00Z,SecretGet,AuditEvent";
    file += &",x".repeat(400_000);
    let read = read_plainly(&file);
    assert_eq!((read.records.len(), read.reasons()), (1, vec![Reason::InvalidCsv]));
}

#[test]
fn a_sink_can_stop() {
    let file = PORTAL.to_owned() + &portal_row("2025-02-25T00:00:00Z", "SecretGet").repeat(3);
    let mut seen = 0;
    let dates = ResolvedDates::unsurveyed(&Dates::default());
    let (_, result) = decode(file.as_bytes(), Limits::default(), &dates, |_| {
        seen += 1;
        seen < 2
    });
    assert!(result.is_ok() && seen == 2);
}

/// Columns, known and unknown, in many cases and more than once.
fn columns_of_a_table() -> impl Strategy<Value = Vec<&'static str>> {
    let names = vec![
        "TimeGenerated",
        "_ResourceId",
        "Category",
        "ResultSignature",
        "ResultDescription",
        "DurationMs",
        "CallerIPAddress",
        "callerIpAddress",
        "CorrelationId",
        "Identity",
        "identity_claim_oid_g",
        "identity_claim_upn_s",
        "Properties",
        "id_s",
        "clientInfo_s",
        "RequestUri",
        "httpStatusCode_d",
        "isAccessPolicyMatch_b",
        "KeyProperties",
        "TenantId",
        "What_s",
        "Type",
    ];
    proptest::collection::vec(proptest::sample::select(names), 1..12)
}

fn cell_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a\"',;\t\r\n =é]{0,12}",
        Just("2025-02-25T00:00:00Z".to_owned()),
        Just("AuditEvent".to_owned()),
        Just(VAULT.to_owned()),
        Just(r#"{"claim":{"oid":"o","upn":"a\"b"}}"#.to_owned()),
        Just(r#"{"type":"RSA","size":2048,"httpStatusCode":"403"}"#.to_owned()),
        Just("None".to_owned()),
        Just("True".to_owned()),
        Just("403.0".to_owned()),
    ]
}

/// The record of a row by the mapping alone.
fn direct(names: &[&str], row: &[String]) -> Result<(Form, Record<'static>), Reason> {
    let mut record = Record::default();
    record.shape.container = Container::Csv;
    record.shape.form = RecordForm::AzkvAuditLogs;
    let mut time_seen = false;
    for (name, text) in names.iter().zip(row) {
        let Some((column, form)) = Column::of(name) else { continue };
        record.shape.form = record.shape.form.max(form);
        // The first time that is there counts, even where it cannot be read.
        if column != Column::Time || !time_seen {
            column.fill(&mut record, columns::cell(text));
        }
        time_seen |= column == Column::Time && !text.is_empty();
    }
    record.has_arm_operation = record.operation.as_deref().is_some_and(|name| name.contains('/'));
    let form = resource_log::judge(&mut record).map_err(|(reason, _)| reason)?;
    Ok((form, record.into_owned()))
}

proptest! {
    #[test]
    fn rows_give_what_their_cells_give(
        mut names in columns_of_a_table(),
        delimiter in proptest::sample::select(vec![b',', b';', b'\t']),
        crlf in any::<bool>(),
        always in any::<bool>(),
        seed in proptest::collection::vec(proptest::collection::vec(cell_text(), 14), 0..6),
    ) {
        names.extend(["OperationName", "TimeGenerated"]);
        let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let end = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter).quote_style(style).terminator(end).from_writer(Vec::new());
        writer.write_record(&names).unwrap();
        let mut expected = FileRead::default();
        for cells in &seed {
            let mut row: Vec<String> = cells.iter().take(names.len()).cloned().collect();
            row[names.len() - 2] = "SecretGet".to_owned();
            writer.write_record(&row).unwrap();
            match direct(&names, &row) {
                Ok((Form::Audit, record)) => expected.records.push((record, Place { offset: 0, line: 0, bytes: 0 })),
                Ok((Form::NotAudit(kind), _)) => expected.not_audit.push(kind),
                Err(reason) => expected.rejects.push(Reject {
                    place: Place { offset: 0, line: 0, bytes: 0 }, reason, detail: None,
                }),
            }
        }
        let file = writer.into_inner().unwrap();
        let read = read_within(&*file, 1 << 20, &ResolvedDates::unsurveyed(&Dates::default()));
        prop_assert_eq!(&read.not_audit, &expected.not_audit);
        prop_assert_eq!(read.reasons(), expected.reasons());
        let records = |read: &FileRead| read.records.iter().map(|(record, _)| record.clone()).collect::<Vec<_>>();
        prop_assert_eq!(records(&read), records(&expected));
        for (record, place) in &read.records {
            let before = &file[..usize::try_from(place.offset).unwrap()];
            prop_assert_eq!(place.line, 1 + line_ends(before), "{:?}", record);
        }
        prop_assert_eq!(read.totals.blank, 1);
        prop_assert!(is_csv(&file) && read.totals.bytes == file.len() as u64);
    }
}

/// Line ends, counted slowly.
fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}
