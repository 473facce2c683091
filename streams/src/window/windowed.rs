use std::fmt;

use serde::{Deserialize, Serialize};

use super::Window;

/// The key of a windowed table: a key, and the window that the value belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Windowed<K> {
    /// The key that was grouped by.
    pub key: K,
    /// The window.
    pub window: Window,
}

impl<K> Windowed<K> {
    /// A key in a window.
    pub fn new(key: K, window: Window) -> Self {
        Self { key, window }
    }
}

/// A key in a window of these milliseconds, to compare an output with.
///
/// ```
/// use millstream::prelude::*;
///
/// let key: Windowed<String> = windowed("/", 0..60_000);
/// assert_eq!(key.window.end, 60_000);
/// ```
pub fn windowed<K>(key: impl Into<K>, window: impl Into<Window>) -> Windowed<K> {
    Windowed { key: key.into(), window: window.into() }
}

impl<K: fmt::Display> fmt::Display for Windowed<K> {
    /// As Kafka shows it: `[key@start/end]`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}@{}]", self.key, self.window)
    }
}
