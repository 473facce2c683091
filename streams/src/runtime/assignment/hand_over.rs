use std::collections::BTreeSet;

use super::balance::{Candidate, owners};
use crate::task::TaskId;

/// Withholds from `target` the tasks that another member still runs. Their owner sees them missing, commits, revokes them and
/// rejoins, and the rebalance that this starts gives them out. Everything else keeps running all the while.
///
/// Returns what may be given out now, and whether such a second round is due.
pub(crate) fn hand_over(
    mut target: Vec<BTreeSet<TaskId>>,
    candidates: &[Candidate],
) -> (Vec<BTreeSet<TaskId>>, bool) {
    let owners = owners(candidates);
    let mut withheld = false;
    for (index, tasks) in target.iter_mut().enumerate() {
        tasks.retain(|task| {
            let free = owners.get(task).is_none_or(|owner| *owner == index);
            withheld |= !free;
            free
        });
    }
    (target, withheld)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::balance::tests::group;
    use super::super::{balance, hand_over};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The group as a whole: nobody is given what another runs, and after the second round everything runs.
        #[test]
        fn two_rounds_settle_a_group((tasks, mut candidates) in group()) {
            let (first, withheld) = hand_over(balance(&tasks, &candidates), &candidates);
            let running = owners(&candidates);
            for (index, given) in first.iter().enumerate() {
                for task in given {
                    prop_assert!(running.get(task).is_none_or(|owner| *owner == index));
                }
                candidates[index].owned.clone_from(given);
            }
            let target = balance(&tasks, &candidates);
            let (second, again) = hand_over(target.clone(), &candidates);
            prop_assert!(!again);
            prop_assert_eq!(&second, &target);
            prop_assert_eq!(second.iter().map(BTreeSet::len).sum::<usize>(), tasks.len());
            prop_assert!(withheld || first.iter().map(BTreeSet::len).sum::<usize>() == tasks.len());
        }
    }
}
