//! Tables as CSV (RFC 4180): caller and operation, access, identities, last use of objects.

pub mod capacity;

use std::io::{self, Write};

use super::escape;
use crate::report::{
    AccessRow, CallerOperation, IdentityReport, MemberReport, MemberVault, ObjectUse, Report,
};
use crate::ticks::Ticks;

/// The columns.
const COLUMNS: [&str; 10] =
    ["vault", "oid", "appid", "name", "operation", "requests", "failures", "causes", "first", "last"];

/// The columns of [`access`].
const ACCESS: [&str; 10] =
    ["vault", "oid", "object", "operation", "permission", "action", "granted", "used", "denied", "last_used"];

/// The columns of [`identities`].
const IDENTITIES: [&str; 17] = [
    "verdict",
    "confidence",
    "vault",
    "names",
    "oid",
    "appid",
    "tenant",
    "kind",
    "requests",
    "denied",
    "first",
    "last",
    "member_vault",
    "member_successes",
    "member_denied",
    "grant_oid",
    "grant_command",
];

/// The columns of [`objects`].
const OBJECTS: [&str; 8] =
    ["vault", "object", "last_used", "last_oid", "last_name", "used", "users", "stale"];

/// One row a caller, vault and operation, most failures first.
///
/// # Errors
/// When `out` cannot be written to.
pub fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    table(out, &COLUMNS, report.by_caller_operation.iter().map(cells))
}

/// One row a vault, caller, object and operation, and one for what was granted and never used.
///
/// # Errors
/// When `out` cannot be written to.
pub fn access(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let row = |row: &AccessRow| {
        [
            text(row.vault.as_deref()),
            text(row.oid.as_deref()),
            text(row.object.as_deref()),
            text(row.operation.as_deref()),
            text(row.permission.as_deref()),
            text(row.action.as_deref()),
            row.granted.map_or_else(String::new, |granted| granted.to_string()),
            row.used.to_string(),
            row.denied.to_string(),
            time(row.last_used),
        ]
    };
    table(out, &ACCESS, report.access.iter().map(row))
}

/// One row a group, member and vault of the member.
///
/// # Errors
/// When `out` cannot be written to.
pub fn identities(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = Vec::new();
    for group in &report.identities {
        for member in &group.members {
            let vaults: Vec<Option<&MemberVault>> =
                if member.vaults.is_empty() { vec![None] } else { member.vaults.iter().map(Some).collect() };
            rows.extend(vaults.into_iter().map(|vault| identity(group, member, vault)));
        }
    }
    table(out, &IDENTITIES, rows.into_iter())
}

fn identity(
    group: &IdentityReport,
    member: &MemberReport,
    vault: Option<&MemberVault>,
) -> [String; IDENTITIES.len()] {
    let number =
        |field: fn(&MemberVault) -> u64| vault.map_or_else(String::new, |vault| field(vault).to_string());
    [
        group.verdict.to_string(),
        group.confidence.to_string(),
        text(group.vault.as_deref()),
        group.names.join(" "),
        member.oid.clone(),
        text(member.appid.as_deref()),
        text(member.tenant.as_deref()),
        member.kind.clone(),
        member.requests.to_string(),
        member.denied.to_string(),
        time(member.first),
        time(member.last),
        vault.map_or_else(String::new, |vault| vault.vault.clone()),
        number(|vault| vault.successes),
        number(|vault| vault.denied),
        group.grant.as_ref().map_or_else(String::new, |grant| grant.oid.clone()),
        group.grant.as_ref().map_or_else(String::new, |grant| grant.command.clone()),
    ]
}

/// One row a secret, key or certificate, longest unused first.
///
/// # Errors
/// When `out` cannot be written to.
pub fn objects(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let row = |row: &ObjectUse| {
        [
            text(row.vault.as_deref()),
            row.object.clone(),
            time(row.last_used),
            text(row.last_oid.as_deref()),
            text(row.last_name.as_deref()),
            row.used.to_string(),
            row.users.to_string(),
            row.stale.to_string(),
        ]
    };
    table(out, &OBJECTS, report.objects.iter().map(row))
}

fn table<const N: usize>(
    out: &mut dyn Write,
    columns: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| escape::csv(cell).into_owned()))?;
    }
    writer.flush()
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn time(time: Option<Ticks>) -> String {
    time.map(|time| time.to_string()).unwrap_or_default()
}

fn cells(row: &CallerOperation) -> [String; COLUMNS.len()] {
    let causes: Vec<String> = row.causes.iter().map(|(cause, count)| format!("{cause}={count}")).collect();
    [
        text(row.vault.as_deref()),
        text(row.oid.as_deref()),
        text(row.appid.as_deref()),
        text(row.name.as_deref()),
        text(row.operation.as_deref()),
        row.requests.to_string(),
        row.failures.to_string(),
        causes.join(" "),
        time(row.first),
        time(row.last),
    ]
}
