//! A strict reader of Prometheus' text format 0.0.4.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of a page, by name and labels.
pub(crate) type Samples = BTreeMap<String, f64>;

/// What a page says. Each family comes once and whole, behind its HELP and its TYPE; no sample comes twice; the buckets of
/// histograms grow and end with all.
pub(crate) fn read(page: &str) -> (Samples, BTreeMap<String, String>) {
    assert!(page.ends_with('\n'));
    let (mut samples, mut kinds) = (Samples::new(), BTreeMap::new());
    let (mut family, mut helped) = (String::new(), String::new());
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(text.ends_with('.') && is_name(name), "{line}");
            helped = name.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(name == helped && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(kind != "counter" || name.ends_with("_total"), "{line}");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
            family = name.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) =
                series.split_once('{').map_or((series, None), |(name, rest)| (name, Some(rest)));
            let suffix = name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{line} in {family}"));
            let of_histogram =
                kinds[&family] == "histogram" && ["_bucket", "_sum", "_count"].contains(&suffix);
            assert!(suffix.is_empty() != of_histogram && is_name(name), "{line}");
            if let Some(labels) = labels {
                check_labels(labels);
            }
            let value: f64 = value.parse().unwrap();
            assert!(value.is_finite() && value >= -0.001, "{line}");
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} twice");
        }
    }
    check_histograms(&samples);
    (samples, kinds)
}

fn is_name(name: &str) -> bool {
    name.starts_with("millstream_streams_")
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// `name="value",name="value"}`
fn check_labels(text: &str) {
    let (mut rest, mut names) = (text, BTreeSet::new());
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()), "{text}");
        assert!(names.insert(name), "{name} twice in {text}");
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().unwrap_or_else(|| panic!("{text}")) {
                (_, '\\') => assert!(matches!(characters.next(), Some((_, '\\' | '"' | 'n'))), "{text}"),
                (at, '"') => break at,
                _ => {}
            }
        };
        match &after[end + 1..] {
            "}" => return,
            more => rest = more.strip_prefix(',').unwrap_or_else(|| panic!("{text}")),
        }
    }
}

fn check_histograms(samples: &Samples) {
    for (series, all) in
        samples.iter().filter(|(series, _)| series.contains("_bucket{") && series.contains("+Inf"))
    {
        let begin = series.split("le=\"").next().unwrap();
        let mut buckets: Vec<(f64, f64)> = samples
            .iter()
            .filter_map(|(series, count)| {
                let bound = series.strip_prefix(begin)?.strip_prefix("le=\"")?.strip_suffix("\"}")?;
                Some((bound.replace("+Inf", "inf").parse().unwrap(), *count))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.len() > 2 && buckets.is_sorted_by_key(|(_, count)| *count), "{buckets:?}");
        let labels = begin.trim_end_matches(['{', ',']).replacen("_bucket", "_count", 1);
        let count = if labels.contains('{') { format!("{labels}}}") } else { labels };
        assert_eq!(samples.get(&count), Some(all), "{count}");
    }
}

#[test]
#[should_panic(expected = "twice")]
fn a_sample_that_comes_twice_is_found() {
    let head = "# HELP millstream_streams_a_total A.\n# TYPE millstream_streams_a_total counter\n";
    let sample = "millstream_streams_a_total{task=\"x\\\"y\"} 1\n";
    assert_eq!(read(&format!("{head}{sample}")).0.len(), 1);
    read(&format!("{head}{sample}{sample}"));
}
