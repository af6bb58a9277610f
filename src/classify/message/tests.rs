use proptest::prelude::*;

use super::*;

fn details(text: &str) -> Details {
    Message::new(text).details()
}

#[test]
fn prefixes_are_found() {
    let body = |text: &str| {
        let message = Message::new(text);
        message.text().get(message.body..).unwrap().to_owned()
    };
    assert_eq!(body("AKV10022: Invalid audience."), "Invalid audience.");
    assert_eq!(body("[ForbiddenByRbac (Forbidden)] Caller"), "Caller");
    assert_eq!(body("(Forbidden) [X] AKV10000: Request"), "Request");
    assert_eq!(body("(unclosed"), "(unclosed");
    assert_eq!(body("[only]"), "[only]");
    assert_eq!(Message::new("x AKV10046: y").akv_code(), Some("AKV10046"));
    assert_eq!(Message::new("AKV1004").akv_code(), None);
}

#[test]
fn an_rbac_denial_is_read_however_its_lines_end() {
    let lines = "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: name=Microsoft.RecoveryServices/vaults;appid=5323;oid=faf8;iss=https://sts.windows.net/t-1/\r\nAction: 'Microsoft.KeyVault/vaults/keys/read'\r\nResource: '/subscriptions/s/keys/k'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: kv-Yory;location=switzerlandnorth\r\n";
    let whole = details(lines);
    assert_eq!(whole, details(&lines.replace("\r\n", "\n")));
    assert_eq!(whole, details(&lines.replace("\r\n", " ")));
    assert_eq!(whole.action.as_deref(), Some("Microsoft.KeyVault/vaults/keys/read"));
    assert_eq!(
        (whole.vault.as_deref(), whole.region.as_deref()),
        (Some("kv-Yory"), Some("switzerlandnorth"))
    );
    assert_eq!(
        (whole.deny_assignment.as_deref(), whole.decision_reason.as_deref()),
        (None, Some("DeniedWithNoValidRBAC"))
    );
    let caller = whole.caller;
    assert_eq!(caller.name.as_deref(), Some("Microsoft.RecoveryServices/vaults"));
    assert_eq!((caller.appid.as_deref(), caller.oid.as_deref()), (Some("5323"), Some("faf8")));
    assert_eq!(caller.iss.as_deref(), Some("https://sts.windows.net/t-1/"));
    let first_line = lines.split("\r\n").next().unwrap();
    assert_eq!(details(first_line), Details::default());
}

#[test]
fn token_errors_name_what_was_expected_and_found() {
    let audience = details(
        "AKV10022: Invalid audience. Expected https://vault.azure.net or cfa8b339, found: https://management.azure.com/.",
    );
    assert_eq!(audience.expected_audience.as_deref(), Some("https://vault.azure.net or cfa8b339"));
    assert_eq!(audience.found_audience.as_deref(), Some("https://management.azure.com/"));
    assert_eq!(audience.akv_code.as_deref(), Some("AKV10022"));
    let issuer = details(
        "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/a/, https://sts.windows.net/b/, found https://sts.windows.net/c/.",
    );
    assert_eq!(
        issuer.expected_issuer.as_deref(),
        Some("https://sts.windows.net/a/, https://sts.windows.net/b/")
    );
    assert_eq!(issuer.found_issuer.as_deref(), Some("https://sts.windows.net/c/"));
    assert_eq!(issuer.found_audience, None);
}

#[test]
fn policy_firewall_and_throttling_texts_are_read() {
    let policy = details(
        "The user, group or application 'appid=a;oid=o;numgroups=1;iss=https://sts.windows.net/t/' does not have secrets get permission on key vault 'kv-x;location=westeurope'. For help",
    );
    assert_eq!(policy.permission.as_deref(), Some("secrets get"));
    assert_eq!(
        (policy.caller.oid.as_deref(), policy.vault.as_deref(), policy.region.as_deref()),
        (Some("o"), Some("kv-x"), Some("westeurope"))
    );
    let firewall = details(
        "Client address is not authorized and caller is not a trusted service.\nClient address: 203.0.113.9 from unknown subnet\nCaller: appid=a;oid=o;iss=i\nVault: kv;location=weu",
    );
    assert_eq!(firewall.client_address.as_deref(), Some("203.0.113.9"));
    assert_eq!(firewall.caller.iss.as_deref(), Some("i"));
    assert_eq!(
        details("Client address (10.0.0.1) is not authorized").client_address.as_deref(),
        Some("10.0.0.1")
    );
    let throttled = details(
        "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
    );
    assert_eq!(throttled.throttle_reason.as_deref(), Some("VaultRequestTypeLimitReached"));
    let hsm = details(
        "Not authorized to access Microsoft.KeyVault/managedHsm/keys/read/action on /keys/k (Activity ID: x)",
    );
    assert_eq!(
        (hsm.action.as_deref(), hsm.scope.as_deref()),
        (Some("Microsoft.KeyVault/managedHsm/keys/read/action"), Some("/keys/k"))
    );
    let obo = details("The policy requires the caller 'appid=a;oid=o;iss=i' to use on-behalf-of (OBO) flow.");
    assert_eq!(obo.caller.appid.as_deref(), Some("a"));
}

proptest! {
    #[test]
    fn the_first_place_is_found_whatever_the_case(
        text in "[aAbB :é]{0,40}", needle in "[abB :]{1,4}",
    ) {
        let (lower, small) = (text.to_ascii_lowercase(), needle.to_ascii_lowercase());
        prop_assert_eq!(find(&text, &needle), lower.find(&small));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,80}", glue in prop::sample::select(vec!["Caller: ", "found: ", "[", "AKV10", "Vault: ", "Expected ", "Client address ("])) {
        let _ = details(&format!("{glue}{text}"));
        let _ = details(&format!("{text}{glue}"));
    }
}
