//! Access and last uses against a slow count of the records themselves.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::classify::causes::Causes;
use crate::facts::tests::facts_of;
use crate::findings::{Judgement, report};

/// A request: second, caller, secret, operation, and whether it was granted.
type Request = (u32, u8, u8, bool, bool);

fn line((second, caller, secret, list, granted): Request) -> String {
    let operation = if list { "SecretListVersions" } else { "SecretGet" };
    let denied = "Caller is not authorized to perform action on resource.";
    let (status, message) = if granted { (200, "") } else { (403, denied) };
    serde_json::json!({
        "time": format!("2026-03-{:02}T00:00:{:02}Z", second / 60 + 1, second % 60),
        "category": "AuditEvent",
        "operationName": operation,
        "resultDescription": message,
        "identity": {"claim": {"oid": format!("o-{caller}")}},
        "properties": {"id": format!("https://kv.vault.azure.net/secrets/s-{secret}"), "httpStatusCode": status},
        "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV",
    })
    .to_string()
}

fn any_request() -> impl Strategy<Value = Request> {
    (0_u32..1200, 0_u8..3, 0_u8..3, any::<bool>(), any::<bool>())
}

/// The report on requests.
fn judged(requests: &[Request]) -> crate::report::Report {
    static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);
    let lines: Vec<String> = requests.iter().copied().map(line).collect();
    let judgement = Judgement { stale_after_days: 5, ..Judgement::default() };
    report(facts_of("a", &lines), &CAUSES, &judgement)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn access_counts_every_request_once(requests in prop::collection::vec(any_request(), 0..40)) {
        let mut slow: BTreeMap<(String, String, String), (u64, u64)> = BTreeMap::new();
        for (_, caller, secret, list, granted) in &requests {
            let operation = if *list { "SecretListVersions" } else { "SecretGet" };
            let counts = slow.entry((format!("o-{caller}"), format!("secrets/s-{secret}"), operation.to_owned())).or_default();
            if *granted { counts.0 += 1 } else { counts.1 += 1 }
        }
        let text = |text: &Option<Label>| text.as_deref().unwrap_or_default().to_owned();
        let fast: BTreeMap<_, _> = judged(&requests)
            .access
            .iter()
            .map(|row| ((text(&row.oid), text(&row.object), text(&row.operation)), (row.used, row.denied)))
            .collect();
        prop_assert_eq!(fast, slow);
    }

    #[test]
    fn the_last_use_is_the_last_that_worked(requests in prop::collection::vec(any_request(), 0..40)) {
        let last_day = requests.iter().map(|request| request.0).max().unwrap_or(0);
        let mut slow: BTreeMap<String, (u32, String)> = BTreeMap::new();
        for (second, caller, secret, _, granted) in &requests {
            if *granted {
                let who = format!("o-{caller}");
                let last = slow.entry(format!("secrets/s-{secret}")).or_insert((*second, who.clone()));
                if *second > last.0 || (*second == last.0 && who < last.1) {
                    *last = (*second, who);
                }
            }
        }
        let report = judged(&requests);
        prop_assert_eq!(report.objects.len(), slow.len());
        prop_assert!(report.objects.windows(2).all(|pair| pair[0].last_used <= pair[1].last_used));
        let seconds = |second: u32| i64::from(second / 60) * 86_400 + i64::from(second % 60);
        for object in &report.objects {
            let (second, who) = &slow[&object.object];
            prop_assert_eq!(object.last_oid.as_ref(), Some(who));
            prop_assert_eq!(object.stale, seconds(last_day) - seconds(*second) > 5 * 86_400);
        }
    }
}
