//! Drawings of every topology that Kafka Streams has described for the tests of `millstream`, and of random ones.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod mermaid;
mod recorded;
mod xml;

use std::collections::BTreeMap;

use millstream_drawing::{DescriptionError, Drawing};
use proptest::prelude::*;

/// Names of nodes and stores in a text, and how often each has to be drawn.
fn expected(text: &str) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    let mut stores: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("Sub-topology") {
            stores.clear();
        }
        let Some((kind, rest)) = line.split_once(": ") else { continue };
        if !matches!(kind, "Source" | "Processor" | "Sink") {
            continue;
        }
        let (name, detail) = rest.rsplit_once(" (").unwrap();
        *names.entry(name.to_owned()).or_default() += 1;
        let used = detail.strip_prefix("stores: [").and_then(|detail| detail.strip_suffix("])"));
        for store in used.into_iter().flat_map(|used| used.split(", ")).filter(|store| !store.is_empty()) {
            if !stores.iter().any(|known| known == store) {
                stores.push(store.to_owned());
                *names.entry(store.to_owned()).or_default() += 1;
            }
        }
    }
    names
}

/// Draws a text in all three ways and judges the drawings.
fn judge(text: &str) {
    let drawing: Drawing = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let expected = expected(text);
    let svg = drawing.to_svg();
    let titles = xml::titles(&svg, &["node", "store"]);
    assert_eq!(titles, expected, "{svg}");
    assert_eq!(mermaid::labels(&drawing.to_mermaid()), expected, "{text}");
    // Wide enough for every name to stand on one line.
    let wide = drawing.clone().columns(100_000).to_string();
    for (name, count) in &expected {
        let whole = |(at, _): &(usize, &str)| {
            let borders = |c: Option<char>| c.is_some_and(|c| !c.is_alphanumeric() && !"-_.".contains(c));
            borders(wide[..*at].chars().next_back()) && borders(wide[at + name.len()..].chars().next())
        };
        let drawn = wide.match_indices(name.as_str()).filter(whole).count();
        let topics = text.matches(&format!("topic: {name})")).count()
            + text.matches(&format!("topics: [{name}]")).count();
        // A store may be called as what a heading says: "for global store".
        let heads = text.lines().filter(|line| line.trim_start().starts_with("Sub-topology"));
        let said = heads.map(|line| line.matches(name.as_str()).count()).sum::<usize>();
        assert!((*count..=*count + topics + said).contains(&drawn), "{name}: {drawn} of {count} in\n{wide}");
    }
    let widest = |columns: usize| {
        let text = drawing.clone().columns(columns).to_string();
        (text.lines().map(|line| line.chars().count()).max().unwrap(), text)
    };
    // A node that feeds dozens has an edge to each, and needs the room for them.
    let (least, _) = widest(1);
    for columns in [80, 120] {
        let (widest, text) = widest(columns);
        assert!(widest <= columns.max(least), "{widest} columns instead of {columns}:\n{text}");
    }
}

#[test]
fn recorded_topologies_are_drawn_whole() {
    let texts = recorded::texts();
    assert!(texts.len() > 300, "{}", texts.len());
    texts.iter().for_each(|text| judge(text));
}

/// A topology of some parts; each node is fed by some of those before it.
fn descriptions() -> impl Strategy<Value = String> {
    let node = (0_usize..4, prop::collection::vec(any::<prop::sample::Index>(), 1..3), 0_usize..4);
    let part = prop::collection::vec(node, 1..14);
    prop::collection::vec(part, 1..4).prop_map(|parts| {
        let mut text = "Topologies:\n".to_owned();
        for (number, part) in parts.iter().enumerate() {
            text += &format!("   Sub-topology: {number}\n");
            let name = |at: usize| format!("p{number}<\"{at}&{}", "x".repeat(at % 5 * 7));
            for (at, (kind, _, store)) in part.iter().enumerate() {
                let feeds = |(_, (_, above, _)): &(usize, &(usize, Vec<prop::sample::Index>, usize))| {
                    above.iter().any(|above| above.index(at + 1) == at)
                };
                let below: Vec<String> =
                    part.iter().enumerate().skip(at + 1).filter(feeds).map(|(at, _)| name(at)).collect();
                let below = if below.is_empty() { "none".into() } else { below.join(", ") };
                text += &match kind {
                    0 => {
                        format!("    Source: {} (topics: [t{at}, u'{number}])\n      --> {below}\n", name(at))
                    }
                    1 if below == "none" => {
                        format!("    Sink: {} (topic: t{store})\n      <-- none\n", name(at))
                    }
                    _ => format!(
                        "    Processor: {} (stores: [s{number}{store}])\n      --> {below}\n",
                        name(at)
                    ),
                };
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_topologies_are_drawn_whole(text in descriptions()) {
        let drawing: Drawing = text.parse().unwrap();
        prop_assert_eq!(xml::titles(&drawing.to_svg(), &["node", "store"]), expected(&text));
        prop_assert_eq!(mermaid::labels(&drawing.to_mermaid()), expected(&text));
        prop_assert!(!drawing.columns(80).to_string().is_empty());
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC*") {
        prop_assert!(text.parse::<Drawing>().is_err());
    }
}

#[test]
fn mistakes_are_named() {
    let wrong = |text: &str| text.parse::<Drawing>().unwrap_err();
    assert_eq!(wrong(""), DescriptionError::Empty);
    assert_eq!(wrong("Topologies:\nhello"), DescriptionError::Line(2, "hello".into()));
    let node = |name: &str, below: &str| format!("Processor: {name} (stores: [])\n --> {below}\n");
    let of = |nodes: &[String]| wrong(&format!("Sub-topology: 0\n{}", nodes.concat()));
    assert_eq!(of(&[node("a", "b")]), DescriptionError::Unknown("a".into(), "b".into()));
    assert_eq!(of(&[node("a", "none"), node("a", "none")]), DescriptionError::Duplicate("a".into()));
    assert_eq!(of(&[node("a", "b"), node("b", "a")]), DescriptionError::Circle("a".into()));
}
