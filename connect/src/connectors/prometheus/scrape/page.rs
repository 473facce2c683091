//! What becomes of a target's answer: its readings with the labels of the target.

use std::borrow::Cow;

use thiserror::Error;

use super::super::exposition::{Exposition, Fault, Format, Reading};
use super::super::remote::Series;
use super::super::series::{LabelFault, Labels, NAME, Sample};

/// The answer of a target, and what is to be made of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) text: &'a str,
    pub(super) format: Format,
    /// When it was asked: milliseconds since 1970.
    pub(super) asked: i64,
    /// The labels that tell the target from others.
    pub(super) target: &'a [(String, String)],
    /// Whether a label that the target gives itself stands, or moves to `exported_…`.
    pub(super) honor_labels: bool,
    /// Whether a time that the target gives stands.
    pub(super) honor_timestamps: bool,
}

/// Why nothing of an answer is taken.
#[derive(Debug, Error, PartialEq)]
pub(super) enum PageFault {
    #[error("{0}")]
    Exposition(#[from] Fault),
    #[error("{name}: {fault}")]
    Labels { name: String, fault: LabelFault },
}

impl Page<'_> {
    /// The readings as series of one sample each, all or none.
    pub(super) fn series(&self) -> Result<Vec<Series>, PageFault> {
        Exposition::new(self.text, self.format).map(|reading| self.one(reading?)).collect()
    }

    fn one(&self, reading: Reading<'_>) -> Result<Series, PageFault> {
        let timestamp = reading.timestamp.filter(|_| self.honor_timestamps).unwrap_or(self.asked);
        let samples = vec![Sample { timestamp, value: reading.value }];
        let name = reading.name.clone().into_owned();
        let labels = self.labels(reading).map_err(|fault| PageFault::Labels { name, fault })?;
        Ok(Series { labels, samples })
    }

    fn labels(&self, reading: Reading<'_>) -> Result<Labels, LabelFault> {
        let own = reading.labels.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned()));
        let mut labels: Vec<(String, String)> = own.collect();
        labels.push((NAME.to_owned(), reading.name.into_owned()));
        for (name, value) in self.target {
            match labels.iter().position(|(own, _)| own == name) {
                Some(_) if self.honor_labels => continue,
                Some(at) => labels[at].0 = exported(name, &labels),
                None => {}
            }
            labels.push((name.clone(), value.clone()));
        }
        Labels::new(labels)
    }
}

/// `name` behind as many `exported_` as it takes for no other label to have it.
fn exported(name: &str, labels: &[(String, String)]) -> String {
    let mut free = Cow::Borrowed(name);
    while labels.iter().any(|(label, _)| *label == free) {
        free = Cow::Owned(format!("exported_{free}"));
    }
    free.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Vec<(String, String)> {
        [("job", "node"), ("instance", "h:1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    fn page<'a>(text: &'a str, target: &'a [(String, String)]) -> Page<'a> {
        let (honor_labels, honor_timestamps) = (false, true);
        Page { text, format: Format::Text, asked: 1_000, target, honor_labels, honor_timestamps }
    }

    fn shown(page: Page<'_>) -> Vec<String> {
        let series = page.series().unwrap();
        series.iter().map(|one| format!("{} @ {}", one.labels, one.samples[0].timestamp)).collect()
    }

    #[test]
    fn the_target_s_labels_are_added_and_its_own_make_room() {
        let target = target();
        let text = "a 1\nb{job=\"own\",exported_job=\"taken\"} 2\n";
        assert_eq!(
            shown(page(text, &target)),
            [
                r#"a{instance="h:1",job="node"} @ 1000"#,
                r#"b{exported_exported_job="own",exported_job="taken",instance="h:1",job="node"} @ 1000"#
            ]
        );
        let honored = shown(Page { honor_labels: true, ..page(text, &target) });
        assert_eq!(honored[1], r#"b{exported_job="taken",instance="h:1",job="own"} @ 1000"#);
    }

    #[test]
    fn a_time_of_the_target_stands_or_not() {
        assert_eq!(shown(page("a 1 7", &[])), ["a @ 7"]);
        assert_eq!(shown(Page { honor_timestamps: false, ..page("a 1 7", &[]) }), ["a @ 1000"]);
    }

    #[test]
    fn half_an_answer_is_none() {
        assert!(page("a 1\nb", &[]).series().is_err());
        let twice = page("a{b=\"1\",b=\"2\"} 1", &[]).series().unwrap_err();
        assert_eq!(twice.to_string(), r#"a: label "b" is given twice"#);
    }
}
