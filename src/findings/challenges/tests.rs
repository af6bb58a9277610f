use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::facts::tests::facts_of;

/// One request of a client: tick, and whether it is a challenge.
fn line(tick: i64, challenge: bool, client: u8) -> String {
    let time = crate::ticks::Ticks::from_second(1_773_316_800).0 + tick;
    let time = crate::ticks::Ticks(time);
    let (operation, status, identity) = if challenge {
        ("Authentication", 401, "{}")
    } else {
        ("SecretGet", 403, r#"{"claim":{"oid":"o"}}"#)
    };
    format!(
        r#"{{"time":"{time}","category":"AuditEvent","operationName":"{operation}","identity":{identity},"callerIpAddress":"203.0.113.{client}","properties":{{"clientInfo":"x","httpStatusCode":{status}}},"resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/A"}}"#
    )
}

/// Answered and unanswered challenges.
fn judged(facts: &mut Facts, window_s: u32) -> (u64, u64) {
    facts.requests.settle();
    settle(facts, &Causes::built_in(), window_s);
    let of = |facts: &Facts, cause: &str| -> u64 {
        let rows = facts.requests.iter().filter(|(key, _)| facts.dimensions.strings.get(key.cause) == cause);
        rows.map(|(_, series)| series.count()).sum()
    };
    (of(facts, "auth-challenge"), of(facts, "unanswered-challenge"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// What looking at every pair of requests gives: the challenges of a client in one second are
    /// answered when any other request of it comes at or within the window after the first of them.
    #[test]
    fn pairing_is_what_looking_at_every_pair_gives(
        requests in prop::collection::vec((0_i64..1_500_000_000, any::<bool>(), 0_u8..2), 0..40),
        window_s in 1_u32..90,
        cut in 0_usize..40,
    ) {
        let mut first: BTreeMap<(u8, i64), (i64, u64)> = BTreeMap::new();
        for (tick, _, client) in requests.iter().filter(|request| request.1) {
            let group = first.entry((*client, tick.div_euclid(TICKS_PER_SECOND))).or_insert((*tick, 0));
            *group = (group.0.min(*tick), group.1 + 1);
        }
        let (mut yes, mut no) = (0, 0);
        for ((client, _), (from, count)) in first {
            let until = from + i64::from(window_s) * TICKS_PER_SECOND;
            let answered = requests.iter().any(|(tick, challenge, other)| {
                !challenge && *other == client && (from..=until).contains(tick)
            });
            *(if answered { &mut yes } else { &mut no }) += count;
        }
        let lines: Vec<String> = requests.iter().map(|(tick, challenge, client)| line(*tick, *challenge, *client)).collect();
        let (front, back) = lines.split_at(cut.min(lines.len()));
        let mut facts = facts_of("b", back);
        facts.merge(facts_of("a", front));
        prop_assert_eq!(judged(&mut facts, window_s), (yes, no));
        // Judged once, judged for good.
        prop_assert_eq!(judged(&mut facts, 1), (yes, no));
    }
}

#[test]
fn a_token_error_is_never_taken_for_a_challenge() {
    let error = r#"{"time":"2026-03-12T12:00:00Z","category":"AuditEvent","operationName":"Authentication","identity":{},"resultDescription":"AKV10022: Invalid audience.","callerIpAddress":"203.0.113.0","properties":{"clientInfo":"x","httpStatusCode":401},"resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/A"}"#;
    let mut facts = facts_of("a", &[error.to_owned(), line(0, false, 0)]);
    assert_eq!(judged(&mut facts, 60), (0, 0));
}

#[test]
fn another_vault_address_or_agent_answers_nothing() {
    let other = line(0, false, 0).replace("VAULTS/A", "VAULTS/B");
    let agent = line(0, false, 0).replace(":\"x\"", ":\"y\"");
    let mut facts = facts_of("a", &[line(0, true, 0), line(0, false, 1), other, agent]);
    assert_eq!(judged(&mut facts, 60), (0, 1));
}

#[test]
fn a_challenge_without_a_time_is_not_answered_and_hides_no_other() {
    let untimed = line(0, true, 0).replacen("\"time\":\"2026", "\"time\":\"when: 2026", 1);
    for client in [0, 1, 2] {
        let lines = [untimed.clone(), line(0, true, client), line(5, false, client)];
        assert_eq!(judged(&mut facts_of("a", &lines), 60), (1, 1), "client {client}");
    }
    // Of many clients, whichever come first.
    let mut lines: Vec<String> =
        (0..40).map(|client| untimed.replace("113.0", &format!("113.{client}"))).collect();
    lines.extend((40..80).flat_map(|client| [line(0, true, client), line(5, false, client)]));
    assert_eq!(judged(&mut facts_of("a", &lines), 60), (40, 40));
}
