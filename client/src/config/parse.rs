//! Texts into values.

use std::time::Duration;

/// Milliseconds, 0 or more.
pub(crate) fn millis(text: &str) -> Result<Duration, String> {
    text.trim().parse().map(Duration::from_millis).map_err(|_| "expected milliseconds, 0 or more".to_owned())
}

/// A count of bytes or things, 0 or more.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| "expected a whole number, 0 or more".to_owned())
}

/// A count that Kafka carries in 31 bits.
pub(crate) fn int(text: &str) -> Result<i32, String> {
    text.trim().parse().map_err(|_| "expected a whole number within 32 bits".to_owned())
}

/// `true` or `false`.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    text.trim().parse().map_err(|_| "expected true or false".to_owned())
}

/// A comma-separated list; blanks around items and empty items are dropped.
pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// An optional text: empty means none.
pub(crate) fn optional(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}
