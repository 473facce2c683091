//! Texts into values.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Where Kafka has an `INT` that may be 0.
pub(crate) const INT: RangeInclusive<u64> = 0..=i32::MAX as u64;
/// Where Kafka has an `INT` that may not be 0.
pub(crate) const POSITIVE: RangeInclusive<u64> = 1..=i32::MAX as u64;
/// Where Kafka has a `LONG` that may be 0.
pub(crate) const LONG: RangeInclusive<u64> = 0..=i64::MAX as u64;

fn number<T: FromStr + PartialOrd + Display>(
    text: &str,
    range: &RangeInclusive<T>,
    what: &str,
) -> Result<T, String> {
    let number = text.trim().parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("expected {what} from {} to {}", range.start(), range.end()))
}

/// Milliseconds, a `LONG`.
pub(crate) fn millis(text: &str) -> Result<Duration, String> {
    millis_in(text, LONG)
}

/// Milliseconds within a range.
pub(crate) fn millis_in(text: &str, range: RangeInclusive<u64>) -> Result<Duration, String> {
    number(text, &range, "milliseconds").map(Duration::from_millis)
}

/// A count of bytes or things.
pub(crate) fn count_in(text: &str, range: RangeInclusive<u64>) -> Result<usize, String> {
    number(text, &range, "a whole number").map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// A whole number within a range.
pub(crate) fn int_in(text: &str, range: RangeInclusive<i32>) -> Result<i32, String> {
    number(text, &range, "a whole number")
}

/// `true` or `false`, in any case as in Java.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    text.trim().to_ascii_lowercase().parse().map_err(|_| "expected true or false".to_owned())
}

/// A comma-separated list; blanks around items and empty items are dropped.
pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// An optional text: empty means none.
pub(crate) fn optional(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}
