use super::Group;
use super::balance::Assigned;

/// Withholds from `target` the tasks that another member still runs. Their owner sees them missing, commits, revokes them and
/// rejoins, and the rebalance that this starts gives them out. Everything else keeps running all the while.
///
/// Returns what may be given out now, and whether such a second round is due.
pub(crate) fn hand_over(mut target: Assigned, group: &Group<'_>) -> (Assigned, bool) {
    let mut withheld = false;
    for (index, tasks) in target.iter_mut().enumerate() {
        tasks.retain(|task| {
            let free = group.owners.get(task).is_none_or(|owner| *owner == index);
            withheld |= !free;
            free
        });
    }
    (target, withheld)
}
