//! Spells against a slow way to find them, and what each spell follows.

use proptest::prelude::*;

use super::*;
use crate::facts::Facts;

fn cell(second: i64) -> Cell {
    let at = Ticks::from_second(second);
    Cell::new(at, at, 1).unwrap()
}

fn ticks(seconds: &[i64]) -> Vec<i64> {
    seconds.iter().map(|second| Ticks::from_second(*second).0).collect()
}

/// What a lone key's spells follow.
fn judged(denials: &[i64], successes: &[i64], changes: &[i64]) -> Vec<Option<Cause>> {
    let mut facts = Facts::new();
    let operation = facts.dimensions.strings.intern("VaultPatch");
    let events: Vec<Event> = changes
        .iter()
        .map(|second| Event { time: Ticks::from_second(*second), operation, replaces: false })
        .collect();
    let mut denied = Denied {
        cells: denials.iter().copied().map(cell).collect(),
        successes: ticks(successes),
        ..Denied::default()
    };
    let spells = spells(&mut denied);
    spells.iter().map(|spell| follows(spell, &denied, &events)).collect()
}

#[test]
fn denials_that_end_by_themselves_in_time_are_told_apart() {
    let change = |found: &[Option<Cause>]| matches!(found, [Some(Cause::Change(..))]);
    assert!(change(&judged(&[110, 200, 650], &[700], &[100])), "within ten minutes of a change");
    assert_eq!(judged(&[110, 200, 750], &[800], &[100]), [None], "longer than a grant takes");
    assert_eq!(judged(&[110, 200], &[], &[100]), [None], "it never ended");
    assert_eq!(judged(&[110, 200], &[300], &[100, 250]), [None], "somebody changed something in between");
    assert_eq!(judged(&[110, 200], &[300], &[]), [Some(Cause::Grant)], "a new caller's first success");
    assert_eq!(judged(&[110, 200], &[50, 300], &[]), [None], "it had succeeded before");
    assert_eq!(judged(&[110], &[5000], &[]), [None], "the first success came late");
    assert_eq!(judged(&[110, 400], &[300, 500], &[100]).len(), 2, "successes part spells");
}

proptest! {
    /// Every denial is in the spell that ends with the first success behind it.
    #[test]
    fn spells_are_parted_by_successes(
        denials in prop::collection::btree_set(0_i64..200, 0..30),
        successes in prop::collection::btree_set(0_i64..200, 0..10),
    ) {
        let denials: Vec<i64> = denials.difference(&successes).copied().collect();
        let mut slow: Vec<(Option<i64>, u64)> = Vec::new();
        for denial in &denials {
            let after = successes.iter().find(|success| *success > denial).copied();
            match slow.last_mut().filter(|last| last.0 == after) {
                Some(last) => last.1 += 1,
                None => slow.push((after, 1)),
            }
        }
        let mut denied = Denied {
            cells: denials.iter().rev().copied().map(cell).collect(),
            successes: ticks(&successes.iter().copied().collect::<Vec<_>>()),
            ..Denied::default()
        };
        let fast: Vec<(Option<i64>, u64)> = spells(&mut denied)
            .iter()
            .map(|spell| (spell.after.map(|tick| Ticks(tick).second()), spell.count))
            .collect();
        prop_assert_eq!(fast, slow);
    }
}
