use super::TransformError;
use super::cel_error::{of_parser, of_record, unknown_function};
use crate::data::{Decimal, Map, Value};
use crate::record::Record;
use cel::objects::{Key, Map as CelMap};
use cel::{Context, Program, Value as Cel};
use chrono::DateTime;
use regex::Regex;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// An expression of the Common Expression Language over a record: `key`, `value`, `headers`, `topic`, `partition`,
/// `timestamp` (milliseconds) and `offset`. What a record does not have is null.
pub(super) struct Expression {
    text: String,
    program: Program,
    /// Which of the names above it uses: only these are made for it.
    names: Vec<&'static str>,
}

const NAMES: [&str; 7] = ["key", "value", "headers", "topic", "partition", "timestamp", "offset"];

/// What `type(...)` answers, by name.
const TYPES: [&str; 9] = ["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type"];

/// How many operators, points and opening brackets an expression may have, and how many brackets, signs and conditions may
/// stand in each other: the parser and the evaluation recurse for each of them. Longer conditions are several transforms.
const SIGNS_MAX: usize = 64;
const DEPTH_MAX: usize = 32;

impl Expression {
    /// Compiles an expression, or says what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let (signs, depth) = extent(text);
        if signs > SIGNS_MAX || depth > DEPTH_MAX {
            return Err(format!(
                "an expression has at most {SIGNS_MAX} operators, points and brackets, and {DEPTH_MAX} in each other: write several"
            ));
        }
        let program = Program::compile(text).map_err(|why| of_parser(text, &why))?;
        let used = program.references();
        let bound = bound_names(text);
        let known = |name: &&str| NAMES.contains(name) || TYPES.contains(name) || bound.contains(name);
        if let Some(other) = used.variables().into_iter().find(|name| !known(name)) {
            return Err(format!("there is no '{other}', but {}", NAMES.join(", ")));
        }
        if let Some(other) = unknown_function(&program) {
            return Err(format!("there is no function {other}"));
        }
        let names = NAMES.into_iter().filter(|name| used.has_variable(name)).collect();
        Ok(Expression { text: text.to_owned(), program, names })
    }

    /// What it is for a record.
    pub(super) fn evaluate(&self, record: &Record) -> Result<Cel, TransformError> {
        let mut context = Context::default();
        for name in &self.names {
            context.add_variable_from_value(*name, variable(name, record));
        }
        self.program
            .execute(&context)
            .map_err(|why| TransformError::Value(format!("{}: {}", self.text, of_record(&why))))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The names that an expression gives to the elements of lists, as in `value.tags.exists(tag, tag == 'x')`.
fn bound_names(text: &str) -> Vec<&str> {
    static BINDING: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,").ok()
    });
    let Some(binding) = &*BINDING else { return Vec::new() };
    binding.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())).collect()
}

/// How many signs an expression has, and how deep it can be at most: brackets that are open, with the signs and question
/// marks before them. What stands in quotes is no sign; quotes that are not closed are the parser's matter.
fn extent(text: &str) -> (usize, usize) {
    let (mut signs, mut open, mut before, mut deepest) = (0_usize, 0_usize, 0_usize, 0_usize);
    let (mut quote, mut escaped, mut last) = (None, false, ' ');
    for c in text.chars() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(end), c) if end == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, c) => {
                // Of `==` and `&&` the first counts.
                let double = "=&|".contains(c) && c.is_ascii_punctuation() && last.is_ascii_punctuation();
                signs += usize::from(c.is_ascii_punctuation() && !"_,)]}".contains(c) && !double);
                match c {
                    '(' | '[' | '{' => open += 1,
                    ')' | ']' | '}' => open = open.saturating_sub(1),
                    '!' | '-' | '?' => before += 1,
                    _ => {}
                }
                deepest = deepest.max(open + before);
            }
        }
        last = c;
    }
    (signs, deepest)
}

fn variable(name: &str, record: &Record) -> Cel {
    let int = |value: Option<i64>| value.map_or(Cel::Null, Cel::Int);
    match name {
        "key" => to_cel(&record.key.value),
        "value" => to_cel(&record.value.value),
        // Of headers of one name the last.
        "headers" => map(record.headers.iter().map(|(name, value)| (key(name), to_cel(&value.value)))),
        "topic" => Cel::String(Arc::new(record.topic.to_string())),
        "partition" => int(record.partition.map(i64::from)),
        "timestamp" => int(record.timestamp),
        _ => int(record.origin.as_ref().map(|origin| origin.offset)),
    }
}

fn key(name: &str) -> Key {
    Key::String(Arc::new(name.to_owned()))
}

fn map(entries: impl Iterator<Item = (Key, Cel)>) -> Cel {
    Cel::Map(CelMap { map: Arc::new(entries.collect::<HashMap<_, _>>()) })
}

/// A value as an expression sees it: times are timestamps, decimals floats, maps by their keys as text.
fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Boolean(value) => Cel::Bool(*value),
        Value::Float32(value) => Cel::Float((*value).into()),
        Value::Float64(value) => Cel::Float(*value),
        Value::Decimal(value) => Cel::Float(value.to_f64()),
        Value::String(text) => Cel::String(Arc::new(text.to_string())),
        Value::Bytes(bytes) => Cel::Bytes(Arc::new(bytes.to_vec())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Map(entries) => {
            map(entries.iter().map(|(name, value)| (key(&name.to_java_string()), to_cel(value))))
        }
        Value::Struct(fields) => map(fields.iter().map(|(field, value)| (key(&field.name), to_cel(value)))),
        Value::Timestamp(ms) => match DateTime::from_timestamp_millis(*ms) {
            Some(time) => Cel::Timestamp(time.fixed_offset()),
            None => Cel::Int(*ms),
        },
        integer => integer.as_i64().map_or(Cel::Null, Cel::Int),
    }
}

/// What an expression made, as a value.
pub(super) fn from_cel(value: &Cel) -> Result<Value, TransformError> {
    Ok(match value {
        Cel::Null => Value::Null,
        Cel::Bool(value) => Value::Boolean(*value),
        Cel::Int(value) => Value::Int64(*value),
        Cel::UInt(value) => {
            i64::try_from(*value).map_or_else(|_| Decimal::new(*value, 0).into(), Value::Int64)
        }
        Cel::Float(value) => Value::Float64(*value),
        Cel::String(text) => Value::from(text.as_str()),
        Cel::Bytes(bytes) => Value::bytes(bytes.to_vec()),
        Cel::List(items) => Value::Array(items.iter().map(from_cel).collect::<Result<_, _>>()?),
        Cel::Map(entries) => of_entries(entries)?,
        Cel::Timestamp(time) => Value::Timestamp(time.timestamp_millis()),
        Cel::Duration(span) => Value::Int64(span.num_milliseconds()),
        other => {
            return Err(TransformError::Value(format!(
                "an expression that makes a {} makes no value",
                other.type_of()
            )));
        }
    })
}

fn of_entries(entries: &CelMap) -> Result<Value, TransformError> {
    let named = entries.map.iter().map(|(key, value)| {
        let name = match key {
            Key::String(name) => name.to_string(),
            Key::Int(number) => number.to_string(),
            Key::Uint(number) => number.to_string(),
            Key::Bool(value) => value.to_string(),
        };
        Ok((name, from_cel(value)?))
    });
    let mut named = named.collect::<Result<Vec<_>, TransformError>>()?;
    // The expression's own map has no order: this one is the same each time.
    named.sort_by(|(one, _), (two, _)| one.cmp(two));
    Ok(Value::Map(named.into_iter().collect::<Map>()))
}
