//! A configuration as people write it, nested, and as Kafka Connect names it, with dots.

use std::collections::BTreeMap;
use std::fmt;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// YAML or JSON, its maps in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Null,
    Text(String),
    List(Vec<Tree>),
    Map(IndexMap<String, Tree>),
}

/// Maps below these have an order that counts: their names, in it, are the value of the name itself.
const ORDERED: [&str; 3] = ["transforms", "predicates", "topic.creation"];

impl Tree {
    /// Names with dots and their texts; lists with commas.
    pub(super) fn flat(&self) -> BTreeMap<String, String> {
        let mut flat = BTreeMap::new();
        self.flatten("", &mut flat);
        flat
    }

    fn flatten(&self, name: &str, flat: &mut BTreeMap<String, String>) {
        match self {
            Self::Null => {}
            Self::Text(text) => _ = flat.insert(name.to_owned(), text.clone()),
            Self::List(items) => {
                let texts: Vec<&str> = items.iter().filter_map(Self::text).collect();
                flat.insert(name.to_owned(), texts.join(","));
            }
            Self::Map(map) => {
                if ORDERED.contains(&name) && map.values().all(|below| matches!(below, Self::Map(_))) {
                    let names: Vec<&str> = map.keys().map(String::as_str).collect();
                    let list = if name == "topic.creation" { "topic.creation.groups" } else { name };
                    flat.insert(list.to_owned(), names.join(","));
                }
                for (key, below) in map {
                    let whole = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    below.flatten(&whole, flat);
                }
            }
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(name),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

macro_rules! texts {
    ($($visit:ident: $type:ty),*) => {$(
        fn $visit<E>(self, value: $type) -> Result<Tree, E> {
            Ok(Tree::Text(value.to_string()))
        }
    )*};
}

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a truth, a list or a map")
    }

    texts!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

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
        while let Some((key, value)) = entries.next_entry()? {
            map.insert(key, value);
        }
        Ok(Tree::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let flat = serde_saphyr::from_str::<Tree>(text).unwrap().flat();
        let flat: Vec<String> = flat.iter().map(|(name, value)| format!("{name}={value}")).collect();
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
}
