use super::{SchemaAndValue, Value};

impl Value {
    /// About how many bytes it holds in memory, itself included: what a budget counts. Shared text counts in full.
    pub fn size_bytes(&self) -> usize {
        size_of::<Value>()
            + match self {
                Value::String(text) => text.len() + 16,
                Value::Bytes(bytes) => bytes.len(),
                Value::Array(values) => values.iter().map(Value::size_bytes).sum(),
                Value::Map(map) => map
                    .iter()
                    .map(|(key, value)| key.size_bytes() + value.size_bytes() + MAP_ENTRY_BYTES)
                    .sum(),
                Value::Struct(value) => value.values().iter().map(Value::size_bytes).sum(),
                Value::Decimal(value) => value.bytes(),
                _ => 0,
            }
    }
}

/// The hash and the index of an entry of a map.
const MAP_ENTRY_BYTES: usize = 16;

impl SchemaAndValue {
    /// About how many bytes the value holds; schemas are shared and not counted.
    pub fn size_bytes(&self) -> usize {
        self.value.size_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_value_holds_is_counted() {
        let text = Value::from("x".repeat(1_000));
        assert!(text.size_bytes() >= 1_000);
        let list = Value::Array(vec![text.clone(); 10]);
        assert!(list.size_bytes() >= 10_000);
        assert!(Value::from(crate::data::Map::from([("k", list)])).size_bytes() >= 10_000);
        assert!(Value::Int8(1).size_bytes() <= 64);
    }
}
