//! The header row of a CSV: which table it is, which columns are read, and the zone of its times.
//!
//! Input: the first bytes of a blob, or a row. Output: [`Header`], or the name of another export.
//! The portal decorates names (`TimeGenerated [UTC]`), PowerShell 5 puts a line `#TYPE …` before
//! the header, spreadsheets a line `sep=;` (facts §1.4). Must claim nothing that is not plainly a
//! CSV with a header.

use super::cells::{End, Extent, Scanner};
use super::zone::Zone;
use crate::decode::columns::Column;
use crate::decode::shape::RecordForm;

/// Most columns of a table that is read; Log Analytics has at most 500.
pub(super) const MOST_COLUMNS: usize = 1 << 17;

/// Longest name of a column with its decoration, in bytes. The names of claims are the longest that
/// are known, 96.
const LONGEST_NAME: usize = 256;

/// What may part the fields.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// What a header says of the zone of a time column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedZone {
    /// Nothing: UTC, unless a setting says otherwise.
    Silent,
    Known(Zone),
    /// A name that is none, or more than one: `Local Time`, `CST`.
    Unknown,
}

/// A column that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Used {
    /// Its place in a row, from 0.
    pub(super) index: usize,
    pub(super) column: Column,
    /// Of a time column.
    pub(super) zone: NamedZone,
}

/// A header row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The columns that are read, in their order.
    pub(super) used: Vec<Used>,
    /// How many fields a row has.
    pub(super) fields: usize,
    pub(super) form: RecordForm,
    /// A column's name as written: no row without it is this header again.
    spelling: Vec<u8>,
}

/// Where the header was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) header: Header,
    pub(super) delimiter: u8,
    /// Lines before it.
    pub(super) lines: u64,
    /// Bytes before it.
    pub(super) before: usize,
    pub(super) extent: Extent,
}

/// A name that may stand in a header, without byte order mark, quotes and white space.
fn plain(name: &str) -> &str {
    name.trim_matches(|character: char| character.is_whitespace() || matches!(character, '\u{feff}' | '"'))
}

/// Whether a text may be a column's name. Data rows have times, which begin with a digit.
fn is_name(name: &str) -> bool {
    let part = |character: char| character.is_alphanumeric() || "_ .,:;+-/()[]#@$%&'".contains(character);
    let first = |character: char| character.is_alphabetic() || matches!(character, '_' | '@');
    name.is_empty() || name.len() <= LONGEST_NAME && name.starts_with(first) && name.chars().all(part)
}

/// A name without its decoration, and the decoration.
fn split_decoration(name: &str) -> (&str, Option<&str>) {
    let Some((base, inner)) = name.split_once(" [").or_else(|| name.split_once(" (")) else {
        return (name, None);
    };
    (base.trim_end(), Some(inner.trim_end_matches([']', ')']).trim()))
}

/// The column of a name without decoration. Tools that flatten JSON put points between the levels
/// (`properties.httpStatusCode`, `identity.claim.oid`).
fn column_of(name: &str) -> Option<(Column, RecordForm)> {
    if let Some(found) = Column::of(name) {
        return Some(found);
    }
    if !name.contains('.') || name.len() > LONGEST_NAME {
        return None;
    }
    let flat = name.replace('.', "_");
    let inner = flat
        .strip_prefix("properties_")
        .filter(|inner| ["is", "keyProperties", "properties"].iter().any(|front| inner.starts_with(front)));
    // The levels are those of the storage form, whatever the flattened name looks like.
    Column::of(&flat).or_else(|| Column::of(inner?)).map(|(column, _)| (column, RecordForm::Storage))
}

impl Header {
    /// No header: no columns.
    pub(super) fn empty() -> Self {
        Self { used: Vec::new(), fields: 0, form: RecordForm::Storage, spelling: Vec::new() }
    }

    /// Reads the row that a scanner has just scanned; `None` when it is no header of a known table.
    /// With `cut`, its last name may be the front of a longer one.
    pub(super) fn read(row: &[u8], scanner: &Scanner, extent: &Extent, cut: bool) -> Option<Self> {
        if extent.fields > MOST_COLUMNS || extent.fields < 2 || extent.fields != scanner.cells().len() {
            return None;
        }
        let mut header = Self { fields: extent.fields, ..Self::empty() };
        let mut analytics = false;
        for (index, cell) in scanner.cells().iter().enumerate() {
            let text = cell.text(row);
            let name = plain(&text);
            let last = index + 1 == extent.fields;
            if !is_name(name) {
                if cut && last {
                    break;
                }
                return None;
            }
            let (base, decoration) = split_decoration(name);
            let Some((column, form)) = column_of(base) else { continue };
            let time_generated = base.eq_ignore_ascii_case("TimeGenerated");
            analytics |= time_generated;
            header.form = header.form.max(form);
            let zone = match decoration {
                None => NamedZone::Silent,
                Some(zone) => zone.parse().map_or(NamedZone::Unknown, NamedZone::Known),
            };
            header.used.push(Used { index, column, zone });
            if column == Column::Operation || header.spelling.is_empty() {
                header.spelling = base.as_bytes().to_vec();
            }
        }
        if analytics {
            header.form = header.form.max(RecordForm::AzkvAuditLogs);
        }
        header.is_known(analytics).then_some(header)
    }

    /// Whether the columns are those of a log: an operation, or a row of Log Analytics.
    fn is_known(&self, analytics: bool) -> bool {
        let has = |column| self.used.iter().any(|used| used.column == column);
        if has(Column::Operation) {
            return self.used.len() >= 2;
        }
        analytics && (has(Column::Metric) || self.used.len() >= 3)
    }

    /// Whether a row may be this header again, or that of another file of the same kind, as in
    /// files that were put together. Cheap, and true for some rows that are not.
    pub(super) fn may_be_in(&self, row: &[u8]) -> bool {
        memchr::memmem::find(row, &self.spelling).is_some()
    }
}

/// Looks for the header in a blob's first bytes; `whole` when the blob has no more.
pub(super) fn find(start: &[u8], whole: bool, may_be_cut: bool) -> Option<Found> {
    let (before, lines) = before_header(start)?;
    let row = start.get(before..)?;
    let mut best: Option<Found> = None;
    for delimiter in DELIMITERS {
        let mut scanner = Scanner::new(delimiter, MOST_COLUMNS);
        let (extent, cut) = match scanner.feed(row) {
            Some(extent) => (extent, false),
            None if whole || may_be_cut => (scanner.finish(row, End::Blob), true),
            None => continue,
        };
        let read = Header::read(row, &scanner, &extent, cut && may_be_cut);
        if let Some(header) = read
            && best.as_ref().is_none_or(|best| best.header.used.len() < header.used.len())
        {
            best = Some(Found { header, delimiter, lines, before, extent });
        }
    }
    best
}

/// Bytes and lines that stand before the first row: blank lines, `#TYPE …`, `sep=;`. `None` where
/// nothing else stands.
fn before_header(start: &[u8]) -> Option<(usize, u64)> {
    let (mut before, mut lines) = (0, 0);
    loop {
        let rest = start.get(before..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, behind) = rest.split_at(end);
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        let front = |text: &[u8]| {
            let line = line.strip_prefix(b"\"").unwrap_or(line);
            line.get(..text.len()).is_some_and(|front| front.eq_ignore_ascii_case(text))
        };
        if !line.is_empty() && !front(b"#TYPE ") && !front(b"sep=") {
            return Some((before, lines));
        }
        before += end + if behind.starts_with(b"\r\n") { 2 } else { 1 };
        lines += 1;
    }
}

/// Whether text begins with the mark of UTF-16.
pub(super) fn is_utf16(start: &[u8]) -> bool {
    start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff])
}

/// Other exports, and names of columns that only they have, in lower case; all of them must be
/// there. The names are those that the portal, PowerShell and Log Analytics write; the facts are
/// silent on them.
const OTHERS: &[(&str, &[&str])] = &[
    ("an Activity Log (CSV)", &["operation name", "event category"]),
    ("an Activity Log (CSV)", &["operation name", "event initiated by"]),
    ("an Activity Log (CSV)", &["eventdataid", "eventtimestamp"]),
    ("metrics (CSV)", &["metricname", "timegrain"]),
    ("metrics (CSV)", &["metricname", "unitname"]),
    ("sign-in logs of Entra ID (CSV)", &["request id", "sign-in error code"]),
    ("sign-in logs of Entra ID (CSV)", &["request id", "username", "application"]),
    ("sign-in logs of Entra ID (CSV)", &["userprincipalname", "appdisplayname", "conditionalaccessstatus"]),
    ("audit logs of Entra ID (CSV)", &["date (utc)", "activity", "actortype"]),
    ("audit logs of Entra ID (CSV)", &["activitydisplayname", "initiatedby", "targetresources"]),
    ("written by akvlens", &["vault", "oid", "appid", "name", "operation", "requests", "failures"]),
];

/// Names the export that a header belongs to, when it is plainly none of an audit log.
pub(super) fn other_export(start: &[u8]) -> Option<&'static str> {
    let (before, _) = before_header(start)?;
    let row = start.get(before..)?;
    DELIMITERS.iter().find_map(|delimiter| {
        let mut scanner = Scanner::new(*delimiter, MOST_COLUMNS);
        let extent = scanner.feed(row).unwrap_or_else(|| scanner.finish(row, End::Blob));
        if extent.fields < 3 {
            return None;
        }
        let mut names = Vec::new();
        for cell in scanner.cells() {
            let text = cell.text(row);
            let name = plain(&text);
            if !is_name(name) && cell.end != row.len() {
                return None;
            }
            names.push(name.to_ascii_lowercase());
        }
        let (what, _) = OTHERS
            .iter()
            .find(|(_, wanted)| wanted.iter().all(|wanted| names.iter().any(|name| name == wanted)))?;
        Some(*what)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(start: &[u8]) -> Option<(char, RecordForm, Vec<Column>)> {
        let found = find(start, true, false)?;
        let columns = found.header.used.iter().map(|used| used.column).collect();
        Some((char::from(found.delimiter), found.header.form, columns))
    }

    #[test]
    fn headers_of_every_export_are_read() {
        use Column::{ClientAddress, HttpStatus, Operation, Time};
        use RecordForm::{AzkvAuditLogs, AzureDiagnostics, Storage};
        let cases: [(&str, char, RecordForm, &[Column]); 8] = [
            (
                "\u{feff}\"TimeGenerated [UTC]\",TenantId,OperationName,CallerIPAddress,\"httpStatusCode_d\"\r\n1",
                ',',
                AzureDiagnostics,
                &[Time, Operation, ClientAddress, HttpStatus],
            ),
            (
                "TimeGenerated,OperationName,HttpStatusCode",
                ',',
                AzkvAuditLogs,
                &[Time, Operation, HttpStatus],
            ),
            ("timegenerated;operationname\n", ';', AzkvAuditLogs, &[Time, Operation]),
            ("TIMEGENERATED (UTC)\tOPERATIONNAME\n", '\t', AzkvAuditLogs, &[Time, Operation]),
            (
                "\n#TYPE System.Management.Automation.PSCustomObject\r\n\"TimeGenerated\",\"OperationName\"\r\n",
                ',',
                AzkvAuditLogs,
                &[Time, Operation],
            ),
            ("sep=;\r\nTimeGenerated;OperationName\r\n", ';', AzkvAuditLogs, &[Time, Operation]),
            ("time,operationName,properties.httpStatusCode\n", ',', Storage, &[Time, Operation, HttpStatus]),
            ("OperationName,OperationName,Time\n", ',', AzkvAuditLogs, &[Operation, Operation, Time]),
        ];
        for (text, delimiter, form, columns) in cases {
            assert_eq!(header(text.as_bytes()), Some((delimiter, form, columns.to_vec())), "{text}");
        }
        let flat = "time,operationName,properties.isRbacAuthorized,identity.claim.oid,properties.properties.sku.name\n";
        let (_, form, columns) = header(flat.as_bytes()).unwrap();
        assert_eq!((form, columns.len()), (Storage, 5));
    }

    #[test]
    fn zones_are_read_from_the_name() {
        for (name, zone) in [
            ("TimeGenerated", NamedZone::Silent),
            ("TimeGenerated [UTC]", NamedZone::Known(Zone::UTC)),
            ("TimeGenerated [UTC+01:00]", NamedZone::Known("+0100".parse().unwrap())),
            ("TimeGenerated (asia/kolkata)", NamedZone::Known("Asia/Kolkata".parse().unwrap())),
            ("TimeGenerated [Local Time]", NamedZone::Unknown),
            ("TimeGenerated [(UTC+01:00) Amsterdam; Berlin]", NamedZone::Unknown),
        ] {
            let found = find(format!("{name},OperationName\n").as_bytes(), true, false).unwrap();
            assert_eq!(found.header.used[0].zone, zone, "{name}");
        }
    }

    #[test]
    fn what_is_no_csv_of_a_log_is_not_claimed() {
        let table: [&[u8]; 14] = [
            b"",
            b"\n\n",
            b"OperationName\n",
            b"{\"time\":1,\"operationName\":\"a\"}\n",
            b"[{\"TimeGenerated\":1,\n\"OperationName\":2}]",
            b"<a>TimeGenerated,OperationName</a>",
            b"AzureDiagnostics | project TimeGenerated, OperationName, ResultSignature\n",
            b"id,name,type,category,resource,time\n",
            b"name,age\nx,1\n",
            b"\x89PNG,OperationName,TimeGenerated\n",
            b"PAR1\0\0,OperationName,TimeGenerated\n",
            b"Operation\0Name,TimeGenerated,OperationName\n",
            b"\xff\xfet\0i\0m\0e\0,\0o\0p\0",
            b"2025-02-25T00:00:00Z,OperationName,TimeGenerated\n",
        ];
        for start in table {
            assert!(find(start, false, true).is_none(), "{}", String::from_utf8_lossy(start));
        }
        let many = "OperationName,".repeat(MOST_COLUMNS + 1);
        assert!(find(many.as_bytes(), true, false).is_none());
    }

    #[test]
    fn other_exports_have_names() {
        for (header, what) in [
            (
                "\u{feff}Correlation id,Operation name,Status,Event category,Level,Time,Subscription,Event initiated by,Resource type,Resource group,Resource\n",
                "an Activity Log (CSV)",
            ),
            (
                "\"Authorization\",\"EventDataId\",\"OperationName\",\"EventTimestamp\"\r\n",
                "an Activity Log (CSV)",
            ),
            ("TimeGenerated [UTC],ResourceId,MetricName,Total,TimeGrain\n", "metrics (CSV)"),
            (
                "Date (UTC),Request ID,User,Username,Application,Sign-in error code\n",
                "sign-in logs of Entra ID (CSV)",
            ),
            ("vault,oid,appid,name,operation,requests,failures,causes,first,last\n", "written by akvlens"),
        ] {
            assert_eq!(other_export(header.as_bytes()), Some(what), "{header}");
        }
        for header in
            ["TimeGenerated [UTC],OperationName,ResultType\n", "{\"a\":1,\"b\":2,\"c\":3}\n", "a,b,c\n", ""]
        {
            assert_eq!(other_export(header.as_bytes()), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_header_is_claimed_wherever_it_is_cut_behind_its_first_columns(end in 28_usize..200) {
            let header = "TimeGenerated,OperationName,ResultType,identity_claim_oid_g,\"requestUri_s\",id_s\n1,2,3,4,5,6\n";
            let start = header.get(..end).unwrap_or(header);
            prop_assert!(find(start.as_bytes(), false, true).is_some());
        }

        #[test]
        fn never_panics(start in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (find(&start, true, false), find(&start, false, true), other_export(&start));
        }
    }
}
