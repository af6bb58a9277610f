//! Tests on tokens that were made here; none of them was ever issued.

use base64::engine::general_purpose::URL_SAFE;
use proptest::prelude::*;
use serde_json::json;

use super::audience::{GOVERNMENT_APP_ID, HSM_APP_ID, OTHERS, VAULT_APP_ID};
use super::*;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OID: &str = "aaaaaaaa-0000-0000-0000-00000000000a";
const APP: &str = "bbbbbbbb-0000-0000-0000-00000000000b";
const SIGNATURE: &str = "U2lnbmF0dXJlVGhhdE11c3RTdGF5SGlkZGVu";

/// 2026-08-22T10:00:00Z.
const NOW: i64 = 1_787_392_800;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn token(claims: &Value) -> String {
    format!("{}.{}.{SIGNATURE}", encode(&json!({ "typ": "JWT", "alg": "RS256", "kid": "k" })), encode(claims))
}

/// The claims of an application's token that a vault could take, with some changed; `null` removes.
fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "aud": "https://vault.azure.net", "iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT,
        "appid": APP, "oid": OID, "idtyp": "app", "nbf": NOW - 600, "iat": NOW - 600, "exp": NOW + 3000, "ver": "1.0",
    });
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (name, value) in changes {
        claims[name] = value;
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn report(changes: Value) -> TokenReport {
    inspect(&token(&claims(changes)), now()).unwrap()
}

/// The first check on a claim.
fn check(changes: Value, claim: &str) -> Check {
    report(changes).checks.into_iter().find(|check| check.claim == claim).unwrap()
}

fn assert_says(check: &Check, ok: Option<bool>, cause: Option<&str>, fragment: &str) {
    assert_eq!((check.ok, check.cause), (ok, cause), "{check:?}");
    assert!(check.says.contains(fragment), "{fragment:?} is not in {:?}", check.says);
    assert!(check.says.ends_with('.'), "{:?}", check.says);
    assert!(check.ok != Some(false) || check.fix.is_some(), "{check:?} has no fix");
}

#[test]
fn a_good_token_has_nothing_wrong() {
    let report = report(json!({}));
    assert!(
        report.checks.iter().all(|check| check.ok != Some(false) && check.cause.is_none()),
        "{report:#?}"
    );
    let about: Vec<_> = report.checks.iter().map(|check| (check.claim, check.ok)).collect();
    let (right, note) = (Some(true), None);
    assert_eq!(
        about,
        [
            ("aud", right),
            ("exp", right),
            ("nbf", right),
            ("iss", right),
            ("tid", note),
            ("iss", right),
            ("idtyp", note),
            ("oid", right),
            ("ver", right),
        ]
    );
}

#[test]
fn every_way_of_pasting_gives_the_same() {
    let bare = token(&claims(json!({})));
    let (head, tail) = bare.split_at(70);
    let (unsigned, _) = bare.rsplit_once('.').unwrap();
    let padded = format!(
        "{}.{}.{SIGNATURE}",
        URL_SAFE.encode(json!({ "alg": "RS256" }).to_string()),
        URL_SAFE.encode(claims(json!({})).to_string()),
    );
    let expected = inspect(&bare, now()).unwrap();
    for pasted in [
        format!("\r\n  {bare}\n"),
        format!("\"{bare}\"\n"),
        format!("'{bare}'"),
        format!("Bearer {bare}"),
        format!("bearer\t{bare}"),
        format!("Authorization: Bearer {bare}\r\n"),
        format!("\"authorization:Bearer {bare}\""),
        format!("\u{feff}{bare}"),
        format!("{head}\r\n{tail}"),
        unsigned.to_owned(),
        format!("{unsigned}."),
        padded,
        json!({ "accessToken": bare, "expiresOn": "2026-08-22 12:00:00.000000", "tenant": TENANT })
            .to_string(),
        json!({ "access_token": bare, "refresh_token": "x.y.z" }).to_string(),
        format!(" {} ", json!({ "token": format!("Bearer {bare}") })),
        json!({ "Token": bare }).to_string(),
    ] {
        assert_eq!(inspect(&pasted, now()).as_ref(), Ok(&expected), "{pasted}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let (header, payload) = (encode(&json!({ "alg": "RS256" })), encode(&json!({})));
    for (pasted, error) in [
        (String::new(), TokenError::NotAToken),
        ("\"\" Bearer ".to_owned(), TokenError::NotAToken),
        ("one word".to_owned(), TokenError::NotAToken),
        ("contoso.vault.azure.net.example".to_owned(), TokenError::NotAToken),
        (format!("{header}.{payload}.a.b"), TokenError::NotAToken),
        (format!("{header}.{payload}.a.b.c.d"), TokenError::NotAToken),
        (json!({ "accessToken": 7 }).to_string(), TokenError::NotAToken),
        ("{ \"accessToken\": ".to_owned(), TokenError::NotAToken),
        (format!("{header}.a.b.c.d"), TokenError::Encrypted),
        (format!("@@@.{payload}.x"), TokenError::BadBase64 { part: "header" }),
        (format!("{header}.a+b/.x"), TokenError::BadBase64 { part: "payload" }),
        (format!("{}.{payload}.x", encode(&json!([1]))), TokenError::BadJson { part: "header" }),
        (format!("{header}..x"), TokenError::BadJson { part: "payload" }),
        (
            format!("{header}.{}.x", URL_SAFE_NO_PAD.encode(b"{\"aud\":\"\xff\"}")),
            TokenError::BadJson { part: "payload" },
        ),
        (" ".repeat(MAX_BYTES + 1), TokenError::TooLong),
    ] {
        assert_eq!(inspect(&pasted, now()), Err(error), "{pasted}");
    }
    assert_eq!(inspect(&" ".repeat(MAX_BYTES), now()), Err(TokenError::NotAToken));
}

#[test]
fn errors_say_what_a_token_looks_like() {
    assert!(TokenError::NotAToken.to_string().contains("header.payload.signature"));
    assert!(
        TokenError::BadJson { part: "payload" }
            .to_string()
            .contains("the token's payload is not a JSON object")
    );
}

#[test]
fn audiences_of_key_vault_are_told_apart() {
    for (audience, fragment) in [
        ("https://vault.azure.net", "key vaults in Azure public"),
        ("https://vault.azure.cn", "key vaults in Azure China"),
        ("https://vault.usgovcloudapi.net", "key vaults in Azure US Government"),
        ("https://managedhsm.azure.net", "Managed HSMs in Azure public"),
        ("https://managedhsm.azure.cn", "Managed HSMs in Azure China"),
        ("https://managedhsm.usgovcloudapi.net", "Managed HSMs in Azure US Government"),
        (VAULT_APP_ID, "Key Vault, by its application id"),
    ] {
        assert_says(&check(json!({ "aud": audience }), "aud"), Some(true), None, fragment);
    }
    for (audience, fragment) in [
        ("https://vault.microsoftazure.de", "closed in 2021"),
        (HSM_APP_ID, "Managed HSM, by its application id"),
        (GOVERNMENT_APP_ID, "not known"),
        ("https://managedhsm.azure.net/", "an HSM may refuse too"),
    ] {
        assert_says(&check(json!({ "aud": audience }), "aud"), None, None, fragment);
    }
}

#[test]
fn other_audiences_are_named() {
    for (audience, fragment) in [
        ("https://management.azure.com/", "Azure Resource Manager"),
        ("https://management.azure.com", "Azure Resource Manager"),
        ("https://westeurope.management.azure.com", "Azure Resource Manager"),
        ("https://management.core.windows.net/", "Azure Resource Manager"),
        ("https://management.core.usgovcloudapi.net", "Azure Resource Manager"),
        ("https://graph.microsoft.com", "Microsoft Graph"),
        ("00000003-0000-0000-c000-000000000000", "Microsoft Graph"),
        ("https://storage.azure.com/", "Azure Storage"),
        ("https://contoso.blob.core.windows.net", "Azure Storage"),
        ("api://AzureADTokenExchange", "workload identity federation"),
        ("https://vault.keyvault.net", "misprint"),
        (APP, "another application"),
        ("https://example.com", "a resource that akvlens does not know"),
        ("https://vault.azure.net.example.com", "a resource that akvlens does not know"),
        ("https://notvault.azure.net", "a resource that akvlens does not know"),
        ("", "a resource that akvlens does not know"),
        ("https://contoso.vault.azure.net", "a vault's own URL"),
        ("https://contoso.vault.azure.net/", "a vault's own URL"),
        ("https://contoso.managedhsm.azure.net", "a Managed HSM's own URL"),
        ("https://vault.azure.net/", "with a slash at the end"),
        ("spn:cfa8b339-82a2-471a-a3c9-0fc0be7a4093", "with spn: in front"),
        ("spn:https://vault.azure.net", "with spn: in front"),
        ("http://vault.azure.net", "spelt in another way"),
        ("https://VAULT.azure.net", "spelt in another way"),
        ("vault.azure.net", "spelt in another way"),
    ] {
        assert_says(&check(json!({ "aud": audience }), "aud"), Some(false), Some("wrong-audience"), fragment);
    }
    for none in [json!(null), json!(7), json!([]), json!([7])] {
        assert_says(
            &check(json!({ "aud": none }), "aud"),
            Some(false),
            Some("wrong-audience"),
            "no audience",
        );
    }
}

#[test]
fn no_name_of_another_resource_hides_a_later_one() {
    for (name, what) in OTHERS {
        let says = check(json!({ "aud": format!("https://{name}") }), "aud").says;
        assert!(says.contains(what), "{name}: {says}");
    }
}

#[test]
fn a_wrong_audience_is_told_what_to_ask_for() {
    for (audience, fragment) in [
        ("https://vault.azure.net/", "Remove the slash: ask for scope https://vault.azure.net/.default"),
        ("https://vault.azure.cn/", "https://vault.azure.cn/.default"),
        (
            "spn:cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
            "Remove the spn: prefix: ask for scope https://vault.azure.net/.default",
        ),
        ("https://contoso.vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net/.default"),
        ("https://contoso.managedhsm.azure.net/", "https://managedhsm.azure.net/.default"),
        ("https://management.azure.com", "scope https://vault.azure.net/.default (Managed HSM"),
    ] {
        let fix = check(json!({ "aud": audience }), "aud").fix.unwrap();
        assert!(fix.contains(fragment), "{audience}: {fix}");
    }
}

#[test]
fn of_several_audiences_the_right_one_counts() {
    let audiences = json!(["https://management.azure.com", "https://vault.azure.cn"]);
    assert_says(&check(json!({ "aud": audiences }), "aud"), Some(true), None, "Azure China");
    let audiences = json!(["https://vault.azure.net/", "https://graph.microsoft.com"]);
    assert_says(&check(json!({ "aud": audiences }), "aud"), Some(false), Some("wrong-audience"), "slash");
}

#[test]
fn expiry_is_told_in_words() {
    let expired = Some("expired-token");
    for (exp, ok, cause, fragment) in [
        (json!(NOW - 11_520), Some(false), expired, "expired 3 h 12 min ago, at 2026-08-22T06:48:00Z"),
        (json!(NOW - 3 * 86_400 - 60), Some(false), expired, "expired 3 days ago"),
        (json!(NOW - 90_000), Some(false), expired, "expired 1 day 1 h ago"),
        (json!(NOW - 59), Some(false), expired, "expired 59 s ago"),
        (json!(NOW), Some(false), expired, "expired 0 s ago"),
        (json!(NOW + 1), None, None, "expires in 1 s"),
        (json!(NOW + 299), None, None, "expires in 4 min"),
        (json!(NOW + 300), Some(true), None, "good for another 5 min"),
        (json!(1_787_396_400.75), Some(true), None, "good for another 1 h, until 2026-08-22T11:00:00Z"),
        (json!(null), Some(false), None, "missing"),
        (json!("1787396400"), Some(false), None, "not a number of seconds"),
        (json!(i64::MAX), Some(false), None, "not a number of seconds"),
        (json!(1.5e300), Some(false), None, "not a number of seconds"),
    ] {
        assert_says(&check(json!({ "exp": exp }), "exp"), ok, cause, fragment);
    }
}

#[test]
fn a_token_of_the_future_is_not_valid_yet() {
    let early = check(json!({ "nbf": NOW + 125 }), "nbf");
    assert_says(
        &early,
        Some(false),
        Some("token-not-yet-valid"),
        "before 2026-08-22T10:02:05Z, 2 min from now",
    );
    assert_says(
        &check(json!({ "nbf": NOW }), "nbf"),
        Some(true),
        None,
        "validity began at 2026-08-22T10:00:00Z",
    );
    assert_says(&check(json!({ "nbf": true }), "nbf"), None, None, "not a number");
    assert!(report(json!({ "nbf": null })).checks.iter().all(|check| check.claim != "nbf"));
}

#[test]
fn a_part_of_a_second_counts() {
    let token = token(&claims(json!({ "exp": NOW })));
    let before = DateTime::from_timestamp(NOW - 1, 500_000_000).unwrap();
    let after = DateTime::from_timestamp(NOW, 1).unwrap();
    assert_says(&inspect(&token, before).unwrap().checks[1], None, None, "expires in 0 s");
    assert_says(&inspect(&token, after).unwrap().checks[1], Some(false), Some("expired-token"), "0 s ago");
}

#[test]
fn issuers_of_entra_are_known() {
    for (aud, issuer) in [
        ("https://vault.azure.net", format!("https://sts.windows.net/{TENANT}/")),
        ("https://vault.azure.net", format!("https://login.microsoftonline.com/{TENANT}/v2.0")),
        ("https://vault.azure.cn", format!("https://sts.chinacloudapi.cn/{TENANT}/")),
        ("https://vault.azure.cn", format!("https://login.partner.microsoftonline.cn/{TENANT}/v2.0")),
        ("https://vault.usgovcloudapi.net", format!("https://sts.windows.net/{TENANT}/")),
        ("https://managedhsm.usgovcloudapi.net", format!("https://login.microsoftonline.us/{TENANT}/v2.0")),
    ] {
        let checks = report(json!({ "aud": aud, "iss": issuer, "tid": TENANT.to_uppercase() })).checks;
        let says: Vec<_> = checks.iter().filter(|check| check.claim == "iss").collect();
        assert_says(says[0], Some(true), None, "same tenant");
        assert_says(says[1], Some(true), None, "fits the audience's cloud");
    }
}

#[test]
fn other_issuers_are_wrong() {
    let other = "99999999-2222-3333-4444-555555555555";
    for (issuer, fragment) in [
        (json!(null), "names no issuer"),
        (json!("https://token.actions.githubusercontent.com"), "not of Entra ID's form"),
        (json!(format!("https://sts.windows.net/{TENANT}")), "not of Entra ID's form"),
        (json!(format!("https://login.microsoftonline.com/{TENANT}/")), "not of Entra ID's form"),
        (json!("https://sts.windows.net//"), "not of Entra ID's form"),
        (json!(format!("https://sts.windows.net/{TENANT}/x/")), "not of Entra ID's form"),
        (json!(format!("https://sts.windows.net.example.com/{TENANT}/")), "not of Entra ID's form"),
        (json!(format!("https://sts.windows.net/{other}/")), &format!("tid is {TENANT}")),
    ] {
        assert_says(&check(json!({ "iss": issuer }), "iss"), Some(false), Some("wrong-issuer"), fragment);
    }
    assert_says(&check(json!({ "tid": null }), "tid"), None, None, "no tid");
}

#[test]
fn issuer_and_audience_must_share_a_cloud() {
    let cloud = |aud: &str, issuer: String| {
        report(json!({ "aud": aud, "iss": issuer }))
            .checks
            .into_iter()
            .filter(|check| check.claim == "iss")
            .nth(1)
    };
    let (public, china) =
        (format!("https://sts.windows.net/{TENANT}/"), format!("https://sts.chinacloudapi.cn/{TENANT}/"));
    for (aud, issuer, fragment) in [
        (
            "https://vault.azure.cn",
            &public,
            "Azure public or Azure US Government, but the audience is in Azure China",
        ),
        ("https://vault.azure.net", &china, "Azure China, but the audience is in Azure public"),
    ] {
        assert_says(&cloud(aud, issuer.clone()).unwrap(), Some(false), Some("wrong-issuer"), fragment);
    }
    assert_says(&cloud(VAULT_APP_ID, public.clone()).unwrap(), None, None, "does not tell its cloud");
    assert_eq!(cloud("https://management.azure.com", china), None, "a token to be replaced needs no more");
}

#[test]
fn the_tenant_is_to_be_compared_with_the_vaults() {
    let tenant = check(json!({}), "tid");
    assert_says(&tenant, None, None, TENANT);
    assert!(tenant.fix.unwrap().contains("az keyvault show"));
}

#[test]
fn users_and_applications_are_told_apart() {
    let user = json!({ "scp": "user_impersonation", "idtyp": null, "upn": "ada@contoso.example" });
    let delegated = format!("the caller is the user {OID}, and application {APP} only the client");
    assert_says(&check(user, "scp"), None, None, &delegated);
    assert_says(
        &check(json!({}), "idtyp"),
        None,
        None,
        &format!("Application token: the caller is application {APP}"),
    );
    assert_says(&check(json!({ "idtyp": null }), "idtyp"), None, None, "looks like an application token");
    assert_says(&check(json!({ "scp": "x" }), "idtyp"), None, None, "Entra ID issues no such token");
    let azp = json!({ "appid": null, "azp": APP, "ver": "2.0" });
    assert_says(&check(azp, "idtyp"), None, None, APP);
    assert_says(&check(json!({ "appid": null }), "idtyp"), None, None, "does not name");
}

#[test]
fn the_object_id_is_what_policies_must_name() {
    let fragment = "the object id that an access policy or role assignment must name: aaaaaaaa";
    assert_says(&check(json!({}), "oid"), Some(true), None, fragment);
    let missing = check(json!({ "oid": null }), "oid");
    assert_says(&missing, None, None, "no object id");
    assert!(missing.fix.unwrap().contains("service principal"));
}

#[test]
fn managed_identities_are_named() {
    let group = "/subscriptions/s/resourcegroups/g/providers";
    for (id, fragment) in [
        (format!("{group}/Microsoft.Web/sites/shop"), "the system-assigned identity of shop."),
        (
            format!("{group}/Microsoft.ManagedIdentity/userAssignedIdentities/ci"),
            "the user-assigned managed identity ci.",
        ),
        (
            format!("{group}/microsoft.managedidentity/userassignedidentities/ci/"),
            "the user-assigned managed identity ci.",
        ),
    ] {
        assert_says(&check(json!({ "xms_mirid": id }), "xms_mirid"), None, None, fragment);
    }
}

#[test]
fn versions_and_algorithms_are_judged() {
    assert_says(&check(json!({ "ver": "2.0" }), "ver"), None, None, "version 2.0");
    let alg = |header: Value| {
        let pasted = format!("{}.{}.", encode(&header), encode(&claims(json!({}))));
        inspect(&pasted, now()).unwrap().checks.into_iter().find(|check| check.claim == "alg")
    };
    assert_says(&alg(json!({ "alg": "nOnE" })).unwrap(), Some(false), None, "not signed");
    assert_says(&alg(json!({ "typ": "JWT" })).unwrap(), Some(false), None, "no signature algorithm");
    assert_says(&alg(json!({ "alg": "HS256" })).unwrap(), None, None, "HS256");
    assert_eq!(alg(json!({ "alg": "RS256" })), None);
}

#[test]
fn claims_are_shown_in_order() {
    let shown = report(json!({
        "aud": ["https://vault.azure.net", "x"], "azp": "hidden behind appid", "unique_name": "ada", "roles": ["a", "b"],
        "scp": "s", "xms_mirid": "/m", "iat": "soon", "name": "not shown",
    })).claims;
    let issuer = format!("https://sts.windows.net/{TENANT}/");
    let expected = [
        ("aud", "https://vault.azure.net, x"),
        ("iss", &issuer),
        ("tid", TENANT),
        ("appid", APP),
        ("oid", OID),
        ("idtyp", "app"),
        ("unique_name", "ada"),
        ("scp", "s"),
        ("roles", "a, b"),
        ("xms_mirid", "/m"),
        ("nbf", "2026-08-22T09:50:00Z"),
        ("iat", "soon"),
        ("exp", "2026-08-22T10:50:00Z"),
    ];
    let shown: Vec<_> = shown.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(shown, expected);
}

#[test]
fn long_values_are_cut_between_characters() {
    let (long, fits) = ("é".repeat(301), "é".repeat(300));
    let report = report(json!({ "aud": long, "upn": fits, "roles": ["é".repeat(200), "é".repeat(200)] }));
    for (name, length, cut) in [("aud", 300, true), ("upn", 300, false), ("roles", 300, true)] {
        let (_, value) = report.claims.iter().find(|(claim, _)| *claim == name).unwrap();
        assert_eq!((value.chars().count(), value.ends_with('…')), (length, cut), "{name}");
    }
    assert!(!report.checks[0].says.contains(&fits), "sentences are cut too");
}

#[test]
fn hostile_text_is_returned_as_it_is() {
    let hostile = "\u{1b}[31m<script>\u{202e}";
    assert_eq!(report(json!({ "upn": hostile })).claims[6], ("upn", hostile.to_owned()));
}

#[test]
fn every_cause_is_one_of_four() {
    let wrong = report(json!({ "aud": "x", "exp": 1, "nbf": NOW + 9, "iss": "x" })).checks;
    let causes: Vec<_> = wrong.iter().filter_map(|check| check.cause).collect();
    assert_eq!(causes, ["wrong-audience", "expired-token", "token-not-yet-valid", "wrong-issuer"]);
}

/// Any value that a claim may have.
fn any_claim() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "(spn:)?(https://)?(c\\.)?(vault|managedhsm)\\.(azure\\.net|azure\\.cn)/?".prop_map(Value::from),
        "https://(sts\\.windows\\.net|login\\.microsoftonline\\.us)/{0,2}[0-9a-f]{0,4}/?(v2\\.0)?"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,4}", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

/// Any claims, most of them under names that matter.
fn any_claims() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "aud",
        "iss",
        "tid",
        "appid",
        "azp",
        "oid",
        "idtyp",
        "upn",
        "scp",
        "roles",
        "xms_mirid",
        "nbf",
        "iat",
        "exp",
        "ver",
        "alg",
    ]);
    prop::collection::btree_map(name, any_claim(), 0..12).prop_map(|claims| json!(claims))
}

/// Everything that could be shown of a result.
fn everything(result: &Result<TokenReport, TokenError>) -> String {
    match result {
        Ok(report) => format!("{report:?}{report:#?}{}", json!(report)),
        Err(error) => format!("{error:?}{error:#?}{error}"),
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", wrap in "[{\"' .]{0,3}(Bearer |Authorization:)?") {
        let _ = inspect(&text, now());
        let _ = inspect(&format!("{wrap}{text}"), now());
    }

    #[test]
    fn no_claims_panic(header in any_claims(), claims in any_claims(), second in any::<i64>()) {
        let at = DateTime::from_timestamp(second, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let report = inspect(&format!("{}.{}", encode(&header), encode(&claims)), at).unwrap();
        prop_assert!(report.claims.iter().all(|(_, value)| value.chars().count() <= MAX_VALUE_CHARS));
        prop_assert!(report.checks.iter().all(|check| check.ok != Some(false) || check.fix.is_some()));
        prop_assert!(report.checks.iter().all(|check| check.cause.is_none() || check.ok == Some(false)));
    }

    #[test]
    fn no_bytes_panic(header in any::<Vec<u8>>(), payload in any::<Vec<u8>>()) {
        let _ = inspect(&format!("{}.{}.x", URL_SAFE.encode(header), URL_SAFE_NO_PAD.encode(payload)), now());
    }

    #[test]
    fn no_part_of_the_signature_is_ever_shown(
        signature in "[A-Za-z0-9_-]{16,60}",
        before in prop_oneof![Just(""), Just("Bearer "), Just("Authorization: Bearer "), Just("{\"token\":\"")],
        header in prop_oneof![Just("eyJhbGciOiJSUzI1NiJ9"), Just("eyJhbGciOiJub25lIn0"), Just("@"), Just("eyJ9"), Just("")],
        claims in any_claims(),
        broken in any::<bool>(),
        after in prop_oneof![Just(""), Just("\"}"), Just("\n"), Just(".x"), Just(".x.y")],
    ) {
        let payload = if broken { "e30x".to_owned() } else { encode(&claims) };
        let shown = everything(&inspect(&format!("{before}{header}.{payload}.{signature}{after}"), now()));
        for part in signature.as_bytes().windows(8) {
            prop_assert!(!shown.contains(std::str::from_utf8(part).unwrap()), "{}", shown);
        }
    }
}
