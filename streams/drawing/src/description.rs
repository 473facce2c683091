//! Reading the text of `Topology.describe()`.

use std::collections::HashMap;

use thiserror::Error;

use crate::drawing::{Node, Part, Role, Topic};

/// Why a text is no description of a topology.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DescriptionError {
    /// A line that `describe()` does not print.
    #[error("line {0}: {1:?} is no line of what `Topology.describe()` prints")]
    Line(usize, String),
    /// An arrow to a node that is not there.
    #[error("node {0:?} leads to {1:?}, which its sub-topology does not have; is the text whole?")]
    Unknown(String, String),
    /// One name twice in a sub-topology.
    #[error("a sub-topology has two nodes named {0:?}")]
    Duplicate(String),
    /// Arrows that lead back to where they began.
    #[error("node {0:?} leads back to itself")]
    Circle(String),
    /// No node at all.
    #[error("the text describes no node; it begins with `Topologies:` as `Topology.describe()` prints it")]
    Empty,
}

pub(crate) fn read(text: &str) -> Result<Vec<Part>, DescriptionError> {
    let mut parts: Vec<Part> = Vec::new();
    let mut below: Vec<Vec<Vec<String>>> = Vec::new();
    let mut named = "";
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line == "Topologies:" || line.starts_with("<--") {
            continue;
        }
        if let Some(name) = line.strip_prefix("Topology: ") {
            named = name.trim_end_matches(':');
        } else if let Some(rest) = line.strip_prefix("Sub-topology: ") {
            parts.push(Part { title: title(named, rest), nodes: Vec::new() });
            below.push(Vec::new());
        } else if let Some(names) = line.strip_prefix("-->") {
            *below.last_mut().and_then(|part| part.last_mut()).ok_or_else(|| unknown_line(number, line))? =
                list(names);
        } else {
            let (part, below) =
                parts.last_mut().zip(below.last_mut()).ok_or_else(|| unknown_line(number, line))?;
            part.nodes.push(node(line).ok_or_else(|| unknown_line(number, line))?);
            below.push(Vec::new());
        }
    }
    if parts.iter().all(|part| part.nodes.is_empty()) {
        return Err(DescriptionError::Empty);
    }
    for (part, below) in parts.iter_mut().zip(&below) {
        connect(part, below)?;
    }
    Ok(parts)
}

fn unknown_line(number: usize, line: &str) -> DescriptionError {
    DescriptionError::Line(number, line.to_owned())
}

/// `1 for global store (will not generate tasks)` is told shortly.
fn title(topology: &str, rest: &str) -> String {
    let mut words = rest.split(' ');
    let id = words.next().unwrap_or_default();
    let global = if words.any(|word| word == "global") { " (global store)" } else { "" };
    let of = if topology.is_empty() { String::new() } else { format!(" of {topology}") };
    format!("Sub-topology {id}{of}{global}")
}

fn node(line: &str) -> Option<Node> {
    let of = |name: &str, role, stores| Some(Node { name: name.to_owned(), role, below: Vec::new(), stores });
    let (kind, rest) = line.split_once(": ")?;
    let (name, detail) = rest.strip_suffix(')')?.rsplit_once(match kind {
        "Source" => " (topics: ",
        "Processor" => " (stores: ",
        "Sink" if rest.contains(" (topic: ") => " (topic: ",
        "Sink" if rest.contains(" (outlet: ") => " (outlet: ",
        "Sink" => " (extractor class: ",
        _ => return None,
    })?;
    let bracketed = detail.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match kind {
        "Source" => {
            let named = |names: &str| list(names).into_iter().map(Topic::Named).collect();
            of(
                name,
                Role::Source(bracketed.map_or_else(|| vec![Topic::Pattern(detail.to_owned())], named)),
                Vec::new(),
            )
        }
        "Processor" => of(name, Role::Processor, list(bracketed?)),
        _ if rest.contains(" (topic: ") => of(name, Role::Sink(Topic::Named(detail.to_owned())), Vec::new()),
        _ => of(name, Role::Sink(Topic::Chosen(detail.to_owned())), Vec::new()),
    }
}

fn list(names: &str) -> Vec<String> {
    let mut listed: Vec<String> = Vec::new();
    for name in names.split(", ").map(str::trim).filter(|name| !name.is_empty() && *name != "none") {
        if !listed.iter().any(|known| known == name) {
            listed.push(name.to_owned());
        }
    }
    listed
}

fn connect(part: &mut Part, below: &[Vec<String>]) -> Result<(), DescriptionError> {
    let mut places = HashMap::new();
    for (place, node) in part.nodes.iter().enumerate() {
        if places.insert(node.name.clone(), place).is_some() {
            return Err(DescriptionError::Duplicate(node.name.clone()));
        }
    }
    for (node, names) in part.nodes.iter_mut().zip(below) {
        for name in names {
            let unknown = || DescriptionError::Unknown(node.name.clone(), name.clone());
            node.below.push(*places.get(name).ok_or_else(unknown)?);
        }
    }
    check_circles(&part.nodes)
}

/// Takes away nodes that nothing leads to, until none is left.
fn check_circles(nodes: &[Node]) -> Result<(), DescriptionError> {
    let mut above = vec![0; nodes.len()];
    nodes.iter().flat_map(|node| &node.below).for_each(|below| above[*below] += 1);
    let mut free: Vec<usize> = (0..nodes.len()).filter(|place| above[*place] == 0).collect();
    while let Some(place) = free.pop() {
        for below in &nodes[place].below {
            above[*below] -= 1;
            if above[*below] == 0 {
                free.push(*below);
            }
        }
    }
    match above.iter().position(|count| *count > 0) {
        Some(place) => Err(DescriptionError::Circle(nodes[place].name.clone())),
        None => Ok(()),
    }
}
