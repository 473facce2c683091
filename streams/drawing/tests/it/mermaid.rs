//! A strict reader of the flowcharts that are drawn.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of nodes and stores, and how often each is there. Every identifier is a word that Mermaid takes, is declared once, and
/// what an edge names is declared.
pub(crate) fn labels(chart: &str) -> BTreeMap<String, usize> {
    let (mut labels, mut declared, mut depth) = (BTreeMap::new(), BTreeSet::new(), 0);
    let mut used = Vec::new();
    assert!(chart.starts_with("flowchart TD\n"));
    for line in chart.lines().skip(1).map(str::trim) {
        if line == "end" {
            depth -= 1;
        } else if let Some((from, to)) = line.split_once(" --> ").or_else(|| line.split_once(" -.- ")) {
            used.extend([identifier(from), identifier(to)]);
        } else if !line.starts_with("classDef ") {
            let declaration = line.strip_prefix("subgraph ").inspect(|_| depth += 1).unwrap_or(line);
            let shape = declaration.find(['[', '(']).expect("a shape");
            let name = identifier(&declaration[..shape]);
            assert!(declared.insert(name.clone()), "{name} twice");
            let (_, label) = declaration.split_once('"').expect("a label");
            let (label, _) = label.split_once('"').expect("a label ends");
            if name.starts_with(['n', 's']) {
                *labels.entry(unescaped(label)).or_default() += 1;
            }
        }
    }
    assert_eq!(depth, 0);
    used.iter().for_each(|name| assert!(declared.contains(name), "{name} in\n{chart}"));
    labels
}

fn identifier(text: &str) -> String {
    let is_word = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    assert!(is_word && text.starts_with(['n', 's', 't', 'p']) && text != "end", "{text:?}");
    text.to_owned()
}

fn unescaped(label: &str) -> String {
    let mut plain = String::new();
    for (number, piece) in label.split('#').enumerate() {
        if number == 0 {
            plain.push_str(piece);
            continue;
        }
        let (code, rest) = piece.split_once(';').expect("an entity ends");
        plain.push(char::from_u32(code.parse().expect("a number")).expect("a character"));
        plain.push_str(rest);
    }
    assert!(!label.contains(['<', '>', '&', '"', '\\']));
    plain
}
