use std::io;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use millstream_wire::ids::Offset;

use super::super::keeper::{Stop, now_ms};
use super::super::{Logs, Partition};
use super::offset_map::MAX_MAP_BYTES;
use super::pass::Pass;

/// Starts the thread that cleans the dirtiest log, again and again (`log.cleaner.threads=1`). It holds the logs
/// weakly, so that dropping them ends it.
pub(in crate::log) fn start(logs: &Arc<Logs>, stop: Arc<Stop>) -> io::Result<JoinHandle<()>> {
    let backoff = Duration::from_millis(logs.options.cleaner_backoff_ms);
    let logs: Weak<Logs> = Arc::downgrade(logs);
    thread::Builder::new().name("log-cleaner".to_owned()).spawn(move || {
        loop {
            let Some(logs) = logs.upgrade() else { return };
            let cleaned = logs.clean_dirtiest(now_ms());
            drop(logs);
            // Rests when nothing was dirty (`log.cleaner.backoff.ms`).
            if !stop.sleep(if cleaned { Duration::ZERO } else { backoff }) {
                return;
            }
        }
    })
}

impl Logs {
    /// Cleans the log with the largest part of dirty bytes. Returns whether there was one.
    pub(in crate::log) fn clean_dirtiest(&self, now_ms: i64) -> bool {
        let compacted = self.serving().filter(|partition| partition.is_cleanable());
        let plans = compacted.filter_map(|partition| {
            let plan = {
                let log = partition.log.lock();
                let cleaned = self.shared.cleaned.get(partition.name()).unwrap_or_default();
                log.plan_cleaning(cleaned, now_ms)
            };
            let due = |plan: &super::Plan| plan.is_due(partition.config().min_cleanable_dirty_permille);
            match plan {
                Ok(plan) => due(&plan).then_some((plan, partition)),
                Err(error) => {
                    partition.give_up_cleaning(&error);
                    None
                }
            }
        });
        let Some((plan, partition)) = plans.max_by_key(|(plan, _)| plan.dirty_permille) else { return false };
        // Recovery takes gaps between offsets for lost batches, and those below the recovery point for our work.
        if let Err(error) = self.checkpoint() {
            partition.give_up_cleaning(&io::Error::other(error));
            return false;
        }
        match Pass::new(&partition, now_ms).run(&plan, MAX_MAP_BYTES) {
            Ok(end) => self.note_cleaned(&partition, end),
            Err(error) => partition.give_up_cleaning(&error),
        }
        true
    }

    fn note_cleaned(&self, partition: &Partition, end: Offset) {
        let noted = self.shared.cleaned.update(|cleaned| {
            cleaned.insert(partition.name().clone(), end);
        });
        if let Err(error) = noted {
            tracing::warn!(partition = %partition.name(), %error, "the next cleaning begins too early");
        }
    }
}
