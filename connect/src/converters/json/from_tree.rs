use super::super::ConvertError;
use super::Writing;
use super::tree::{Tree, unsigned_zero};
use crate::data::{DataError, Decimal, Logical, Map, Schema, Struct, Type, Value, low_bits};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use std::sync::Arc;

/// Base64 as Jackson reads it: bits that are left over in the last character do not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The value that the JSON is under a schema. Kafka is lenient with scalars: what is no number is 0 to a number, what is
/// no text null to a string.
pub(super) fn value(schema: Option<&Arc<Schema>>, tree: Tree, how: Writing) -> Result<Value, ConvertError> {
    let Some(schema) = schema else { return Ok(schemaless(tree)) };
    if tree == Tree::Null {
        return match schema.default_value() {
            Some(default) if how.defaults => Ok(default.clone()),
            _ if schema.is_optional() => Ok(Value::Null),
            _ => Err(DataError::Null { field: "the value".into(), of: schema.kind() }.into()),
        };
    }
    if let Some(logical) = schema.logical() {
        return of_logical(logical, schema, &tree);
    }
    Ok(match schema.kind() {
        Type::Boolean => Value::Boolean(tree == Tree::Boolean(true)),
        #[expect(clippy::cast_possible_truncation, reason = "Kafka keeps the low bits")]
        Type::Int8 => Value::Int8(integer(&tree) as i8),
        #[expect(clippy::cast_possible_truncation, reason = "Kafka keeps the low bits")]
        Type::Int16 => Value::Int16(integer(&tree) as i16),
        #[expect(clippy::cast_possible_truncation, reason = "Kafka keeps the low bits")]
        Type::Int32 => Value::Int32(integer(&tree) as i32),
        Type::Int64 => Value::Int64(integer(&tree)),
        Type::Float32 => Value::Float32(number(&tree).parse().unwrap_or(0.0_f32) + 0.0),
        Type::Float64 => Value::Float64(unsigned_zero(&number(&tree))),
        Type::String => tree.as_str().into(),
        Type::Bytes => tree.as_str().map(base64).transpose()?.into(),
        Type::Array => array(schema, tree, how)?,
        Type::Map => map(schema, tree, how)?,
        Type::Struct => structure(schema, tree, how)?,
    })
}

fn schemaless(tree: Tree) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Boolean(value) => Value::Boolean(value),
        Tree::Integer(value) => Value::Int64(value),
        Tree::Big(value) => Value::Int64(low_bits(&value)),
        Tree::Float(text) => Value::Float64(unsigned_zero(&text)),
        Tree::String(text) => Value::String(text),
        Tree::Array(items) => Value::Array(items.into_iter().map(schemaless).collect()),
        Tree::Object(fields) => {
            Value::Map(fields.into_iter().map(|(name, tree)| (name, schemaless(tree))).collect())
        }
    }
}

fn of_logical(logical: Logical, schema: &Schema, tree: &Tree) -> Result<Value, ConvertError> {
    let int = match tree {
        Tree::Integer(value) => i32::try_from(*value).ok(),
        _ => None,
    };
    Ok(match (logical, tree) {
        (Logical::Date, _) if int.is_some() => Value::Date(int.unwrap_or_default()),
        (Logical::Time, _)
            if let Some(ms) = int
                && (0..=86_400_000).contains(&ms) =>
        {
            Value::Time(ms)
        }
        (Logical::Timestamp, Tree::Integer(ms)) => Value::Timestamp(*ms),
        (Logical::Timestamp, Tree::Big(ms)) => Value::Timestamp(low_bits(ms)),
        (Logical::Decimal, Tree::Integer(value)) => Decimal::new(*value, 0).into(),
        (Logical::Decimal, Tree::Big(value)) => Decimal::new(value.clone(), 0).into(),
        (Logical::Decimal, Tree::Float(text)) => text.parse::<Decimal>()?.into(),
        (Logical::Decimal, Tree::String(text)) => {
            let scale = schema
                .scale()
                .ok_or_else(|| DataError::Convert("the decimal's schema has no scale".into()))?;
            Decimal::from_bytes(&base64(text)?, scale)?.into()
        }
        (logical, tree) => {
            return Err(ConvertError::Form(format!(
                "{} is made of no such thing as {}",
                logical.name(),
                tree.kind()
            )));
        }
    })
}

/// Jackson's `longValue`: digits behind the point and above 64 bits are lost, what is no number is 0.
fn integer(tree: &Tree) -> i64 {
    match tree {
        Tree::Integer(value) => *value,
        Tree::Big(value) => low_bits(value),
        Tree::Float(text) => text.parse::<Decimal>().map_or(0, |decimal| decimal.to_i64_wrapping()),
        _ => 0,
    }
}

/// The text of a number.
fn number(tree: &Tree) -> String {
    match tree {
        Tree::Integer(value) => value.to_string(),
        Tree::Big(value) => value.to_string(),
        Tree::Float(text) => text.to_string(),
        _ => "0".to_owned(),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, ConvertError> {
    let wrong = |_| ConvertError::Form("bytes are not in Base64".to_owned());
    if !text.bytes().any(|byte| byte <= b' ') {
        return BASE64.decode(text).map_err(wrong);
    }
    // Blanks may stand between groups of four.
    let mut groups = String::with_capacity(text.len());
    for c in text.chars() {
        if c > ' ' || !groups.len().is_multiple_of(4) {
            groups.push(c);
        }
    }
    BASE64.decode(groups).map_err(wrong)
}

fn array(schema: &Schema, tree: Tree, how: Writing) -> Result<Value, ConvertError> {
    let of = schema.value_schema();
    let items = match tree {
        Tree::Array(items) => items,
        // Iterating over Jackson's nodes does so over an object's values, and over nothing else.
        Tree::Object(fields) => fields.into_values().collect(),
        _ => Vec::new(),
    };
    Ok(Value::Array(items.into_iter().map(|item| value(of, item, how)).collect::<Result<_, _>>()?))
}

fn map(schema: &Schema, tree: Tree, how: Writing) -> Result<Value, ConvertError> {
    let (keys, values) = (schema.key_schema(), schema.value_schema());
    let mut map = Map::new();
    if keys.is_some_and(|keys| keys.kind() == Type::String) {
        let Tree::Object(fields) = tree else {
            return Err(form("a map with string keys is an object", &tree));
        };
        for (name, tree) in fields {
            map.insert(name, value(values, tree, how)?);
        }
        return Ok(Value::Map(map));
    }
    let Tree::Array(pairs) = tree else {
        return Err(form("a map with other keys than strings is an array of pairs", &tree));
    };
    for pair in pairs {
        let pair = match pair {
            Tree::Array(pair) => {
                <[Tree; 2]>::try_from(pair).map_err(|_| form("an entry of a map is a pair", &Tree::Null))?
            }
            other => return Err(form("an entry of a map is a pair", &other)),
        };
        let [key, item] = pair;
        map.insert(value(keys, key, how)?, value(values, item, how)?);
    }
    Ok(Value::Map(map))
}

fn structure(schema: &Arc<Schema>, tree: Tree, how: Writing) -> Result<Value, ConvertError> {
    let Tree::Object(mut fields) = tree else { return Err(form("a struct is an object", &tree)) };
    let mut result = Struct::new(Arc::clone(schema))?;
    for field in schema.fields() {
        let tree = fields.swap_remove(&field.name).unwrap_or(Tree::Null);
        let value = value(Some(&field.schema), tree, how).map_err(|why| within(&field.name, why))?;
        result.put(&field.name, value)?;
    }
    Ok(Value::Struct(result))
}

/// Which field was null, where that is what is wrong.
fn within(field: &str, why: ConvertError) -> ConvertError {
    match why {
        ConvertError::Data(DataError::Null { of, .. }) => {
            DataError::Null { field: field.to_owned(), of }.into()
        }
        other => other,
    }
}

fn form(what: &str, found: &Tree) -> ConvertError {
    ConvertError::Form(format!("{what}, here is {}", found.kind()))
}
