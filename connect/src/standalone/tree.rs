//! A configuration as people write it, nested, and as Kafka Connect names it, with dots.

use std::collections::BTreeMap;
use std::fmt;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_saphyr::{Location, Spanned};

/// YAML or JSON, its maps in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Null,
    Text(String),
    /// What a parser takes for a number or a truth. Which text stands there, the file knows: `1.10` is no 1.1, and `n` no false.
    Typed(String),
    List(Vec<Node>),
    Map(IndexMap<String, Node>),
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) tree: Tree,
    /// Where it begins; unknown in JSON.
    place: Location,
}

/// Options by their names with dots, each with the line that it stands in; names that only have others below them without a text.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pub(super) texts: BTreeMap<String, String>,
    pub(super) lines: BTreeMap<String, usize>,
}

/// Maps below these have an order that counts: their names, in it, are the value of the name itself.
const ORDERED: [&str; 3] = ["transforms", "predicates", "topic.creation"];

impl Node {
    /// Every text as the file has it.
    pub(super) fn settled(mut self, source: &str) -> Self {
        self.settle(source);
        self
    }

    fn settle(&mut self, source: &str) {
        match &mut self.tree {
            Tree::Typed(text) => {
                let span = self.place.span();
                let range = span.byte_offset().zip(span.byte_len()).and_then(|(from, len)| {
                    let from = usize::try_from(from).ok()?;
                    source.get(from..from.checked_add(usize::try_from(len).ok()?)?)
                });
                self.tree =
                    Tree::Text(range.map_or_else(|| std::mem::take(text), |text| text.trim().to_owned()));
            }
            Tree::List(items) => items.iter_mut().for_each(|item| item.settle(source)),
            Tree::Map(map) => map.values_mut().for_each(|below| below.settle(source)),
            Tree::Null | Tree::Text(_) => {}
        }
    }

    /// Every text as a file of JSON has it, in which it has been found well made: no name twice, no deeper than a parser goes.
    pub(super) fn settled_json(mut self, source: &RawValue) -> serde_json::Result<Self> {
        self.settle_json(source)?;
        Ok(self)
    }

    fn settle_json(&mut self, source: &RawValue) -> serde_json::Result<()> {
        match &mut self.tree {
            Tree::Typed(_) => self.tree = Tree::Text(source.get().to_owned()),
            Tree::List(items) => {
                let sources: Vec<&RawValue> = serde_json::from_str(source.get())?;
                items.iter_mut().zip(sources).try_for_each(|(item, source)| item.settle_json(source))?;
            }
            Tree::Map(map) => {
                let sources: BTreeMap<String, &RawValue> = serde_json::from_str(source.get())?;
                for (name, below) in map {
                    sources.get(name).map_or(Ok(()), |source| below.settle_json(source))?;
                }
            }
            Tree::Null | Tree::Text(_) => {}
        }
        Ok(())
    }

    /// The line that it begins in, from 1; `None`: unknown.
    pub(super) fn line(&self) -> Option<usize> {
        usize::try_from(self.place.line()).ok().filter(|line| *line > 0)
    }

    /// Names with dots and their texts; lists with commas. What cannot be said so, is told.
    pub(super) fn flat(&self) -> Result<Flat, String> {
        let mut flat = Flat::default();
        self.flatten("", &mut flat)?;
        Ok(flat)
    }

    fn flatten(&self, name: &str, flat: &mut Flat) -> Result<(), String> {
        if let Some(line) = self.line() {
            flat.lines.entry(name.to_owned()).or_insert(line);
        }
        match &self.tree {
            Tree::Null => Ok(()),
            Tree::Text(text) | Tree::Typed(text) => flat.add(name, text.clone(), self),
            Tree::List(items) => {
                let texts: Option<Vec<&str>> = items.iter().map(Self::text).collect();
                let texts = texts.ok_or_else(|| self.at(&format!("{name}: {NO_LIST}")))?;
                flat.add(name, texts.join(","), self)
            }
            Tree::Map(map) => {
                if ORDERED.contains(&name) && map.values().all(|below| matches!(below.tree, Tree::Map(_))) {
                    let names: Vec<&str> = map.keys().map(String::as_str).collect();
                    let list = if name == "topic.creation" { "topic.creation.groups" } else { name };
                    flat.add(list, names.join(","), self)?;
                }
                map.iter().try_for_each(|(key, below)| {
                    let whole = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    below.flatten(&whole, flat)
                })
            }
        }
    }

    /// What is wrong with it, with its line where that is known.
    pub(super) fn at(&self, why: &str) -> String {
        self.line().map_or_else(|| why.to_owned(), |line| format!("line {line}: {why}"))
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) | Tree::Typed(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match &self.tree {
            Tree::Map(map) => map.get(name),
            _ => None,
        }
    }
}

const NO_LIST: &str = "a list is of texts here; what has options of its own stands below its name, as `transforms:` and below it \
                       `route: {type: regex-router, ...}`";

impl Flat {
    fn add(&mut self, name: &str, text: String, from: &Node) -> Result<(), String> {
        match self.texts.insert(name.to_owned(), text) {
            None => Ok(()),
            Some(_) => {
                Err(from
                    .at(&format!("{name} stands there twice, with dots and nested: leave one of them out")))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Tree>::deserialize(deserializer)?;
        Ok(Self { tree: spanned.value, place: spanned.defined })
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

macro_rules! typed {
    ($($visit:ident: $type:ty),*) => {$(
        fn $visit<E>(self, value: $type) -> Result<Tree, E> {
            Ok(Tree::Typed(value.to_string()))
        }
    )*};
}

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a truth, a list or a map")
    }

    typed!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128, visit_f64: f64);

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut map = IndexMap::new();
        while let Some((key, value)) = entries.next_entry::<String, Node>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("{key} stands there twice")));
            }
            map.insert(key, value);
        }
        Ok(Tree::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Node {
        serde_saphyr::from_str::<Node>(text).unwrap().settled(text)
    }

    #[test]
    fn nested_names_become_dotted_ones_and_the_order_of_transforms_is_kept() {
        let text = "
connector.class: file-source
tasks.max: 2
topics: [a, b]
errors: {tolerance: all, log.enable: true}
transforms:
  route: {type: regex-router, regex: '(.*)'}
  add: {type: insert-field, static.field: x}
";
        let flat = read(text).flat().unwrap();
        let flat: Vec<String> = flat.texts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            flat,
            [
                "connector.class=file-source",
                "errors.log.enable=true",
                "errors.tolerance=all",
                "tasks.max=2",
                "topics=a,b",
                "transforms=route,add",
                "transforms.add.static.field=x",
                "transforms.add.type=insert-field",
                "transforms.route.regex=(.*)",
                "transforms.route.type=regex-router",
            ]
        );
    }
    #[test]
    fn a_text_is_what_stands_there_whatever_yaml_takes_it_for() {
        let texts = "1.10 007 1e3 0x1F yes n 12345678901234567890123 0o17 2026-01-02 True -0 10_000 \"n\" .5";
        let list = texts.split(' ').map(|text| format!("- {text}\n")).collect::<String>();
        assert_eq!(
            read(&format!("a:\n{list}")).flat().unwrap().texts["a"],
            texts.replace('"', "").replace(' ', ",")
        );
        let flow = "# é\nx: &one {n: y, size: 1.0 , 'no': off}\nz: *one\n";
        let flat = read(flow).flat().unwrap();
        let of = |name: &str| flat.texts[name].as_str();
        assert_eq!(["x.n", "x.size", "x.no", "z.n", "z.size"].map(of), ["y", "1.0", "off", "y", "1.0"]);
        assert_eq!(["x", "x.no", "z"].map(|name| flat.lines[name]), [2, 2, 2]);
    }

    #[test]
    fn what_would_be_lost_is_told_with_its_line() {
        let said = |text: &str| read(text).flat().unwrap_err();
        assert!(
            said("a: 1\ntransforms:\n  - type: drop\n").starts_with("line 3: transforms: a list is of texts")
        );
        assert!(said("hosts: [a, [b]]").contains("hosts: a list"));
        let twice = said("errors.tolerance: none\nerrors:\n  tolerance: all\n");
        assert!(twice.starts_with("line 3: errors.tolerance stands there twice"), "{twice}");
        assert!(said("transforms: a\ntransforms.a.type: drop\ntransforms.a: {type: drop}").contains("twice"));
    }
}
