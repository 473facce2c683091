//! Words and how often they occur.

use std::collections::BTreeMap;

use millstream_examples::word_count::words;

pub(crate) const NOVEL: &str = include_str!("../../data/moby-dick.txt");

pub(crate) type Counts = BTreeMap<String, i64>;

/// What `tr -cs A-Za-z '\n' | tr A-Z a-z | sort | uniq -c` says of the novel.
pub(crate) fn truth() -> Counts {
    let counts = of_lines(NOVEL.lines());
    assert_eq!((counts.values().sum::<i64>(), counts.len()), (214_403, 16_683));
    counts
}

/// Panics, naming a word, where the two differ.
pub(crate) fn assert_same(of: &str, counted: &Counts, expected: &Counts) {
    beyond(of, counted, expected);
    beyond(&format!("what is expected of {of}"), expected, counted);
}

pub(crate) fn of_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Counts {
    let mut counts = Counts::new();
    lines.flat_map(words).for_each(|word| *counts.entry(word.to_string()).or_default() += 1);
    counts
}

/// What `all` has beyond `part`; panics, saying `of`, where it has less of a word.
pub(crate) fn beyond(of: &str, all: &Counts, part: &Counts) -> Counts {
    let mut rest = all.clone();
    for (word, expected) in part {
        let left = rest.entry(word.clone()).or_default();
        *left -= expected;
        assert!(*left >= 0, "{of}: {word} {} times instead of {expected}", *left + expected);
    }
    rest.retain(|_, count| *count > 0);
    rest
}

pub(crate) fn sum(a: &Counts, b: &Counts) -> Counts {
    let mut counts = a.clone();
    b.iter().for_each(|(word, count)| *counts.entry(word.clone()).or_default() += count);
    counts
}
