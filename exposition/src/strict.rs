//! A strict reader, for the tests of all who write.

use std::collections::{BTreeMap, BTreeSet};

/// Samples by name and labels, as they stand on the page.
pub type Samples = BTreeMap<String, f64>;

/// Families by name, each with its kind.
pub type Kinds = BTreeMap<String, String>;

/// What a page says. Each family comes once and whole, behind its HELP and its TYPE; no sample comes twice and all are finite; a
/// counter's name ends with `_total`; the buckets of histograms grow and end with all.
///
/// # Errors
/// The first line that is not so.
pub fn read(page: &str) -> Result<(Samples, Kinds), String> {
    let mut reader = Reader::default();
    for line in page.lines() {
        reader.line(line).ok_or_else(|| line.to_owned())?;
    }
    check_histograms(&reader.samples)?;
    Ok((reader.samples, reader.kinds))
}

#[derive(Default)]
struct Reader {
    samples: Samples,
    kinds: Kinds,
    /// The family whose samples come.
    family: String,
    /// The name of the last HELP.
    helped: String,
}

impl Reader {
    fn line(&mut self, line: &str) -> Option<()> {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ')?;
            self.helped = name.to_owned();
            return (text.ends_with('.') && is_name(name)).then_some(());
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ')?;
            let fits = name == self.helped && ["counter", "gauge", "histogram"].contains(&kind);
            let is_new = self.kinds.insert(name.to_owned(), kind.to_owned()).is_none();
            self.family = name.to_owned();
            return (fits && is_new && (kind == "counter") == name.ends_with("_total")).then_some(());
        }
        // Any other is a remark, for people.
        if line.starts_with("# ") { Some(()) } else { self.sample(line) }
    }

    fn sample(&mut self, line: &str) -> Option<()> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').map_or((series, None), |(name, rest)| (name, Some(rest)));
        let suffix = name.strip_prefix(self.family.as_str())?;
        let of_histogram =
            self.kinds.get(&self.family)? == "histogram" && ["_bucket", "_sum", "_count"].contains(&suffix);
        let value: f64 = value.parse().ok()?;
        let fits = suffix.is_empty() != of_histogram && is_name(name) && value.is_finite();
        labels.map_or(Some(()), check_labels)?;
        (self.samples.insert(series.to_owned(), value).is_none() && fits).then_some(())
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// `name="value",name="value"}`
fn check_labels(text: &str) -> Option<()> {
    let (mut rest, mut names) = (text, BTreeSet::new());
    loop {
        let (name, after) = rest.split_once("=\"")?;
        if !is_name(name) || !names.insert(name) {
            return None;
        }
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (_, '\\') => matches!(characters.next(), Some((_, '\\' | '"' | 'n'))).then_some(())?,
                (at, '"') => break at,
                _ => {}
            }
        };
        match &after[end + 1..] {
            "}" => return Some(()),
            more => rest = more.strip_prefix(',')?,
        }
    }
}

fn check_histograms(samples: &Samples) -> Result<(), String> {
    let ends = samples.iter().filter(|(series, _)| series.contains("_bucket{") && series.contains("+Inf"));
    for (series, all) in ends {
        let begin = series.split("le=\"").next().unwrap_or_default();
        let mut buckets: Vec<(f64, f64)> = samples
            .iter()
            .filter_map(|(series, count)| {
                let bound = series.strip_prefix(begin)?.strip_prefix("le=\"")?.strip_suffix("\"}")?;
                Some((bound.replace("+Inf", "inf").parse().ok()?, *count))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let labels = begin.trim_end_matches(['{', ',']).replacen("_bucket", "_count", 1);
        let count = if labels.contains('{') { format!("{labels}}}") } else { labels };
        if buckets.len() < 2
            || !buckets.is_sorted_by_key(|(_, count)| *count)
            || samples.get(&count) != Some(all)
        {
            return Err(format!("{series}: {buckets:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_would_refuse_is_found() {
        let head = "# HELP a_total A.\n# TYPE a_total counter\n";
        let sample = "a_total{task=\"x\\\"y\"} 1\n";
        assert_eq!(read(&format!("{head}{sample}")).unwrap().0.len(), 1);
        for wrong in [
            format!("{head}{sample}{sample}"),
            format!("{head}{sample}{head}{sample}"),
            format!("{head}b_total 1\n"),
            format!("{head}a_total{{x=\"1\",x=\"2\"}} 1\n"),
            format!("{head}a_total{{x=\"1}} 1\n"),
            format!("{head}a_total NaN\n"),
            sample.to_owned(),
            "# HELP a A.\n# TYPE a counter\na 1\n".to_owned(),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
        let head = "# HELP h A.\n# TYPE h histogram\n";
        let buckets = |one, all, count| {
            format!(
                "{head}h_bucket{{le=\"1\"}} {one}\nh_bucket{{le=\"+Inf\"}} {all}\nh_sum 1\nh_count {count}\n"
            )
        };
        assert!(read(&buckets(1, 2, 2)).is_ok());
        assert!(read(&buckets(3, 2, 2)).is_err() && read(&buckets(1, 2, 3)).is_err());
    }
}
