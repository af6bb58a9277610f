//! The decoder of one object, against a slow one that first builds the whole tree.

mod slow;

use akvlens::decode::resource_log::{Form, decode};
use akvlens::decode::{MAX_DEPTH, Reason};
use akvlens::record::Record;
use serde::de::IgnoredAny;

use slow::Json;

/// The fields read are those that a slow decoder finds in the parsed tree; what is no JSON is
/// refused, and what is refused is no record.
pub fn resource_log(bytes: &[u8]) {
    let mut record = Record::default();
    let form = decode(bytes, &mut record);
    let is_json = serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
    if let Err((reason, detail)) = &form {
        check_reason(*reason, bytes, is_json);
        assert!(detail.as_deref().is_none_or(|detail| detail.len() < 100), "a detail quotes the log");
    } else {
        assert!(is_json, "taken, and no JSON");
    }
    // Numbers that nothing can hold and lone surrogates have no tree, but are passed over.
    let Ok(tree) = serde_json::from_slice::<Json>(bytes) else { return };
    if matches!(form, Err((Reason::TooDeep, _))) {
        return;
    }
    let Some(expected) = slow::record(&tree) else { return };
    assert_eq!(record, expected);
    let audit = tree.last(&["category"]).and_then(Json::text);
    let is_audit = audit.is_some_and(|category| category.eq_ignore_ascii_case("AuditEvent"));
    match form {
        Ok(Form::Audit) => assert!(is_audit || audit.is_none(), "another category is no audit record"),
        Ok(Form::NotAudit(_)) => {}
        Err((reason, _)) => {
            assert_eq!(reason, Reason::NotARecord, "valid JSON is refused for what it is no record of");
            assert!(!is_audit, "an audit record is refused");
        }
    }
}

/// The reason fits the bytes.
fn check_reason(reason: Reason, bytes: &[u8], is_json: bool) {
    match reason {
        Reason::InvalidUtf8 => assert!(std::str::from_utf8(bytes).is_err()),
        Reason::TooDeep => {
            let opened = bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
            assert!(opened > MAX_DEPTH, "too deep with {opened} brackets");
        }
        Reason::NotARecord => assert!(is_json),
        Reason::InvalidJson => {}
        Reason::Truncated => assert!(!is_json, "cut, and whole JSON"),
        other => panic!("{other} is no reason for one object"),
    }
}
