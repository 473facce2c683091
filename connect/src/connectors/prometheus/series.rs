//! What a time series is: labels in order, and samples.

use std::fmt;

use thiserror::Error;

/// The label that carries a metric's name.
pub(crate) const NAME: &str = "__name__";

/// The NaN with which Prometheus marks the end of a series (`StaleNaN` in its `model/value`): it travels as a bit
/// pattern, so it must not be confused with other NaNs, nor they with it.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// The label set of a series, its name among them: sorted by label, each once, none with an empty value, which is the
/// same as none at all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Labels(Vec<(String, String)>);

/// One value at one time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    /// NaN is told by its bits: see [`is_stale`].
    pub(crate) value: f64,
}

/// Why labels are none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum LabelFault {
    #[error("label {0:?} is given twice")]
    Twice(String),
    #[error("a label without a name")]
    Unnamed,
    #[error("a series without a metric name (label __name__)")]
    NoMetric,
}

/// Whether `value` is the mark that a series has ended.
pub(crate) fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// The mark that a series has ended.
pub(crate) fn stale() -> f64 {
    f64::from_bits(STALE)
}

impl Labels {
    /// Sorts `pairs` into labels; [`NAME`] must be among them.
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Result<Self, LabelFault> {
        let mut pairs = pairs;
        pairs.sort_unstable();
        if pairs.iter().any(|(name, _)| name.is_empty()) {
            return Err(LabelFault::Unnamed);
        }
        if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(LabelFault::Twice(twice[0].0.clone()));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        let labels = Self(pairs);
        if labels.get(NAME).is_none() {
            return Err(LabelFault::NoMetric);
        }
        Ok(labels)
    }

    /// The same, and those of `pairs` whose labels it lacks.
    pub(crate) fn with_defaults(mut self, pairs: &[(String, String)]) -> Result<Self, LabelFault> {
        let lacking: Vec<_> = pairs.iter().filter(|(name, _)| self.get(name).is_none()).cloned().collect();
        if lacking.is_empty() {
            return Ok(self);
        }
        self.0.extend(lacking);
        Self::new(self.0)
    }

    /// The value of the label `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.binary_search_by(|(label, _)| label.as_str().cmp(name)).ok()?;
        Some(&self.0[found].1)
    }

    /// The metric's name.
    pub(crate) fn metric(&self) -> &str {
        self.get(NAME).unwrap_or_default()
    }

    /// All labels in order, the metric's name among them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The labels but the metric's name, in order.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(name, _)| *name != NAME)
    }
}

/// `metric{label="value"}`, as in an exposition: it is the same for two label sets only if they are.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric())?;
        for (i, (name, value)) in self.others().enumerate() {
            write!(f, "{}{name}=\"", if i == 0 { "{" } else { "," })?;
            for c in value.chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    '"' => f.write_str("\\\"")?,
                    '\n' => f.write_str("\\n")?,
                    other => write!(f, "{other}")?,
                }
            }
            f.write_str("\"")?;
        }
        if self.0.len() > 1 { f.write_str("}") } else { Ok(()) }
    }
}

impl PartialEq for Sample {
    fn eq(&self, other: &Self) -> bool {
        self.timestamp == other.timestamp && self.value.to_bits() == other.value.to_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels, LabelFault> {
        Labels::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn labels_are_sorted_and_an_empty_one_is_none() {
        let found = labels(&[("job", "node"), (NAME, "up"), ("zone", ""), ("instance", "a\"\\\n")]).unwrap();
        assert_eq!(found.to_string(), r#"up{instance="a\"\\\n",job="node"}"#);
        assert_eq!(found.get("zone"), None);
        assert_eq!(labels(&[(NAME, "up")]).unwrap().to_string(), "up");
    }

    #[test]
    fn what_is_no_label_set_is_told() {
        assert_eq!(labels(&[(NAME, "a"), ("b", "1"), ("b", "2")]), Err(LabelFault::Twice("b".into())));
        assert_eq!(labels(&[(NAME, "a"), ("", "1")]), Err(LabelFault::Unnamed));
        assert_eq!(labels(&[("b", "1")]), Err(LabelFault::NoMetric));
        assert_eq!(labels(&[("b", "1"), (NAME, "")]), Err(LabelFault::NoMetric));
    }

    #[test]
    fn the_mark_of_staleness_is_one_nan_of_many() {
        assert!(is_stale(stale()) && stale().is_nan());
        assert!(!is_stale(f64::NAN));
    }
}
