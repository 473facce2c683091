//! Drawn as a Mermaid flowchart.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::drawing::{Drawing, Part, Topic};

/// Colours that can be read on a light and on a dark ground.
const STYLES: &str = "    classDef topic stroke:#1a7f37,stroke-width:2px
    classDef topics stroke:#1a7f37,stroke-width:2px,stroke-dasharray:4 3
    classDef store stroke:#bf8700,stroke-width:2px
";

pub(crate) fn draw(drawing: &Drawing) -> String {
    let mut chart =
        Chart { text: "flowchart TD\n".to_owned(), edges: String::new(), topics: BTreeMap::new() };
    let mut nodes = 0;
    for (number, part) in drawing.parts.iter().enumerate() {
        let first = nodes;
        nodes += part.nodes.len();
        chart.part(number, part, first);
    }
    let Chart { text, edges, topics } = chart;
    let mut shapes = String::new();
    for ((topic, _), number) in topics {
        let class = if topic.is_named() { "topic" } else { "topics" };
        let _ = writeln!(shapes, "    t{number}([\"{}\"]):::{class}", escaped(topic.label()));
    }
    text + &shapes + &edges + STYLES
}

struct Chart {
    text: String,
    edges: String,
    /// The number of each topic; those without a name of their own also by what reads or writes them.
    topics: BTreeMap<(Topic, Option<usize>), usize>,
}

impl Chart {
    fn part(&mut self, number: usize, part: &Part, first: usize) {
        let mut stores: Vec<&String> = Vec::new();
        self.line(format_args!("    subgraph p{number}[\"{}\"]", escaped(&part.title)));
        for (at, node) in (first..).zip(&part.nodes) {
            self.line(format_args!("        n{at}[\"{}\"]", escaped(&node.name)));
            for store in &node.stores {
                let place = stores.iter().position(|known| *known == store).unwrap_or_else(|| {
                    self.line(format_args!(
                        "        s{number}_{}[(\"{}\")]:::store",
                        stores.len(),
                        escaped(store)
                    ));
                    stores.push(store);
                    stores.len() - 1
                });
                let _ = writeln!(self.edges, "    n{at} -.- s{number}_{place}");
            }
            for below in &node.below {
                let _ = writeln!(self.edges, "    n{at} --> n{}", first + below);
            }
            for topic in node.reads() {
                let topic = self.topic(topic, at);
                let _ = writeln!(self.edges, "    t{topic} --> n{at}");
            }
            if let Some(topic) = node.writes() {
                let topic = self.topic(topic, at);
                let _ = writeln!(self.edges, "    n{at} --> t{topic}");
            }
        }
        self.line(format_args!("    end"));
    }

    fn topic(&mut self, topic: &Topic, node: usize) -> usize {
        let next = self.topics.len();
        *self.topics.entry((topic.clone(), (!topic.is_named()).then_some(node))).or_insert(next)
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{line}");
    }
}

/// A text between quotes: what Mermaid or a browser would read as more than a character becomes an entity.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '-' | '_' | '.' | ',' | '(' | ')' => {
                escaped.push(character)
            }
            _ => {
                let _ = write!(escaped, "#{};", u32::from(character));
            }
        }
    }
    escaped
}
