//! What tells the samples of a family apart.

use std::fmt::{self, Display, Write as _};

/// Labels of a sample: names with their values, escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(String);

impl Labels {
    /// Of the only sample of a family.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Of these names and values, in this order.
    #[must_use]
    pub fn of(pairs: &[(&str, &dyn Display)]) -> Self {
        pairs.iter().fold(Self::default(), |labels, (name, value)| labels.and(name, value))
    }

    /// With one more at the end.
    #[must_use]
    pub fn and(mut self, name: &str, value: impl Display) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        let value = value.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // Writing to a text does not fail.
        let _ = write!(self.0, "{comma}{name}=\"{value}\"");
        self
    }
}

impl Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{{{}}}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        let labels = Labels::of(&[("a", &"x\\y\"z\n"), ("b", &1)]);
        assert_eq!(labels.to_string(), r#"{a="x\\y\"z\n",b="1"}"#);
        assert_eq!(Labels::none().to_string(), "");
    }
}
