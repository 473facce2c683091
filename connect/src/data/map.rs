use super::Value;
use indexmap::IndexMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Keys and values in the order in which they came. What JSON calls an object has string keys.
#[derive(Clone, Debug, Default, Eq)]
pub struct Map(IndexMap<Value, Value, foldhash::fast::RandomState>);

/// A string that finds the [`Value::String`] of its text, without making one.
struct Name<'a>(&'a str);

impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Value::hash_str(self.0, state);
    }
}

impl indexmap::Equivalent<Value> for Name<'_> {
    fn equivalent(&self, key: &Value) -> bool {
        matches!(key, Value::String(text) if **text == *self.0)
    }
}

impl Map {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what stands under a key; what stood there before comes back. A new key goes to the end.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(key.into(), value.into())
    }

    /// The map with one more entry.
    #[must_use]
    pub fn with(mut self, key: impl Into<Value>, value: impl Into<Value>) -> Self {
        self.insert(key, value);
        self
    }

    /// What stands under a string.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(&Name(key))
    }

    /// What stands under a string, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.get_mut(&Name(key))
    }

    /// What stands under a key of any type.
    pub fn get_key(&self, key: &Value) -> Option<&Value> {
        self.0.get(key)
    }

    /// Takes out what stands under a string; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(&Name(key))
    }

    /// Keeps the entries of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&Value, &mut Value) -> bool) {
        self.0.retain(|key, value| keep(key, value));
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> {
        self.0.iter()
    }

    /// The entries in order, values to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&Value, &mut Value)> {
        self.0.iter_mut()
    }
}

/// Maps are equal when their entries are, whatever the order: Java's rule.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Hash for Map {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // No more: entries in another order are the same map.
        self.0.len().hash(state);
    }
}

impl IntoIterator for Map {
    type Item = (Value, Value);
    type IntoIter = indexmap::map::IntoIter<Value, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Map(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Map {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().map(|(key, value)| (Value::String(key.into()), value.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_finds_its_key_and_only_its_key() {
        let map = Map::from([("a", 1), ("b", 2)]).with(Value::Int32(3), "three");
        assert_eq!(map.get("b"), Some(&Value::Int32(2)));
        assert_eq!(map.get("3"), None);
        assert_eq!(map.get_key(&Value::Int32(3)), Some(&Value::from("three")));
    }

    #[test]
    fn order_is_kept_and_not_compared() {
        let map = Map::from([("b", 1), ("a", 2)]);
        assert_eq!(map.iter().next(), Some((&Value::from("b"), &Value::Int32(1))));
        assert_eq!(map, Map::from([("a", 2), ("b", 1)]));
    }
}
