//! The verdict on any record.

use std::sync::LazyLock;

use akvlens::classify::causes::{Causes, Outcome};
use akvlens::classify::{Basis, Classifier};
use akvlens::record::{AccessFlags, Identity, Record};

use crate::reader::steer;

static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);

/// Every record has a verdict, which does not depend on the records before it.
///
/// The bytes are records with a NUL between them: a byte for the status, one for the flags, one for
/// operation and identity, then the message.
pub fn classify(bytes: &[u8]) {
    let mut remembering = Classifier::new(&CAUSES);
    let records: Vec<Record<'_>> = bytes.split(|byte| *byte == 0).map(record).collect();
    // Twice, so that every message comes again.
    for record in records.iter().chain(&records) {
        let verdict = remembering.classify(record);
        assert_eq!(verdict, CAUSES.classify(record), "remembered, and judged anew");
        let cause = CAUSES.get(verdict.cause);
        let failed = record.status().is_some_and(|status| status >= 400);
        let bad = matches!(cause.outcome, Outcome::Failure | Outcome::Challenge);
        let notification = cause.outcome == Outcome::Notification;
        assert!(bad == failed || notification, "status {:?} is {}", record.status(), cause.id);
        assert!(verdict.basis != Basis::Pairing, "no other record was seen");
        assert!(verdict.details.is_none() || (bad && record.message.is_some()), "details of nothing");
    }
}

/// The record that a stretch of bytes stands for.
fn record(bytes: &[u8]) -> Record<'_> {
    let ([status, flags, rest], message) = steer::<3>(bytes);
    let flag = |shift: u8| [None, Some(false), Some(true), None][usize::from(flags >> shift & 3)];
    let operations =
        ["Authentication", "SecretGet", "KeySign", "VaultPut", "SecretExpiredEventGridNotification", ""];
    let signatures = ["", "OK", "Forbidden", "Unauthorized", "429", "Too Many Requests", "999", "Conflict"];
    let statuses =
        [None, Some(200), Some(400), Some(401), Some(403), Some(404), Some(409), Some(429), Some(500)];
    let http_status = match status.checked_sub(100) {
        None => statuses[usize::from(status) % statuses.len()],
        // 100 to 599.
        Some(more) => Some(100 + u16::from(more) * 3 + u16::from(more) / 5),
    };
    let message = match String::from_utf8_lossy(message) {
        message if message.is_empty() => None,
        message => Some(message),
    };
    let text = |text: &'static str| (!text.is_empty()).then_some(text.into());
    let oid = (flags >> 6 == 1).then_some("o".into());
    Record {
        operation: text(operations[usize::from(rest & 15) % operations.len()]),
        result_signature: text(signatures[usize::from(rest >> 4) % signatures.len()]),
        message,
        http_status,
        access: AccessFlags { policy_match: flag(0), rbac_authorized: flag(2), address_authorized: flag(4) },
        identity: Identity { oid, ..Identity::default() },
        ..Record::default()
    }
}
