use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A finding as its place goes.
#[derive(Clone, Debug)]
struct Plain {
    severity: Severity,
    count: u64,
    id: String,
    code: &'static str,
    caller: u8,
    object: Option<String>,
    explained: bool,
}

const CALLERS: [&str; 3] = ["one", "two", "three"];

impl Ranked for Plain {
    fn gravity(&self) -> (Severity, u64) {
        (self.severity, self.count)
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn topic(&self) -> Topic<'_> {
        (self.code, None, CALLERS.get(usize::from(self.caller)).map(|oid| (Some(*oid), None)))
    }

    fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    fn is_explained(&self) -> bool {
        self.explained
    }
}

fn any_finding() -> impl Strategy<Value = Plain> {
    let severity = prop::sample::select(vec![Severity::Info, Severity::Low, Severity::High]);
    let code = prop::sample::select(vec!["forbidden", "missing-role", "same-name"]);
    let object = prop::option::of(0_u8..6);
    (severity, 1_u64..4, code, 0_u8..4, object, prop::bool::weighted(0.2)).prop_map(
        |(severity, count, code, caller, object, explained)| Plain {
            severity,
            count,
            id: String::new(),
            code,
            caller,
            object: object.map(|object| format!("secrets/{object}")),
            explained,
        },
    )
}

/// All findings, gravest first.
fn sorted(all: &[Plain]) -> Vec<&Plain> {
    let mut sorted: Vec<&Plain> = all.iter().collect();
    sorted.sort_by(|one, other| {
        (other.severity, other.count).cmp(&(one.severity, one.count)).then_with(|| one.id.cmp(&other.id))
    });
    sorted
}

/// For each topic, its first finding and its advice, in their order.
fn slow_advice(all: &[Plain]) -> Vec<(String, u64, Vec<String>)> {
    let mut topics: BTreeMap<_, Vec<&Plain>> = BTreeMap::new();
    for finding in sorted(all).into_iter().filter(|finding| !finding.explained && finding.code != "same-name")
    {
        topics.entry((finding.code, finding.caller)).or_default().push(finding);
    }
    let mut advice: Vec<(Severity, String, u64, Vec<String>)> = Vec::new();
    for findings in topics.values() {
        let mut objects: Vec<String> = Vec::new();
        for object in findings.iter().filter_map(|finding| finding.object.clone()) {
            if !objects.contains(&object) {
                objects.push(object);
            }
        }
        let count = findings.iter().map(|finding| finding.count).sum();
        advice.push((findings[0].severity, findings[0].id.clone(), count, objects));
    }
    advice.sort_by(|one, other| (other.0, other.2).cmp(&(one.0, one.2)).then_with(|| one.1.cmp(&other.1)));
    advice.into_iter().map(|(_, id, count, objects)| (id, count, objects)).collect()
}

proptest! {
    /// What is chosen is the beginning of all findings and of all advice, as sorting everything gives them.
    #[test]
    fn what_is_chosen_is_the_beginning_of_all(
        mut all in prop::collection::vec(any_finding(), 0..40),
        listed in prop_oneof![0_usize..45, Just(usize::MAX)],
        advised in prop_oneof![0_usize..12, Just(usize::MAX)],
        seed in any::<u64>(),
    ) {
        for (number, finding) in all.iter_mut().enumerate() {
            finding.id = format!("{}-{:03}", finding.code, (number as u64 * 37 + seed % 41) % 97);
        }
        let chosen = choose(&all, Most { listed, advice: advised });
        let told: Vec<&Plain> = chosen.places.iter().map(|at| &all[*at]).collect();
        prop_assert!(told.iter().map(|plain| &plain.id).eq(sorted(&all).into_iter().filter(|plain| {
            told.iter().any(|told| told.id == plain.id)
        }).map(|plain| &plain.id)), "in order");
        let is_shown = |plain: &&&Plain| plain.severity > Severity::Info || plain.code != "same-name";
        let all_sorted = sorted(&all);
        let slow_listed: Vec<&String> = all_sorted.iter().filter(is_shown).map(|plain| &plain.id).collect();
        let most = listed.min(slow_listed.len());
        let in_list: Vec<&String> = told.iter().filter(is_shown).map(|plain| &plain.id).take(most).collect();
        prop_assert_eq!(&in_list[..], &slow_listed[..most]);
        let slow = slow_advice(&all);
        prop_assert_eq!(chosen.in_all, InAll {
            listed: slow_listed.len(),
            advice: slow.len(),
            gravest: all.iter().map(|plain| plain.severity).max(),
        });
        prop_assert_eq!(chosen.advice.len(), advised.min(slow.len()));
        for (advice, (id, count, objects)) in chosen.advice.iter().zip(slow) {
            prop_assert_eq!(&told[advice.finding].id, &id);
            prop_assert_eq!(advice.count, count);
            let named = objects.len().min(Advice::MOST_OBJECTS);
            prop_assert_eq!(&advice.objects, &objects[..named]);
            prop_assert_eq!(advice.more_objects, objects.len() - named);
        }
        if listed == usize::MAX {
            prop_assert_eq!(told.len(), all.len());
        }
        // Nothing is told that nobody reads.
        let most_told = if listed == usize::MAX { all.len() } else { most + chosen.advice.len() };
        prop_assert!(told.len() <= most_told);
    }
}
