use super::super::link::LinkError;
use super::WorkerError;
use crate::task::TaskId;

/// Since when (ms) a task has met nothing but failures that may pass: `task.timeout.ms` (KIP-572) says how long it bears them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trouble {
    since: Option<i64>,
}

impl Trouble {
    /// A failure: the task bears it, if it may pass and has not lasted for `timeout_ms`.
    pub(super) fn met(
        &mut self,
        task: TaskId,
        error: LinkError,
        now: i64,
        timeout_ms: i64,
    ) -> Result<(), WorkerError> {
        if !error.retriable {
            return Err(error.into());
        }
        let since = *self.since.get_or_insert(now);
        let after_ms = now.saturating_sub(since);
        if after_ms >= timeout_ms {
            return Err(WorkerError::TaskTimeout { task, after_ms, source: error });
        }
        tracing::warn!(%task, %error, after_ms, timeout_ms, "tried again until task.timeout.ms has passed");
        Ok(())
    }

    /// It went well.
    pub(super) fn over(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const TASK: TaskId = TaskId { subtopology: 0, partition: 0 };

    fn failure(retriable: bool) -> LinkError {
        LinkError {
            doing: "asking".to_owned(),
            source: Arc::new(millstream_client::Error::Closed),
            retriable,
        }
    }

    #[test]
    fn what_may_pass_is_borne_for_so_long_and_a_success_starts_anew() {
        let mut trouble = Trouble::default();
        let mut met = |now| trouble.met(TASK, failure(true), now, 100);
        assert!(met(50).is_ok() && met(149).is_ok());
        let refused = met(150).unwrap_err().to_string();
        assert!(refused.contains("for 100 ms") && refused.contains("task.timeout.ms"), "{refused}");
        trouble.over();
        assert!(trouble.met(TASK, failure(true), 1_000, 100).is_ok());
    }

    #[test]
    fn what_does_not_pass_is_not_borne_and_with_no_time_nothing_is() {
        assert!(Trouble::default().met(TASK, failure(false), 0, 100).is_err());
        assert!(Trouble::default().met(TASK, failure(true), 0, 0).is_err());
    }
}
