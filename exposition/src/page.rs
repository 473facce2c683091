//! A page, one family after the other.

use std::fmt::Write as _;

use crate::Labels;

/// One sample: its labels, and its value.
pub type Sample = (Labels, f64);

/// Numbers counted by how large they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Upper bounds in ascending order, the last one infinite, and how many numbers were no larger.
    pub cumulative: Vec<(f64, u64)>,
    /// All numbers together.
    pub sum: f64,
}

/// The text. A family without samples is left out.
#[derive(Debug)]
pub struct Page {
    /// What all names begin with.
    prefix: &'static str,
    text: String,
}

impl Page {
    /// An empty page of names that begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &'static str) -> Self {
        Self { prefix, text: String::new() }
    }

    /// A number that only grows. `name` ends with `_total`; `help` is a sentence without its full stop.
    pub fn counter(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = Sample>) {
        self.family(name, "counter", help, samples);
    }

    /// A number that comes and goes.
    pub fn gauge(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = Sample>) {
        self.family(name, "gauge", help, samples);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str, samples: impl IntoIterator<Item = Sample>) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            self.head(name, kind, help);
        }
        for (labels, value) in samples {
            // Writing to a text does not fail, here and below.
            let _ = writeln!(self.text, "{}{name}{labels} {value}", self.prefix);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {}{name} {help}.", self.prefix);
        let _ = writeln!(self.text, "# TYPE {}{name} {kind}", self.prefix);
    }

    /// Numbers by how large they are.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        histograms: impl IntoIterator<Item = (Labels, Histogram)>,
    ) {
        let mut histograms = histograms.into_iter().peekable();
        if histograms.peek().is_some() {
            self.head(name, "histogram", help);
        }
        for (labels, Histogram { cumulative, sum }) in histograms {
            for (bound, count) in &cumulative {
                let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
                let bucket = labels.clone().and("le", bound);
                let _ = writeln!(self.text, "{}{name}_bucket{bucket} {count}", self.prefix);
            }
            let count = cumulative.last().map_or(0, |(_, count)| *count);
            let _ = writeln!(self.text, "{}{name}_sum{labels} {sum}", self.prefix);
            let _ = writeln!(self.text, "{}{name}_count{labels} {count}", self.prefix);
        }
    }

    /// All of it.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_come_one_after_the_other_and_empty_ones_not_at_all() {
        let mut page = Page::new("m_");
        page.gauge("none", "Nothing", []);
        page.gauge("level", "How full it is", [(Labels::none(), 0.5)]);
        let spread = Histogram { cumulative: vec![(0.1, 2), (f64::INFINITY, 3)], sum: 1.5 };
        page.histogram("took_seconds", "How long it took", [(Labels::of(&[("api", &"Fetch")]), spread)]);
        let (samples, kinds) = crate::read(&page.into_text()).unwrap();
        assert_eq!(kinds["m_level"], "gauge");
        assert_eq!(kinds["m_took_seconds"], "histogram");
        assert_eq!((kinds.len(), samples.len()), (2, 5));
        assert_eq!(samples["m_took_seconds_bucket{api=\"Fetch\",le=\"+Inf\"}"], 3.0);
        assert_eq!(samples["m_took_seconds_count{api=\"Fetch\"}"], 3.0);
    }
}
