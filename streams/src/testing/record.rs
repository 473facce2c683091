//! Records to compare with.

use crate::processor::Record;

/// A record at time 0 without headers, to compare an output with; [`Record::at`] sets the time.
///
/// ```
/// use millstream::prelude::*;
///
/// let expected: Record<String, i64> = record("whale", 1).at(20);
/// assert_eq!(expected.timestamp, 20);
/// ```
pub fn record<K, V>(key: impl Into<K>, value: impl Into<V>) -> Record<K, V> {
    Record::new(key.into(), value.into(), 0)
}
