use proptest::prelude::*;
use regex::RegexBuilder;

use super::*;
use crate::record::Identity;

fn failure(status: u16, message: Option<&str>) -> Record<'_> {
    Record {
        operation: Some("SecretGet".into()),
        http_status: Some(status),
        message: message.map(Into::into),
        identity: Identity { oid: Some("o".into()), ..Identity::default() },
        ..Record::default()
    }
}

fn verdict(record: &Record<'_>) -> (String, Basis) {
    let causes = Causes::built_in();
    let verdict = causes.classify(record);
    let mut classifier = Classifier::new(&causes);
    for _ in 0..2 {
        assert_eq!(classifier.classify(record), verdict);
    }
    (causes.get(verdict.cause).id.clone(), verdict.basis)
}

/// Status, text and cause (facts §3 and §9).
const PUBLISHED: &[(u16, &str, &str)] = &[
    (401, "AKV10000: Request is missing a Bearer or PoP token.", "auth-challenge"),
    (401, "Request is missing a Bearer or PoP token.", "auth-challenge"),
    (401, "(Unauthorized) Error validating token: IDX10223", "expired-token"),
    (401, "[TokenExpired] Error validating token: 'S2S12086'.", "expired-token"),
    (401, "Token not yet valid (Activity ID: XXXX-YYY-ZZZ)", "token-not-yet-valid"),
    (
        401,
        "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://management.azure.com/.",
        "wrong-audience",
    ),
    (
        401,
        "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/a/, found https://sts.windows.net/b/.",
        "wrong-issuer",
    ),
    (
        401,
        "AKV10046: Unable to resolve the key used for signature validation. EncodedJwtHeader: '***'.",
        "unknown-signing-key",
    ),
    (401, "Bearer authorization=\"x\", error=\"insufficient_claims\"", "claims-challenge"),
    (
        403,
        "The user, group or application 'appid=a;oid=o' does not have secrets get permission on key vault 'k;location=w'.",
        "missing-policy",
    ),
    (403, "The policy requires the caller 'appid=a;oid=o' to use on-behalf-of (OBO) flow.", "obo-required"),
    (403, "Caller is not authorized to perform action on resource.", "missing-role"),
    (
        403,
        "[ForbiddenByRbac (Forbidden)] Caller is not authorized to perform action on resource. If role",
        "missing-role",
    ),
    (
        403,
        "Caller is not authorized to perform action on resource.\r\nDenyAssignmentId: '6dd1'\r\nDecisionReason: null",
        "deny-assignment",
    ),
    (
        403,
        "Caller is not authorized to perform action on resource.\r\nDenyAssignmentId: null\r\nDecisionReason: null",
        "missing-role",
    ),
    (
        400,
        "[ForbiddenByRbac (Forbidden)] Caller is not authorized to perform action on resource. Caller: name=KeyVault/ManagementPlane",
        "arm-role-denied",
    ),
    (
        403,
        "Client address is not authorized and caller is not a trusted service.\r\nClient address: 1.2.3.4",
        "unauthorized-client-address",
    ),
    (
        403,
        "Client address (00.00.00.00) is not authorized and caller is not a trusted service",
        "unauthorized-client-address",
    ),
    (
        403,
        "Public network access is disabled and request is not from a trusted service nor via an approved private link.",
        "public-access-disabled",
    ),
    (
        403,
        "Connection is not an approved private link and caller was ignored because bypass is not set to 'AzureServices'",
        "public-access-disabled",
    ),
    (
        403,
        "[ForbiddenByNsp (Forbidden)] The request was forbidden by NSP policy. Caller: name=KeyVault",
        "perimeter-denied",
    ),
    (403, "Access denied to first party service.\nCaller: name=ARM", "first-party-denied"),
    (403, "Operation get is not allowed on a disabled secret.", "object-disabled"),
    (403, "Operation decrypt is not permitted on this key.", "key-operation-forbidden"),
    (403, "Operation sign is not allowed on an expired key.", "key-outside-validity"),
    (
        403,
        "Operation \"purge\" is not allowed because purge protection is enabled for this vault.",
        "purge-protected",
    ),
    (403, "(MethodNotAllowed) Operation 'DeletedVaultPurge' is not allowed.", "purge-protected"),
    (
        403,
        "(AccessDenied) Not authorized to access Microsoft.KeyVault/managedHsm/roleAssignments/read/action on / (Activity ID: x)",
        "hsm-missing-role",
    ),
    (403, "RequestDisallowedByPolicy: Secret 'x' was disallowed by policy.", "azure-policy-denied"),
    (404, "A secret with (name/id) x was not found in this key vault.", "not-found"),
    (
        409,
        "Secret SecretName is currently in a deleted but recoverable state, and its name cannot be reused",
        "name-soft-deleted",
    ),
    (409, "Key is currently being deleted.", "object-being-deleted"),
    (
        409,
        "There was a conflict restoring the secret 'https://x'. This can happen if either",
        "restore-conflict",
    ),
    (
        429,
        "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
        "throttled",
    ),
];

#[test]
fn published_texts_have_their_cause() {
    for (status, text, cause) in PUBLISHED.iter().copied() {
        for text in [text.to_owned(), text.to_uppercase(), format!("\r\n {}", text.replace(' ', "\r\n"))] {
            assert_eq!(verdict(&failure(status, Some(&text))), (cause.to_owned(), Basis::Text), "{text}");
        }
    }
}

#[test]
fn flags_and_status_decide_where_the_text_is_silent() {
    let flagged = |access: AccessFlags| verdict(&Record { access, ..failure(403, None) });
    let no = Some(false);
    assert_eq!(
        flagged(AccessFlags { policy_match: no, ..AccessFlags::default() }),
        ("missing-policy".into(), Basis::Flag)
    );
    assert_eq!(
        flagged(AccessFlags { rbac_authorized: no, policy_match: Some(true), ..AccessFlags::default() }),
        ("missing-role".into(), Basis::Flag)
    );
    assert_eq!(
        flagged(AccessFlags { address_authorized: no, ..AccessFlags::default() }),
        ("unauthorized-client-address".into(), Basis::Flag)
    );
    assert_eq!(flagged(AccessFlags::default()), ("forbidden".into(), Basis::Status));
    let by_status = [
        (400, "bad-request"),
        (401, "unauthorized"),
        (404, "not-found"),
        (405, "client-error"),
        (409, "conflict"),
        (412, "client-error"),
        (429, "throttled"),
        (500, "service-error"),
        (503, "service-error"),
    ];
    for (status, cause) in by_status {
        assert_eq!(verdict(&failure(status, None)), (cause.to_owned(), Basis::Status));
        assert_eq!(
            verdict(&failure(status, Some("something nobody has seen"))),
            (cause.to_owned(), Basis::Status)
        );
    }
    // A flag that says no on a success (RBAC vaults, trusted services) changes nothing.
    let success =
        Record { access: AccessFlags { policy_match: no, ..AccessFlags::default() }, ..failure(200, None) };
    assert_eq!(verdict(&success), ("success".into(), Basis::Status));
    assert_eq!(
        verdict(&Record {
            access: AccessFlags { policy_match: no, ..AccessFlags::default() },
            ..failure(404, None)
        }),
        ("not-found".into(), Basis::Status)
    );
}

#[test]
fn a_challenge_is_only_what_has_no_caller_and_no_text() {
    let challenge = Record {
        operation: Some("Authentication".into()),
        identity: Identity::default(),
        ..failure(401, None)
    };
    assert_eq!(verdict(&challenge), ("auth-challenge".into(), Basis::Status));
    let token_error = Record { message: Some("AKV10022: Invalid audience.".into()), ..challenge.clone() };
    assert_eq!(verdict(&token_error), ("wrong-audience".into(), Basis::Text));
    let unknown = Record { message: Some("AKV10099: New text.".into()), ..challenge.clone() };
    assert_eq!(verdict(&unknown), ("unauthorized".into(), Basis::Status));
    let known = Record { identity: Identity { oid: Some("o".into()), ..Identity::default() }, ..challenge };
    assert_eq!(verdict(&known), ("unauthorized".into(), Basis::Status));
}

#[test]
fn the_service_itself_is_not_a_failing_caller() {
    let note =
        Record { operation: Some("SecretNearExpiryEventGridNotification".into()), ..Record::default() };
    assert_eq!(verdict(&note).0, "notification");
    let rotation = Record { operation: Some("KeyRotateIfDue".into()), ..Record::default() };
    assert_eq!(verdict(&rotation), ("success".into(), Basis::Status));
    let signature =
        Record { http_status: None, result_signature: Some("Forbidden".into()), ..failure(403, None) };
    assert_eq!(verdict(&signature).0, "forbidden");
}

#[test]
fn what_is_remembered_depends_on_status_flags_and_operation() {
    let causes = Causes::built_in();
    let mut classifier = Classifier::new(&causes);
    let text = Some("Caller is not authorized to perform action on resource.");
    let mut note = failure(403, text);
    note.operation = Some("SecretExpiredEventGridNotification".into());
    let flagged = Record {
        access: AccessFlags { policy_match: Some(false), ..AccessFlags::default() },
        ..failure(404, text)
    };
    for record in
        [failure(403, text), failure(400, text), note, flagged, failure(403, text), failure(500, text)]
    {
        assert_eq!(classifier.classify(&record), causes.classify(&record));
    }
}

proptest! {
    /// Tried all at once, patterns name the cause that trying one after the other names.
    #[test]
    fn a_text_has_the_first_cause_whose_pattern_it_matches(
        parts in prop::collection::vec(prop::sample::select(vec![
            "AKV10032: ", "AKV99999: ", "(Forbidden) ", "ForbiddenByRbac: ", "[TokenExpired] ", "Invalid issuer", "Invalid audience.",
            " found ", "Caller is not authorized to perform action on resource.", "Error validating token: ", "IDX10223", "S2S12086",
            "the token has expired", "Request was not processed because too many requests were received. ", "was not found in this key vault",
            "Client address is not authorized", " and caller is not a trusted service", "x", " \r\n", "Operation ", "is not allowed ",
        ]), 0..5),
        status in prop::option::of(prop::sample::select(vec![400_u16, 401, 403, 404, 409, 429, 500])),
    ) {
        let causes = Causes::built_in();
        let message = Message::new(&parts.concat());
        let texts = || {
            let whole = message.text();
            let ends = whole.match_indices([' ', ']', ')']).map(|(at, end)| at + end.len());
            let behind = ends.filter_map(|at| whole.get(at..));
            behind.chain([whole])
        };
        let matches = |cause: &causes::Cause, text: &str| cause.patterns.iter().any(|pattern| {
            RegexBuilder::new(&format!("^(?:{pattern})")).case_insensitive(true).build().unwrap().is_match(text)
        });
        let found = causes.match_text(status, &message);
        // The slow way does not know where prefixes end: what is found must match somewhere, and nothing before
        // it may match where the text begins.
        let possible = |cause: &causes::Cause| status.is_none_or(|status| cause.status.iter().any(|set| set.holds(status)));
        let by_code = |cause: &causes::Cause| cause.akv.iter().any(|code| message.akv_code() == Some(code));
        if let Some(id) = found {
            let cause = causes.get(id);
            prop_assert!(possible(cause) && (by_code(cause) || texts().any(|text| matches(cause, text))));
        }
        let sure = causes.iter().position(|cause| possible(cause) && (by_code(cause) || matches(cause, message.text())));
        match (found, sure) {
            (Some(found), Some(sure)) => prop_assert!(found.index() <= sure),
            (None, sure) => prop_assert_eq!(sure, None),
            (Some(_), None) => {}
        }
    }
}
