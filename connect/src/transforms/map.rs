use super::cel::{Expression, from_cel};
use super::kind::Configured;
use super::{Target, Transform, TransformError};
use crate::data::{Map, SchemaAndValue, Value};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
pub(super) struct MapOptions {
    /// Fields of the value and what they become, one `name = expression` a line or with `;` between: expressions of the Common
    /// Expression Language over the record as it came, as `filter` has them. `value = expression` alone sets the whole.
    /// The value has no schema afterwards.
    #[option(importance = "high", check = are_fields)]
    set: String,
}

fn are_fields(text: &str) -> Result<(), String> {
    fields(text).map(|_| ())
}

/// Sets fields of the value by expressions.
#[derive(Debug)]
pub(super) struct MapFields {
    fields: Vec<(Arc<str>, Expression)>,
}

impl Configured for MapFields {
    type Options = MapOptions;

    fn new(options: MapOptions, _: Target) -> Result<Self, Fault> {
        let fields = fields(&options.set).map_err(|why| Fault::invalid("set", &options.set, &why))?;
        Ok(MapFields { fields })
    }
}

/// The whole, where it is not one of its fields.
const WHOLE: &str = "value";

fn fields(text: &str) -> Result<Vec<(Arc<str>, Expression)>, String> {
    let mut fields: Vec<(Arc<str>, Expression)> = Vec::new();
    for line in lines(text) {
        let (name, expression) =
            line.split_once('=').ok_or_else(|| format!("'{line}' is not name = expression"))?;
        let name = name.trim();
        if name.is_empty() || fields.iter().any(|(other, _)| **other == *name) {
            return Err(format!("'{line}' needs a name that no other has"));
        }
        fields
            .push((name.into(), Expression::new(expression.trim()).map_err(|why| format!("{name}: {why}"))?));
    }
    match &*fields {
        [] => Err("at least one name = expression".to_owned()),
        [_, _, ..] if fields.iter().any(|(name, _)| **name == *WHOLE) => {
            Err("value = expression stands alone".to_owned())
        }
        _ => Ok(fields),
    }
}

/// Cut at line ends and semicolons, but not within quotes.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut from, mut quote, mut escaped) = (0, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ';' | '\n') => {
                lines.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    lines.push(&text[from..]);
    lines.into_iter().map(str::trim).filter(|line| !line.is_empty()).collect()
}

impl Transform for MapFields {
    fn apply(&self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let made = self
            .fields
            .iter()
            .map(|(name, expression)| Ok((name, from_cel(&expression.evaluate(&record)?)?)));
        let made = made.collect::<Result<Vec<_>, TransformError>>()?;
        let value = std::mem::take(&mut record.value).value;
        record.value = SchemaAndValue::schemaless(set(value, made)?);
        Ok(Some(record))
    }
}

fn set(value: Value, made: Vec<(&Arc<str>, Value)>) -> Result<Value, TransformError> {
    if let [(name, _)] = &*made
        && ***name == *WHOLE
    {
        return Ok(made.into_iter().map(|(_, whole)| whole).next().unwrap_or_default());
    }
    let mut map = match value {
        Value::Map(map) => map,
        Value::Null => Map::new(),
        Value::Struct(value) => {
            value.iter().map(|(field, value)| (Arc::clone(&field.name), value.clone())).collect()
        }
        other => {
            return Err(TransformError::Form {
                what: "setting fields",
                expected: "a MAP or a STRUCT",
                found: other.kind_name(),
            });
        }
    };
    for (name, value) in made {
        map.insert(Arc::clone(name), value);
    }
    Ok(map.into())
}

#[cfg(test)]
mod tests {
    use super::super::transform;
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn mapped(set: &str) -> Option<serde_json::Value> {
        let options = BTreeMap::from([("set".to_owned(), set.to_owned())]);
        let value = Value::from(json!({"status": 503, "path": "/a;b"}));
        let record = Record::new("logs".into(), SchemaAndValue::schemaless(value));
        let record = transform("map", &options).ok()?.apply(record).ok()??;
        Some(record.value.value.to_json())
    }

    #[test]
    fn fields_are_set_from_the_record_as_it_came() {
        assert_eq!(
            mapped(
                "status = value.status / 100\nfailed = value.status >= 500; path = value.path + ';' + topic"
            ),
            Some(json!({"status": 5, "path": "/a;b;logs", "failed": true}))
        );
        assert_eq!(mapped("value = {'only': value.path}"), Some(json!({"only": "/a;b"})));
        for set in ["", "status", "a = ", "a = 1; a = 2", "value = 1; a = 2", "a = value.none"] {
            assert_eq!(mapped(set), None, "{set}");
        }
    }
}
