//! Who decides.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Action, Failed, Stage};
use crate::topology::TopicName;

/// A closure that decides what becomes of a record that failed.
pub(crate) type Policy = Arc<dyn Fn(&Failed<'_>) -> Action + Send + Sync>;

/// What an application says of records that fail, where the node they fail at says nothing. Without a word: [`Action::Fail`].
#[derive(Clone, Default)]
pub(crate) struct Policies {
    pub(crate) decode: Option<Policy>,
    pub(crate) process: Option<Policy>,
    pub(crate) produce: Option<Policy>,
    /// `errors.dead.letter.queue.topic.name`.
    pub(crate) dead_letters: Option<Arc<str>>,
    pub(crate) retries: Retries,
    /// Whether what works under them writes no topic, so that a dead letter has nowhere to go and is skipped.
    pub(crate) without_topics: bool,
    /// What the names of internal topics begin with, for those that are shown; empty: nothing.
    pub(crate) application_id: Arc<str>,
}

impl Policies {
    pub(crate) fn of(&self, stage: Stage) -> Option<&Policy> {
        match stage {
            Stage::Decode => self.decode.as_ref(),
            Stage::Process => self.process.as_ref(),
            Stage::Produce => self.produce.as_ref(),
        }
    }

    /// Where an action sends a record, if it sends it anywhere and that is named.
    pub(crate) fn dead_letters_of(&self, action: Action) -> Option<TopicName> {
        let topic = match action {
            Action::DeadLetter => self.dead_letters.clone()?,
            Action::DeadLetterTo(topic) => topic.into(),
            Action::Fail | Action::Skip | Action::Retry => return None,
        };
        Some(TopicName::External(topic))
    }

    /// One for all stages.
    pub(crate) fn set(&mut self, policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static) {
        let policy: Policy = Arc::new(policy);
        self.decode = Some(Arc::clone(&policy));
        self.process = Some(Arc::clone(&policy));
        self.produce = Some(policy);
    }

    /// The one that Kafka's configuration of a handler names: the class, with or without its package, or an action in words.
    pub(crate) fn set_handler(&mut self, stage: Stage, handler: &str) -> Result<(), String> {
        let class = handler.rsplit('.').next().unwrap_or(handler);
        let policy: Option<Policy> = match class {
            "LogAndContinueExceptionHandler" | "LogAndContinueProcessingExceptionHandler" => Some(Arc::new(
                |failed| {
                    if failed.has_dead_letters() { Action::DeadLetter } else { Action::Skip }
                },
            )),
            // Kafka's default lets a task begin anew at its last commit where the cluster was away. So does a thread here, if
            // nobody has said fail.
            "DefaultProductionExceptionHandler" => None,
            "LogAndFailExceptionHandler" | "LogAndFailProcessingExceptionHandler" | "fail" => {
                Some(Arc::new(|_| Action::Fail))
            }
            "skip" => Some(Arc::new(|_| Action::Skip)),
            "dead-letter" => Some(Arc::new(|_| Action::DeadLetter)),
            "retry" => Some(Arc::new(|_| Action::Retry)),
            _ => return Err(format!("expected {HANDLERS}")),
        };
        *match stage {
            Stage::Decode => &mut self.decode,
            Stage::Process => &mut self.process,
            Stage::Produce => &mut self.produce,
        } = policy;
        Ok(())
    }

    /// The same for a global table: it writes no topic, and has no place to wait.
    pub(crate) fn of_global(&self) -> Self {
        Self { without_topics: true, retries: Retries::up_to(0), ..self.clone() }
    }

    /// A topic's name in the cluster, where that is known.
    pub(crate) fn shown(&self, topic: &TopicName) -> String {
        match &*self.application_id {
            "" => topic.to_string(),
            application_id => topic.resolve(application_id),
        }
    }

    /// Whether all of them say [`Action::Fail`] by not being there.
    pub(crate) fn is_empty(&self) -> bool {
        self.decode.is_none() && self.process.is_none() && self.produce.is_none()
    }
}

const HANDLERS: &str = "fail, skip, dead-letter, retry, or Kafka's LogAndContinueExceptionHandler, \
     LogAndFailExceptionHandler, LogAndContinueProcessingExceptionHandler, LogAndFailProcessingExceptionHandler or \
     DefaultProductionExceptionHandler; another one is a closure: `.on_error(|failed| ...)`";

impl fmt::Debug for Policies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = [&self.decode, &self.process, &self.produce].map(Option::is_some);
        let mut policies = formatter.debug_struct("Policies");
        policies.field("set", &set).field("dead_letters", &self.dead_letters).field("retries", &self.retries);
        policies.finish_non_exhaustive()
    }
}

/// How often, and after what pauses, a record is tried again for which a policy says [`Action::Retry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    limit: u32,
    first: Duration,
    longest: Duration,
}

impl Retries {
    /// At most `limit` times, after which [`Action::Retry`] means [`Action::Fail`].
    pub const fn up_to(limit: u32) -> Self {
        Self { limit, ..Self::DEFAULT }
    }

    /// Pauses that begin with `first` and double up to `longest`.
    pub const fn after(mut self, first: Duration, longest: Duration) -> Self {
        self.first = first;
        self.longest = longest;
        self
    }

    const DEFAULT: Self =
        Self { limit: 10, first: Duration::from_millis(100), longest: Duration::from_secs(10) };

    pub(crate) fn allow(&self, attempt: u32) -> bool {
        attempt <= self.limit
    }

    /// The pause after an attempt, in milliseconds; the first attempt is 1.
    pub(crate) fn pause_ms(&self, attempt: u32) -> i64 {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let pause = self.first.saturating_mul(factor).min(self.longest);
        i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Ten times, after 100 ms and then twice as long each time, up to 10 s.
impl Default for Retries {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::Bytes;
    use crate::processor::Headers;
    use crate::task::Failure;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retries = Retries::up_to(3).after(Duration::from_millis(50), Duration::from_millis(150));
        assert_eq!([1, 2, 3, 40].map(|attempt| retries.pause_ms(attempt)), [50, 100, 150, 150]);
        assert_eq!([1, 3, 4].map(|attempt| retries.allow(attempt)), [true, true, false]);
    }

    #[test]
    fn handlers_go_by_class_and_by_word() {
        let said = |stage, handler: &str, dead_letters: Option<&str>| {
            let mut policies = Policies { dead_letters: dead_letters.map(Into::into), ..Policies::default() };
            policies.set_handler(stage, handler).unwrap();
            let failed = Failed {
                stage,
                task: None,
                node: "",
                place: None,
                record: Bytes {
                    key: None,
                    value: None,
                    timestamp: 0,
                    headers: &Headers::default(),
                    source: None,
                },
                attempt: 1,
                has_dead_letters: dead_letters.is_some(),
                failure: &Failure::Panic(String::new()),
            };
            policies.of(stage).unwrap()(&failed)
        };
        for (stage, goes_on, fails) in [
            (Stage::Decode, "LogAndContinueExceptionHandler", "LogAndFailExceptionHandler"),
            (
                Stage::Process,
                "LogAndContinueProcessingExceptionHandler",
                "LogAndFailProcessingExceptionHandler",
            ),
        ] {
            let package = "org.apache.kafka.streams.errors";
            assert_eq!(said(stage, &format!("{package}.{goes_on}"), None), Action::Skip);
            assert_eq!(said(stage, goes_on, Some("dead")), Action::DeadLetter);
            assert_eq!(said(stage, &format!("{package}.{fails}"), Some("dead")), Action::Fail);
        }
        for (word, action) in [
            ("fail", Action::Fail),
            ("skip", Action::Skip),
            ("dead-letter", Action::DeadLetter),
            ("retry", Action::Retry),
        ] {
            assert_eq!(said(Stage::Produce, word, None), action);
        }
        assert!(Policies::default().set_handler(Stage::Decode, "my.Handler").is_err());
    }

    #[test]
    fn kafkas_default_of_production_is_to_say_nothing() {
        let mut policies = Policies::default();
        policies.set_handler(Stage::Produce, "skip").unwrap();
        let package = "org.apache.kafka.streams.errors";
        policies
            .set_handler(Stage::Produce, &format!("{package}.DefaultProductionExceptionHandler"))
            .unwrap();
        assert!(policies.is_empty());
    }
}
