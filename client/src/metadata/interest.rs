//! Which topics the metadata is asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

/// The topics in use. A topic that nobody asked for during `metadata.max.idle.ms` is forgotten, unless it is pinned.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    /// `None`: pinned, as a consumer's subscription is.
    topics: HashMap<Arc<str>, Option<Instant>>,
    /// A pattern needs the names of all topics.
    all: bool,
}

impl Interest {
    /// Notes a use; true when the topic is new.
    pub(crate) fn touch(&mut self, topic: &str, now: Instant) -> bool {
        match self.topics.get_mut(topic) {
            Some(Some(used)) => *used = now,
            Some(None) => {}
            None => {
                self.topics.insert(topic.into(), Some(now));
                return true;
            }
        }
        false
    }

    /// Replaces what is pinned.
    pub(crate) fn pin(&mut self, topics: impl IntoIterator<Item = Arc<str>>, all: bool) {
        self.topics.retain(|_, used| used.is_some());
        self.topics.extend(topics.into_iter().map(|topic| (topic, None)));
        self.all = all;
    }

    /// The topics to ask for, or `None` for all of them.
    pub(crate) fn wanted(&mut self, now: Instant, idle_max: Duration) -> Option<Vec<Arc<str>>> {
        self.topics.retain(|_, used| used.is_none_or(|used| now.duration_since(used) <= idle_max));
        (!self.all).then(|| self.topics.keys().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_topics_are_forgotten_and_pinned_ones_stay() {
        let (start, idle) = (Instant::now(), Duration::from_secs(300));
        let mut interest = Interest::default();
        assert!(interest.touch("used", start));
        interest.pin(["pinned".into()], false);
        let later = start + idle * 2;
        assert_eq!(interest.wanted(later, idle), Some(vec!["pinned".into()]));
        assert!(interest.touch("used", later), "new again");
        interest.pin([], true);
        assert_eq!(interest.wanted(later, idle), None);
    }
}
