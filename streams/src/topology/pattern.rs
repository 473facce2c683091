//! Topics by a regular expression.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use regex::Regex;

/// A regular expression that names of topics match as a whole, as with Java's `Pattern.matches`. It takes linear time, so it
/// knows no back-references and no look-around.
#[derive(Clone)]
pub struct TopicPattern {
    text: Arc<str>,
    whole: Arc<Matches>,
}

/// Whether the whole of a name matches.
type Matches = dyn Fn(&str) -> bool + Send + Sync;

impl TopicPattern {
    /// `None`: it is no regular expression.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let whole = Regex::new(&format!("^(?:{text})$")).ok()?;
        Some(Self { text: text.into(), whole: Arc::new(move |topic| whole.is_match(topic)) })
    }

    /// Whether it matches the whole of a name.
    pub fn matches(&self, topic: &str) -> bool {
        (self.whole)(topic)
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TopicPattern {}

impl Hash for TopicPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for TopicPattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TopicPattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, formatter)
    }
}
